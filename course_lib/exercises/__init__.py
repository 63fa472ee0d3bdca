"""The lessons' exercises: ``check("01.2", answer)``, ``hint("01.2")``, ``solution("01.2")``."""

from __future__ import annotations

from course_lib.exercises.checking import check
from course_lib.exercises.comparing import Difference, differences
from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.goals import reached
from course_lib.exercises.progress import progress
from course_lib.exercises.registry import exercises, find, lessons
from course_lib.exercises.showing import hint, solution

__all__ = [
    "Case",
    "Difference",
    "Exercise",
    "Mistake",
    "check",
    "differences",
    "exercises",
    "find",
    "hint",
    "lessons",
    "progress",
    "reached",
    "solution",
]
