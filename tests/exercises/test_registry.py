"""Exercises are found by id, and lessons by the files that are there."""

from __future__ import annotations

import pytest

from course_lib.errors import ExerciseError
from course_lib.exercises import check, exercises, find, lessons, registry


def test_lessons_and_ids_in_order() -> None:
    assert lessons()[:2] == ["00", "01"]
    assert list(exercises("00")) == ["00.1", "00.2"]
    assert list(exercises("01")) == [f"01.{number}" for number in range(1, 7)]
    assert find("01.5").title == "Two bugs in the discriminator's step"


@pytest.mark.parametrize(
    "exercise_id, message",
    [
        ("01.0", "There is no exercise '01.0'; lesson 01 has 01.1, 01.2, 01.3, 01.4, 01.5, 01.6."),
        ("01", "There is no exercise '01'; lesson 01 has 01.1"),
        ("1.2", "There is no exercise '1.2': ids look like \"01.2\", and lessons 00, 01"),
        (1.2, "There is no exercise 1.2: ids look like"),
        ("", "There is no exercise ''"),
    ],
)
def test_unknown_ids(exercise_id: str, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, 1)
    assert str(caught.value).startswith(message)


def test_a_lesson_without_exercises() -> None:
    with pytest.raises(ExerciseError, match="Lesson 77 has no exercises"):
        exercises("77")


def test_ids_of_another_lesson_are_an_authors_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import course_lib.lessons.lesson_00.exercises.start_here as module

    registry.exercises.cache_clear()
    monkeypatch.setattr(module, "STRAY", find("01.2"), raising=False)
    with pytest.raises(ValueError, match="of another lesson"):
        exercises("00")
    registry.exercises.cache_clear()
