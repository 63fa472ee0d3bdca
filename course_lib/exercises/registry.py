"""Find exercises: each module ``lesson_NN`` of this package holds those of its lesson."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import Exercise


def lessons() -> list[str]:
    """Return the lessons that have exercises, ``["00", "01", ...]``."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.removeprefix("lesson_") for name in names if name.startswith("lesson_"))


@cache
def exercises(lesson: str) -> dict[str, Exercise]:
    """Return the exercises of a lesson by id, in order.

    Raises:
        ExerciseError: if the lesson has none.
    """
    if lesson not in lessons():
        raise ExerciseError(f"Lesson {lesson} has no exercises; these lessons have: {', '.join(lessons())}.")
    module = importlib.import_module(f"course_lib.exercises.lesson_{lesson}")
    found = sorted(
        (value for value in vars(module).values() if isinstance(value, Exercise)), key=lambda e: int(e.id[3:])
    )
    ids = [exercise.id for exercise in found]
    if len(set(ids)) < len(ids) or any(exercise.lesson != lesson for exercise in found):
        raise ValueError(f"lesson_{lesson} has ids twice or of another lesson: {', '.join(ids)}")
    return dict(zip(ids, found, strict=True))


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id.

    Raises:
        ExerciseError: if there is none; the message lists the ids of that lesson.
    """
    lesson = str(exercise_id).split(".")[0]
    if lesson not in lessons():
        raise ExerciseError(
            f'There is no exercise {exercise_id!r}: ids look like "01.2", and lessons {", ".join(lessons())} have them.'
        )
    known = exercises(lesson)
    if exercise_id not in known:
        raise ExerciseError(f"There is no exercise {exercise_id!r}; lesson {lesson} has {', '.join(known)}.")
    return known[exercise_id]
