"""Exercise 03.5: a tighter bound from several draws.

Source: Burda et al., Importance Weighted Autoencoders (2016), equation 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def importance_bound(log_weights: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean importance weight of each picture.

    Args:
        log_weights: float32, shape (N, K): log p(x, z) - log q(z|x) for N pictures x and K codes z drawn from q(z|x)
            for each; from about -10000 to 2500.

    Returns:
        Shape (N,), in nats: an estimate of log p(x) that is a lower bound on average.
    """
    draws = torch.tensor(float(log_weights.shape[1]))
    return torch.logsumexp(log_weights, dim=1) - draws.log()


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def case(label: str, n: int, k: int, mean: float, spread: float) -> Case:
        return Case(label, mean + spread * torch.randn((n, k), generator=draw))

    levels = torch.tensor([[-5000.0], [-90.0], [0.0], [1500.0]])
    # The largest weight of a row stands first, in the middle and last, far above and far below the others.
    spread = torch.tensor(
        [[-9000.0, 2400.0, -20.0, 3.0], [-8000.0, -9000.0, -9500.0, -20.0], [2500.0, 0.5, -70.0, 9.0]]
    )
    return [
        case("three pictures with five draws", 3, 5, -1.0, 1.5),
        case("one draw for each picture", 4, 1, -3.0, 1.0),
        case("one picture with a hundred draws", 1, 100, -2.0, 2.0),
        case("as many pictures as draws", 4, 4, 0.5, 1.0),
        case("weights of pictures of many pixels", 2, 8, -520.0, 4.0),
        case("very large weights", 2, 6, 2000.0, 3.0),
        Case("draws of very different weights", spread),
        Case("a hundred draws, of which one counts", torch.tensor([[math.log(100.0), *[-50.0] * 99]])),
        Case("pictures of very different weights", levels + 2 * torch.randn((4, 7), generator=draw)),
    ]


Bound = Callable[[Tensor], Tensor]


def _mean_of_exp(log_weights: Tensor) -> Tensor:
    return torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[1])


def _shifted(log_weights: Tensor) -> Tensor:
    top = log_weights.max()
    return (log_weights - top).exp().mean(dim=1).log() + top


def _never_added_back(log_weights: Tensor) -> Tensor:
    return _mean_of_exp(log_weights - log_weights.max(dim=1, keepdim=True).values)


def _shifted_by(shift: Callable[[Tensor], Tensor]) -> Bound:
    """Return the bound with another number taken from each row than its largest."""

    def answer(log_weights: Tensor) -> Tensor:
        taken = shift(log_weights)
        return (log_weights - taken).exp().mean(dim=1).log() + taken[:, 0]

    return answer


def _without_log(log_weights: Tensor) -> Tensor:
    return _never_added_back(log_weights).exp()


SMALL_NUMBERS = (1e-30, 1e-8, 1e-10, 1e-12, 1e-20, 1e-6, 1e-7, 1e-9, 1e-15, 1e-16, 1e-35, 1e-37, 1e-38, 1e-40, 1e-45)
LIMITS = (torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).eps)


def _small_number(small: float) -> tuple[Bound, ...]:
    """Return bounds whose logarithm is kept finite by a small number."""
    return (
        lambda log_weights: (log_weights.exp().mean(dim=1) + small).log(),
        lambda log_weights: (log_weights.exp().sum(dim=1) + small).log() - math.log(log_weights.shape[1]),
        lambda log_weights: log_weights.exp().mean(dim=1).clamp(min=small).log(),
    )


def _small_number_after_the_shift(log_weights: Tensor) -> Tensor:
    top = log_weights.max(dim=1, keepdim=True).values
    return ((log_weights - top).exp().mean(dim=1) + 1e-6).log() + top[:, 0]


def _small_number_in_double(log_weights: Tensor) -> Tensor:
    return (log_weights.double().exp().mean(dim=1) + 1e-300).log().float()


