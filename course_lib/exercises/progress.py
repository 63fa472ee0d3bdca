"""Which exercises are done: kept on this machine alone, and shown as a map of all exercises."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from course_lib.errors import ExerciseError
from course_lib.exercises.registry import exercises, lessons
from course_lib.exercises.showing import show

VARIABLE = "COURSE_PROGRESS"
OFF = "off"
COLUMNS = ("", "exercise", "trains", "kind", "minutes", "level")


def progress_file() -> Path | None:
    """Return the file that keeps what is done; none where ``COURSE_PROGRESS`` is ``off``.

    ``COURSE_PROGRESS`` may also name another file.
    """
    named = os.environ.get(VARIABLE, "")
    if named.lower() == OFF:
        return None
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("course_lib", appauthor=False)) / "progress.json"


def done() -> dict[str, str]:
    """Return the exercises that are done on this machine, and the days: ``{"01.2": "2026-03-01"}``."""
    path = progress_file()
    if path is None or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(day) for name, day in found.items()}
    except (OSError, ValueError, AttributeError):  # a file that somebody else wrote: as if there were none
        return {}


def remember(exercise_id: str) -> None:
    """Keep that an exercise is done, since today unless it was before; without a word where that cannot be written."""
    path, found = progress_file(), done()
    if path is None or exercise_id in found:
        return
    found[exercise_id] = time.strftime("%Y-%m-%d")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError:
        return


def progress(lesson: str | None = None) -> None:
    """Show all exercises, or those of one lesson: what each trains, its minutes, how hard it is, whether it is done.

    Args:
        lesson: two digits, for example ``"03"``.

    Raises:
        ExerciseError: if the lesson has no exercises.
    """
    known = lessons()
    if lesson is not None and lesson not in known:
        raise ExerciseError(f"There are no exercises for lesson {lesson!r}: choose one of {', '.join(known)}.")
    found = done()
    shown = [one for name in known if lesson in (None, name) for one in exercises(name).values()]
    rows = [
        (
            f"done {found[one.id]}" if one.id in found else "open",
            f"{one.id} {one.title}" + (" (optional)" if one.optional else ""),
            one.trains,
            one.kind,
            str(one.minutes),
            f"{one.level} of 3",
        )
        for one in shown
    ]
    count = sum(one.id in found for one in shown)
    head = f"{count} of {len(shown)} exercises done, about {sum(one.minutes for one in shown) / 60:.0f} hours in all."
    table = ["| " + " | ".join(row) + " |" for row in (COLUMNS, ["---"] * len(COLUMNS), *rows)]
    width = [max(len(row[place]) for row in (COLUMNS, *rows)) for place in range(len(COLUMNS))]
    plain = ["  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=True)).rstrip() for row in rows]
    show("\n".join([head, "", *table]), "\n".join([head, *plain]))
