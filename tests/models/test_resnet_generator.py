"""The generator of CycleGAN: parameters, shapes, what is reflected at the border and what is not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.errors import ShapeError
from course_lib.models.norms import InstanceNorm
from course_lib.models.resnet_generator import ReflectedResidualBlock, ResNetGenerator, resnet_9blocks


def count(network):
    return sum(p.numel() for p in network.parameters())


def paper_parameters(blocks, base=64):
    """c7s1-64, d128, d256, R256, u128, u64, c7s1-3, each with biases; instance norm has no parameters."""
    convolutions = [(3, base, 7), (base, 2 * base, 3), (2 * base, 4 * base, 3)]
    convolutions += [(4 * base, 4 * base, 3)] * 2 * blocks
    convolutions += [(4 * base, 2 * base, 3), (2 * base, base, 3), (base, 3, 7)]
    return sum(a * b * k * k + b for a, b, k in convolutions)


def test_the_papers_network_has_the_papers_size():
    with torch.device("meta"):
        networks = resnet_9blocks(), ResNetGenerator(), ResNetGenerator(blocks=6)
    assert [count(network) for network in networks] == [11_378_179, 11_378_179, paper_parameters(6)]
    assert paper_parameters(9) == 11_378_179


def test_layers_are_those_of_the_paper():
    with torch.device("meta"):
        body = resnet_9blocks().body
    kinds = [type(layer) for layer in body]
    assert kinds.count(ReflectedResidualBlock) == 9
    assert kinds.count(nn.ConvTranspose2d) == 2
    assert kinds.count(InstanceNorm) == 5  # after every convolution but the last and those of the blocks
    assert kinds[-3:] == [nn.ReLU, nn.ReflectionPad2d, nn.Conv2d]
    assert [type(layer) for layer in ReflectedResidualBlock(2).body].count(nn.ReLU) == 1  # none after the sum


@settings(max_examples=12, deadline=None)
@given(
    batch=st.integers(1, 2),
    inputs=st.integers(1, 4),
    height=st.integers(2, 4),
    width=st.integers(2, 4),
    downs=st.integers(0, 3),
    upsample=st.sampled_from(["transposed", "resize", "bilinear"]),
)
def test_shape_and_range(batch, inputs, height, width, downs, upsample):
    network = ResNetGenerator(inputs, 2, base_channels=2, blocks=1, downs=downs, upsample=upsample)
    x = torch.randn(batch, inputs, max(4, height * 2**downs), max(4, width * 2**downs))
    y = network(x)
    assert y.shape == (batch, 2, *x.shape[2:])
    assert y.abs().max() < 1


def without_norms(network):
    """Take the norms out, so that a number can be followed through the network."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, InstanceNorm):
                setattr(parent, name, nn.Identity())
    for p in network.parameters():
        nn.init.uniform_(p, 0.0, 0.05)  # positive: ReLU passes all of it on
    return network


def spread(network, side=16):
    """Return how much the output for a constant picture differs from place to place, before tanh."""
    with torch.no_grad():
        y = network.body(torch.full((1, 3, side, side), 0.7, dtype=torch.float64))
    return float((y - y[:, :, :1, :1]).abs().max())


def test_the_reflected_border_cannot_be_seen():
    """A constant picture stays constant up to rounding where all borders are reflected; padded by zeros it does not."""
    network = without_norms(ResNetGenerator(base_channels=4, blocks=2, downs=0).double())
    assert spread(network) < 1e-12
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReflectionPad2d):
                setattr(parent, name, nn.ZeroPad2d(child.padding))
    assert spread(network) > 1e-3


def test_halving_pads_by_zeros_as_the_authors_do():
    """Without norms the edge of a constant picture shows then, and only the edge: the middle stays constant."""
    network = without_norms(ResNetGenerator(base_channels=2, blocks=1, downs=1, upsample="resize").double())
    with torch.no_grad():
        y = network.body(torch.full((1, 3, 64, 64), 0.7, dtype=torch.float64))
    middle = y[:, :, 24:40, 24:40]
    assert float((middle - middle[:, :, :1, :1]).abs().max()) < 1e-12
    assert spread(network, 64) > 1e-4


