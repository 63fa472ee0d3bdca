"""Exercise 02.2: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_02.exercises.value_and_jsd import _cases, value_and_jsd


def _nansum(p, q, dx):
    d, not_d, m = p / (p + q), q / (p + q), (p + q) / 2
    value = (p * d.log()).nansum() + (q * not_d.log()).nansum()
    return {"value": value * dx, "jsd": 0.5 * dx * ((p * (p / m).log()).nansum() + (q * (q / m).log()).nansum())}


def _masked(p, q, dx):
    def kl(a, b):
        return (a[a > 0] * (a[a > 0] / b[a > 0]).log()).sum() * dx

    return {"value": kl(p, p + q) + kl(q, p + q), "jsd": 0.5 * (kl(p, (p + q) / 2) + kl(q, (p + q) / 2))}


def _kl_div(p, q, dx):
    m = ((p + q) / 2).clamp(min=1e-300)
    jsd = 0.5 * dx * (F.kl_div(m.log(), p, reduction="sum") + F.kl_div(m.log(), q, reduction="sum"))
    logit = p.log() - q.log()
    value = (p * F.logsigmoid(logit)).nansum() + (q * F.logsigmoid(-logit)).nansum()
    return {"value": dx * value, "jsd": jsd}


def _entropies(p, q, dx):
    def entropy(a):
        return torch.special.entr(a).sum().item() * dx

    return {
        "value": entropy(p + q) - entropy(p) - entropy(q),
        "jsd": entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2,
    }


def _trapezoid(p, q, dx):
    total, m = p + q, (p + q) / 2
    value = torch.xlogy(p, torch.where(p > 0, p / total, 1)) + torch.xlogy(q, torch.where(q > 0, q / total, 1))
    jsd = torch.xlogy(p, torch.where(p > 0, p / m, 1)) + torch.xlogy(q, torch.where(q > 0, q / m, 1))
    return {"value": torch.trapezoid(value, dx=dx), "jsd": torch.trapezoid(jsd / 2, dx=dx)}


def _numpy(p, q, dx):
    p, q = p.numpy(), q.numpy()

    def kl(a, b):
        return np.sum(a * np.log(np.divide(a, b, out=np.ones_like(a), where=a > 0))) * dx

    return {"jsd": (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2, "value": kl(p, p + q) + kl(q, p + q)}


@pytest.mark.parametrize("answer", [_nansum, _masked, _kl_div, _entropies, _trapezoid, _numpy])
def test_value_and_jsd_right(answer: Any) -> None:
    assert judge(find("02.2"), answer) == ""


def _but(**changes: Any) -> Any:
    def answer(p, q, dx):
        return value_and_jsd(p, q, dx) | {key: change(p, q, dx) for key, change in changes.items()}

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda p, q, dx: tuple(value_and_jsd(p, q, dx).values()), "expected a dict with the keys"),
        (lambda p, q, dx: {"value": 0.0}, 'got the keys "value"'),
        (_but(jsd=lambda p, q, dx: (p - q).abs() * dx), "jsd: expected a number, got a float64 tensor of shape"),
        (_but(jsd=lambda p, q, dx: (p - q).abs().sum() * dx / 2), "jsd: expected "),
        (_but(value=lambda p, q, dx: -1.2), "value: expected "),
        (_but(value=lambda p, q, dx: None), "value: expected a number, got None"),
        (lambda p, q, dx: {"value": float("nan"), "jsd": float("nan")}, "got nan"),
    ],
)
def test_value_and_jsd_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("02.2"), answer)


def test_a_slip_in_both_numbers_is_named_once() -> None:
    def base_2(p, q, dx):
        return {key: number / math.log(2) for key, number in value_and_jsd(p, q, dx).items()}

    def without_spacing(p, q, dx):
        return value_and_jsd(p, q, 1.0)

    def with_zeros(p, q, dx):
        d, m = p / (p + q), (p + q) / 2
        value = (p * d.log() + q * (1 - d).log()).sum() * dx
        return {"value": value, "jsd": 0.5 * (p * (p / m).log() + q * (q / m).log()).sum() * dx}

    assert judge(find("02.2"), base_2).startswith("You took the logarithm to base 2")
    assert judge(find("02.2"), without_spacing).startswith("The spacing of the grid is missing")
    assert judge(find("02.2"), with_zeros).startswith("You get NaN where a density is 0")


def _kl(a, b, dx):
    return float((torch.xlogy(a, a) - torch.xlogy(a, b)).sum() * dx)


def _front(p, q, weight, dx):
    return float((weight * (p / (p + q)).log() + weight * (q / (p + q)).log()).nansum() * dx)


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            _but(value=lambda p, q, dx: -math.log(4) + value_and_jsd(p, q, dx)["jsd"]),
            "In your value the factor of the JSD is wrong.",
        ),
        (_but(value=lambda p, q, dx: 2 * value_and_jsd(p, q, dx)["jsd"]), "In your value log 4 is missing"),
        (_but(value=lambda p, q, dx: _front(p, q, p, dx)), "In your value both logarithms have the same density"),
        (_but(value=lambda p, q, dx: _front(p, q, q, dx)), "In your value both logarithms have the same density"),
        (
            _but(jsd=lambda p, q, dx: 0.5 * _kl((p + q) / 2, p, dx) + 0.5 * _kl((p + q) / 2, q, dx)),
            "In your JSD the arguments of the divergences are exchanged",
        ),
        (
            _but(jsd=lambda p, q, dx: 0.5 * _kl((p + q) / 2, p, dx) + 0.5 * _kl(q, (p + q) / 2, dx)),
            "In your JSD one of the two divergences has its arguments exchanged",
        ),
        (
            _but(jsd=lambda p, q, dx: (value_and_jsd(p, q, dx)["value"] + math.log(4)) / 2),
            "You took one number from the other by the formula",
        ),
        (
            _but(value=lambda p, q, dx: -math.log(4) + 2 * value_and_jsd(p, q, dx)["jsd"]),
            "You took one number from the other by the formula",
        ),
    ],
)
def test_a_wrong_term_is_named(answer: Any, message: str) -> None:
    assert judge(find("02.2"), answer).startswith(message)


def test_on_the_coarse_grid_the_formula_needs_the_masses() -> None:
    p, q, dx = _cases()[-1].inputs
    mass = (p.sum().item() + q.sum().item()) * dx
    assert abs(mass - 2) > 0.04
    both = value_and_jsd(p, q, dx)
    assert both["value"] == pytest.approx(-math.log(2) * mass + 2 * both["jsd"], abs=1e-12)


@pytest.mark.parametrize("case", _cases()[:-1], ids=lambda case: case.label)
def test_the_formula_holds_on_every_fine_grid(case: Any) -> None:
    p, q, dx = case.inputs
    assert p.sum().item() * dx == pytest.approx(1, abs=1e-12)
    assert q.sum().item() * dx == pytest.approx(1, abs=1e-12)
    both = value_and_jsd(p, q, dx)
    assert both["value"] == pytest.approx(-math.log(4) + 2 * both["jsd"], abs=1e-9)
    assert -1e-12 <= both["jsd"] <= math.log(2) + 1e-12


def test_value_and_jsd_of_known_densities() -> None:
    """Apart: JSD = log 2 and V = 0. Equal: 0 and -log 4. Half of the mass shared: JSD = (log 2) / 2."""
    x = torch.arange(12, dtype=torch.float64)
    low, shifted, high = ((x >= a) & (x < a + 4) for a in (1, 3, 7))
    low, shifted, high = (box.double() / 2 for box in (low, shifted, high))  # dx = 0.5
    for q, jsd in ((high, math.log(2)), (low, 0.0), (shifted, math.log(2) / 2)):
        both = value_and_jsd(low, q, 0.5)
        assert both["jsd"] == pytest.approx(jsd, abs=1e-12)
        assert both["value"] == pytest.approx(2 * jsd - math.log(4), abs=1e-12)
