"""pix2pix and CycleGAN around networks that they are given, which say the sizes, or must fit the config."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.errors import ShapeError
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.unet import UNet
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import meta_step

PAIRED = Pix2PixConfig(base_channels=8, d_channels=8, levels=3, patch_layers=1)
UNPAIRED = CycleGANConfig(base_channels=4, blocks=1, downs=1, d_channels=4, patch_layers=1)


def unet(inputs: int, outputs: int, **options: Any) -> UNet:
    return UNet(inputs, outputs, base_channels=4, levels=3, **options)


def resnet(inputs: int, outputs: int, **options: Any) -> ResNetGenerator:
    return ResNetGenerator(inputs, outputs, base_channels=2, blocks=1, **options)


def test_pix2pix_takes_a_u_net_and_its_sizes() -> None:
    netG = unet(1, 2, wiring="authors")
    system = Pix2Pix(netG=netG)
    c = system.config
    assert system.netG is netG
    assert (c.x_channels, c.y_channels, c.base_channels, c.levels) == (1, 2, 4, 3)
    assert (system.netD.x_channels, system.netD.y_channels) == (1, 2)
    assert "d_loss" in meta_step(system)
    batch = system.example_batch(2, "cpu")
    assert system.translate(batch.x).shape == batch.y.shape


def test_pix2pix_takes_a_resnet_with_batch_norm_and_dropout() -> None:
    system = Pix2Pix(netG=resnet(3, 1, norm="batch", dropout=0.5))
    x = torch.randn(2, 3, 16, 16)
    assert not torch.equal(system.translate(x), system.translate(x))
    assert torch.equal(system.translate(x, noise=False), system.translate(x, noise=False))
    assert "d_loss" in meta_step(system)


def test_the_wiring_and_the_places_of_dropout_reach_a_new_generator() -> None:
    system = Pix2Pix(replace(PAIRED, wiring="authors", dropout_start=1, dropout_blocks=1))
    assert system.netG.wiring == "authors"
    assert [block.dropout.p for block in system.netG.up] == [0, 0.5]
    assert Pix2Pix(PAIRED).netG.wiring == "paper"


@pytest.mark.parametrize("given", [("netG",), ("netF",), ("netG", "netF")])
def test_cyclegan_takes_one_or_both_and_their_channels(given: tuple[str, ...]) -> None:
    networks = {"netG": resnet(1, 3), "netF": resnet(3, 1)}
    system = CycleGAN(None, **{name: networks[name] for name in given})
    assert (system.config.x_channels, system.config.y_channels) == (1, 3)
    for name, network in networks.items():
        assert (getattr(system, name) is network) == (name in given)
    assert system.translate(torch.zeros(1, 1, 16, 16)).shape == (1, 3, 16, 16)
    assert system.translate_back(torch.zeros(1, 3, 16, 16)).shape == (1, 1, 16, 16)


def test_cyclegan_takes_a_step_of_u_nets_with_instance_norm() -> None:
    networks = [UNet(base_channels=2, levels=6, norm="instance", dropout=0.0) for _ in range(2)]
    system = CycleGAN(replace(UNPAIRED, identity=0.5), *networks)
    assert {"forward", "backward", "identity_y", "g_y", "d_x"} <= set(meta_step(system))
    assert system.example_batch(1, "cpu").x.shape[-1] == 64


def test_noise_of_cyclegan_is_dropout_that_a_given_network_has() -> None:
    system, x = CycleGAN(UNPAIRED, resnet(3, 3, dropout=0.5)), torch.randn(1, 3, 16, 16)
    assert torch.equal(system.translate(x), system.translate(x))
    assert not torch.equal(system.translate(x, noise=True), system.translate(x, noise=True))
    assert torch.equal(system.translate_back(x, noise=True), system.translate_back(x))  # its own has none


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Pix2Pix(PAIRED, unet(1, 3)), "netG maps 1 channels to 3, and this system needs 3 to 3"),
        (lambda: Pix2Pix(PAIRED, unet(3, 1)), "netG maps 3 channels to 1, and this system needs 3 to 3"),
        (lambda: Pix2Pix(netG=nn.Linear(3, 3)), "netG is a Linear that does not say its channels: give it"),
        (lambda: CycleGAN(UNPAIRED, resnet(1, 3)), "netG maps 1 channels to 3, and this system needs 3 to 3"),
        (lambda: CycleGAN(replace(UNPAIRED, x_channels=1), netF=resnet(1, 3)), "netF maps 1 .* needs 3 to 1"),
        (lambda: CycleGAN(None, resnet(1, 3), resnet(1, 3)), "netF maps 1 channels to 3, and .* needs 3 to 1"),
        (lambda: CycleGAN(netG=nn.ReLU()), "netG is a ReLU that does not say its channels"),
        (lambda: CycleGAN(netF=resnet(3, 3, norm="batch")), r"netF has batch norm.*or translate with Pix2Pix\(netG="),
    ],
)
def test_what_does_not_fit_is_refused(build: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        build()
