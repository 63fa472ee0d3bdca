"""Find exercises: the modules of ``course_lib/lessons/lesson_NN/exercises`` hold those of their lesson."""

from __future__ import annotations

from functools import cache

from course_lib import discovery
from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import Exercise


@cache
def lessons() -> list[str]:
    """Return the lessons that have exercises, ``["00", "01", ...]``."""
    return [room.removeprefix("lesson_") for room in discovery.rooms() if discovery.module_of(room, "exercises")]


@cache
def exercises(lesson: str) -> dict[str, Exercise]:
    """Return the exercises of a lesson by id, in order.

    Raises:
        ExerciseError: if the lesson has none.
    """
    package = discovery.module_of(f"lesson_{lesson}", "exercises") if lesson in lessons() else None
    if package is None:
        raise ExerciseError(f"Lesson {lesson} has no exercises; these lessons have: {', '.join(lessons())}.")
    found = sorted(
        (
            value
            for module in discovery.submodules(package)
            for value in vars(module).values()
            if isinstance(value, Exercise)
        ),
        key=lambda exercise: int(exercise.id[3:]),
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
