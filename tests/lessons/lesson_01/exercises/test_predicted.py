"""Exercise 01.1: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.predicted import predicted


def _by_search(p_white):
    values = [v / 100 for v in range(101)]
    squared = {v: p_white * (1 - v) ** 2 + (1 - p_white) * v**2 for v in values}
    absolute = {v: p_white * (1 - v) + (1 - p_white) * v for v in values}
    best, least = min(values, key=squared.__getitem__), min(values, key=absolute.__getitem__)
    return {
        "mse_output": best,
        "mse_loss": squared[best],
        "mae_output": least,
        "mae_loss": absolute[least],
    }


def _greys_at_the_even_split(p_white):
    side = 0.3 if p_white == 0.5 else float(p_white > 0.5)
    return predicted(p_white) | {"mae_output": side}


def _tensors(p_white):
    return {key: torch.tensor(value) for key, value in predicted(p_white).items()}


@pytest.mark.parametrize(
    "answer",
    [
        _by_search,
        _greys_at_the_even_split,
        _tensors,
        lambda p_white: predicted(p_white) | {"mae_output": round(p_white)},
        lambda p_white: predicted(p_white) | {"mae_output": int(p_white >= 0.5), "mae_loss": 0.5 - abs(p_white - 0.5)},
    ],
)
def test_predicted_right(answer: Any) -> None:
    assert judge(find("01.1"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda p_white: (p_white, 0, 1, 0), "expected a dict with the keys"),
        (lambda p_white: {"mse_output": p_white}, 'got the keys "mse_output"'),
        (lambda p_white: predicted(p_white) | {"mae_output": "white"}, "mae_output: expected a number, got 'white'"),
        (
            lambda p_white: predicted(p_white) | {"mae_output": 3 if p_white == 0.5 else p_white > 0.5},
            "any output from",
        ),
        (lambda p_white: predicted(0.6), "you always choose the same side"),
        (lambda p_white: predicted(p_white) | {"mse_loss": 0.25}, "mse_loss: expected 0.24, got 0.25"),
        (lambda p_white: predicted(p_white) | {"mse_loss": None}, "mse_loss: expected a number, got None"),
        (lambda p_white: predicted(p_white) | {"mae_loss": 0.0}, "mae_loss: expected 0.5, got 0"),
        (lambda p_white: predicted(p_white) | {"mse_loss": 2 * p_white * (1 - p_white)}, "2 times the right one"),
    ],
)
def test_predicted_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("01.1"), answer)


def test_both_losses_confused_gets_the_first_that_counts() -> None:
    """The commonest whole answer of a learner who takes both losses for the mean's (E1)."""

    def answer(p_white):
        return {
            "mse_output": p_white,
            "mse_loss": p_white * (1 - p_white),
            "mae_output": p_white,
            "mae_loss": 2 * p_white * (1 - p_white),
        }

    assert judge(find("01.1"), answer).startswith("For the absolute error you predict the mean")
