"""Translations of held-out pictures: exact figures for systems whose outputs are known."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from course_lib.data.containers import PairedSet
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.runs.translation import draws_of, pair_figures, pictures_on, shown_rows

COUNT = 24


def plays(function: Callable[[Tensor], Tensor]) -> SimpleNamespace:
    """Return a system that gives the rows of a function of x."""
    return SimpleNamespace(device=torch.device("cpu"), translate=function)


@pytest.fixture(scope="module")
def pairs() -> PairedSet:
    """Random pictures, each emoji twice; y is x with its channels exchanged."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (COUNT, 3, 16, 16), generator=generator, dtype=torch.uint8)
    roles = torch.arange(COUNT) // 2
    return PairedSet(name="known", split="test", x=x, y=x[:, [2, 0, 1]], factors={"role": roles})


def test_draws_keep_the_order_of_rows_and_go_in_parts() -> None:
    x = torch.linspace(-1, 1, 150).view(150, 1, 1, 1)
    sizes: list[int] = []

    def half(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return 0.5 * part

    draws = draws_of(plays(half), x, repeats=2)
    assert draws.shape == (150, 2, 1, 1, 1)
    assert torch.equal(draws[:, 0], 0.5 * x)
    assert torch.equal(draws[:, 1], 0.5 * x)
    assert max(sizes) == 64
    noisy = draws_of(plays(lambda part: part + torch.randn_like(part)), x, repeats=2)
    assert not torch.equal(noisy[:, 0], noisy[:, 1])


@pytest.mark.parametrize(("shape", "repeats"), [((2, 1, 4, 4), 0), ((1, 4, 4), 1)])
def test_draws_that_cannot_be(shape: tuple[int, ...], repeats: int) -> None:
    with pytest.raises(ShapeError, match="at least one draw"):
        draws_of(plays(lambda part: part), torch.zeros(shape), repeats)


def test_the_truth_gets_the_best_figures(pairs: PairedSet) -> None:
    found = pair_figures(plays(lambda x: x[:, [2, 0, 1]]), pairs)
    assert found["L1"] == 0
    for name in ("SSIM", "sharpness", "colourfulness"):
        assert found[name] == pytest.approx(1, abs=1e-5)
    assert found["diversity"] == pytest.approx(0, abs=1e-6)


def test_figures_are_those_of_outputs_without_noise_and_diversity_stands_apart(pairs: PairedSet) -> None:
    class Noisy:
        device = torch.device("cpu")
        noisy = True

        def translate(self, x: Tensor, noise: bool = True) -> Tensor:
            y = x[:, [2, 0, 1]]
            return (y + 0.3 * torch.randn_like(y)).clamp(-1, 1) if noise else y

    found = pair_figures(Noisy(), pairs)
    assert found["L1"] == 0
    assert found["sharpness"] == pytest.approx(1, abs=1e-5)
    assert found["diversity"] > 0.1
    assert torch.equal(pictures_on(lambda: pairs)(Noisy()), normalise(pairs.y[shown_rows(pairs)]))


def test_each_shown_row_is_of_another_emoji(pairs: PairedSet) -> None:
    assert pairs.factors is not None
    rows = shown_rows(pairs, 8)
    assert len(set(pairs.factors["role"][rows].tolist())) == 8
    assert len(shown_rows(pairs, 100)) == COUNT // 2
    assert torch.equal(rows, shown_rows(pairs, 8))
