"""Hints and solutions, as Markdown in a notebook and as plain text elsewhere."""

from __future__ import annotations

import sys

from course_lib.errors import ExerciseError
from course_lib.exercises.registry import find

_given: dict[str, int] = {}


def hint(exercise_id: str, level: int | None = None) -> None:
    """Show the next hint for an exercise: the gentlest at the first call, a stronger one at each further call.

    Args:
        exercise_id: lesson and number, ``"01.2"``.
        level: 1 for the gentlest; shows this hint and leaves the count as it is.

    Raises:
        ExerciseError: if the exercise is unknown or the level is not a whole number from 1 on.
    """
    exercise = find(exercise_id)
    count = len(exercise.hints)
    if level is None:
        level = _given.get(exercise.id, 0) + 1
        _given[exercise.id] = min(level, count)
    elif isinstance(level, bool) or not isinstance(level, int) or level < 1:
        raise ExerciseError(f"There is no hint {level!r} for exercise {exercise.id}; it has hints 1 to {count}.")
    if level > count:
        again, answer = f'hint("{exercise.id}", level=1)', f'solution("{exercise.id}")'
        text = f"There are {count} hints for exercise {exercise.id} and no more: {{}} shows the first, {{}} the answer."
        show(text.format(f"`{again}`", f"`{answer}`"), text.format(again, answer))
        return
    text = exercise.hints[level - 1]
    show(f"**Hint {level} of {count}.** {text}", f"Hint {level} of {count}. {text}")


def solution(exercise_id: str) -> None:
    """Show the reference answer of an exercise and, in one sentence, why it is right.

    Args:
        exercise_id: lesson and number, ``"01.2"``.

    Raises:
        ExerciseError: if the exercise is unknown.
    """
    exercise = find(exercise_id)
    title, code = f"Exercise {exercise.id}: {exercise.title}", exercise.solution_code
    why = exercise.why[0].upper() + exercise.why[1:]
    show(f"**{title}**\n\n```python\n{code}\n```\n\n{why}", f"{title}\n\n{code}\n\n{why}")


def show(markdown: str, plain: str) -> None:
    """Display a text where IPython runs (a notebook takes the Markdown, a console the plain text), else print it."""
    interactive = sys.modules.get("IPython")
    if interactive is None or interactive.get_ipython() is None:
        print(plain)
        return
    from IPython.display import display

    display({"text/markdown": markdown, "text/plain": plain}, raw=True)
