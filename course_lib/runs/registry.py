"""Find runs by name: each room ``course_lib/lessons/lesson_NN`` may list its own in ``runs.RUNS``."""

from __future__ import annotations

from functools import cache

from course_lib import discovery
from course_lib.errors import DataError
from course_lib.paths import manifest
from course_lib.runs.base import Run
from course_lib.words import nearest


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
        near = nearest(name, list(known))
        hint = f"did you mean {near!r}?" if near else f"choose one of {', '.join(known)}."
        raise DataError(f"There is no run called {name!r}: {hint}")
    return known[name]


def checkpoint_name(name: str, seed: int) -> str:
    """Return where the bundled weights of a run lie, inside ``data/``."""
    return f"checkpoints/{name}_seed{seed}.safetensors"


def seeds(name: str) -> list[int]:
    """Return the seeds of a run whose weights are bundled.

    Raises:
        DataError: if there is no such run.
    """
    before, after = f"checkpoints/{run(name).name}_seed", ".safetensors"
    found = (path.removeprefix(before).removesuffix(after) for path in manifest() if path.startswith(before))
    return sorted(int(seed) for seed in found if seed.isdigit())
