"""The declaration of an exercise, and what is cut from its reference."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any

import pytest
import torch

from course_lib.exercises import Case, Exercise, Mistake, find


def double(numbers: torch.Tensor) -> torch.Tensor:
    """Return twice the numbers.

    Args:
        numbers: float32, shape (N,).
    """
    twice = 2 * numbers
    return twice


EXERCISE = Exercise(
    id="99.1",
    title="Twice",
    kind="warm-up",
    trains="doubling",
    minutes=1,
    level=1,
    task="Double the numbers.",
    reference=double,
    cases=lambda: [Case("one", torch.rand(1)), Case("four", torch.rand(4))],
    mistakes=tuple(Mistake(f"{k} times.", lambda numbers, k=k: k * numbers) for k in (1, 3, 4)),
    hints=("One.", "Two.", "Three."),
    why="twice is twice.",
)


def test_stub_solution_and_cell_are_cut_from_the_reference() -> None:
    head = textwrap.dedent(
        '''\
        def double(numbers: torch.Tensor) -> torch.Tensor:
            """Return twice the numbers.

            Args:
                numbers: float32, shape (N,).
            """
        '''
    )
    body = "    twice = 2 * numbers\n    return twice"
    assert EXERCISE.stub == head + "    raise NotImplementedError"
    assert EXERCISE.solution_code == head + body
    assert EXERCISE.cell == f"{head}    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def test_the_task_has_a_heading_and_says_the_kind() -> None:
    assert EXERCISE.markdown == "### Exercise 99.1: Twice\n\n*Warm-up.* Double the numbers."
    assert "*Warm-up, optional.*" in replace(EXERCISE, optional=True).markdown


def test_a_value_is_assigned_to_its_name() -> None:
    exercise = replace(EXERCISE, reference={"loss": 0.25}, name="prediction", cases=None)
    assert exercise.stub == "prediction = {'loss': ...}"
    assert exercise.solution_code == "prediction = {'loss': 0.25}"
    assert replace(exercise, reference=3.0).stub == "prediction = ..."


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"id": "1.2"}, "should look like"),
        ({"kind": "fun"}, "the kind is one of"),
        ({"trains": ""}, "say what it trains"),
        ({"level": 4}, "a level of 1 to 3"),
        ({"mistakes": ()}, "at least three"),
        ({"hints": ("one",)}, "at least three"),
        ({"cases": None}, "needs cases"),
        ({"reference": lambda numbers: numbers}, "docstring"),
        ({"reference": 1.0, "name": ""}, "which variable"),
    ],
)
def test_an_authors_slip_is_an_error_at_once(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(find("01.2"), **changes)


def test_a_mistake_needs_an_answer() -> None:
    with pytest.raises(ValueError, match="at least one wrong answer"):
        Mistake("You did something.")
