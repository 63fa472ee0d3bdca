"""Exercise 03.1: the gap between the evidence and its lower bound, computed where both are known.

Source: Kingma and Welling, Auto-Encoding Variational Bayes (2014), equations 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.comparing import Difference, differences
from course_lib.exercises.exercise import Case, Exercise, Mistake


def gap_of_bound(log_joint: torch.Tensor, log_q: torch.Tensor, dz: float) -> dict[str, float]:
    """Return the log evidence of one picture x, its lower bound and the gap between them, by sums over a grid of z.

    Args:
        log_joint: float64, shape (Z,), log p(x, z) at each point z of an even grid; from about -10000 to 2500.
        log_q: float64, shape (Z,), log q(z|x) at the same points, as it is: on a coarse grid the sum of its
            exponentials times dz misses 1.
        dz: distance between neighbouring points of the grid.

    Returns:
        A dict of three numbers in nats: "log_evidence" is log p(x), "elbo" the expectation under q of
        log p(x, z) - log q(z|x), and "gap" the KL divergence from q(z|x) to the true posterior p(z|x).
    """
    log_evidence = torch.logsumexp(log_joint, dim=0) + torch.tensor(dz, dtype=log_joint.dtype).log()
    log_posterior = log_joint - log_evidence  # p(z|x) = p(x, z) / p(x)
    q = log_q.exp() * dz  # the chance of each piece of the grid
    return {
        "log_evidence": log_evidence.item(),
        "elbo": (q * (log_joint - log_q)).sum().item(),
        "gap": (q * (log_q - log_posterior)).sum().item(),
    }


def _normal(value: Tensor, mean: Tensor | float, std: float) -> Tensor:
    return -0.5 * ((value - mean) / std).square() - math.log(std) - 0.5 * math.log(2 * math.pi)


def toy_case(
    label: str, limit: float, points: int, log_likelihood: Callable[[Tensor], Tensor], mean: float, std: float
) -> Case:
    """Return a case on a grid from -limit to limit with the prior N(0, 1) and q = N(mean, std^2), float64."""
    z = torch.linspace(-limit, limit, points, dtype=torch.float64)
    dz = 2 * limit / (points - 1)
    log_q = _normal(z, mean, std)
    log_q = log_q - torch.logsumexp(log_q, dim=0) - math.log(dz)
    return Case(label, log_likelihood(z) + _normal(z, 0.0, 1.0), log_q, dz)


def _too_coarse(label: str, mean: float, std: float) -> Case:
    """Return a case whose q is so narrow for its grid that its sum is not 1, and no difference equals the gap."""
    z = torch.linspace(-3, 3, 7, dtype=torch.float64)
    log_joint = _normal(torch.tensor(1.3, dtype=torch.float64), z, 0.6) + _normal(z, 0.0, 1.0)
    return Case(label, log_joint, _normal(z, mean, std), 1.0)


def _picture(brightness: float, slope: float, std: float) -> Callable[[Tensor], Tensor]:
    """Return log p(x|z) of a picture of 784 pixels, each of them Gaussian about a slope times z."""
    index = torch.arange(784, dtype=torch.float64)
    x, w = brightness * (3 * index).sin() + 0.6 * slope * index.cos(), slope * index.cos()
    return lambda z: _normal(x, z.unsqueeze(1) * w, std).sum(dim=1)


def _cases() -> list[Case]:
    def pixel(x: float, scale: float, std: float, power: int = 1) -> Callable[[Tensor], Tensor]:
        return lambda z: _normal(torch.tensor(x, dtype=torch.float64), scale * z**power, std)

    return [
        toy_case("one pixel", 6.0, 241, pixel(1.1, 0.8, 0.5), 0.5, 0.6),
        toy_case("q equal to the posterior", 8.0, 181, pixel(-0.6, 1.0, 1.0), -0.3, 0.5**0.5),
        toy_case("a posterior of two humps, q on one", 6.0, 401, pixel(2.0, 1.0, 0.4, power=2), 1.4, 0.3),
        toy_case("a narrow posterior", 6.0, 2401, pixel(0.9, 1.0, 0.05), 0.91, 0.06),
        toy_case("a picture with a very small density", 6.0, 301, _picture(6.5, 0.1, 1.0), 0.2, 0.5),
        toy_case("a picture with a very large density", 6.0, 361, _picture(0.005, 0.002, 0.017), 0.4, 0.3),
        toy_case("a narrow posterior under a wide q", 6.0, 2401, pixel(0.9, 1.0, 0.05), 0.0, 1.5),
        _too_coarse("a grid too coarse for q", 0.5, 0.3),
        _too_coarse("a grid on which the sum is below 0", 0.6, 0.25),
    ]


def _compare(result: Any, expected: dict[str, float], log_joint: Tensor, log_q: Tensor, dz: float) -> list[Difference]:
    """Compare the three numbers; a bound that is the log evidence less a gap of its own is right as well."""
    found = differences(result, expected, RTOL)
    if not any(item.part == "elbo" and item.kind == "value" for item in found):
        return found
    by_difference = {"elbo": expected["log_evidence"] - expected["gap"]}
    return [item for item in found if item.part != "elbo"] + differences(result, by_difference, RTOL)


RTOL = 1e-5
Number = Callable[[Tensor, Tensor, float], float | Tensor]


def _but(**changes: Number) -> Callable[[Tensor, Tensor, float], dict[str, float]]:
    def answer(log_joint: Tensor, log_q: Tensor, dz: float) -> dict[str, float]:
        changed = {key: float(change(log_joint, log_q, dz)) for key, change in changes.items()}
        return gap_of_bound(log_joint, log_q, dz) | changed

    return answer


def _log_evidence(log_joint: Tensor, dz: float) -> Tensor:
    return torch.logsumexp(log_joint, dim=0) + math.log(dz)


def _to_the_prior(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    z = (torch.arange(len(log_q), dtype=log_q.dtype) - (len(log_q) - 1) / 2) * dz
    return (log_q.exp() * (log_q - _normal(z, 0.0, 1.0))).sum() * dz


def _other_direction(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    log_posterior = log_joint - _log_evidence(log_joint, dz)
    return (log_posterior.exp() * (log_posterior - log_q)).sum() * dz


def _under_posterior(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    return ((log_joint - _log_evidence(log_joint, dz)).exp() * (log_joint - log_q)).sum() * dz


def _exp_first(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    return (log_joint.exp().sum() * dz).log()


def _gap_of_ratio(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    q, posterior = log_q.exp(), (log_joint - _log_evidence(log_joint, dz)).exp()
    return (q * (q / posterior).log()).sum() * dz


def _as_difference(log_joint: Tensor, log_q: Tensor, dz: float) -> float:
    found = gap_of_bound(log_joint, log_q, dz)
    return found["log_evidence"] - found["elbo"]


def _of_normalised_q(log_joint: Tensor, log_q: Tensor, dz: float) -> float:
    return gap_of_bound(log_joint, log_q - _log_evidence(log_q, dz), dz)["gap"]


def _gap_of_logs(log_joint: Tensor, log_q: Tensor, dz: float) -> Tensor:
    posterior = (log_joint - _log_evidence(log_joint, dz)).exp()
    return (log_q.exp() * (log_q - posterior.log())).sum() * dz


GAP_OF_BOUND = Exercise(
    id="03.1",
    title="What the bound leaves out",
    kind="derivation to code",
    trains="evidence, lower bound and gap",
    minutes=20,
    level=2,
    task=r"""
        The bound of a VAE holds for every $q(z \mid x)$. How much it leaves out can be computed where $z$ is a single
        number: then an integral $\int f(z)\, \mathrm{d}z$ is a sum over an even grid, `f.sum() * dz`. You get
        $\log p(x, z)$ of one picture $x$ and $\log q(z \mid x)$ at the points of the grid. Write
        `gap_of_bound(log_joint, log_q, dz)`, which returns three numbers in a dict:
        $\log p(x) = \log \int p(x, z)\, \mathrm{d}z$, the bound
        $\mathrm{ELBO} = \mathbb{E}_{q} \left[ \log p(x, z) - \log q(z \mid x) \right]$, and the divergence
        $\mathrm{KL}(q(z \mid x) \,\Vert\, p(z \mid x))$ to the true posterior. Compute this divergence as a sum of
        its own over the grid, not as the difference of the other two, and take $q$ as it comes, even where a grid is so
        coarse that its sum misses 1. On a fine grid, is $\log p(x) - \mathrm{ELBO}$ equal to it? A
        picture has many pixels: log densities of -10000 or +2500 occur, and must not become infinite.
    """,
    reference=gap_of_bound,
    cases=_cases,
    compare=_compare,
    rtol=RTOL,
    mistakes=(
        Mistake(
            "You took the exponential first, and it is 0 or infinite for a picture of many pixels. "
            "Stay with logarithms: torch has a function for the log of a sum of exponentials.",
            _but(log_evidence=_exp_first),
        ),
        Mistake(
            "Your log evidence forgets the width of the pieces: an integral is the sum times dz. "
            "In the logarithm a factor becomes a term.",
            _but(log_evidence=lambda log_joint, log_q, dz: torch.logsumexp(log_joint, dim=0)),
            _but(log_evidence=lambda log_joint, log_q, dz: torch.logsumexp(log_joint, dim=0) - math.log(len(log_q))),
        ),
        Mistake(
            "dz enters your log evidence in the wrong way. The sum is multiplied by dz before the logarithm is taken.",
            _but(log_evidence=lambda log_joint, log_q, dz: torch.logsumexp(log_joint, dim=0) * dz),
            _but(log_evidence=lambda log_joint, log_q, dz: torch.logsumexp(log_joint, dim=0) + dz),
            _but(log_evidence=lambda log_joint, log_q, dz: torch.logsumexp(log_joint, dim=0) - math.log(dz)),
        ),
        Mistake(
            "Your log evidence adds up logarithms. It is the logarithm of a sum over z, not the sum of the logarithms.",
            _but(log_evidence=lambda log_joint, log_q, dz: log_joint.sum() * dz),
            _but(log_evidence=lambda log_joint, log_q, dz: log_joint.sum()),
            _but(log_evidence=lambda log_joint, log_q, dz: log_joint.mean()),
        ),
        Mistake(
            "Your log evidence is that of the best z alone. Every z that can explain x adds to it.",
            _but(log_evidence=lambda log_joint, log_q, dz: log_joint.max()),
            _but(log_evidence=lambda log_joint, log_q, dz: log_joint.max() + math.log(dz)),
        ),
        Mistake(
            "Your bound is off by the factor dz. Each point stands for a piece of the grid: "
            "its chance under q is the density times the width.",
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_joint - log_q)).sum()),
        ),
        Mistake(
            "Your bound is an average over the grid. The expectation under q weighs each point by its chance under q.",
            _but(elbo=lambda log_joint, log_q, dz: (log_joint - log_q).mean()),
            _but(elbo=lambda log_joint, log_q, dz: (log_joint - log_q).sum() * dz),
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_joint - log_q)).mean()),
        ),
        Mistake(
            "Your bound takes the expectation under the posterior. The bound is an expectation under q, "
            "from which a VAE can draw.",
            _but(elbo=_under_posterior),
        ),
        Mistake(
            "Your bound lacks the term with log q: without it q would shrink to one point.",
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * log_joint).sum() * dz),
        ),
        Mistake(
            "Your bound adds log q where it is taken away: the bound is the expectation of log p(x, z) - log q(z).",
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_joint + log_q)).sum() * dz),
        ),
        Mistake(
            "Your bound has the wrong sign. The loss of a VAE is the negative bound; "
            "here the bound itself is asked for.",
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_q - log_joint)).sum() * dz),
        ),
        Mistake(
            "You compared q with the prior p(z). That divergence is a term of the bound; "
            "what the bound leaves out is the divergence to the posterior of this x.",
            _but(gap=_to_the_prior),
        ),
        Mistake(
            "You compared q with the joint p(x, z), which does not integrate to 1 over z. "
            "Divide it by what makes it the posterior.",
            _but(gap=lambda log_joint, log_q, dz: (log_q.exp() * (log_q - log_joint)).sum() * dz),
        ),
        Mistake(
            "Your divergence has the wrong direction, KL(p || q). The expectation is taken under q, as in the bound.",
            _but(gap=_other_direction),
        ),
        Mistake(
            "Your gap has the wrong sign. A divergence is never negative: the bound lies below the evidence.",
            _but(gap=lambda log_joint, log_q, dz: -gap_of_bound(log_joint, log_q, dz)["gap"]),
        ),
        Mistake(
            "Your gap is off by the factor dz. An expectation under q on the grid is a sum of density times value, "
            "times dz.",
            _but(gap=lambda log_joint, log_q, dz: gap_of_bound(log_joint, log_q, dz)["gap"] / dz),
        ),
        Mistake(
            "Your gap is the difference of the other two numbers, or q is brought to the sum 1 first: "
            "compute it as a sum of its own, with q as it comes, or there is nothing to compare.",
            _but(gap=_as_difference),
            _but(gap=_of_normalised_q),
        ),
        Mistake(
            "Far from its centre a density is rounded to 0, and its logarithm is then infinite. "
            "Compute the ratio of the densities as a difference of the logarithms that you are given.",
            _but(gap=_gap_of_ratio),
            _but(gap=_gap_of_logs),
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_joint.exp() / log_q.exp()).log()).sum() * dz),
            _but(elbo=lambda log_joint, log_q, dz: (log_q.exp() * (log_joint.exp().log() - log_q)).sum() * dz),
        ),
    ),
    hints=(
        "Write the three numbers as integrals over z, then each integral as a sum times dz. "
        "Which of them needs the exponential of log_joint?",
        "`torch.logsumexp(log_joint, dim=0)` is the log of the sum of exponentials, without overflow. "
        "A factor inside the logarithm is a term outside: `+ log(dz)`.",
        "The posterior is p(x, z) / p(x): in logarithms `log_joint - log_evidence`. "
        "The chance of each piece under q is `log_q.exp() * dz`.",
        "With these chances as weights, the bound is the sum of `log_joint - log_q`, the gap that of `log_q` minus the "
        "log posterior. `.item()` makes a number of each.",
    ),
    why="p(x, z) = p(x) p(z|x), so that the bound is log p(x) less the divergence from q to the posterior, "
    "whatever the prior is.",
)
