"""Names of runs that are typed: known without importing a lesson, as long as their lists are those of today."""

from __future__ import annotations

from course_lib.listing import listed, no_such_run


def all_runs() -> dict[str, str]:
    """Return what each run is, by its name; asks the lessons, which takes some seconds, if a list is not of today."""
    found = listed()
    if found is None:
        from course_lib import runs

        found = {name: runs.run(name).about for name in runs.names()}
    return found


def require_run(name: str) -> None:
    """Raise a DataError that names the nearest run, or all, if there is none of this name."""
    known = all_runs()
    if name not in known:
        raise no_such_run(name, known)
