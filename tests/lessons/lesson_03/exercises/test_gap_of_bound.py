"""Exercise 03.1: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.gap_of_bound import gap_of_bound, toy_case


def _by_difference(log_joint, log_q, dz):
    log_evidence = torch.logsumexp(log_joint + math.log(dz), 0)
    elbo = torch.sum(torch.exp(log_q) * dz * (log_joint - log_q))
    return {"elbo": elbo, "gap": log_evidence - elbo, "log_evidence": log_evidence}


def _numpy(log_joint, log_q, dz):
    joint, q = log_joint.numpy(), log_q.numpy()
    top = joint.max()
    log_evidence = top + np.log(np.exp(joint - top).sum() * dz)
    kl = sum(math.exp(b) * dz * (b - a + log_evidence) for a, b in zip(joint, q, strict=True))
    return {"log_evidence": log_evidence, "elbo": log_evidence - kl, "gap": kl}


def _softmax(log_joint, log_q, dz):
    log_posterior = log_joint.log_softmax(0) - math.log(dz)
    log_evidence = (log_joint - log_posterior)[0]
    gap = torch.nn.functional.kl_div(log_posterior, log_q, reduction="sum", log_target=True) * dz
    return {"log_evidence": log_evidence, "elbo": log_evidence - gap, "gap": gap}


@pytest.mark.parametrize("answer", [_numpy, _softmax])
def test_gap_of_bound_right(answer: Any) -> None:
    assert judge(find("03.1"), answer) == ""


def _but(**changes: Any) -> Any:
    return lambda log_joint, log_q, dz: gap_of_bound(log_joint, log_q, dz) | changes


def _no_dz_at_all(log_joint, log_q, dz):
    return _by_difference(log_joint, log_q, 1.0)


def _no_entropy_and_the_difference(log_joint, log_q, dz):
    log_evidence = torch.logsumexp(log_joint, 0) + math.log(dz)
    elbo = (log_q.exp() * log_joint).sum() * dz
    return {"log_evidence": log_evidence, "elbo": elbo, "gap": log_evidence - elbo}


def _exp_first_everywhere(log_joint, log_q, dz):
    joint, q = log_joint.exp(), log_q.exp()
    evidence = joint.sum() * dz
    posterior = joint / evidence
    return {
        "log_evidence": evidence.log(),
        "elbo": (q * (joint / q).log()).sum() * dz,
        "gap": (q * (q / posterior).log()).sum() * dz,
    }


@pytest.mark.parametrize(
    "answer, message",
    [
        (_by_difference, "Your gap is the difference of the other two numbers"),
        (_no_dz_at_all, "forgets the width of the pieces"),
        (_no_entropy_and_the_difference, "lacks the term with log q"),
        (_exp_first_everywhere, "You took the exponential first"),
        (lambda log_joint, log_q, dz: tuple(gap_of_bound(log_joint, log_q, dz).values()), "expected a dict with"),
        (lambda log_joint, log_q, dz: {"elbo": 0.0}, 'got the keys "elbo"'),
        (_but(gap=None), "gap: expected a number, got None"),
        (_but(gap=torch.zeros(3)), "gap: expected a number, got a float32 tensor of shape (3,)"),
        (_but(gap=0.0), "gap: expected "),
        (
            lambda log_joint, log_q, dz: gap_of_bound(log_joint, log_q, dz) | {"elbo": log_joint.mean()},
            "elbo: expected",
        ),
        (
            lambda log_joint, log_q, dz: gap_of_bound(log_joint, log_q, dz) | {"gap": log_joint - log_q},
            "of shape (241,)",
        ),
        (lambda log_joint, log_q, dz: print(end=""), "got nothing (None): is a `return` missing?"),
        (lambda log_joint, log_q: 0, "The function should take (log_joint, log_q, dz), but yours takes"),
    ],
)
def test_gap_of_bound_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("03.1", answer)
    assert message in str(caught.value)


def test_the_task_asks_for_the_divergence_as_a_sum_of_its_own() -> None:
    assert "a sum of its own over the grid, not as the difference" in " ".join(find("03.1").task.split())


def test_tensors_with_one_value_are_accepted() -> None:
    def answer(log_joint, log_q, dz):
        return {key: torch.tensor([value]) for key, value in gap_of_bound(log_joint, log_q, dz).items()}

    assert judge(find("03.1"), answer) == ""


def _kl(mean: float, std: float, other_mean: float, other_std: float) -> float:
    """Return KL(N(mean, std^2) || N(other_mean, other_std^2))."""
    ratio = (std / other_std) ** 2
    return 0.5 * (ratio - 1 - math.log(ratio) + ((mean - other_mean) / other_std) ** 2)


@pytest.mark.parametrize("mean, std", [(0.5, 0.6), (-1.0, 0.3), (0.0, 1.0)])
def test_the_three_numbers_of_a_gaussian_model_are_known(mean: float, std: float) -> None:
    """With p(z) = N(0, 1) and p(x|z) = N(a z, s^2) evidence and posterior are Gaussian."""
    a, s, x = 0.8, 0.5, 1.1
    precision = 1 + (a / s) ** 2
    posterior = (a * x / s**2 / precision, precision**-0.5)
    evidence = -0.5 * x**2 / (a**2 + s**2) - 0.5 * math.log(2 * math.pi * (a**2 + s**2))
    gap = _kl(mean, std, *posterior)

    def log_likelihood(z: Tensor) -> Tensor:
        return torch.distributions.Normal(a * z, s).log_prob(torch.tensor(x, dtype=torch.float64))

    found = gap_of_bound(*toy_case("", 8.0, 801, log_likelihood, mean, std).inputs)
    assert found["log_evidence"] == pytest.approx(evidence, abs=1e-6)
    assert found["gap"] == pytest.approx(gap, abs=1e-6)
    assert found["elbo"] == pytest.approx(evidence - gap, abs=1e-6)
    # E13: the divergence to the prior is another number, even where q is the prior and it vanishes.
    assert abs(_kl(mean, std, 0.0, 1.0) - gap) > 0.1


def test_the_gap_is_never_negative_and_the_cases_reach_far() -> None:
    make = find("03.1").cases
    assert make is not None
    lowest, highest, least = math.inf, -math.inf, math.inf
    for case in make():
        log_joint, log_q, dz = case.inputs
        found = gap_of_bound(log_joint, log_q, dz)
        if case.label.startswith("a grid"):
            assert float(log_q.exp().sum()) * dz < 0.7
            assert (found["gap"] < 0) == (case.label == "a grid on which the sum is below 0")
            continue
        assert float(log_q.exp().sum()) * dz == pytest.approx(1)
        assert found["gap"] > -1e-9
        assert found["gap"] == pytest.approx(found["log_evidence"] - found["elbo"], abs=1e-6)
        assert (found["gap"] < 1e-6) == (case.label == "q equal to the posterior")
        lowest, highest = min(lowest, float(log_joint.max())), max(highest, float(log_joint.max()))
        least = min(least, float(log_joint.min()))
    assert lowest < -5000  # exp is 0 in float64 everywhere
    assert 1000 < highest < 2500  # exp is infinite
    assert -11000 < least < -9000
