"""What is done is kept, shown, and nobody else's: not a grader's, and not that of a notebook that is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find, progress
from course_lib.exercises.progress import done, progress_file, remember

RIGHT = "01.1"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "somewhere" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_a_right_answer_is_kept_and_a_wrong_or_missing_one_is_not(kept: Path) -> None:
    assert done() == {}
    check(RIGHT, find(RIGHT).reference)
    (day,) = done().values()
    assert done() == {RIGHT: day}
    assert json.loads(kept.read_text()) == done()
    assert len(day) == len("2026-03-01")
    with pytest.raises(ExerciseError):
        check("01.4", find("01.4").mistakes[0].answers[0])
    check("01.2", ...)
    assert list(done()) == [RIGHT]
    assert not list(kept.parent.glob(".*"))


def test_the_first_day_counts(kept: Path) -> None:
    kept.parent.mkdir()
    kept.write_text('{"01.1": "2020-01-01"}')
    remember(RIGHT)
    remember("01.4")
    assert done()[RIGHT] == "2020-01-01"
    assert list(done()) == ["01.1", "01.4"]


def test_who_grades_or_builds_keeps_nothing(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    monkeypatch.setenv("COURSE_GRADING", "1")
    check(RIGHT, find(RIGHT).reference)
    monkeypatch.delenv("COURSE_GRADING")
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    check(RIGHT, find(RIGHT).reference)
    assert progress_file() is None
    assert done() == {}
    assert not kept.exists()


@pytest.mark.parametrize("text", ["no json", "[]", "\xff"])
def test_a_file_that_cannot_be_read_stops_nobody(kept: Path, text: str) -> None:
    kept.parent.mkdir()
    kept.write_text(text, encoding="latin-1")
    assert done() == {}
    check(RIGHT, find(RIGHT).reference)
    assert list(done()) == [RIGHT]


def test_a_folder_that_cannot_be_written_stops_nobody(kept: Path) -> None:
    kept.parent.write_text("a file, where the folder should be")
    check(RIGHT, find(RIGHT).reference)
    assert done() == {}


def test_the_map(capsys: pytest.CaptureFixture[str]) -> None:
    remember(RIGHT)
    progress("01")
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("1 of 6 exercises done, about ")
    assert [row.split()[2 if row.startswith("done") else 1] for row in rows] == [
        f"01.{number}" for number in range(1, 7)
    ]
    assert rows[0].startswith("done 2")
    assert rows[1].startswith("open")
    assert find("01.2").trains in rows[1]
    progress()
    assert len(capsys.readouterr().out.splitlines()) > 30
    with pytest.raises(ExerciseError, match=r"^There are no exercises for lesson '99': choose one of 00, 01, "):
        progress("99")
