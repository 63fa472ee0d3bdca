"""Find runs by name: each room ``course_lib/lessons/lesson_NN`` may list its own in ``runs.RUNS``."""

from __future__ import annotations

from functools import cache

from course_lib import discovery
from course_lib.listing import bundled_seeds, no_such_run
from course_lib.runs.base import Run


@cache
def _registry() -> dict[str, Run]:
    modules = (discovery.module_of(room, "runs") for room in discovery.rooms())
    return {one.name: one for module in modules if module is not None for one in module.RUNS}


def names() -> list[str]:
    """Return the names of all runs."""
    return list(_registry())


def run(name: str) -> Run:
    """Return a run by name.

    Raises:
        DataError: if there is no such run.
    """
    known = _registry()
    if name not in known:
        raise no_such_run(name, known)
    return known[name]


def seeds(name: str) -> list[int]:
    """Return the seeds of a run whose weights are bundled.

    Raises:
        DataError: if there is no such run.
    """
    return bundled_seeds(run(name).name)
