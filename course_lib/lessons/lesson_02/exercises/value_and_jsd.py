"""Exercise 02.2: the value of the game at the best discriminator, and the Jensen-Shannon divergence."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def value_and_jsd(p: torch.Tensor, q: torch.Tensor, dx: float) -> dict[str, float]:
    """Return the value of the game at the best discriminator, and the Jensen-Shannon divergence.

    Args:
        p: float64, shape (K,), the density of the data at the points of an even grid; 0 in places.
        q: float64, shape (K,), the density of the generator's outputs at the same points; 0 in places.
        dx: the distance between two points of the grid.

    Returns:
        A dict of two numbers in nats: "value" is V(D*, G), the integral of p log D* + q log(1 - D*), and "jsd" is
        JSD(p, q). Both integrals are sums over the grid times dx, with 0 log 0 = 0.
    """

    def integral(a: torch.Tensor, b: torch.Tensor) -> float:
        """Return the integral of a log(a / b); torch.xlogy(a, b) is a log b, and 0 where a is 0."""
        return float((torch.xlogy(a, a) - torch.xlogy(a, b)).sum() * dx)

    middle = (p + q) / 2
    return {
        "value": integral(p, p + q) + integral(q, p + q),  # D* = p / (p + q) and 1 - D* = q / (p + q)
        "jsd": 0.5 * integral(p, middle) + 0.5 * integral(q, middle),
    }


def _gauss(x: Tensor, mean: float, std: float) -> Tensor:
    return torch.exp(-0.5 * ((x - mean) / std) ** 2)


def _box(x: Tensor, low: float, high: float) -> Tensor:
    return ((x > low) & (x < high)).double()


def _cases() -> list[Case]:
    # All densities vanish at both ends, so that the trapezoidal rule is right too.
    Pair = tuple[float, float]

    def case(label: str, shape: Callable[..., Tensor], ends: float, dx: float, of_p: Pair, of_q: Pair) -> Case:
        x = torch.arange(-ends + dx / 2, ends, dx, dtype=torch.float64)
        p, q = shape(x, *of_p), shape(x, *of_q)
        return Case(label, p / (p.sum() * dx), q / (q.sum() * dx), dx)

    y = torch.arange(-5.5, 6, dtype=torch.float64)  # here the sums miss 1 by 4 % and by 8 %
    coarse = [_gauss(y, mean, std) / (std * math.sqrt(2 * math.pi)) for mean, std in ((-1.0, 0.45), (0.5, 0.4))]
    return [
        case("two Gaussians that overlap", _gauss, 8, 0.05, (-0.5, 1.0), (0.8, 0.7)),
        case("two Gaussians far apart", _gauss, 6, 0.04, (-2.0, 0.4), (2.0, 0.4)),
        case("two boxes apart", _box, 4, 0.1, (-3.0, -1.0), (0.5, 3.0)),
        case("two boxes that share a part", _box, 4, 0.125, (-3.0, 1.0), (-1.0, 2.0)),
        case("two densities above 1", _gauss, 2, 0.01, (0.1, 0.2), (-0.2, 0.15)),
        case("the same Gaussian twice", _gauss, 8, 0.1, (0.0, 1.0), (0.0, 1.0)),
        case("two wide boxes on a coarse grid", _box, 5000, 10.0, (-4500.0, -500.0), (-1000.0, 4000.0)),
        Case("two Gaussians on a grid too coarse for them", *coarse, 1.0),
    ]


LOG2 = math.log(2)
Answer = Callable[[Tensor, Tensor, float], dict[str, float]]
Part = Callable[[Tensor, Tensor, float], float]


def _but(**changes: Part) -> Answer:
    def answer(p: Tensor, q: Tensor, dx: float) -> dict[str, float]:
        return value_and_jsd(p, q, dx) | {key: change(p, q, dx) for key, change in changes.items()}

    return answer


def _each(change: Callable[[float, Tensor, float], float]) -> tuple[Answer, Answer]:
    """Return two variants, with the value or the divergence changed: who slips in both is told all the same."""
    return (
        _but(value=lambda p, q, dx: change(_value(p, q, dx), p, dx)),
        _but(jsd=lambda p, q, dx: change(_jsd(p, q, dx), p, dx)),
    )


def _value(p: Tensor, q: Tensor, dx: float) -> float:
    return value_and_jsd(p, q, dx)["value"]


def _jsd(p: Tensor, q: Tensor, dx: float) -> float:
    return value_and_jsd(p, q, dx)["jsd"]


def _kl(a: Tensor, b: Tensor, dx: float, small: float = 0.0) -> float:
    if small:
        return float((a * ((a + small).log() - (b + small).log())).sum() * dx)
    return float((torch.xlogy(a, a) - torch.xlogy(a, b)).sum() * dx)


def _bare_kl(a: Tensor, b: Tensor, dx: float) -> float:
    """Return the sum without a care for zeros: 0 log 0 is NaN."""
    return float((a * (a / b).log()).sum() * dx)


def _common_kl(a: Tensor, b: Tensor, dx: float) -> float:
    """Return the sum over those points alone at which both densities are positive."""
    both = (a > 0) & (b > 0)
    return _kl(a[both], b[both], dx)


def _with_small(small: float) -> tuple[Answer, ...]:
    def value_of_d(p: Tensor, q: Tensor, dx: float) -> float:
        d = p / (p + q + small)
        return float((p * (d + small).log() + q * (1 - d + small).log()).sum() * dx)

    return (
        _but(value=lambda p, q, dx: _kl(p, p + q, dx, small) + _kl(q, p + q, dx, small)),
        _but(jsd=lambda p, q, dx: (_kl(p, (p + q) / 2, dx, small) + _kl(q, (p + q) / 2, dx, small)) / 2),
        _but(value=lambda p, q, dx: _value(p + small, q + small, dx)),
        _but(jsd=lambda p, q, dx: _jsd(p + small, q + small, dx)),
        _but(value=value_of_d),
    )


def _kl_in_place_of_jsd() -> list[Answer]:
    def with_small(small: float) -> tuple[Answer, Answer]:
        return _but(jsd=lambda p, q, dx: _kl(p, q, dx, small)), _but(jsd=lambda p, q, dx: _kl(q, p, dx, small))

    plain: list[Part] = [_kl, _bare_kl, _common_kl]
    swapped: list[Part] = [
        lambda p, q, dx: _kl(q, p, dx),
        lambda p, q, dx: _bare_kl(q, p, dx),
        lambda p, q, dx: _common_kl(q, p, dx),
        lambda p, q, dx: (_kl(p, q, dx) + _kl(q, p, dx)) / 2,
        lambda p, q, dx: _kl(p, q, dx) + _kl(q, p, dx),
    ]
    guarded = [variant for small in (1e-8, 1e-12, 1e-10, 1e-6) for variant in with_small(small)]
    return [*(_but(jsd=part) for part in (*plain, *swapped)), *guarded]


def _one_minus_d(p: Tensor, q: Tensor, dx: float) -> float:
    """Return the value with 1 - D from a subtraction, which is 0 where p is far larger than q."""
    d = torch.where(p + q > 0, p / (p + q), 0.5)
    return float((torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum() * dx)


def _exchanged_with_small_number() -> list[Answer]:
    def guarded(small: float) -> Answer:
        return _but(jsd=lambda p, q, dx: (_kl((p + q) / 2, p, dx, small) + _kl((p + q) / 2, q, dx, small)) / 2)

    return [guarded(small) for small in (1e-8, 1e-12, 1e-10, 1e-6)]


def _one_exchanged() -> list[Part]:
    def parts(kl: Part) -> tuple[Part, Part]:
        return (
            lambda p, q, dx: (kl((p + q) / 2, p, dx) + kl(q, (p + q) / 2, dx)) / 2,
            lambda p, q, dx: (kl(p, (p + q) / 2, dx) + kl((p + q) / 2, q, dx)) / 2,
        )

    return [part for kl in (_kl, _bare_kl, _common_kl) for part in parts(kl)]


def _times_jsd(factor: float) -> Answer:
    return _but(value=lambda p, q, dx: -2 * LOG2 + factor * _jsd(p, q, dx))


def _same_weight(p: Tensor, q: Tensor, weight: Tensor, dx: float) -> tuple[float, float]:
    """Return the value with one density in front of both logarithms, with 1 - D as a quotient or a difference."""
    d, not_d = p / (p + q), q / (p + q)
    real, fake, other = (torch.where(weight > 0, weight * one.log(), 0.0) for one in (d, not_d, 1 - d))
    return float((real + fake).sum() * dx), float((real + other).sum() * dx)


def _bare_value(p: Tensor, q: Tensor, dx: float) -> float:
    d = p / (p + q)
    return float((p * d.log() + q * (1 - d).log()).sum() * dx)


VALUE_AND_JSD = Exercise(
    id="02.2",
    title="What the game measures at the best discriminator",
    kind="derivation to code",
    trains="the value of the game, and the divergence behind it",
    minutes=20,
    level=2,
    task=r"""
        Put the best discriminator $D^* = p / (p + q)$ into the value of the game,
        $V(D, G) = \int p(y) \log D(y) + q(y) \log(1 - D(y))\, dy$, and show on paper that
        $V(D^*, G) = -\log 4 + 2\, \mathrm{JSD}(p, q)$, where
        $\mathrm{JSD}(p, q) = \frac12 \mathrm{KL}(p \,\|\, m) + \frac12 \mathrm{KL}(q \,\|\, m)$ with
        $m = \frac12 (p + q)$ and $\mathrm{KL}(a \,\|\, b) = \int a(y) \log \frac{a(y)}{b(y)}\, dy$.
        Then test it with numbers: `value_and_jsd(p, q, dx)` computes both sides, each from its own definition, for
        densities on an even grid. An integral is the sum over the points times `dx`, logarithms are natural, and
        where a density is 0 its term is 0, for $a \log a$ tends to 0 with $a$. Take the densities as they come, even
        where a grid is so coarse that their sums times `dx` miss 1: there the formula need not hold. On a fine grid, do
        your two numbers fit it to 0.000001?
    """,
    reference=value_and_jsd,
    cases=_cases,
    rtol=1e-6,
    atol=1e-6,
    mistakes=(
        Mistake(
            "You get NaN where a density is 0: there 0 is multiplied by an infinite logarithm. "
            "These terms count as 0; look at what `torch.xlogy` does.",
            _but(value=lambda p, q, dx: _bare_kl(p, p + q, dx) + _bare_kl(q, p + q, dx)),
            _but(value=_bare_value),
            _but(jsd=lambda p, q, dx: (_bare_kl(p, (p + q) / 2, dx) + _bare_kl(q, (p + q) / 2, dx)) / 2),
        ),
        Mistake(
            "Your value is infinite: where p is far larger than q, the computer rounds D to 1, "
            "and 1 - D is 0. Find a form of 1 - D that needs no subtraction.",
            _but(value=_one_minus_d),
        ),
        Mistake(
            "The spacing of the grid is missing: an integral is the sum over the points times `dx`.",
            *_each(lambda right, p, dx: right / dx),
            *_each(lambda right, p, dx: right / dx / len(p)),
        ),
        Mistake(
            "You took the logarithm to base 2 or 10. In nats it is the natural one, `torch.log`.",
            *_each(lambda right, p, dx: right / LOG2),
            *_each(lambda right, p, dx: right / math.log(10)),
        ),
        Mistake(
            "This is the Kullback-Leibler divergence of p and q, infinite where one of them is 0 and the other is not. "
            "The Jensen-Shannon divergence compares each of them with their mean.",
            *_kl_in_place_of_jsd(),
        ),
        Mistake(
            "You divided the densities by their sum first. They are densities already; "
            "that a grid is too coarse should show in the result.",
            _but(value=lambda p, q, dx: _value(p / (p.sum() * dx), q / (q.sum() * dx), dx)),
            _but(jsd=lambda p, q, dx: _jsd(p / (p.sum() * dx), q / (q.sum() * dx), dx)),
        ),
        Mistake(
            "You added the two divergences of the JSD. It is their mean: each counts one half.",
            _but(jsd=lambda p, q, dx: 2 * _jsd(p, q, dx)),
        ),
        Mistake(
            "In your JSD the middle has the mass 2: p + q is no density. Look at the definition of m again.",
            _but(jsd=lambda p, q, dx: _value(p, q, dx) / 2),
            _but(jsd=lambda p, q, dx: _value(p, q, dx)),
        ),
        Mistake(
            "Your JSD measures how far one of the two densities is from the mean. It takes both, each with one half.",
            _but(jsd=lambda p, q, dx: _kl(p, (p + q) / 2, dx)),
            _but(jsd=lambda p, q, dx: _kl(q, (p + q) / 2, dx)),
            _but(jsd=lambda p, q, dx: _kl(p, (p + q) / 2, dx) / 2),
            _but(jsd=lambda p, q, dx: _kl(q, (p + q) / 2, dx) / 2),
        ),
        Mistake(
            "In your JSD the arguments of the divergences are exchanged: the mean m comes second in both.",
            _but(jsd=lambda p, q, dx: (_kl((p + q) / 2, p, dx) + _kl((p + q) / 2, q, dx)) / 2),
            _but(jsd=lambda p, q, dx: (_bare_kl((p + q) / 2, p, dx) + _bare_kl((p + q) / 2, q, dx)) / 2),
            _but(jsd=lambda p, q, dx: (_common_kl((p + q) / 2, p, dx) + _common_kl((p + q) / 2, q, dx)) / 2),
            _but(jsd=lambda p, q, dx: _kl((p + q) / 2, p, dx) + _kl((p + q) / 2, q, dx)),
            *_exchanged_with_small_number(),
        ),
        Mistake(
            "In your JSD one of the two divergences has its arguments exchanged: look which of them begins with m.",
            *(_but(jsd=part) for part in _one_exchanged()),
        ),
        Mistake(
            "You took the root of the JSD. That is a metric, but the formula has the divergence itself.",
            _but(jsd=lambda p, q, dx: max(_jsd(p, q, dx), 0.0) ** 0.5),
        ),
        Mistake(
            "The sign of your value is wrong: D maximises V, and -V is the loss that it minimises. "
            "A logarithm of a probability is never positive.",
            _but(value=lambda p, q, dx: -_value(p, q, dx)),
        ),
        Mistake(
            "In your value log 4 is missing or has the wrong sign. Compute V from its own definition, "
            "with D put in, and not from the formula that you want to test.",
            _but(value=lambda p, q, dx: 2 * LOG2 + 2 * _jsd(p, q, dx)),
            _but(value=lambda p, q, dx: 2 * _jsd(p, q, dx)),
            _but(value=lambda p, q, dx: LOG2 + 2 * _jsd(p, q, dx)),
            _but(value=lambda p, q, dx: -LOG2 + 2 * _jsd(p, q, dx)),
            _but(value=lambda p, q, dx: _kl(p, p + q, dx) + _kl(q, (p + q) / 2, dx)),
            _but(value=lambda p, q, dx: _kl(p, (p + q) / 2, dx) + _kl(q, p + q, dx)),
        ),
        Mistake(
            "In your value the factor of the JSD is wrong. "
            "Count how many KL terms V(D*) contains, and look with which factor each of them stands in the JSD.",
            *(_times_jsd(factor) for factor in (1.0, 0.5, 4.0)),
        ),
        Mistake(
            "Your value is -log 4 whatever the densities are: you put in D = 0.5. "
            "The best D says 0.5 only where p and q are equal.",
            _but(value=lambda p, q, dx: -2 * LOG2),
            _but(value=lambda p, q, dx: -LOG2 * float((p + q).sum() * dx)),
        ),
        Mistake(
            "In your value both logarithms have the same density in front. "
            "log D is averaged over real pictures and log(1 - D) over fake ones.",
            _but(value=lambda p, q, dx: _same_weight(p, q, p, dx)[0]),
            _but(value=lambda p, q, dx: _same_weight(p, q, p, dx)[1]),
            _but(value=lambda p, q, dx: _same_weight(p, q, q, dx)[0]),
            _but(value=lambda p, q, dx: _same_weight(p, q, q, dx)[1]),
        ),
        Mistake(
            "In your value D and 1 - D are exchanged: the logarithm of D belongs to the data's density.",
            _but(
                value=lambda p, q, dx: (
                    float((torch.xlogy(p, q) - torch.xlogy(p, p + q)).sum() * dx)
                    + float((torch.xlogy(q, p) - torch.xlogy(q, p + q)).sum() * dx)
                )
            ),
            _but(value=lambda p, q, dx: float((p * (q / (p + q)).log() + q * (p / (p + q)).log()).sum() * dx)),
        ),
        Mistake(
            "Your value has one of its two terms only. D is judged on real and on fake pictures.",
            _but(value=lambda p, q, dx: _kl(p, p + q, dx)),
            _but(value=lambda p, q, dx: _kl(q, p + q, dx)),
        ),
        Mistake(
            "Your value is half of V, as in a loss that averages its real and its fake half. V is the sum of the two.",
            _but(value=lambda p, q, dx: _value(p, q, dx) / 2),
        ),
        Mistake(
            "You took one number from the other by the formula, which is right only where p and q integrate to 1. "
            "A test of the formula needs both, each as a sum over the grid.",
            _but(value=lambda p, q, dx: -2 * LOG2 + 2 * _jsd(p, q, dx)),
            _but(jsd=lambda p, q, dx: (_value(p, q, dx) + 2 * LOG2) / 2),
        ),
        Mistake(
            "A small number in the logarithms, against zeros, shifts your result by more than 0.000001: "
            "densities can be small themselves. Set the terms with density 0 to 0 instead; `torch.xlogy` does that.",
            *(variant for small in (1e-3, 1e-4, 1e-5, 1e-6) for variant in _with_small(small)),
            *(variant for small in (1e-7, 1e-8) for variant in _with_small(small)[:4]),
        ),
    ),
    hints=(
        "With the best D the logarithms are `log(p / (p + q))` and `log(q / (p + q))`. "
        "In the JSD stands half of p + q below the line: what does the 2 do to the logarithm?",
        "Both sides are built from one thing, the integral of `a * log(a / b)`. Write it once as a function of a, b. "
        "Which a and b does V need, and which the JSD?",
        "`torch.xlogy(a, b)` is a log b, and 0 where a is 0 (and b no NaN). Since a log(a / b) = a log a - a log b, "
        "nothing has to be divided.",
        "The value is the integral with (p, p + q) plus that with (q, p + q), "
        "the JSD half of that with (p, m) plus half of that with (q, m).",
    ),
    why="taking log 2 out of each of the two logarithms turns p + q into the mean m and leaves -2 log 2 = -log 4, "
    "because p and q both integrate to 1.",
)
