"""Held-out figures of lesson 11: exact values for systems whose outputs are known."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from course_lib.data.containers import PairedSet
from course_lib.data.luma import luma
from course_lib.data.pixels import normalise
from course_lib.lessons.lesson_11.held_out import cycle_figures, hidden_code_figures

COUNT = 24


def knows(there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor] | None = None) -> SimpleNamespace:
    """Return a system made of two functions, or of one."""
    ways = {"translate": there} if back is None else {"translate": there, "translate_back": back}
    return SimpleNamespace(device=torch.device("cpu"), **ways)


@pytest.fixture(scope="module")
def pairs() -> PairedSet:
    """Random pictures, each emoji twice; y is x with its channels exchanged."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (COUNT, 3, 16, 16), generator=generator, dtype=torch.uint8)
    roles = torch.arange(COUNT) // 2
    return PairedSet(name="known", split="test", x=x, y=x[:, [2, 0, 1]], factors={"role": roles})


def exchanged(x: Tensor) -> Tensor:
    return x[:, [2, 0, 1]]


def restored(y: Tensor) -> Tensor:
    return y[:, [1, 2, 0]]


def test_the_truth_gets_the_best_figures(pairs: PairedSet) -> None:
    found = cycle_figures(knows(exchanged, restored), pairs)
    for name in ("L1", "L1 back", "cycle x", "cycle y"):
        assert found[name] == 0
    for name in ("SSIM", "sharpness", "distinct", "dependence"):
        assert found[name] == pytest.approx(1, abs=1e-5)


def test_a_closed_cycle_says_nothing_of_the_way(pairs: PairedSet) -> None:
    """Doing nothing closes both cycles, and is as far from the truth as x is."""
    found = cycle_figures(knows(lambda x: x, lambda y: y), pairs)
    distance = (normalise(pairs.x) - normalise(pairs.y)).abs().mean().item()
    assert found["cycle x"] == found["cycle y"] == 0
    assert found["L1"] == pytest.approx(distance, rel=1e-5)
    assert found["L1 back"] == pytest.approx(distance, rel=1e-5)


def test_one_answer_for_all_has_no_dependence(pairs: PairedSet) -> None:
    found = cycle_figures(knows(lambda x: normalise(pairs.y[:1]).expand(len(x), -1, -1, -1)), pairs)
    assert found["dependence"] == pytest.approx(0, abs=1e-5)
    assert found["distinct"] <= 1 / COUNT + 1e-5
    assert "cycle x" not in found


def test_a_code_that_nobody_sees_is_lost_in_a_little_noise(pairs: PairedSet) -> None:
    """G writes the number of the picture into the faintest digits of one pixel, and F looks the colours up."""
    x = normalise(pairs.x)
    y = normalise(luma(pairs.x)).repeat(1, 3, 1, 1)

    def number_of(grey: Tensor) -> Tensor:
        """Return the number that is hidden in the first pixel of each, or -1."""
        found = ((grey[:, 0, 0, 0] + 1) * 1e4).round().long()
        return torch.where(found < COUNT, found, -1)

    def hide(part: Tensor) -> Tensor:
        rows = [int((x == one).flatten(1).all(1).nonzero()[0]) for one in part]
        grey = y[rows].clone()
        grey[:, :, 0, 0] = -1 + torch.tensor(rows).view(-1, 1) * 1e-4
        return grey

    def read(grey: Tensor) -> Tensor:
        rows = number_of(grey)
        return torch.where((rows >= 0).view(-1, 1, 1, 1), x[rows.clamp(min=0)], grey)

    found = hidden_code_figures(knows(hide, read), pairs.x)
    honest = (y - x).abs().mean().item()
    assert found["from G(x)"] == pytest.approx(0, abs=1e-6)
    assert found["from y"] == pytest.approx(honest, rel=0.05)  # a black first pixel would be taken for a number
    assert found["from G(x), noise"] > 0.5 * honest
    assert found["from G(x), blur"] > 0.5 * honest
    assert found["from y, noise"] == pytest.approx(found["from y"], rel=0.1)
