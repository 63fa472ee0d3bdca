"""Exercise 03.5: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.importance_bound import importance_bound


def _by_hand(log_weights):
    top = log_weights.max(dim=1, keepdim=True).values
    return (log_weights - top).exp().mean(dim=1).log() + top.squeeze(1)


def _one_by_one(log_weights):
    found = []
    for row in log_weights:
        total = row[0]
        for value in row[1:]:
            total = torch.logaddexp(total, value)
        found.append(total - math.log(len(row)))
    return torch.stack(found)


def _numpy(log_weights):
    return torch.from_numpy(np.logaddexp.reduce(log_weights.numpy(), axis=1)) - math.log(log_weights.shape[1])


@pytest.mark.parametrize(
    "answer",
    [
        _by_hand,
        _one_by_one,
        _numpy,
        lambda log_weights: (log_weights - math.log(log_weights.size(1))).logsumexp(-1),
    ],
)
def test_importance_bound_right(answer: Any) -> None:
    assert judge(find("03.5"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda w: importance_bound(w).view(-1, 1), "expected shape (3,), got shape (3, 1)"),
        (lambda w: importance_bound(w).tolist(), "expected a torch tensor, got"),
        (lambda w: importance_bound(w).exp(), "You took no logarithm."),
        (lambda w: importance_bound(w) / math.log(2), "your result is 1.443 times the right one"),
        (lambda w: w.median(dim=1), "take its `.values`"),
        (lambda w: importance_bound(w).nan_to_num() + 1, "On three pictures with five draws"),
        (lambda w: print(end=""), "got nothing (None): is a `return` missing?"),
        (lambda w, k: w, "The function should take (log_weights), but yours takes (w, k)."),
    ],
)
def test_importance_bound_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("03.5", answer)
    assert message in str(caught.value)


def _never_added_back(w):
    return (w - w.max(1, keepdim=True).values).exp().mean(1).log()


@pytest.mark.parametrize(
    "answer, message",
    [
        (_never_added_back, "You subtracted the largest log weight and never added it back."),
        (lambda w: (w - w.max()).exp().mean(1).log(), "You subtracted the largest log weight and never"),
        (
            lambda w: torch.logsumexp(w - w.max(1, keepdim=True).values, 1),
            "You subtracted the largest log weight and never",
        ),
        (lambda w: torch.exp(w).mean(1), "You took no logarithm."),
        (lambda w: _never_added_back(w).exp(), "You took no logarithm."),
        (lambda w: torch.log(w.exp().mean(1) + 1e-30), "A small number inside the logarithm"),
        (lambda w: torch.log((w.exp() + 1e-30).mean(1)), "A small number inside the logarithm"),
        (lambda w: torch.log(w.exp().mean(1) + 1e-8), "A small number inside the logarithm"),
        (lambda w: torch.log((w.exp().sum(1) + 1e-12) / w.shape[1]), "A small number inside the logarithm"),
        (lambda w: w.exp().mean(1).clamp_min(torch.finfo(w.dtype).tiny).log(), "A small number inside the logarithm"),
        (lambda w: w.exp().mean(1).log(), "You took the exponentials of the log weights as they are"),
    ],
)
def test_a_slip_about_the_logarithm_is_named(answer: Any, message: str) -> None:
    assert judge(find("03.5"), lambda log_weights: answer(log_weights)).startswith(message)


def test_the_task_names_the_network_whose_bound_is_one() -> None:
    task = " ".join(find("03.5").task.split())
    assert "uses it below on `proper`, its network for black and white pixels" in task
    assert "How much of the gap" not in task


def test_importance_bound_is_known() -> None:
    weights = torch.tensor([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]])
    known = [math.log(3), math.log(5)]
    assert importance_bound(weights.log()).tolist() == pytest.approx(known, abs=1e-6)
    assert importance_bound(weights.log() - 9000).tolist() == pytest.approx([value - 9000 for value in known])
    one = torch.tensor([[-7.0], [3.0]])
    assert torch.equal(importance_bound(one), one[:, 0])


def test_importance_bound_tightens_on_average_in_a_model_with_a_known_evidence() -> None:
    """p(z) = N(0, 1), p(x|z) = N(z, 1), so p(x) = N(0, 2); q = N(0, 0.8^2) is not the posterior."""
    x, std = 1.0, 0.8
    draw = torch.Generator().manual_seed(0)
    z = std * torch.randn((4000, 50), generator=draw)
    normal = torch.distributions.Normal
    log_weights = normal(z, 1.0).log_prob(torch.tensor(x)) + normal(0.0, 1.0).log_prob(z) - normal(0.0, std).log_prob(z)
    evidence = normal(0.0, 2**0.5).log_prob(torch.tensor(x)).item()
    bounds = [importance_bound(log_weights[:, :k]).mean().item() for k in (1, 5, 50)]
    assert bounds[0] < bounds[1] < bounds[2] < evidence + 0.005
    # The gap of the ELBO is the divergence from N(0, 0.64) to the posterior N(1/2, 1/2).
    gap = 0.5 * (0.64 / 0.5 - 1 - math.log(0.64 / 0.5) + 0.25 / 0.5)
    assert evidence - bounds[0] == pytest.approx(gap, abs=0.05)
    assert evidence - bounds[2] < 0.1 * gap
