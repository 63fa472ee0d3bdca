"""A learner's copy of the lessons: made, kept, brought up to date, put aside, and never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_lib.publishing.settings import House
from course_lib.publishing.working_copy import FOLDER, NOTES, renew


@pytest.fixture
def lessons(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.notebooks.mkdir()
    for name in ("01_a", "02_b"):
        (house.notebooks / f"{name}.ipynb").write_text(f"{name} of the course")
    return house


def copy(house: House, name: str) -> Path:
    return house.root / FOLDER / f"{name}.ipynb"


def test_a_copy_is_made_and_then_left_alone(lessons: House) -> None:
    assert renew(lessons) == []
    assert copy(lessons, "01_a").read_text() == "01_a of the course"
    copy(lessons, "01_a").write_text("mine")
    assert renew(lessons) == []
    assert copy(lessons, "01_a").read_text() == "mine"


def test_what_the_learner_has_not_changed_follows_the_course(lessons: House) -> None:
    renew(lessons)
    (lessons.notebooks / "02_b.ipynb").write_text("newer")
    assert renew(lessons) == ["02_b.ipynb: updated; you had not changed it."]
    assert copy(lessons, "02_b").read_text() == "newer"
    assert renew(lessons) == []


def test_what_both_have_changed_stays_until_it_is_asked_for(lessons: House) -> None:
    renew(lessons)
    copy(lessons, "01_a").write_text("mine")
    (lessons.notebooks / "01_a.ipynb").write_text("newer")
    for _ in range(2):  # it is said each time
        (said,) = renew(lessons)
        assert said.startswith("01_a.ipynb: the course has a newer one; yours is kept. `make lab FRESH=1`")
    assert copy(lessons, "01_a").read_text() == "mine"
    (said,) = renew(lessons, fresh=True)
    assert said.startswith("01_a.ipynb: taken anew")
    assert copy(lessons, "01_a").read_text() == "newer"
    (aside,) = (path for path in (lessons.root / FOLDER).glob("01_a.*.ipynb"))
    assert aside.read_text() == "mine"
    assert renew(lessons) == []


def test_without_its_notes_nothing_of_the_learner_is_overwritten(lessons: House) -> None:
    renew(lessons)
    copy(lessons, "01_a").write_text("mine")
    (lessons.root / FOLDER / NOTES).write_text("no notes")
    assert "yours is kept" in renew(lessons)[0]
    assert copy(lessons, "01_a").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said(lessons: House) -> None:
    (lessons.root / FOLDER).write_text("a file")
    with pytest.raises(CourseError, match=r"^my_notebooks cannot be written"):
        renew(lessons)
