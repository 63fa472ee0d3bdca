"""Exercise 01.1: what regression outputs when the answer is black or white, predicted before it is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_lib.exercises.comparing import Difference, differences
from course_lib.exercises.exercise import Case, Exercise, Mistake


def predicted(p_white: float) -> dict[str, float]:
    """Predict what a network outputs when the right answer is all white with some chance, and else all black.

    Args:
        p_white: chance of white, from 0 to 1. White is 1 and black is 0.

    Returns:
        A dict of four numbers: "mse_output" is the output that minimises the expected squared error and "mse_loss" is
        that least error (per pixel); "mae_output" and "mae_loss" are the same for the absolute error.
    """
    return {
        "mse_output": p_white,  # the mean
        "mse_loss": p_white * (1 - p_white),  # the variance
        "mae_output": 1.0 if p_white > 0.5 else 0.0,  # the median: the likelier answer
        "mae_loss": min(p_white, 1 - p_white),  # the chance of the other answer
    }


def _cases() -> list[Case]:
    labels = {
        0.5: "equally many",
        0.6: "slightly more white",
        0.4: "slightly more black",
        0.9: "mostly white",
        0.15: "mostly black",
        0.73: "any other chance",
        0.0: "always black",
        1.0: "always white",
    }
    return [Case(label, p_white) for p_white, label in labels.items()]


def _compare(result: Any, expected: dict[str, float], p_white: float) -> list[Difference]:
    """Compare the four numbers; with an even split every output of the absolute error from 0 to 1 is right."""
    found = differences(result, expected)
    if p_white != 0.5 or not any(item.part == "mae_output" and item.kind == "value" for item in found):
        return found
    if 0 <= float(result["mae_output"]) <= 1:
        return [item for item in found if item.part != "mae_output"]
    text = f"with an even split any output from 0 to 1 is right, got {float(result['mae_output']):.4g}"
    return [item for item in found if item.part != "mae_output"] + [Difference("value", text, "mae_output")]


def _but(**changes: Callable[[float], float]) -> Callable[[float], dict[str, float]]:
    def answer(p_white: float) -> dict[str, float]:
        return predicted(p_white) | {key: change(p_white) for key, change in changes.items()}

    return answer


def _likelier(p: float) -> float:
    return 1.0 if p > 0.5 else 0.0


PREDICTED = Exercise(
    id="01.1",
    title="Black or white: what will the network output?",
    kind="prediction to test",
    trains="what squared and absolute error ask for",
    minutes=5,
    level=1,
    task="""
        The same input is followed by an all-white picture (value 1) with chance `p_white`, else by an all-black one
        (value 0). Predict, before you train anything: which output minimises the expected squared error, which the
        expected absolute error, and how large is each least error per pixel? Write `predicted(p_white)`, which returns
        the four numbers in a dict. Where several outputs are equally good, any of them counts as right.
    """,
    reference=predicted,
    cases=_cases,
    compare=_compare,
    mistakes=(
        Mistake(
            "For the absolute error you predict the mean, as for the squared error. "
            "It has its minimum at a median: with 60 % white, moving from 0.6 up to 1 still gains more than it loses.",
            _but(mae_output=lambda p: p),
        ),
        Mistake(
            "For the absolute error you predict mid-grey. All greys are equally good only at an even split; "
            "otherwise the likelier answer wins.",
            _but(mae_output=lambda p: 0.5),
        ),
        Mistake(
            "For the absolute error you chose the rarer answer. The error then occurs in the more frequent case.",
            _but(mae_output=lambda p: 1 - _likelier(p)),
        ),
        Mistake(
            "For the absolute error you always choose the same side. Which answer wins depends on the chance of white.",
            _but(mae_output=lambda p: 1.0),
            _but(mae_output=lambda p: 0.0),
        ),
        Mistake(
            "For the squared error you predict the likelier answer. It has its minimum at the mean, which is a grey.",
            _but(mse_output=_likelier),
            _but(mse_output=lambda p: 1.0 if p >= 0.5 else 0.0),
        ),
        Mistake(
            "For the squared error you predict mid-grey, whatever the chance. The mean moves with the chance of white.",
            _but(mse_output=lambda p: 0.5),
        ),
        Mistake(
            "Black and white are exchanged: white has the value 1 and the chance `p_white`.",
            _but(mse_output=lambda p: 1 - p),
        ),
        Mistake(
            "The two losses are exchanged: p (1 - p) is the variance, which belongs to the squared error.",
            _but(mse_loss=lambda p: min(p, 1 - p), mae_loss=lambda p: p * (1 - p)),
        ),
        Mistake(
            "Your absolute error 2 p (1 - p) is that of the output p, the mean. Put in the output that minimises it.",
            _but(mae_loss=lambda p: 2 * p * (1 - p)),
        ),
        Mistake(
            "Your absolute error p (1 - p) is the squared error. "
            "The best output is wrong by 1 in the rarer case and by 0 otherwise.",
            _but(mae_loss=lambda p: p * (1 - p)),
        ),
        Mistake(
            "Your absolute error is that of the rarer answer. The better output errs in the rarer case only.",
            _but(mae_loss=lambda p: max(p, 1 - p)),
        ),
        Mistake(
            "Your absolute error holds on one side of 0.5 only: which answer is the rarer one depends on the chance.",
            _but(mae_loss=lambda p: 1 - p),
            _but(mae_loss=lambda p: p),
        ),
        Mistake(
            "Your squared error is its root, the standard deviation. The expected squared error is the variance.",
            _but(mse_loss=lambda p: (p * (1 - p)) ** 0.5),
        ),
        Mistake(
            "Your squared error counts one of the two cases only. Add both, each with its chance: "
            "white is missed by 1 - p, black by p.",
            _but(mse_loss=lambda p: p * (1 - p) ** 2),
            _but(mse_loss=lambda p: p**2 * (1 - p)),
            _but(mse_loss=lambda p: (1 - p) ** 2),
            _but(mse_loss=lambda p: p**2),
        ),
        Mistake(
            "Your squared error counts the two cases without their chances: white occurs with p, black with 1 - p.",
            _but(mse_loss=lambda p: p**2 + (1 - p) ** 2),
        ),
    ),
    hints=(
        "Write down the expected loss of an output v: with chance p it is compared with 1, else with 0.",
        "Squared: `p * (1 - v)**2 + (1 - p) * v**2`. Absolute, for v from 0 to 1: `p * (1 - v) + (1 - p) * v`. "
        "Where is each least?",
        "The absolute one is a straight line in v, with slope `1 - 2 * p`. On which end does it stop? "
        "The squared one is a parabola with its bottom at v = p; put that in to get its value.",
    ),
    why="the squared error rests at the mean with the variance p (1 - p) left over, "
    "the absolute error at the likelier answer with the chance of the rarer one left over.",
)
