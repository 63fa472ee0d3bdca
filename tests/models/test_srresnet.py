"""SRResNet: size, factor, and what an untrained residual body leaves alone."""

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.models.srresnet import ResidualBlock, SRResNet


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarges_by_the_factor(factor):
    network = SRResNet(channels=8, blocks=2, factor=factor)
    assert network(torch.randn(2, 3, 12, 10)).shape == (2, 3, 12 * factor, 10 * factor)


def test_the_papers_network_has_the_papers_size():
    with torch.device("meta"):
        network = SRResNet()
    head, tail = 3 * 64 * 81 + 64 + 1, 2 * (64 * 256 * 9 + 256 + 1) + 64 * 3 * 81 + 3
    block = 2 * (64 * 64 * 9 + 2 * 64) + 1
    assert sum(p.numel() for p in network.parameters()) == head + 16 * block + 64 * 64 * 9 + 2 * 64 + tail


def test_a_block_with_a_zero_last_norm_is_the_identity():
    block = ResidualBlock(4).eval()
    torch.nn.init.zeros_(block.body[-1].weight)
    x = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(x), x)


def test_refuses_what_it_cannot_do():
    with pytest.raises(ShapeError, match="by 2 or by 4"):
        SRResNet(factor=3)
    with pytest.raises(ShapeError, match=r"takes \(N, 3, H, W\)"):
        SRResNet(channels=4, blocks=1)(torch.zeros(1, 1, 8, 8))


def test_with_the_skip_it_starts_as_bicubic_interpolation():
    network = SRResNet(channels=4, blocks=1, factor=4, skip=True).eval()
    x = torch.randn(2, 3, 6, 5)
    bicubic = torch.nn.functional.interpolate(x, scale_factor=4, mode="bicubic")
    assert torch.equal(network(x), bicubic)
