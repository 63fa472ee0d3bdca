"""A data set of the wrong kind for a system: one sentence with what it trains on and what it was given."""

from __future__ import annotations

from typing import Any

import pytest
import small_systems
import torch
from torch import nn

from course_lib.data import ImageSet, PairedSet, UnpairedSet
from course_lib.data.mixtures import ring
from course_lib.errors import ShapeError
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.training import fit


def tensor(channels: int, side: int) -> torch.Tensor:
    return torch.zeros(4, channels, side, side, dtype=torch.uint8)


def images(channels: int = 3, side: int = 16) -> ImageSet:
    return ImageSet(name="toy", split="train", images=tensor(channels, side))


def pairs(x: int = 3, y: int = 3, side: int = 16, **options: Any) -> PairedSet:
    return PairedSet(name="toy", split="train", x=tensor(x, side), y=tensor(y, side), **options)


def unpaired(x: int = 3, y: int = 3) -> UnpairedSet:
    return UnpairedSet(images(x), images(y))


def pix2pix(**options: Any) -> Pix2Pix:
    return Pix2Pix(Pix2PixConfig(base_channels=4, levels=2, d_channels=4, patch_layers=1, **options))


def cyclegan() -> CycleGAN:
    return CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=1))


def regression(**options: Any) -> Regression:
    return Regression(RegressionConfig(base_channels=4, levels=2, x_channels=3), **options)


def gan() -> GAN:
    return GAN(GANConfig(g_hidden=(4,), d_hidden=(4,)))


def vae() -> VAE:
    return VAE(VAEConfig(width=4, latents=2))


def painter() -> StyleTransfer:
    return StyleTransfer(StyleTransferConfig(base_channels=4, blocks=1, style_side=32))


@pytest.mark.parametrize(
    ("system", "dataset", "words"),
    [
        (vae, lambda: pairs(1, 1, 28), r"VAE trains on images \(N, 1, 28, 28\), and .* x .* and y .*: give one with"),
        (vae, lambda: images(1, 32), r"images \(N, 1, 28, 28\), and this data set gives images \(N, 1, 32, 32\)"),
        (vae, lambda: images(3, 28), r"gives images \(N, 3, 28, 28\): give another one, or change the config"),
        (gan, images, r"GAN trains on images \(N, 2\), and this data set gives images \(N, 3, 16, 16\)"),
        (pix2pix, images, r"Pix2Pix trains on x .* and y .*: give one with x and y, such as a PairedSet"),
        (pix2pix, unpaired, "Pix2Pix learns from pairs, and .* belong to row i of x: give a PairedSet"),
        (regression, unpaired, "Regression learns from pairs"),
        (pix2pix, lambda: pairs(x=1), r"x \(N, 3, H, W\), and this data set gives x \(N, 1, 16, 16\)"),
        (pix2pix, lambda: pairs(y=1), r"y \(N, 3, H, W\), and this data set gives y \(N, 1, 16, 16\)"),
        (lambda: pix2pix(x_channels=1), lambda: pairs(1, categorical=("x",)), r"x \(N, 1, 16, 16\) whole numbers"),
        (cyclegan, images, "CycleGAN trains on x .*: give one with x and y, such as an UnpairedSet"),
        (cyclegan, lambda: unpaired(y=1), r"y \(N, 3, H, W\), and this data set gives y \(N, 1, 16, 16\)"),
        (regression, lambda: pairs(x=1), r"Regression trains on x \(N, 3, H, W\), and .* x \(N, 1, 16, 16\)"),
        (painter, lambda: images(1), r"StyleTransfer trains on images \(N, 3, H, W\), and .* images \(N, 1, 16, 16\)"),
        (small_systems.Critic, lambda: images(1, 2), "Critic trains on images .* and labels .*: give one with labels"),
    ],
)  # fmt: skip
def test_the_wrong_data_for_a_system(system: Any, dataset: Any, words: str) -> None:
    built = system()
    with pytest.raises(ShapeError, match=words) as caught:
        built.check_batch(next(dataset().batches(2)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "dataset"),
    [
        (vae, lambda: images(1, 28)),
        (gan, lambda: ring().points(8)),
        (pix2pix, pairs),
        (cyclegan, pairs),
        (cyclegan, unpaired),
        (regression, pairs),
        (lambda: regression(netG=nn.Conv2d(5, 2, 1)), lambda: pairs(5, 2)),  # whose channels no config knows
        (painter, images),
        (painter, pairs),
        (small_systems.Critic, lambda: small_systems.pictures(2)),
        (small_systems.Coder, lambda: small_systems.pictures(4)),
    ],
)
def test_the_right_data_for_a_system(system: Any, dataset: Any) -> None:
    before = torch.get_rng_state()
    system().check_batch(next(dataset().batches(2, shuffle=False)))
    built = system()
    state = torch.get_rng_state()
    built.check_batch(next(dataset().batches(2, shuffle=False)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(before, state)  # building draws, looking does not


def test_fit_looks_at_the_first_batch_of_every_stage_and_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"progress": False, "device": "cpu"}
    with pytest.raises(ShapeError, match="Pix2Pix learns from pairs"):
        fit(pix2pix(), unpaired(), steps=1, batch_size=2, **options)
    seen: list[int] = []

    class Counting(small_systems.Growing):
        def check_batch(self, batch: Any) -> None:
            seen.append(batch.images.shape[-1])
            torch.rand(9)  # as an example batch may
            super().check_batch(batch)

    torch.manual_seed(0)
    plain = small_systems.Growing()
    torch.manual_seed(0)
    counting = Counting()
    fit(plain, small_systems.growing_stages(), **options)
    fit(counting, small_systems.growing_stages(), **options)
    assert seen == [4, 8, 16]
    assert all(torch.equal(value, counting.state_dict()[name]) for name, value in plain.state_dict().items())


def test_a_system_without_an_example_is_not_checked_and_one_with_needs_columns() -> None:
    System({}).check_batch(torch.zeros(3))
    with pytest.raises(ShapeError, match=r"and this data set gives a tuple: let its batches\(\) yield Batch"):
        vae().check_batch((torch.zeros(2, 1, 28, 28),))
    with pytest.raises(ShapeError, match=r"this data set gives no columns: give one with images"):
        vae().check_batch({"index": torch.arange(2)})
    with pytest.raises(ShapeError, match=r"labels \(N,\) whole numbers, and this data set gives labels: give another"):
        small_systems.Critic().check_batch({"images": torch.zeros(2, 1, 2, 2), "labels": ["a", "b"]})
