"""The course's own sources: each derives, shows every exercise as its file has it, and is sound with them in place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from course_lib.exercises import exercises
from course_lib.publishing.deck_text import EXERCISE, LEAST, slide_type
from course_lib.publishing.derive import derive, read_source
from course_lib.publishing.settings import this_house
from course_lib.publishing.slides import deck_of

START = "00"  # says how to begin, and needs fewer slides
STUB = "raise NotImplementedError"
every_lesson = pytest.mark.parametrize("lesson", this_house().lessons())


@every_lesson
@pytest.mark.parametrize("edition", ["learner", "solution"])
def test_each_exercise_is_shown_as_its_file_has_it(lesson: str, edition: str) -> None:
    sources = [cell.source for cell in derive(this_house().source(lesson), edition, "").cells]
    assert exercises(lesson[:2])
    for exercise in exercises(lesson[:2]).values():
        open_answer = exercise.stub.replace(STUB, "# YOUR CODE HERE\n    raise NotImplementedError()")
        answer = exercise.cell if edition == "solution" else open_answer
        given = [exercise.given] if exercise.given else []
        wanted = [exercise.markdown, *given, f'{answer}\n\n\n{exercise.name} = check("{exercise.id}", {exercise.name})']
        place = sources.index(exercise.markdown)
        assert sources[place : place + len(wanted)] == wanted
    assert (edition == "solution") == ("SOLUTION" in "\n".join(sources))


@every_lesson
def test_one_can_teach_from_the_deck(lesson: str) -> None:
    deck = deck_of(this_house(), lesson)
    assert deck.faults(least=10 if lesson.startswith(START) else LEAST) == []
    _, talk, tries = deck.times()
    assert 10 <= talk <= 110
    assert sum(slide[0].source.startswith(EXERCISE) for slide in deck.slides) == len(exercises(lesson[:2]))
    assert tries == sum(exercise.minutes for exercise in exercises(lesson[:2]).values())
    assert any(slide_type(cell) == "fragment" for cell in deck.cells) or lesson.startswith(START)


@every_lesson
def test_what_a_learner_writes_is_bound_in_its_own_cell_alone(lesson: str) -> None:
    """A name that another cell binds would take the learner's work away, or the learner that cell's."""
    names = {exercise.name for exercise in exercises(lesson[:2]).values()}
    cells = [cell.source for cell in read_source(this_house().source(lesson)).cells if cell.cell_type == "code"]
    answers = [source for source in cells if re.search(r"^\w+ = check\(", source, re.MULTILINE)]
    assert len(answers) == len(names)
    elsewhere = {name for source in cells if source not in answers for name in bound(source)}
    assert not names & elsewhere


def made_and_not_shown(source: str) -> list[str]:
    """Return the calls of ``plotting`` whose result shows itself at the end of a cell, and that stand before it."""
    calls = [node.value for node in ast.parse(source).body[:-1] if isinstance(node, ast.Expr)]
    texts = [ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)]
    return [text for text in texts if text in ("plotting.metric_table", "plotting.show_source")]


@every_lesson
def test_every_table_is_shown(lesson: str) -> None:
    for cell in read_source(this_house().source(lesson)).cells:
        if cell.cell_type == "code":
            assert not made_and_not_shown(cell.source), f"not the last line of its cell:\n{cell.source}"


def test_a_table_before_the_last_line_is_found() -> None:
    assert made_and_not_shown("plotting.metric_table({})\nx = 1") == ["plotting.metric_table"]
    assert made_and_not_shown("x = 1\nplotting.metric_table({})") == []


def bound(source: str) -> set[str]:
    """Return the names that a cell binds outside of its functions: by assignment, loop, import, `def` or `class`."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            waiting += list(ast.iter_child_nodes(node))
    return found


@every_lesson
def test_names_are_defined_and_imports_used(lesson: str, root: Path) -> None:
    """Run what `make lint` leaves out for the sources, where the exercises are not in their places."""
    text = jupytext.writes(derive(this_house().source(lesson), "solution", ""), fmt="py:percent")
    text += "\n\n_ = hint, solution  # for learners to call\n"
    command = [sys.executable, "-m", "ruff", "check", "--select=F401,F821", "--output-format=concise"]
    run = subprocess.run(
        [*command, "--stdin-filename=derived.py", "-"],
        input=text,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
