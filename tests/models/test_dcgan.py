"""DCGAN's networks: sizes, parameters of the common implementation, and each guideline that can be left out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.errors import ShapeError
from course_lib.models.dcgan import DCGANDiscriminator, DCGANGenerator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def kinds(network: nn.Module) -> Counter[str]:
    return Counter(type(layer).__name__ for layer in network.modules())


def test_parameters_of_pytorchs_example_and_of_the_paper() -> None:
    """The example has no biases at all: 3 of G's output, 64 of D's first layer and 1 of its last are ours."""
    assert count(DCGANGenerator()) == 3_576_704 + 3
    assert count(DCGANDiscriminator()) == 2_765_568 + 64 + 1
    # The paper's figure 1: 4 x 4 x 1024, 8 x 8 x 512, 16 x 16 x 256, 32 x 32 x 128.
    widths = [
        layer.num_features for layer in DCGANGenerator(base_channels=128).modules() if hasattr(layer, "num_features")
    ]
    assert widths == [1024, 512, 256, 128]


@pytest.mark.parametrize("side", [8, 32, 64])
@pytest.mark.parametrize(
    "guideline", [{}, {"norm": "none"}, {"sizes_change_by": "pooling"}, {"hidden": 12}, {"activation": "tanh"}]
)
def test_sizes(side: int, guideline: dict[str, Any]) -> None:
    netG = DCGANGenerator(6, side, 1, 4, **guideline)
    netD = DCGANDiscriminator(side, 1, 4, **guideline)
    y = netG(torch.randn(3, 6))
    assert y.shape == (3, 1, side, side)
    assert y.abs().max() < 1
    assert netD(y).shape == (3,)
    assert len(netD.features(y)) == 3


def test_the_guidelines() -> None:
    netG, netD = kinds(DCGANGenerator(side=64)), kinds(DCGANDiscriminator(side=64))
    assert (netG["ConvTranspose2d"], netG["BatchNorm2d"], netG["ReLU"], netG["Tanh"], netG["Linear"]) == (5, 4, 4, 1, 0)
    assert (netD["Conv2d"], netD["BatchNorm2d"], netD["LeakyReLU"], netD["Linear"]) == (5, 3, 4, 0)
    assert (
        kinds(DCGANGenerator(norm="none"))["BatchNorm2d"] == kinds(DCGANDiscriminator(norm="none"))["BatchNorm2d"] == 0
    )
    pooling = kinds(DCGANDiscriminator(sizes_change_by="pooling"))
    assert pooling["MaxPool2d"] == 4
    assert kinds(DCGANGenerator(sizes_change_by="pooling"))["ConvTranspose2d"] == 1
    assert kinds(DCGANGenerator(hidden=7))["Linear"] == 1


def test_weights_begin_as_in_the_paper() -> None:
    torch.manual_seed(0)
    for layer in [*DCGANGenerator().modules(), *DCGANDiscriminator().modules()]:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.02)


def test_the_first_layer_of_g_is_a_fully_connected_one() -> None:
    netG, z = DCGANGenerator(5, 8, 1, 3), torch.randn(2, 5)
    first = netG.body[0]
    found = first(z[:, :, None, None])
    assert torch.allclose(found.flatten(1), z @ first.weight.flatten(1), atol=1e-6)


def test_features_are_the_largest_values_in_parts() -> None:
    netD = DCGANDiscriminator(16, 1, 2).eval()
    x = torch.randn(2, 1, 16, 16)
    first = netD.blocks[0](x)  # 8 x 8: parts of 2 x 2
    by_hand = first.view(2, 2, 4, 2, 4, 2).amax((3, 5)).flatten(1)
    found = netD.features(x)
    assert found.shape == (2, 16 * (2 + 4))
    assert torch.equal(found[:, :32], by_hand)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DCGANGenerator(side=48), "8, 16, 32, 64"),
        (lambda: DCGANGenerator(side=4), "8, 16, 32, 64"),
        (lambda: DCGANGenerator(norm="layer"), "norm"),
        (lambda: DCGANDiscriminator(sizes_change_by="magic"), "sizes_change_by"),
        (lambda: DCGANDiscriminator(hidden=-1), "hidden"),
        (lambda: DCGANGenerator(5, 8)(torch.randn(2, 6)), r"takes \(N, 5\)"),
        (lambda: DCGANDiscriminator(16)(torch.randn(2, 3, 8, 8)), r"takes \(N, 3, 16, 16\)"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
