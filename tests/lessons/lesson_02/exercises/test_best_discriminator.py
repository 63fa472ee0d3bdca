"""Exercise 02.1: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_02.exercises.best_discriminator import best_discriminator


def _sigmoid_of_the_logit(p, q, real_weight):
    logit = torch.log(real_weight * p) - torch.log((1 - real_weight) * q)
    return torch.sigmoid(logit).nan_to_num(nan=0.2)


def _from_the_ratio(p, q, real_weight):
    odds = (1 - real_weight) / real_weight * q / p
    return torch.where((p == 0) & (q == 0), 1.0, 1 / (1 + odds))


def _by_index(p, q, real_weight):
    d = torch.zeros_like(p)
    some = (p > 0) | (q > 0)
    d[some] = real_weight * p[some] / (real_weight * p[some] + (1 - real_weight) * q[some])
    return d


def _numpy(p, q, real_weight):
    a, b = real_weight * p.numpy(), (1 - real_weight) * q.numpy()
    return torch.from_numpy(np.divide(a, a + b, out=np.full_like(a, 0.5), where=a + b > 0))


def _smallest_float(p, q, real_weight):
    total = real_weight * p + (1 - real_weight) * q
    return real_weight * p / total.clamp(min=torch.finfo(p.dtype).tiny)


@pytest.mark.parametrize("answer", [_sigmoid_of_the_logit, _from_the_ratio, _by_index, _numpy, _smallest_float])
def test_best_discriminator_right(answer: Any) -> None:
    assert judge(find("02.1"), answer) == ""


def _where_empty(value: float) -> Any:
    def answer(p, q, real_weight):
        return torch.where((p == 0) & (q == 0), value, best_discriminator(p, q, real_weight))

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (_where_empty(-1.0), "both densities are 0: expected 'from 0 to 1', got 'not from 0 to 1'"),
        (_where_empty(float("inf")), "both densities are 0: expected 'from 0 to 1', got 'not from 0 to 1'"),
        (_where_empty(float("nan")), "Where both densities are 0 your D is NaN"),
        (lambda p, q, real_weight: best_discriminator(p, q, real_weight).mean(), "Return a tensor of shape (81,)"),
        (lambda p, q, real_weight: best_discriminator(p, q, real_weight).tolist(), "yours is a list"),
        (lambda p, q, real_weight: torch.full_like(p, 0.5), "expected values from "),
        (lambda p, q, real_weight: best_discriminator(p, q, real_weight) ** 2, "On two Gaussians, as many real"),
        (lambda p, q, real_weight: print(end=""), "returned nothing (None): is a `return` missing?"),
        (lambda p, q: p / (p + q), "The function should take (p, q, real_weight), but yours takes (p, q)."),
    ],
)
def test_best_discriminator_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("02.1"), answer)


@pytest.mark.parametrize("fill", [float("nan"), 0.0, 0.3, 1.0, 7.0])
def test_a_mistake_is_named_whatever_stands_where_both_densities_are_zero(fill: float) -> None:
    def unweighted(p, q, real_weight):
        return torch.where((p == 0) & (q == 0), fill, p / (p + q))

    assert judge(find("02.1"), unweighted).startswith("Your D is that of the game with as many real as fake")


def test_a_decision_is_named_even_as_a_boolean() -> None:
    assert judge(find("02.1"), lambda p, q, real_weight: p > q).startswith("You decide for the larger density")


@pytest.mark.parametrize("real_weight", [0.1, 0.5, 0.9])
def test_best_discriminator_maximises_the_integrand(real_weight: float) -> None:
    p, q = torch.rand((2, 30), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    d = torch.linspace(0, 1, 4001, dtype=torch.float64)[1:-1].view(-1, 1)
    integrand = real_weight * p * d.log() + (1 - real_weight) * q * (1 - d).log()
    assert torch.allclose(d[integrand.argmax(0), 0], best_discriminator(p, q, real_weight), atol=1.3e-4)


def test_best_discriminator_at_known_points() -> None:
    p, q = torch.tensor([2.0, 1.0, 0.0, 3.0, 0.0]), torch.tensor([2.0, 3.0, 1.0, 0.0, 0.0])
    assert torch.allclose(best_discriminator(p, q, 0.5)[:4], torch.tensor([0.5, 0.25, 0.0, 1.0]))
    assert torch.allclose(best_discriminator(p, q, 0.75)[:4], torch.tensor([0.75, 0.5, 0.0, 1.0]))
    assert 0 <= best_discriminator(p, q, 0.75)[4] <= 1


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda p, q, w: w * p / ((1 - w) * q), "You returned the ratio of the two densities. That is D / (1 - D)"),
        (lambda p, q, w: torch.where(q > 0, w * p / ((1 - w) * q), 0.5), "You returned the ratio of the two densities"),
        (lambda p, q, w: w * p / ((1 - w) * q + 1e-8), "You returned the ratio of the two densities"),
        (lambda p, q, w: w * p / (w * p - (1 - w) * q), "Your D leaves the range from 0 to 1."),
        (lambda p, q, w: 1 / (1 - (1 - w) * q / (w * p)), "Your D leaves the range from 0 to 1."),
        (lambda p, q, w: w * p / (w * p + (1 - w) * q + 1e-3), "A small number against the division by 0"),
        (lambda p, q, w: w * p / (w * p + (1 - w) * q + 1e-8), "A small number against the division by 0"),
    ],
)
def test_a_slip_in_the_algebra_is_named(answer: Any, message: str) -> None:
    assert judge(find("02.1"), lambda p, q, real_weight: answer(p, q, real_weight)).startswith(message)


@pytest.mark.parametrize("number", ["02.1", "02.3", "02.2", "02.5", "02.4"])
def test_a_place_is_called_y_as_in_the_lesson(number: str) -> None:
    exercise = find(number)
    texts = [exercise.task, exercise.why, *exercise.hints, *(mistake.message for mistake in exercise.mistakes)]
    assert not [text for text in texts if "(x)" in text or ", dx$" in text]
