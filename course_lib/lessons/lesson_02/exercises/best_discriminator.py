"""Exercise 02.1: the discriminator that is best at each point, with any share of real pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake


def best_discriminator(p: torch.Tensor, q: torch.Tensor, real_weight: float) -> torch.Tensor:
    """Return the value of D at each point that maximises the discriminator's objective there.

    Args:
        p: float32, any shape, the density of the data at the points of a grid; not negative.
        q: float32, the same shape, the density of the generator's outputs at the same points; not negative.
        real_weight: the share of real pictures among those that D sees, between 0 and 1 (both excluded).

    Returns:
        A tensor of the shape of p, from 0 to 1: the D that maximises
        real_weight * p * log(D) + (1 - real_weight) * q * log(1 - D).
    """
    real = real_weight * p
    fake = (1 - real_weight) * q
    total = real + fake
    return torch.where(total > 0, real / total, 0.5)  # without any density D does not matter


def _gauss(x: Tensor, mean: float, std: float) -> Tensor:
    return torch.exp(-0.5 * ((x - mean) / std) ** 2) / (std * (2 * torch.pi) ** 0.5)


def _box(x: Tensor, low: float, high: float) -> Tensor:
    return ((x > low) & (x < high)).float() / (high - low)


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)
    x, long = torch.linspace(-4, 4, 81), torch.linspace(-6.5, 6.5, 66)
    p, q = torch.rand((2, 6, 7), generator=draw)
    return [
        Case("two Gaussians, as many real as fake", _gauss(x, -1, 0.8), _gauss(x, 0.7, 1.1), 0.5),
        Case("two Gaussians, four real to one fake", _gauss(x, -1, 0.8), _gauss(x, 0.7, 1.1), 0.8),
        Case("two boxes with gaps", _box(x, -3.05, 0.55), _box(x, -0.45, 2.05), 0.3),
        Case("two narrow Gaussians with far tails", _gauss(long, -1.5, 0.5), _gauss(long, 1.5, 0.5), 0.6),
        Case("two densities above 1", _gauss(x / 4, 0.1, 0.3), _gauss(x / 4, -0.2, 0.25), 0.7),
        Case("a grid in the plane", p, q, 0.15),
        Case("a generator without fault", _gauss(x, 0, 1.5), _gauss(x, 0, 1.5), 0.25),
    ]


VALUES, EMPTY = "D", "D where both densities are 0"


def _observe(answer: Callable[..., object], p: Tensor, q: Tensor, real_weight: float) -> object:
    """Look at D where it matters, and apart from that at whether it is a probability where both densities are 0."""
    found = answer(p, q, real_weight)
    if found is None:
        raise ExerciseError(NOTHING)
    if not isinstance(found, Tensor) or found.shape != p.shape:
        shape = tuple(p.shape)
        raise ExerciseError(
            f"Return a tensor of shape {shape}, one value of D a grid point; yours is {describe(found)}."
        )
    found = found.detach().cpu()
    empty = (p == 0) & (q == 0)
    there = found[empty].double()
    if there.isnan().any():
        state = "NaN"
    else:
        state = "from 0 to 1" if ((there >= 0) & (there <= 1)).all() else "not from 0 to 1"
    return {VALUES: torch.where(empty, 0.5, found), EMPTY: state}


Answer = Callable[[Tensor, Tensor, float], Tensor]


def _filled(answer: Answer) -> Answer:
    """Put 0.5 where both densities are 0, so that a wrong variant is wrong in one thing only."""

    def filled(p: Tensor, q: Tensor, w: float) -> Tensor:
        return torch.where((p == 0) & (q == 0), 0.5, answer(p, q, w))

    return filled


def _ratio(answer: Answer) -> tuple[Answer, ...]:
    """Return the ratio as it is, infinite where the lower density is 0, and with a number in place of infinity."""

    def finite(value: float) -> Answer:
        return _filled(lambda p, q, w: torch.where(q > 0, answer(p, q, w), value))

    return _filled(answer), _filled(lambda p, q, w: answer(p, q, w).nan_to_num()), *map(finite, (0.0, 0.5, 1.0))


def _ratio_with_small_number(small: float) -> Answer:
    return _filled(lambda p, q, w: w * p / ((1 - w) * q + small))


SMALL_NUMBERS = (1e-8, 1e-6, 1e-10, 1e-12, 1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2)


def _small_number(small: float) -> tuple[Answer, ...]:
    def added(p: Tensor, q: Tensor, w: float) -> Tensor:
        return w * p / (w * p + (1 - w) * q + small)

    def added_twice(p: Tensor, q: Tensor, w: float) -> Tensor:
        return (w * p + small) / (w * p + (1 - w) * q + 2 * small)

    def added_to_both(p: Tensor, q: Tensor, w: float) -> Tensor:
        return (w * p + small) / (w * p + (1 - w) * q + small)

    def at_least(p: Tensor, q: Tensor, w: float) -> Tensor:
        return w * p / (w * p + (1 - w) * q).clamp(min=small)

    return added, added_twice, added_to_both, at_least


BEST_DISCRIMINATOR = Exercise(
    id="02.1",
    title="The best discriminator",
    kind="derivation to code",
    trains="the best D for two densities",
    minutes=10,
    level=1,
    task=r"""
        Let a share $w$ of the pictures that D sees be real, with density $p$, and the rest fake, with density $q$. Then
        D maximises $\int w\, p(y) \log D(y) + (1 - w)\, q(y) \log(1 - D(y))\, dy$. D may be any function with values
        between 0 and 1, so that it can be chosen at each point on its own. Set the derivative of the integrand with
        respect to $D(y)$ to zero and turn the result into code: `best_discriminator(p, q, real_weight)` takes both
        densities at the points of a grid and the share $w$, and returns D at these points. Check for yourself that
        $w = \frac12$ gives the $D^*$ of the lesson. Where both densities are 0 any value from 0 to 1 is right, but NaN
        is not.
    """,
    reference=best_discriminator,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "This is the chance that a picture is fake. "
            "D is the chance that it is real, and is large where the data's density is.",
            _filled(lambda p, q, w: (1 - w) * q / (w * p + (1 - w) * q)),
            _filled(lambda p, q, w: q / (p + q)),
        ),
        Mistake(
            "Your D is that of the game with as many real as fake pictures. "
            "Keep `real_weight` in the integrand when you set its derivative to zero.",
            _filled(lambda p, q, w: p / (p + q)),
        ),
        Mistake(
            "You weight one of the two densities only. "
            "The fake term of the integrand has a weight as well, and both stay in the derivative.",
            _filled(lambda p, q, w: w * p / (w * p + q)),
            _filled(lambda p, q, w: p / (p + (1 - w) * q)),
            _filled(lambda p, q, w: w * p / (p + q)),
            _filled(lambda p, q, w: p / (w * p + (1 - w) * q)),
        ),
        Mistake(
            "The two weights are exchanged: `real_weight` belongs to p, the rest to q.",
            _filled(lambda p, q, w: (1 - w) * p / ((1 - w) * p + w * q)),
        ),
        Mistake(
            "You returned the ratio of the two densities. That is D / (1 - D), not yet solved for D: "
            "the ratio grows without limit, and D itself is never above 1.",
            *_ratio(lambda p, q, w: w * p / ((1 - w) * q)),
            *_ratio(lambda p, q, w: p / q),
            *_ratio(lambda p, q, w: w * p / q),
            *(_ratio_with_small_number(small) for small in (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)),
        ),
        Mistake(
            "Your D leaves the range from 0 to 1. "
            "Look at the sign of the derivative of the second term: log(1 - D) falls as D grows.",
            _filled(lambda p, q, w: w * p / (w * p - (1 - w) * q)),
            _filled(lambda p, q, w: w * p / ((1 - w) * q - w * p)),
            _filled(lambda p, q, w: p / (p - q)),
            _filled(lambda p, q, w: p / (q - p)),
        ),
        Mistake(
            "You took the sigmoid of the ratio of the densities. "
            "D is the sigmoid of its logit, and the ratio D / (1 - D) is not yet the logit.",
            _filled(lambda p, q, w: torch.sigmoid(w * p / ((1 - w) * q))),
            _filled(lambda p, q, w: torch.sigmoid(p / q)),
            _filled(lambda p, q, w: torch.sigmoid(w * p - (1 - w) * q)),
            _filled(lambda p, q, w: torch.sigmoid(p - q)),
        ),
        Mistake(
            "You returned the logarithm of a ratio. That is D's logit, any real number; D itself lies between 0 and 1.",
            _filled(lambda p, q, w: torch.log(w * p) - torch.log((1 - w) * q)),
            _filled(lambda p, q, w: torch.log(p) - torch.log(q)),
        ),
        Mistake(
            "You decide for the larger density, with 0 or 1. "
            "The logarithms punish a wrong certainty without limit: where both densities are positive, D lies between.",
            _filled(lambda p, q, w: (w * p > (1 - w) * q).float()),
            _filled(lambda p, q, w: (w * p >= (1 - w) * q).float()),
            _filled(lambda p, q, w: (p > q).float()),
            _filled(lambda p, q, w: (p >= q).float()),
        ),
        Mistake(
            "You returned the largest value of the integrand. Return the D at which it is reached.",
            _filled(
                lambda p, q, w: (
                    torch.xlogy(w * p, best_discriminator(p, q, w))
                    + torch.xlogy((1 - w) * q, 1 - best_discriminator(p, q, w))
                )
            ),
        ),
        Mistake(
            "Where both densities are 0 your D is NaN, from 0 divided by 0. Choose a value from 0 to 1 there.",
            lambda p, q, w: w * p / (w * p + (1 - w) * q),
        ),
        Mistake(
            "A small number against the division by 0 decides in the tails, where the densities are smaller than it. "
            "Treat the points where both are exactly 0 apart, and leave the others as they are.",
            *(variant for small in SMALL_NUMBERS for variant in _small_number(small)),
        ),
    ),
    hints=(
        "Look at one point alone: there the integrand is `a * log(D) + b * log(1 - D)` with two numbers a and b that "
        "are not negative. What are they here?",
        "The derivative with respect to D is `a / D - b / (1 - D)`. Multiply by `D * (1 - D)` and solve for D. "
        "Why is this a maximum?",
        "D is the part of a in the sum of a and b. Where the sum is 0 the integrand is 0 whatever D is.",
        "`torch.where(total > 0, share, 0.5)` takes the share where it is defined, and 0.5 elsewhere.",
    ),
    why="the derivative vanishes where D / (1 - D) is the ratio of the weighted densities, "
    "so that D is the weighted share of p: the chance that a picture seen at this point is real.",
)
