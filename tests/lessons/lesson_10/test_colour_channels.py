"""A network from grey to colour that keeps what it is given: trained, at any size, and what is refused."""

from __future__ import annotations

import pytest
import torch

from course_lib.data.luma import luma
from course_lib.data.pixels import normalise, to_bytes
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_10.colour_channels import KeepsLuma
from course_lib.models.unet import UNet
from course_lib.systems.anysize import translate_any
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig


def pictures(count: int = 2, side: int = 16) -> torch.Tensor:
    return 2 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) - 1


def small() -> UNet:
    torch.manual_seed(0)
    return UNet(1, 2, base_channels=8, max_channels=8, levels=3)


def test_it_is_a_generator_of_pix2pix_and_of_any_size():
    config = Pix2PixConfig(x_channels=1, base_channels=8, d_channels=8, levels=3, patch_layers=1)
    system = Pix2Pix(config, netG=KeepsLuma(small()))
    batch = system.example_batch(2, "cpu")
    before = [value.clone() for value in system.netG.parameters()]
    system.training_step(batch)
    assert any(not torch.equal(one, other) for one, other in zip(before, system.netG.parameters(), strict=True))
    x = normalise(luma(to_bytes(pictures(2, 24))))
    found = system.translate(x, noise=False)
    assert found.shape == (2, 3, 24, 24)
    assert max(found.abs().max(), system.translate(x).abs().max()) <= 1
    assert (luma(to_bytes(found)).int() - to_bytes(x).int()).abs().float().mean() < 2
    assert translate_any(system, x[0, :, :21, :19]).shape == (3, 21, 19)


def test_in_training_nothing_is_cut_off():
    network = KeepsLuma(small())
    x = torch.ones(2, 1, 8, 8)
    torch.nn.init.constant_(network.network.last.bias, 3.0)
    assert network.train()(x).max() > 1
    assert network.eval()(x).max() == 1
    assert (network.multiple, network.smallest) == (8, 8)


def test_a_network_of_other_channels_is_refused_in_a_sentence():
    with pytest.raises(ShapeError, match="1 to 2 channels, not 1 to 3"):
        KeepsLuma(UNet(1, 3, base_channels=8, levels=3))