def test_the_tone_of_a_constant_picture_is_lost():
    """What instance norm costs: all constant pictures, black and white too, have one output."""
    network = ResNetGenerator(base_channels=4, blocks=2).double()
    tones = torch.tensor([-1.0, 0.0, 0.5, 1.0], dtype=torch.float64).view(4, 1, 1, 1).expand(4, 3, 16, 16)
    assert torch.allclose(network(tones), torch.zeros(4, 3, 16, 16, dtype=torch.float64), atol=1e-8)
    assert network(torch.randn(1, 3, 16, 16, dtype=torch.float64)).abs().max() > 1e-3


def test_a_picture_s_output_does_not_depend_on_its_neighbours():
    network = ResNetGenerator(base_channels=4, blocks=2)
    x = torch.randn(3, 3, 16, 16)
    assert torch.allclose(network(x), torch.cat([network(row) for row in x.split(1)]), atol=1e-5)


def test_a_block_adds_to_its_input():
    block = ReflectedResidualBlock(3)
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(block(x) - x, block.body(x), atol=1e-6)
    with torch.no_grad():
        block.body[5].weight.zero_()
    assert torch.equal(block(x), x)  # instance norm takes the bias away again


def test_weights_are_drawn_as_in_the_paper():
    network = ResNetGenerator(base_channels=16, blocks=3)
    weights = torch.cat([p.flatten() for name, p in network.named_parameters() if name.endswith("weight")])
    assert weights.mean().item() == pytest.approx(0, abs=3e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert all(not p.any() for name, p in network.named_parameters() if name.endswith("bias"))


def test_doubling_by_resizing_has_no_transposed_convolution():
    network = ResNetGenerator(base_channels=4, blocks=1, upsample="resize")
    assert not any(isinstance(layer, nn.ConvTranspose2d) for layer in network.modules())
    assert count(network) == count(ResNetGenerator(base_channels=4, blocks=1))  # both have 3x3 kernels and a bias


@pytest.mark.parametrize(
    "options",
    [{"blocks": 0}, {"downs": -1}, {"upsample": "shuffle"}, {"norm": "layer"}],
    ids=["blocks", "downs", "upsample", "norm"],
)
def test_what_cannot_be_built_is_refused(options):
    with pytest.raises(
        ShapeError,
        match=r"whole number of at least [01]|choose one of transposed, resize, bilinear|'none', not 'layer'",
    ):
        ResNetGenerator(base_channels=2, **options)


def test_norm_bias_and_dropout_can_be_others():
    """As pix2pix takes this network in the authors' code: batch norm and no biases but the last, dropout in blocks."""
    network = ResNetGenerator(base_channels=4, blocks=2, norm="batch", dropout=0.5)
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert [conv.bias is not None for conv in convs] == [False] * (len(convs) - 1) + [True]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()) == len(convs) - 1
    x = torch.randn(2, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    assert not any(isinstance(layer, nn.Dropout) for layer in ResNetGenerator(base_channels=4).modules())


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (1, 3, 18, 16), (1, 3, 16, 14), (3, 16, 16), (1, 3, 4, 16)])
def test_a_wrong_shape_says_what_is_taken(shape):
    with pytest.raises(ShapeError, match=r"takes \(N, 3, H, W\) with H and W divisible by 4 and at least 8, not"):
        ResNetGenerator(base_channels=2, blocks=1)(torch.zeros(shape))


@pytest.mark.parametrize(("downs", "side"), [(0, 4), (1, 4), (2, 8), (3, 16)])
def test_the_smallest_picture_goes_through_and_none_smaller(downs, side):
    network = ResNetGenerator(base_channels=2, blocks=1, downs=downs)
    assert network.smallest == side
    assert network(torch.randn(1, 3, side, side)).shape == (1, 3, side, side)
    with pytest.raises((RuntimeError, ValueError)):  # torch's own words, of padding or of norms
        network.body(torch.randn(1, 3, side - 2**downs, side - 2**downs))
