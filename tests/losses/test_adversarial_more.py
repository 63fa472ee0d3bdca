"""Hinge, Wasserstein and relativistic losses by hand, and which of them ask for what D says of real samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.adversarial import LOSSES, Hinge, Relativistic, Wasserstein

REAL = torch.tensor([2.0, 0.5, -1.0])
FAKE = torch.tensor([-3.0, 0.0, 1.5])


def test_hinge_by_hand() -> None:
    """(0 + 0.5 + 2) / 3 for the real ones, (0 + 1 + 2.5) / 3 for the fake ones; 2 where D says 0 of all."""
    assert float(Hinge().d_loss(REAL, FAKE)) == pytest.approx(2.5 / 3 + 3.5 / 3)
    assert float(Hinge().g_loss(FAKE)) == pytest.approx(0.5)
    assert float(Hinge().d_loss(torch.zeros(2), torch.zeros(2))) == 2.0


def test_what_is_beyond_the_margin_moves_d_no_more_and_g_still() -> None:
    sure_real, sure_fake = (torch.tensor([value], requires_grad=True) for value in (1.5, -1.5))
    Hinge().d_loss(sure_real, sure_fake).backward()
    assert float(sure_real.grad) == float(sure_fake.grad) == 0.0
    sure_fake.grad = None
    Hinge().g_loss(sure_fake).backward()
    assert float(sure_fake.grad) == -1.0


def test_wasserstein_by_hand_and_blind_to_a_constant() -> None:
    assert float(Wasserstein().d_loss(REAL, FAKE)) == pytest.approx(-0.5 - 0.5)
    assert float(Wasserstein().g_loss(FAKE)) == pytest.approx(0.5)
    assert float(Wasserstein().d_loss(REAL + 7, FAKE + 7)) == pytest.approx(-1.0, abs=1e-6)


def test_relativistic_by_hand_log_2_where_d_cannot_tell_and_blind_to_a_constant() -> None:
    pairs = list(zip(REAL.tolist(), FAKE.tolist(), strict=True))
    for_d = sum(math.log1p(math.exp(fake - real)) for real, fake in pairs) / 3
    for_g = sum(math.log1p(math.exp(real - fake)) for real, fake in pairs) / 3
    loss = Relativistic()
    assert float(loss.d_loss(REAL, FAKE)) == pytest.approx(for_d, rel=1e-6)
    assert float(loss.g_loss(FAKE, REAL)) == pytest.approx(for_g, rel=1e-6)
    assert float(loss.d_loss(REAL, REAL)) == pytest.approx(math.log(2))
    assert float(loss.g_loss(FAKE + 7, REAL + 7)) == pytest.approx(for_g, rel=1e-5)


def test_only_the_relativistic_loss_asks_for_real_logits() -> None:
    assert [name for name, loss in LOSSES.items() if loss.needs_real] == ["relativistic"]
    with pytest.raises(ShapeError, match=r"g_loss\(fake, real\)"):
        Relativistic().g_loss(FAKE)
    for name, loss in LOSSES.items():
        if name != "relativistic":
            assert torch.equal(loss.g_loss(FAKE, REAL), loss.g_loss(FAKE)), name


@pytest.mark.parametrize(
    "wrong",
    [
        lambda real, fake: (1 - real).relu().mean() + (1 - fake).relu().mean(),
        lambda real, fake: (-real).relu().mean() + fake.relu().mean(),
        lambda real, fake: (1 + real).relu().mean() + (1 - fake).relu().mean(),
    ],
)
def test_wrong_hinges_are_seen(wrong: object) -> None:
    found: Tensor = wrong(REAL, FAKE)  # type: ignore[operator]
    assert float(found) != pytest.approx(float(Hinge().d_loss(REAL, FAKE)), rel=1e-2)
