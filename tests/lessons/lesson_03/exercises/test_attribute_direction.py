"""Exercise 03.6: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.attribute_direction import attribute_direction


def _by_loops(mu, labels, having, lacking):
    means = []
    for wanted in (having, lacking):
        rows = [row for row, label in zip(mu, labels.tolist(), strict=True) if label == wanted]
        means.append(sum(rows) / len(rows))
    return means[0] - means[1]


def _by_weights(mu, labels, having, lacking):
    weights = (labels == having).float() / (labels == having).sum()
    weights = weights - (labels == lacking).float() / (labels == lacking).sum()
    return weights @ mu


@pytest.mark.parametrize(
    "answer",
    [
        _by_loops,
        _by_weights,
        lambda mu, labels, having, lacking: (
            mu[labels.eq(having).nonzero()[:, 0]].mean(0) - mu[labels.eq(lacking).nonzero()[:, 0]].mean(0)
        ),
    ],
)
def test_attribute_direction_right(answer: Any) -> None:
    assert judge(find("03.6"), answer) == ""


def _in_place(mu, labels, having, lacking):
    result = attribute_direction(mu, labels, having, lacking)
    mu -= mu.mean(0)
    return result


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            lambda mu, labels, having, lacking: attribute_direction(mu, labels, having, lacking)[None],
            "expected shape (4,), got shape (1, 4)",
        ),
        (
            lambda mu, labels, having, lacking: attribute_direction(mu, labels, having, lacking).tolist(),
            "expected a torch tensor",
        ),
        (
            lambda mu, labels, having, lacking: 0.5 * attribute_direction(mu, labels, having, lacking),
            "your result is 0.5 times the right one",
        ),
        (lambda mu, labels, having, lacking: attribute_direction(mu, labels, 1, 0), "You took the labels 1 and 0"),
        (lambda mu, labels, having, lacking: attribute_direction(mu, labels, having, lacking).sin(), "On "),
        (
            lambda mu, labels, having, lacking: mu[labels == having] - mu[labels == lacking],
            "your function stopped with",
        ),
        (_in_place, "changes its input mu"),
        (lambda mu, labels, having, lacking: print(end=""), "got nothing (None): is a `return` missing?"),
        (
            lambda mu, labels: mu,
            "The function should take (mu, labels, having, lacking), but yours takes (mu, labels).",
        ),
    ],
)
def test_attribute_direction_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("03.6", answer)
    assert message in str(caught.value)


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_the_sum_of_the_means_is_named(factor: float) -> None:
    def answer(mu, labels, having, lacking):
        return factor * (mu[labels == having].mean(0) + mu[labels == lacking].mean(0))

    assert judge(find("03.6"), answer).startswith("You added the two mean codes.")


def test_the_task_has_a_criterion() -> None:
    task = " ".join(find("03.6").task.split())
    assert "stop looking like one garment to you? Does the classifier of the section after next agree" in task
    assert "stop being good" not in task


def test_attribute_direction_is_known() -> None:
    mu = torch.tensor([[1.0, 0.0], [9.0, 9.0], [3.0, 2.0], [0.0, -1.0]])
    labels = torch.tensor([5, 7, 5, 2])
    assert attribute_direction(mu, labels, 5, 2).tolist() == [2.0, 2.0]
    assert attribute_direction(mu, labels, 2, 5).tolist() == [-2.0, -2.0]


def test_one_step_leads_from_one_mean_to_the_other() -> None:
    mu, labels = torch.randn((40, 6)), torch.arange(40) % 3
    moved = mu[labels == 0] + attribute_direction(mu, labels, 2, 0)
    assert torch.allclose(moved.mean(dim=0), mu[labels == 2].mean(dim=0), atol=1e-5)
