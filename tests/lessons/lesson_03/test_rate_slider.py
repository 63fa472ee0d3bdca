"""The slider over betas: each system's own pictures and figures, the same noise for all, drawn once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03 import rate_distortion
from course_lib.lessons.lesson_03.rate_slider import beta_slider
from course_lib.metrics.bounds import elbo_figures
from course_lib.systems.vae import VAE, VAEConfig


@pytest.fixture(scope="module")
def systems() -> dict[float, VAE]:
    torch.manual_seed(0)
    return {beta: VAE(VAEConfig(beta=beta, width=32, latents=4)) for beta in (4.0, 0.5, 1.0)}


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Write down what each figure shows."""
    calls: list[tuple[Any, ...]] = []
    draw = rate_distortion.rate_distortion_figure

    def note(*given: Any) -> Any:
        calls.append(given)
        return draw(*given)

    monkeypatch.setattr(rate_distortion, "rate_distortion_figure", note)
    return calls


def test_each_beta_shows_its_own_system(
    systems: dict[float, VAE], images: Tensor, shown: list[tuple[Any, ...]]
) -> None:
    widget = beta_slider(systems, images)
    slider = widget.controls["beta"]
    assert [beta for _, beta in slider.options] == [0.5, 1.0, 4.0]
    assert slider.value == 1.0
    slider.value = 4.0
    assert widget.error is None
    for (rows, measured, beta), expected in zip(shown, (0.5, 1.0, 4.0), strict=True):
        assert beta == expected
        assert torch.equal(rows["originals"], images[:6])
        assert torch.allclose(rows["reconstructions"], systems[beta].reconstruct(images[:6]))
        z = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
        assert torch.allclose(rows["samples of the prior"], systems[beta].decode(z))
        for one, system in systems.items():
            figures = elbo_figures(system, images, seed=0)
            assert measured[one] == pytest.approx((figures["KL"], figures["reconstruction"]))
    rate, distortion = shown[2][1][4.0]
    assert f"beta 4, with a rate of {rate:.1f} and a distortion of {distortion:.1f} nats a picture" in widget.alt


def test_each_beta_is_drawn_once_and_at_the_start(
    systems: dict[float, VAE], images: Tensor, shown: list[tuple[Any, ...]]
) -> None:
    widget = beta_slider(systems, images)
    pngs = {}
    for beta in (0.5, 4.0, 1.0, 0.5, 4.0):
        widget.controls["beta"].value = beta
        assert pngs.setdefault(beta, widget.png) == widget.png
    assert len(set(pngs.values())) == 3
    assert [beta for _, _, beta in shown] == [0.5, 1.0, 4.0]


def test_without_beta_1_it_starts_at_the_least(systems: dict[float, VAE], images: Tensor) -> None:
    few = {beta: systems[beta] for beta in (4.0, 0.5)}
    widget = beta_slider(few, images[:3])  # fewer pictures than a row has room for
    assert widget.error is None
    assert widget.controls["beta"].value == 0.5


def test_what_fits_no_slider(systems: dict[float, VAE], images: Tensor) -> None:
    with pytest.raises(ShapeError, match="give at least one"):
        beta_slider({}, images)
    with pytest.raises(ShapeError, match=r"have \[3, 4\] latents"):
        beta_slider({**systems, 2.0: VAE(VAEConfig(width=32, latents=3))}, images)
    with pytest.raises(ShapeError, match=r"uint8: give floats"):
        beta_slider(systems, images.byte())
    with pytest.raises(ShapeError, match=r"N at least 1"):
        beta_slider(systems, images[:0])