IMPORTANCE_BOUND = Exercise(
    id="03.5",
    title="A tighter bound from several draws",
    kind="open extension",
    trains="bounds from several draws, without overflow",
    minutes=30,
    level=3,
    task=r"""
        Draw $K$ codes $z_1, \dots, z_K$ from $q(z \mid x)$ and weigh each by $w_k = p(x, z_k) / q(z_k \mid x)$. The
        expectation of $w_k$ is $p(x)$, so that $\log \frac1K \sum_k w_k$ is a lower bound of $\log p(x)$ on average,
        and the more draws, the tighter. Write `importance_bound(log_weights)`, which returns it for each row of $\log
        w_k$; these may be as low as -10000 and as high as 2500. The lesson uses it below on `proper`, its network for
        black and white pixels; go on from that cell: with grey pixels the cross-entropy is no density, and the
        expectation of $w_k$ is not $p(x)$. For some held-out pictures draw each pixel white or black, with its grey
        value from 0 to 1 as the chance of white. Draw $K$ codes with $E$ (`proper.netE`), decode them with the decoder
        $G$ (`proper.netG`), and add up $\log p(x \mid z_k) + \log p(z_k) - \log q(z_k \mid x)$. Plot the mean over the
        pictures against $K = 1, 10, 100, 1000$. By how much does it lie above the ELBO ($K = 1$), and does it still
        rise at $K = 1000$? How large is the difference between two runs?
    """,
    reference=importance_bound,
    cases=_cases,
    mistakes=(
        Mistake(
            "You averaged the logarithms: that is the ELBO, estimated with more draws and no tighter. "
            "Average the weights themselves, then take the logarithm.",
            lambda log_weights: log_weights.mean(dim=1),
        ),
        Mistake(
            "You summed the weights. Average them: as it is, every further draw raises the result, "
            "and with equal weights it is log K too high.",
            lambda log_weights: torch.logsumexp(log_weights, dim=1),
            lambda log_weights: log_weights.exp().sum(dim=1).log(),
        ),
        Mistake(
            "You took the exponentials of the log weights as they are, and they are 0 or infinite in float32. "
            "torch has a function for the log of a sum of exponentials.",
            lambda log_weights: log_weights.exp().mean(dim=1).log(),
            lambda log_weights: log_weights.double().exp().mean(dim=1).log().float(),
        ),
        Mistake(
            "A small number inside the logarithm decides wherever the weights are smaller than it, "
            "and all these pictures get its logarithm. Leave it out: you need none if no sum is rounded to 0.",
            *(variant for small in (*SMALL_NUMBERS, *LIMITS) for variant in _small_number(small)),
            _small_number_in_double,
            _small_number_after_the_shift,
        ),
        Mistake(
            "You took no logarithm. The mean of the weights estimates p(x) itself; "
            "the bound is one of log p(x), in nats.",
            lambda log_weights: log_weights.exp().mean(dim=1),
            lambda log_weights: log_weights.exp().sum(dim=1),
            _without_log,
            lambda log_weights: _without_log(log_weights) + log_weights.max(dim=1).values,
            lambda log_weights: _without_log(log_weights) * log_weights.max(dim=1).values.exp(),
        ),
        Mistake(
            "You subtracted the largest log weight and never added it back. "
            "That keeps the exponentials finite, but the result is too low or too high by what you took away.",
            _never_added_back,
            lambda log_weights: _never_added_back(log_weights) + math.log(log_weights.shape[1]),
            lambda log_weights: (log_weights - log_weights.max()).exp().mean(dim=1).log(),
        ),
        Mistake(
            "You shifted all pictures by the same number, so that those with smaller weights are rounded to 0. "
            "Each picture needs its own largest weight.",
            _shifted,
        ),
        Mistake(
            "You shifted each row by another number than its largest log weight: where the draws of one picture differ "
            "by thousands, an exponential is infinite or all of them are 0.",
            _shifted_by(lambda log_weights: log_weights.mean(dim=1, keepdim=True)),
            _shifted_by(lambda log_weights: log_weights.min(dim=1, keepdim=True).values),
            _shifted_by(lambda log_weights: log_weights[:, :1]),
            _shifted_by(lambda log_weights: log_weights[:, -1:]),
            _shifted_by(lambda log_weights: log_weights.median(dim=1, keepdim=True).values),
        ),
        Mistake(
            "You averaged over the pictures instead of the draws. The draws of one picture are along dimension 1.",
            lambda log_weights: torch.logsumexp(log_weights, dim=0) - math.log(log_weights.shape[0]),
            lambda log_weights: torch.logsumexp(log_weights, dim=0) - math.log(log_weights.shape[1]),
            lambda log_weights: log_weights.exp().mean(dim=0).log(),
            lambda log_weights: torch.logsumexp(log_weights, dim=0),
        ),
        Mistake(
            "The sign is wrong. This is a lower bound of log p(x), which is to be large; its negative would be a loss.",
            lambda log_weights: -_mean_of_exp(log_weights),
            lambda log_weights: _mean_of_exp(-log_weights),
            lambda log_weights: -_mean_of_exp(-log_weights),
        ),
        Mistake(
            "The mean divides the sum of the weights by the number of draws. Ask what "
            "dividing by K becomes when the logarithm is taken afterwards.",
            lambda log_weights: torch.logsumexp(log_weights, dim=1) / log_weights.shape[1],
            lambda log_weights: torch.logsumexp(log_weights, dim=1) + math.log(log_weights.shape[1]),
            lambda log_weights: torch.logsumexp(log_weights, dim=1) - log_weights.shape[1],
            lambda log_weights: torch.logsumexp(log_weights / log_weights.shape[1], dim=1),
        ),
        Mistake(
            "You divided by the number of pictures. Divide by the number of draws, K.",
            lambda log_weights: torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[0]),
        ),
        Mistake(
            "You took the largest log weight. The other draws count too.",
            lambda log_weights: log_weights.max(dim=1).values,
            lambda log_weights: log_weights.max(dim=1).values - math.log(log_weights.shape[1]),
        ),
        Mistake(
            "You weighed the log weights by their softmax. The bound needs no further weights: "
            "it is the logarithm of the plain mean of the weights.",
            lambda log_weights: (log_weights.softmax(dim=1) * log_weights).sum(dim=1),
        ),
        Mistake(
            "You averaged over the pictures as well. Return one number for each picture.",
            lambda log_weights: _mean_of_exp(log_weights).mean(),
            lambda log_weights: torch.logsumexp(log_weights, dim=(0, 1)) - math.log(log_weights.numel()),
        ),
    ),
    hints=(
        "Start from the formula: a mean of K weights, then one logarithm. Along which dimension are the K draws?",
        "exp(-520) is 0 in float32, and its logarithm minus infinity. "
        "Subtract the largest log weight of a row first and add it again at the end; `torch.logsumexp` does that.",
        "A mean is a sum divided by K, and K = `log_weights.shape[1]`. In the logarithm: minus log K.",
        "`torch.logsumexp(log_weights, dim=1)`, minus the logarithm of K.",
    ),
    why="the mean of the weights has the expectation p(x), and its logarithm is taken once, after the mean.",
)
