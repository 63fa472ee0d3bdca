"""Exercise 01.2: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.best_constant import best_constant, expected_absolute_error


def _einsum_and_loop(answers, weights):
    p = weights / weights.sum()
    mean = torch.einsum("k,kchw->chw", p, answers)
    # The expected absolute error is least at one of the answers' values: try each.
    losses = torch.stack([(p.view(-1, 1, 1, 1) * (answers - a).abs()).sum(0) for a in answers])
    return {"mse_minimiser": mean, "mae_minimiser": answers.gather(0, losses.argmin(0, keepdim=True))[0]}


def _upper_median(answers, weights):
    p = (weights / weights.sum()).double()
    values, order = answers.sort(dim=0, descending=True)
    first = (p[order].cumsum(0) < 0.5 - 1e-9).sum(0, keepdim=True)
    return {
        "mse_minimiser": (answers * p.float().view(-1, 1, 1, 1)).sum(0),
        "mae_minimiser": values.gather(0, first)[0],
    }


def _middle_of_the_interval(answers, weights):
    low = _einsum_and_loop(answers, weights)
    high = _upper_median(answers, weights)
    return {key: (low[key] + high[key]) / 2 for key in low}


def _numpy(answers, weights):
    a, p = answers.numpy(), (weights / weights.sum()).numpy()
    order = a.argsort(axis=0)
    index = (p[order].cumsum(axis=0) < 0.5 - 1e-6).sum(axis=0)
    median = np.take_along_axis(np.sort(a, axis=0), index[None], axis=0)[0]
    return {"mae_minimiser": torch.from_numpy(median), "mse_minimiser": torch.from_numpy(np.tensordot(p, a, axes=1))}


def _counts(answers, weights):
    """Repeat each answer in proportion to its weight, where that is possible, and take the plain median."""
    p = weights / weights.sum()
    repeats = (p * 5200).round().long()
    median = answers.repeat_interleave(repeats, dim=0).median(dim=0).values
    return {"mse_minimiser": torch.tensordot(p, answers, dims=1), "mae_minimiser": median}


@pytest.mark.parametrize("answer", [_einsum_and_loop, _upper_median, _middle_of_the_interval, _numpy, _counts])
def test_best_constant_right(answer: Any) -> None:
    assert judge(find("01.2"), answer) == ""


def _but(**changes: Any) -> Any:
    def answer(answers, weights):
        return best_constant(answers, weights) | {key: change(answers) for key, change in changes.items()}

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda answers, weights: tuple(best_constant(answers, weights).values()), "expected a dict with the keys"),
        (lambda answers, weights: best_constant(answers, weights)["mse_minimiser"], "expected a dict with the keys"),
        (_but(mse_minimiser=lambda a: a.mean(0, keepdim=True)), "expected shape (1, 1, 1), got shape (1, 1, 1, 1)"),
        (_but(mae_minimiser=lambda a: a.median(0)), "mae_minimiser: expected a torch tensor"),
        (_but(mae_minimiser=lambda a: torch.zeros(a.shape[1:])), "the expected absolute error can be as low as 0.8"),
        (_but(mae_minimiser=lambda a: a[0] / 0), "got NaN or infinity"),
        (_but(mse_minimiser=lambda a: torch.zeros(a.shape[1:])), "mse_minimiser: "),
        (_but(mae_minimiser=lambda a: a.mean(0).double()), "The mean minimises the squared error"),
    ],
)
def test_best_constant_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("01.2"), answer)


def test_a_mistake_in_the_median_is_named_whatever_median_of_an_even_split_was_taken() -> None:
    def answer(answers, weights):
        right = best_constant(answers, weights)
        if torch.equal(weights, torch.tensor([0.5, 0.5])):
            return right | {"mae_minimiser": torch.full((1, 1, 1), 0.37)}
        return right | {"mae_minimiser": right["mse_minimiser"]}

    assert judge(find("01.2"), answer).startswith("For the absolute error you gave the mean as well.")


def test_best_constant_minimises_both_losses() -> None:
    answers, weights = torch.rand(5, 1, 2, 2), torch.tensor([1.0, 2.0, 0.5, 4.0, 1.5])
    best = best_constant(answers, weights)
    grid = torch.linspace(0, 1, 2001).view(-1, 1, 1, 1)
    p = weights / weights.sum()
    squared = sum(p[k] * (grid - answers[k]) ** 2 for k in range(5))
    absolute = torch.stack([expected_absolute_error(value, answers, weights) for value in grid])
    assert torch.allclose(grid[squared.argmin(0).flatten()].flatten(), best["mse_minimiser"].flatten(), atol=6e-4)
    assert (expected_absolute_error(best["mae_minimiser"], answers, weights) <= absolute.min(0).values + 1e-6).all()
