"""A learner's own copy of the lessons: JupyterLab saves into it, and an update of the course meets no changed file."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.publishing.settings import House

FOLDER = "my_notebooks"
NOTES = ".copied.json"
FRESH = "make lab FRESH=1"


def renew(house: House, *, fresh: bool = False) -> list[str]:
    """Copy the lessons into the learner's folder and return what was done, one sentence each; none if nothing was.

    A lesson that is not there is copied. One that the learner has not changed follows the course. One that both have
    changed stays the learner's, unless all is to be fresh: then it is put aside under another name, and never deleted.

    Args:
        house: where the lessons are.
        fresh: take all lessons anew.

    Raises:
        CourseError: if the folder cannot be written.
    """
    folder = house.root / FOLDER
    said: list[str] = []
    try:
        folder.mkdir(exist_ok=True)
        before = _notes(folder / NOTES)
        now: dict[str, str] = {}
        for source in sorted(house.notebooks.glob("*.ipynb")):
            now[source.name] = _digest(source)
            done = _follow(source, folder / source.name, before.get(source.name), fresh)
            if done == KEPT:
                now[source.name] = before.get(source.name, "")
            if done:
                said.append(done.format(name=source.name))
        (folder / NOTES).write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{FOLDER} cannot be written ({error.strerror}): make room, or allow it.") from error
    return said


KEPT = f"{{name}}: the course has a newer one; yours is kept. `{FRESH}` puts yours aside and takes the new one."
UPDATED = "{name}: updated; you had not changed it."
ASIDE = "{name}: taken anew; yours is beside it, with the time in its name."


def _follow(source: Path, copy: Path, as_copied: str | None, fresh: bool) -> str:
    """Bring one copy up to date, and return the sentence that says so; empty if there is nothing to say."""
    if not copy.is_file():
        shutil.copyfile(source, copy)
        return ""
    theirs, own = _digest(source), _digest(copy)
    if own == theirs:
        return ""
    if own == as_copied:
        shutil.copyfile(source, copy)
        return UPDATED
    if fresh:
        copy.rename(copy.with_name(f"{copy.stem}.{time.strftime('%Y-%m-%d-%H%M%S')}.ipynb"))
        shutil.copyfile(source, copy)
        return ASIDE
    return "" if theirs == as_copied else KEPT


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _notes(path: Path) -> dict[str, str]:
    """Return what each lesson was when it was copied; nothing where that is not known."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}
