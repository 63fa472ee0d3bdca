"""Exercises in a lesson: the source holds a place, ``# %% tags=["exercise:11.4"]``, and a notebook their cells.

What the cells say comes from the exercise's file alone.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_lib.publishing.deck_text import EXERCISE
from course_lib.publishing.rules import demand, tags_of

if TYPE_CHECKING:
    from course_lib.exercises import Exercise

PLACE = "exercise:"
NEWLINES = "\n\n"
WIDTH = 88  # of code on a slide, in characters
MARKS = ("BEGIN SOLUTION", "END SOLUTION")  # what nbgrader looks for in a line


def exercises_of(lesson: str) -> Mapping[str, Exercise]:
    """Return the exercises of a lesson by id, in order; none if the lesson has no such files.

    Args:
        lesson: two digits, for example ``"11"``.
    """
    from course_lib.exercises import exercises, lessons  # imports torch, which `--help` need not wait for

    return exercises(lesson) if lesson in lessons() else {}


def slide_of(exercise: Exercise) -> NotebookNode:
    """Return the slide on which a class is asked to try an exercise; the speaker's notes have the task."""
    answer = ast.parse(exercise.cell).body[-1]
    first, lines = "", [exercise.name]
    if isinstance(answer, ast.FunctionDef):
        first = (ast.get_docstring(answer) or "").partition("\n")[0]
        returns = f" -> {ast.unparse(answer.returns)}" if answer.returns else ""
        head = f"def {answer.name}({ast.unparse(answer.args)}){returns}:"
        for long, short in (("torch.nn.Module", "Module"), ("torch.optim.", ""), ("torch.Tensor", "Tensor")):
            head = head.replace(long, short)
        lines = [*textwrap.wrap(head, WIDTH, subsequent_indent=" " * 8), "    ..."]
    text = [
        f"{EXERCISE} · {exercise.id} · {exercise.title}",
        f"*{exercise.kind.capitalize()}*, about {exercise.minutes} minutes, level {exercise.level} of 3.",
        first,
        f"It trains: {exercise.trains}.",
        "\n".join(["```python", *lines, "```"]),
        f"<!-- notes {exercise.minutes} min\n{exercise.markdown.partition(NEWLINES)[2]}\n-->",
    ]
    metadata = NotebookNode(tags=["slides-only"], slideshow=NotebookNode(slide_type="slide"))
    return new_markdown_cell(NEWLINES.join(text), metadata=metadata)


def cells_of(exercise: Exercise, metadata: Mapping[str, Any]) -> list[NotebookNode]:
    """Return the cells that one exercise is in a source: its slide, the task, the given code if any, the answer.

    The answer holds the solution between nbgrader's marks: the learner's edition is cut there.

    Args:
        exercise: what its file says.
        metadata: the place's slide type and syllabus points; the task gets them.
    """
    task = new_markdown_cell(exercise.markdown, metadata=NotebookNode(metadata))
    given = [new_code_cell(exercise.given)] if exercise.given else []
    return [slide_of(exercise), task, *given, new_code_cell(f"{exercise.cell}\n\n\n{check_line(exercise)}")]


def check_line(exercise: Exercise) -> str:
    """Return the line that checks an answer and takes what comes back."""
    return f'{exercise.name} = check("{exercise.id}", {exercise.name})'


def expand(cells: Sequence[NotebookNode], path: Path) -> list[NotebookNode]:
    """Return the cells of a source with each exercise in its place.

    Args:
        cells: as the source holds them.
        path: the source file; its name begins with the lesson's number.

    Raises:
        CourseError: if a place is not empty, has other tags too, stands in text, or names an exercise that the lesson
            does not have or has placed before; if an exercise has no place, or stands after one of a higher number; if
            a cell holds a solution of its own.
    """
    lesson = path.stem[:2]
    known = exercises_of(lesson)
    placed: list[str] = []
    expanded: list[NotebookNode] = []
    for cell in cells:
        _refuse_solutions(cell, path, lesson)
        exercise_id = _place(cell, path)
        if exercise_id is None:
            expanded.append(cell)
            continue
        has = f"has {', '.join(known)}" if known else "has no exercises"
        demand(exercise_id in known, path, f"has a place for exercise {exercise_id}, but lesson {lesson} {has}")
        demand(exercise_id not in placed, path, f"has two places for exercise {exercise_id}: leave one")
        late = f"has exercise {exercise_id} after {(placed or [''])[-1]}: number them in the order of reading"
        demand(not placed or placed[-1] < exercise_id, path, late)
        placed.append(exercise_id)
        expanded += cells_of(
            known[exercise_id], {key: value for key, value in cell.metadata.items() if key in ("slideshow", "syllabus")}
        )
    for missing in [one for one in known if one not in placed]:
        demand(False, path, f"has no place for exercise {missing}: write {_line(missing)} where it should stand")
    return expanded


def _place(cell: NotebookNode, path: Path) -> str | None:
    """Return the id of the exercise whose place a cell is, ``None`` for any other cell."""
    tags = tags_of(cell)
    places = [tag for tag in tags if tag.startswith(PLACE)]
    if not places:
        return None
    exercise_id = places[0].removeprefix(PLACE)
    demand(len(tags) == 1, path, f"has other tags than {places[0]} on the place of exercise {exercise_id}: remove them")
    empty = cell.cell_type == "code" and not cell.source.strip()
    demand(empty, path, f"must leave the place of exercise {exercise_id} an empty code cell: its file fills it")
    return exercise_id


def _refuse_solutions(cell: NotebookNode, path: Path, lesson: str) -> None:
    folder = f"course_lib/lessons/lesson_{lesson}/exercises"
    demand(
        not any(mark in cell.source for mark in MARKS),
        path,
        f"holds a solution (### BEGIN SOLUTION): write the exercise in {folder} and leave {_line(f'{lesson}.k')} here",
    )


def _line(exercise_id: str) -> str:
    return f'`# %% tags=["{PLACE}{exercise_id}"]`'
