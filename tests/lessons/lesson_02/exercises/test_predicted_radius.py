"""Exercise 02.5: other right answers pass, other wrong answers get a concrete message, and the game agrees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_02.exercises.predicted_radius import predicted_radius


def _play(lr: float, steps: int, alternating: bool) -> list[tuple[float, float]]:
    g, d = 1.0, 0.0
    points = [(g, d)]
    for _ in range(steps):
        new_d = d + lr * g
        g, d = g - lr * (new_d if alternating else d), new_d
        points.append((g, d))
    return points


def _by_matrices(lr, steps):
    step = np.array([[1, -lr], [lr, 1]])
    point = np.linalg.matrix_power(step, steps) @ [1, 0]
    small, large = np.linalg.eigvalsh([[1, lr / 2], [lr / 2, 1]])
    flow = torch.linalg.matrix_exp(lr * steps * torch.tensor([[0.0, -1.0], [1.0, 0.0]])) @ torch.tensor([1.0, 0.0])
    return {
        "simultaneous": np.linalg.norm(point),
        "continuous": flow.norm(),
        "alternating_min": large**-0.5,
        "alternating_max": small**-0.5,
    }


def _by_playing(lr, steps):
    angle = np.linspace(0, 2 * np.pi, 100001)
    radius = (1 + lr * np.cos(angle) * np.sin(angle)) ** -0.5
    return {
        "simultaneous": math.hypot(*_play(lr, steps, alternating=False)[-1]),
        "continuous": 1,
        "alternating_min": radius.min(),
        "alternating_max": radius.max(),
    }


@pytest.mark.parametrize(
    "answer",
    [
        _by_matrices,
        _by_playing,
        lambda lr, steps: predicted_radius(lr, steps) | {"simultaneous": math.sqrt(1 + lr**2) ** steps},
        lambda lr, steps: predicted_radius(lr, steps) | {"alternating_min": 1 / math.sqrt(1 + lr / 2)},
    ],
)
def test_predicted_radius_right(answer: Any) -> None:
    assert judge(find("02.5"), answer) == ""


def _but(**changes: Any) -> Any:
    def answer(lr, steps):
        return predicted_radius(lr, steps) | {key: change(lr, steps) for key, change in changes.items()}

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda lr, steps: (1 + lr**2) ** (steps / 2), "expected a dict with the keys"),
        (lambda lr, steps: {"simultaneous": (1 + lr**2) ** (steps / 2)}, 'got the keys "simultaneous"'),
        (_but(continuous=lambda lr, steps: "a circle"), "continuous: expected a number, got 'a circle'"),
        (_but(simultaneous=lambda lr, steps: 2 * predicted_radius(lr, steps)["simultaneous"]), "2 times the right one"),
        (_but(alternating_max=lambda lr, steps: 1 + lr), "alternating_max: expected 1.026, got 1.1"),
        (_but(alternating_min=lambda lr, steps: 1 - lr), "alternating_min: expected 0.9759, got 0.9"),
        (_but(simultaneous=lambda lr, steps: None), "simultaneous: expected a number, got None"),
    ],
)
def test_predicted_radius_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("02.5"), answer)


def test_circles_everywhere_get_the_first_that_counts() -> None:
    """The commonest whole answer: a rotation is taken for a rotation in all three ways."""
    keys = predicted_radius(0.1, 1)
    message = judge(find("02.5"), lambda lr, steps: dict.fromkeys(keys, 1.0))
    assert message.startswith("You predict that simultaneous steps keep the radius.")


@pytest.mark.parametrize("lr, steps", [(0.1, 100), (0.5, 20), (0.9, 3), (0.3, 0)])
def test_the_played_game_agrees_with_the_simultaneous_radius(lr: float, steps: int) -> None:
    radius = math.hypot(*_play(lr, steps, alternating=False)[-1])
    assert radius == pytest.approx(predicted_radius(lr, steps)["simultaneous"], rel=1e-9)


@pytest.mark.parametrize("lr", [0.05, 0.2, 0.5, 0.95])
def test_the_played_game_stays_on_the_ellipse_and_reaches_its_ends(lr: float) -> None:
    points = _play(lr, 20000, alternating=True)
    assert max(abs(g**2 + d**2 + lr * g * d - 1) for g, d in points) < 1e-9  # with the other sign it is not kept
    assert max(abs(g**2 + d**2 - lr * g * d - 1) for g, d in points) > lr / 2
    radii = [math.hypot(g, d) for g, d in points]
    predicted = predicted_radius(lr, 5)  # the ellipse is the same after any number of steps
    assert min(radii) == pytest.approx(predicted["alternating_min"], rel=1e-4)
    assert max(radii) == pytest.approx(predicted["alternating_max"], rel=1e-4)
    assert predicted["alternating_min"] * (1 - 1e-9) <= min(radii)
    assert max(radii) <= predicted["alternating_max"] * (1 + 1e-9)
