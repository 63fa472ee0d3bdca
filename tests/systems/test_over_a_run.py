"""What changes over a run (rates, noise, averages, the weight of a term), each at exact steps of ``fit``."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.data import ImageSet, PairedSet
from course_lib.data.columns import ClassIds
from course_lib.data.rowsets import RowSet
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.dcgan import DCGAN, DCGANConfig
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.pixelcnn import PixelCNN, PixelCNNConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.systems.vqvae import VQVAE, VQVAEConfig
from course_lib.training import fit

QUICK: dict[str, Any] = {"progress": False, "device": "cpu", "flip": False}
HALF_THEN_A_LINE = [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
A_COSINE = [1, 0.96194, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.03806]


def images(channels: int, side: int) -> ImageSet:
    return ImageSet(name="toy", split="train", images=torch.full((4, channels, side, side), 99, dtype=torch.uint8))


def pairs() -> PairedSet:
    blank = torch.full((4, 3, 8, 8), 99, dtype=torch.uint8)
    return PairedSet(name="toy", split="train", x=blank, y=blank)


def grids() -> RowSet:
    columns = {
        name: ClassIds(torch.zeros(4, side, side, dtype=torch.int64)) for name, side in (("top", 2), ("bottom", 4))
    }
    return RowSet("toy", "train", columns)


def gan(decay: float) -> GAN:
    return GAN(GANConfig(shape=(1, 4, 4), g_hidden=(4,), d_hidden=(4,), decay=decay, lr=3e-3, d_lr=2e-3))


RUNS: dict[str, tuple[Any, Any, dict[str, float], list[float]]] = {
    "GAN": (lambda: gan(0.5), lambda: images(1, 4), {"G": 3e-3, "D": 2e-3}, HALF_THEN_A_LINE),
    "GAN, as it is by default": (lambda: gan(0.0), lambda: images(1, 4), {"G": 3e-3, "D": 2e-3}, [1] * 8),
    "DCGAN": (
        lambda: DCGAN(DCGANConfig(side=8, latents=2, base_channels=2, d_channels=2, decay=0.5, d_lr=1e-4)),
        lambda: images(3, 8),
        {"G": 2e-4, "D": 1e-4},
        HALF_THEN_A_LINE,
    ),
    "pix2pix": (
        lambda: Pix2Pix(Pix2PixConfig(base_channels=4, levels=2, d_channels=4, patch_layers=0, lr=3e-4)),
        pairs,
        {"G": 3e-4, "D": 2e-4},
        HALF_THEN_A_LINE,
    ),
    "CycleGAN": (
        lambda: CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=0, d_lr=1e-4)),
        pairs,
        {"G": 2e-4, "D": 1e-4},
        HALF_THEN_A_LINE,
    ),
    "VAE": (lambda: VAE(VAEConfig(width=4, latents=2)), lambda: images(1, 28), {"EG": 4e-3}, HALF_THEN_A_LINE),
    "VQ-VAE": (
        lambda: VQVAE(VQVAEConfig(codes=4, dim=2, channels=4, inside=2, blocks=1)),
        lambda: images(3, 16),
        {"VQ": 3e-4},
        HALF_THEN_A_LINE,
    ),
    "PixelCNN": (
        lambda: PixelCNN(PixelCNNConfig(codes=4, side=2, channels=4, blocks=1, context=2)),
        grids,
        {"T": 1e-3, "B": 1e-3},
        HALF_THEN_A_LINE,
    ),
    "regression": (
        lambda: Regression(RegressionConfig(x_channels=3, base_channels=4, levels=2)), pairs, {"G": 1e-3}, A_COSINE
    ),
    "style transfer": (
        lambda: StyleTransfer(StyleTransferConfig(base_channels=4, blocks=1, style_side=32)),
        lambda: images(3, 16),
        {"G": 1e-3},
        A_COSINE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(RUNS))
def test_the_rate_of_every_step(name: str) -> None:
    build, dataset, rates, factors = RUNS[name]
    history = fit(build(), dataset(), steps=8, batch_size=4, **QUICK)
    assert {key for key in history.values if key.startswith("lr ")} == {f"lr {player}" for player in rates}
    for player, rate in rates.items():
        assert history[f"lr {player}"] == pytest.approx([rate * factor for factor in factors], rel=1e-4)


def test_instance_noise_falls_in_a_line_and_is_the_same_for_all_that_d_sees() -> None:
    """Real samples are 0, and so are those of a G whose last layer is: what D sees is the noise alone."""
    system = GAN(GANConfig(g_hidden=(4,), d_hidden=(4,), noise=0.5, lr=1e-12, d_lr=0.0))
    with torch.no_grad():
        for parameter in system.netG[-1].parameters():
            parameter.zero_()
    seen: list[float] = []
    handle = system.netD.register_forward_pre_hook(lambda module, x: seen.append(float(x[0].detach().std())))
    zeros = ImageSet(name="toy", split="train", images=torch.zeros(4000, 1, 1, 2, dtype=torch.uint8))

    class Points:  # the same rows, as points at 0
        mirrors, name = False, "zeros"

        def __len__(self) -> int:
            return len(zeros)

        def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
            return zeros.num_batches(batch_size, drop_last)

        def batches(self, batch_size: int, **options: Any) -> Any:
            for batch in zeros.batches(batch_size, **options):
                yield batch.with_columns(images=torch.zeros(len(batch), 2))

    fit(system, Points(), steps=5, batch_size=4000, **QUICK)
    assert seen == pytest.approx([share for share in (0.5, 0.4, 0.3, 0.2, 0.1) for _ in range(3)], rel=0.05)

    seen.clear()
    system.discriminate(torch.zeros(9, 2))  # fit leaves it in eval mode, where D sees samples as they are
    system.train()
    for step in (0, 5, 8):  # at the end, and beyond it, there is none
        system.step = step
        system.discriminate(torch.zeros(4000, 2))
    assert seen == [0.0, pytest.approx(0.5, rel=0.05), 0.0, 0.0]
    handle.remove()


def test_the_average_of_a_run_looks_back_over_a_share_of_its_steps() -> None:
    """With a ramp of 0.5 the decays of steps 1 to 6 are 0, 0, 1/3, 1/2, 0.6 and the 0.6 that was asked for."""
    system, weights = gan(0.0), []

    def look(now: System, step: int) -> None:
        weights.append(now.state_dict()["netG.0.weight"].clone())

    fit(system, images(1, 4), steps=6, batch_size=4, ema_decay=0.6, ema_ramp=0.5, on_step=look, **QUICK)
    average: Tensor = weights[0] * math.nan  # of step 1 nothing is left of what was before
    for present, decay in zip(weights, (0.0, 0.0, 1 / 3, 0.5, 0.6, 0.6), strict=True):
        average = present if decay == 0 else decay * average + (1 - decay) * present
    torch.testing.assert_close(system.averages["netG"][0].weight, average)
    assert not torch.allclose(average, weights[-1], atol=1e-5)


def test_the_weight_of_the_style_rises_in_a_line_to_the_whole() -> None:
    system = StyleTransfer(StyleTransferConfig(base_channels=4, blocks=1, style_side=32, style_ramp=0.5))
    factors: list[float] = []

    class Spy(StyleTransfer):
        def training_step(self, batch: Any) -> dict[str, Tensor]:
            factors.append(self.style_factor)
            return super().training_step(batch)

    system.__class__ = Spy
    fit(system, images(3, 16), steps=8, batch_size=4, **QUICK)
    assert factors == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
