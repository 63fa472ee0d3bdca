"""The U-Net of pix2pix: parameters, shapes, skip connections, dropout as noise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import ShapeError
from course_lib.models.unet import UNet


def paper_parameters(in_channels: int, out_channels: int, base: int, levels: int) -> int:
    """Count by the paper's list of layers: 4x4 kernels, two numbers a channel for each batch norm."""
    widths = [base * min(2**level, 8) for level in range(levels)]
    encoder = sum(a * b * 16 for a, b in zip([in_channels, *widths[:-1]], widths, strict=True))
    encoder += sum(2 * w for w in widths[1:-1])
    decoder = widths[-1] * widths[-2] * 16 + 2 * widths[-2]
    for level in range(levels - 2, 0, -1):
        decoder += 2 * widths[level] * widths[level - 1] * 16 + 2 * widths[level - 1]
    return encoder + decoder + 2 * base * out_channels * 16 + out_channels


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_papers_network_has_the_papers_size():
    with torch.device("meta"):
        network = UNet()
    assert count(network) == paper_parameters(3, 3, 64, 8) == 54_413_955


@pytest.mark.parametrize(("base", "levels"), [(32, 6), (16, 4), (8, 2)])
def test_smaller_networks_follow_the_same_formula(base, levels):
    assert count(UNet(1, 3, base_channels=base, levels=levels)) == paper_parameters(1, 3, base, levels)


def test_batch_norm_is_where_the_paper_has_it():
    network = UNet(base_channels=4, levels=5)
    has_norm = [isinstance(block.norm, torch.nn.BatchNorm2d) for block in network.down]
    assert has_norm == [False, True, True, True, False]
    assert all(isinstance(block.norm, torch.nn.BatchNorm2d) for block in network.up)


def test_dropout_is_in_the_first_three_decoder_blocks():
    network = UNet(base_channels=4, levels=8)
    assert [block.dropout.p for block in network.up] == [0.5, 0.5, 0.5, 0, 0, 0, 0]


@settings(max_examples=10, deadline=None)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 4),
    height=st.integers(1, 3),
    width=st.integers(1, 3),
    levels=st.integers(2, 4),
)
def test_shape_and_range(batch, channels, height, width, levels):
    network = UNet(channels, 3, base_channels=4, levels=levels).eval()
    x = torch.randn(batch, channels, height * 2**levels, width * 2**levels)
    y = network(x)
    assert y.shape == (batch, 3, *x.shape[2:])
    assert y.abs().max() <= 1


def test_skip_connections_carry_detail_past_the_bottleneck():
    """With the decoder's blocks silenced, one changed pixel still changes the output: it came through the skip."""
    network = UNet(1, 1, base_channels=4, levels=3, dropout=0.0).eval()
    with torch.no_grad():
        for block in network.up:
            block.conv.weight.zero_()
    x = torch.zeros(1, 1, 16, 16)
    changed = x.clone()
    changed[0, 0, 7, 7] = 1
    assert not torch.equal(network(x), network(changed))


def test_dropout_makes_outputs_differ_only_in_train_mode():
    network = UNet(1, 3, base_channels=8, levels=4)
    x = torch.randn(2, 1, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("shape", [(1, 2, 16, 16), (1, 1, 17, 16), (1, 16, 16)])
def test_a_wrong_shape_says_what_is_taken(shape):
    with pytest.raises(ShapeError, match=r"takes \(N, 1, H, W\) with H and W divisible by 8"):
        UNet(1, 3, base_channels=4, levels=3)(torch.zeros(shape))
