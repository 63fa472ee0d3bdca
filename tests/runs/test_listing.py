"""The lists of runs beside the lessons say what the lessons say, and count only as long as they do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from course_lib import listing, runs
from course_lib.commands import names
from course_lib.commands.names import all_runs, require_run
from course_lib.errors import DataError

RENEW = "run `python -m course_lib.runs.listing`"


def test_the_lists_are_those_of_today() -> None:
    said = {name: runs.run(name).about for name in runs.names()}
    assert listing.listed() is not None, RENEW
    assert listing.listed() == said, RENEW
    assert list(listing.listed() or {}) == runs.names(), RENEW


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy of two rooms, in the place of the course's."""
    found = {}
    for room in ("lesson_01", "lesson_02"):
        found[room] = tmp_path / room
        shutil.copytree(listing.rooms()[room], tmp_path / room)
    monkeypatch.setattr(listing, "rooms", lambda: found)
    return tmp_path


def test_a_list_from_before_a_change_does_not_count(rooms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listing.listed() is not None
    held_out = rooms / "lesson_01" / "held_out.py"
    held_out.write_text(held_out.read_text() + "\nNEW = 1\n")  # defines no run
    assert listing.listed() is not None
    more = rooms / "lesson_01" / "more.py"
    more.write_text("RUNS = ()\n")
    assert listing.listed() is None
    more.unlink()
    path = rooms / "lesson_01" / "runs.py"
    text = path.read_text()
    path.write_bytes(text.replace("\n", "\r\n").encode())  # as git on Windows may leave it
    assert listing.listed() is not None
    path.write_text(text.replace('"lesson_01/mae"', '"lesson_01/other"'))
    assert listing.listed() is None
    monkeypatch.setattr(runs, "names", lambda: ["lesson_01/mse"])  # then the lessons are asked
    assert list(all_runs()) == ["lesson_01/mse"]
    with pytest.raises(DataError, match="There is no run called 'lesson_01/gan': "):
        require_run("lesson_01/gan")


@pytest.mark.parametrize("text", ["", "[]", '{"of": 1}', None])
def test_a_list_that_cannot_be_read_does_not_count(rooms: Path, text: str | None) -> None:
    path = rooms / "lesson_02" / listing.FILE
    path.unlink() if text is None else path.write_text(text)
    assert listing.listed() is None


def test_a_name_that_is_listed_is_not_looked_for_in_the_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "names", lambda: pytest.fail("the lessons were asked"))
    require_run("lesson_01/mae")
    assert names.listed() == json.loads(json.dumps(names.listed()))
