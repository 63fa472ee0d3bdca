"""Exercise 03.2: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.kl_to_prior import kl_to_prior


def _by_loops(mu, logvar):
    rows = []
    for means, logs in zip(mu, logvar, strict=True):
        total = torch.zeros(())
        for m, s in zip(means, logs, strict=True):
            total = total + 0.5 * (m * m + torch.exp(s) - s - 1)
        rows.append(total)
    return torch.stack(rows)


def _with_std(mu, logvar):
    std = torch.exp(0.5 * logvar)
    return (0.5 * (mu**2 + std**2 - 1) - std.log()).sum(-1)


@pytest.mark.parametrize(
    "answer",
    [
        _by_loops,
        _with_std,
        lambda mu, logvar: -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1),
        lambda mu, logvar: 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(1),
        lambda mu, logvar: 0.5 * (torch.einsum("nd,nd->n", mu, mu) + (logvar.exp() - 1 - logvar).sum(1)),
    ],
)
def test_kl_to_prior_right(answer: Any) -> None:
    assert judge(find("03.2"), answer) == ""


def _by_samples(mu, logvar):
    noise = torch.randn((1000, *mu.shape))
    z = mu + (0.5 * logvar).exp() * noise
    return 0.5 * (z.square() - noise.square() - logvar).sum(2).mean(0)


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda mu, logvar: kl_to_prior(mu, logvar).view(-1, 1), "expected shape (4,), got shape (4, 1)"),
        (lambda mu, logvar: kl_to_prior(mu, logvar).detach(), "No gradient can flow back"),
        (
            lambda mu, logvar: kl_to_prior(mu, logvar).tolist(),
            "Return a torch tensor of shape (4,); yours is a list of 4.",
        ),
        (lambda mu, logvar: kl_to_prior(mu, logvar) / 0.6931472, "your result is 1.443 times the right one"),
        (lambda mu, logvar: 0 * mu.sum(1), "expected values from 1.09 to 9.243, got values from"),
        (lambda mu, logvar: print(end=""), "Your function returned nothing (None): is a `return` missing?"),
        (lambda mu, logvar: mu.numpy(), "stopped with RuntimeError: Can't call numpy()"),
        (lambda mu: mu, "The function should take (mu, logvar), but yours takes (mu)."),
        (lambda mu, logvar: kl_to_prior(logvar, mu), "On four pictures with three latents"),
    ],
)
def test_kl_to_prior_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("03.2", answer)
    assert message in str(caught.value)


def _by_one_sample(mu, logvar):
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp(), validate_args=False)
    z = q.rsample()
    return (q.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).sum(1)


@pytest.mark.parametrize(
    "answer",
    [
        _by_samples,
        _by_one_sample,
        lambda mu, logvar: _by_samples(mu, logvar).detach(),
        lambda mu, logvar: _by_samples(mu, logvar).mean(),
        lambda mu, logvar: -_by_one_sample(mu, logvar),
    ],
)
def test_a_sampled_estimate_is_told_that_no_draw_is_needed(answer: Any) -> None:
    assert judge(find("03.2"), answer) == (
        "Two calls with the same inputs differ: you sampled, and a mean over samples is a Monte Carlo estimate. "
        "A KL between two distributions with a formula needs no draw."
    )


def test_a_result_that_is_nan_each_time_is_not_called_sampled() -> None:
    assert "NaN" in judge(find("03.2"), lambda mu, logvar: kl_to_prior(mu, logvar) * torch.nan)


def test_kl_to_prior_is_known_and_equals_the_integral() -> None:
    ln4 = math.log(4)
    mu = torch.tensor([[0.0, 0.0], [3.0, -1.0], [0.0, 0.0]])
    logvar = torch.tensor([[0.0, 0.0], [0.0, 0.0], [ln4, -ln4]])
    known = [0.0, 0.5 * (9 + 1), 0.5 * (4 - 1 - ln4) + 0.5 * (0.25 - 1 + ln4)]
    assert kl_to_prior(mu, logvar).tolist() == pytest.approx(known, abs=1e-6)

    z = torch.linspace(-14, 14, 20001, dtype=torch.float64)
    q, p = torch.distributions.Normal(0.7, math.exp(0.4)), torch.distributions.Normal(0.0, 1.0)
    integral = torch.trapezoid(q.log_prob(z).exp() * (q.log_prob(z) - p.log_prob(z)), z)
    assert kl_to_prior(torch.tensor([[0.7]]), torch.tensor([[0.8]])).item() == pytest.approx(integral.item(), abs=1e-5)


def test_kl_to_prior_is_finite_where_the_variance_is_not_rounded_well() -> None:
    logvar = torch.tensor([[80.0], [-120.0]])
    result = kl_to_prior(torch.zeros(2, 1), logvar)
    assert result.isfinite().all()
    assert result[1].item() == pytest.approx(59.5)
    assert logvar.exp()[1] == 0
