"""The image transform network and its norm: parameters by hand, any size, one style and several."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.errors import ShapeError
from course_lib.models.norms import ConditionalInstanceNorm, check_style, rows_of
from course_lib.models.transform_net import StyledConv, StyledResidualBlock, TransformNet, doubled


def count(network):
    return sum(p.numel() for p in network.parameters())


def small(styles=1, blocks=1):
    return spread_norms(TransformNet(base_channels=2, blocks=blocks, styles=styles))


def spread_norms(network):
    """Give every style its own scale and shift; they all begin with 1 and 0."""
    for module in network.modules():
        if isinstance(module, ConditionalInstanceNorm):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
    return network


# The norm.


def test_one_style_is_affine_instance_norm():
    x = (3 + 2 * torch.randn(2, 4, 5, 6, dtype=torch.float64)).requires_grad_()
    ours, reference = ConditionalInstanceNorm(4).double(), nn.InstanceNorm2d(4, affine=True).double()
    with torch.no_grad():
        reference.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0]))
        reference.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
        ours.weight.copy_(reference.weight[None]), ours.bias.copy_(reference.bias[None])
    weights = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    slopes = []
    for norm in (ours, reference):
        slopes.append(torch.autograd.grad((norm(x) * weights).sum(), [x, norm.weight, norm.bias]))
    assert torch.allclose(ours(x), reference(x), atol=1e-12)
    for one, other in zip(*slopes, strict=True):
        assert torch.allclose(one.view(other.shape), other, atol=1e-11)


def test_it_begins_as_plain_instance_norm_for_every_style():
    x = 5 + torch.randn(3, 4, 6, 6)
    norm = ConditionalInstanceNorm(4, styles=3)
    assert torch.allclose(norm(x, torch.tensor([2, 0, 1])), nn.InstanceNorm2d(4)(x), atol=1e-4)
    assert count(norm) == 2 * 3 * 4
    assert repr(norm) == "ConditionalInstanceNorm(4, styles=3, eps=1e-05)"


def test_a_number_an_index_and_weights_say_the_same():
    norm = spread_norms(ConditionalInstanceNorm(4, styles=3))
    x = torch.randn(2, 4, 6, 6)
    index = torch.tensor([2, 0])
    by_index = norm(x, index)
    assert torch.equal(norm(x, torch.eye(3)[index]), by_index)
    assert torch.allclose(torch.cat([norm(x[:1], 2), norm(x[1:], 0)]), by_index, atol=1e-5)
    assert not torch.allclose(norm(x, index.flip(0)), by_index, atol=0.1)


def test_a_mix_is_that_of_scales_and_shifts():
    norm = spread_norms(ConditionalInstanceNorm(4, styles=3))
    x, share = torch.randn(2, 4, 6, 6), torch.tensor([[0.2, 0.0, 0.8], [1.5, -0.5, 0.0]])
    scale, shift = (torch.einsum("ns,sc->nc", share, table)[..., None, None] for table in (norm.weight, norm.bias))
    assert torch.allclose(norm(x, share), nn.InstanceNorm2d(4)(x) * scale + shift, atol=1e-5)


@pytest.mark.parametrize("style", [1, torch.tensor([1, 1]), torch.tensor([[0.0, 1.0]] * 2)])
def test_only_the_rows_of_the_style_get_a_gradient(style):
    norm = ConditionalInstanceNorm(3, styles=2)
    (norm(torch.randn(2, 3, 4, 4), style) * torch.randn(2, 3, 4, 4)).sum().backward()
    for table in (norm.weight, norm.bias):
        assert table.grad[0].abs().max() == 0
        assert table.grad[1].abs().min() > 0


@pytest.mark.parametrize("style", [0, torch.tensor([0, 0])])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_channels_last_come_back_as_they_went_in(dtype, style):
    x = (10 + torch.randn(2, 4, 8, 8)).to(dtype, memory_format=torch.channels_last)
    out = ConditionalInstanceNorm(4)(x, style)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert (out.float() - nn.InstanceNorm2d(4)(x.float())).abs().max() < 0.01  # computed in float32, rounded once


def test_rows_of_tables_of_any_shape():
    table = torch.randn(3, 2, 2)
    assert torch.equal(rows_of(table, 1), table[1])
    assert torch.equal(rows_of(table, torch.tensor([2, 2, 0])), table[[2, 2, 0]])
    mixed = rows_of(table, torch.tensor([[0.5, 0.5, 0.0]]))
    assert torch.allclose(mixed, (table[:1] + table[1:2]) / 2)
    with torch.autocast("cpu", torch.bfloat16):  # where a matrix product would round the rows to 8 bits
        assert torch.equal(rows_of(table, torch.eye(3)), table)


@pytest.mark.parametrize("style", [None, 3, -1, True, "0", torch.tensor([3, 0]), torch.tensor([0]), torch.ones(2, 2)])
def test_a_style_that_is_not_there(style):
    with pytest.raises(ShapeError, match=r"a number from 0 to 2, int64 numbers of shape \(2,\)"):
        check_style(style, 3, 2)
    assert check_style(None, 1, 2) == 0


# The network.


def by_hand(c=32, blocks=5, styles=1):
    """Count the weights of each layer: c9s1-32, d64, d128, five R128, u64, u32, c9s1-3."""
    convolutions = [(3, c, 9), (c, 2 * c, 3), (2 * c, 4 * c, 3)]
    convolutions += [(4 * c, 4 * c, 3)] * (2 * blocks)
    convolutions += [(4 * c, 2 * c, 3), (2 * c, c, 3)]
    weights = sum(a * b * k * k for a, b, k in convolutions)
    norms = sum(2 * styles * b for _, b, _ in convolutions)  # a scale and a shift for each channel and style
    last = c * 3 * 81 + 3  # the only bias
    return weights + norms + last


def test_johnsons_network_has_its_size():
    with torch.device("meta"):
        network, several = TransformNet(), TransformNet(styles=16)
    # 7,776 + 18,432 + 73,728 + 10 * 147,456 + 73,728 + 18,432, then 2 * 1,600 of norms, then 7,776 + 3
    assert count(network) == by_hand() == 1_677_635
    assert count(network) + 1_600 == 1_679_235  # with the biases before the norms, which norms take away
    assert count(several) == by_hand(styles=16) == 1_677_635 + 15 * 3_200
    with torch.device("meta"):
        assert count(TransformNet(16, 3, 2)) == by_hand(16, 3, 2)


def test_layers_are_those_of_the_paper():
    with torch.device("meta"):
        network = TransformNet()
    kernels = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert kernels == [
        (3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2), *[(128, 128, 3, 1)] * 10,
        (128, 64, 3, 1), (64, 32, 3, 1), (32, 3, 9, 1),
    ]  # fmt: skip
    relus = [m.relu for m in network.modules() if isinstance(m, StyledConv)]
    assert relus == [True] * 3 + [True, False] * 5 + [True] * 2
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in network.modules())
    out = network(torch.empty(2, 3, 256, 256, device="meta"))
    assert out.shape == (2, 3, 256, 256)
    assert out.device.type == "meta"


def test_a_block_adds_to_its_input_and_ends_without_relu():
    block = spread_norms(StyledResidualBlock(3))
    x = torch.randn(2, 3, 8, 8)
    added = block(x, 0) - x
    assert torch.allclose(added, block.second(block.first(x, 0), 0), atol=1e-5)
    assert added.min() < -0.1
    assert block.first(x, 0).min() == 0


@settings(max_examples=12, deadline=None)
@given(batch=st.integers(1, 2), height=st.integers(5, 22), width=st.integers(5, 22), styles=st.integers(1, 3))
def test_any_size_comes_back_as_it_went_in(batch, height, width, styles):
    y = small(styles)(torch.rand(batch, 3, height, width), styles - 1)
    assert y.shape == (batch, 3, height, width)
    assert y.abs().max() < TransformNet.output_scale
    assert y.isfinite().all()


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (7, 7), (8, 8)])
def test_doubling_is_undone_to_the_size_before(size):
    x = torch.arange(16.0).view(1, 1, 4, 4)
    y = doubled(x, size)
    for row in range(size[0]):
        for column in range(size[1]):
            assert y[0, 0, row, column] == x[0, 0, row // 2, column // 2]
    assert y.shape == (1, 1, *size)


def test_bilinear_doubling_mixes_neighbours_a_quarter_and_three():
    x = torch.tensor([[0.0, 4.0]]).view(1, 1, 1, 2).expand(1, 2, 3, 2)
    assert doubled(x, (5, 4), "bilinear").unique(dim=2).view(2, 4).tolist() == [[0, 1, 3, 4]] * 2
    constant = torch.full((1, 1, 4, 4), 2.5)
    assert torch.equal(doubled(constant, (8, 7), "bilinear"), torch.full((1, 1, 8, 7), 2.5))


def test_the_way_of_doubling_is_no_weight_and_is_used():
    network, smooth = small(), TransformNet(base_channels=2, blocks=1, upsample="bilinear")
    smooth.load_state_dict(network.state_dict())
    x = torch.rand(1, 3, 16, 16)
    assert smooth(x).shape == x.shape
    assert not torch.allclose(smooth(x), network(x), atol=1e-4)
    with pytest.raises(ShapeError, match="upsample is 'cubic': choose one of nearest, bilinear"):
        TransformNet(upsample="cubic")


def test_an_odd_size_is_no_other_network():
    """Away from the border, a larger picture's output is what it was, but for the norms, which see more."""
    network = small().double()
    for module in network.modules():
        if isinstance(module, StyledConv):
            module.norm.forward = lambda x, style: x
    x = torch.rand(1, 3, 97, 131, dtype=torch.float64)
    with torch.no_grad():
        whole, part = network(x), network(x[:, :, :-1, :-3])
    inside = (..., slice(0, 60), slice(0, 90))
    assert torch.allclose(whole[inside], part[inside], atol=1e-12)
    assert whole[inside].std() > 1e-3


def test_a_constant_picture_stays_constant():
    """No border shows: every convolution reflects it, at odd sizes too."""
    network = small().double()
    for module in network.modules():
        if isinstance(module, StyledConv):
            module.norm.forward = lambda x, style: x
    with torch.no_grad():
        y = network(torch.full((1, 3, 19, 22), 0.7, dtype=torch.float64))
        assert float((y - y[:, :, :1, :1]).abs().max()) < 1e-12
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.ReflectionPad2d):
                    setattr(parent, name, nn.ZeroPad2d(child.padding))
        y = network(torch.full((1, 3, 19, 22), 0.7, dtype=torch.float64))
    assert float((y - y[:, :, :1, :1]).abs().max()) > 1e-4


def test_a_pictures_output_does_not_depend_on_its_neighbours():
    network = small(styles=3)
    x, index = torch.rand(3, 3, 17, 22), torch.tensor([2, 0, 1])
    apart = torch.cat([network(row, int(style)) for row, style in zip(x.split(1), index, strict=True)])
    assert torch.allclose(network(x, index), apart, atol=1e-5)


def test_one_style_of_several_is_the_plain_network():
    several, plain = small(styles=3), small()
    state = {
        name: value[1:2] if value.shape[:1] == (3,) and ".norm." in name else value
        for name, value in several.state_dict().items()
    }
    plain.load_state_dict(state)
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(several(x, 1), plain(x))
    assert not torch.allclose(several(x, 0), plain(x), atol=1e-2)


def test_one_hot_weights_are_the_index_and_a_mix_lies_elsewhere():
    network = small(styles=3)
    x, index = torch.rand(2, 3, 16, 16), torch.tensor([2, 1])
    by_index = network(x, index)
    assert torch.equal(network(x, torch.eye(3)[index]), by_index)
    mixed = network(x, torch.tensor([[0.0, 0.5, 0.5]] * 2))
    assert not torch.allclose(mixed, by_index, atol=1e-3)


@pytest.mark.parametrize("options", [{"base_channels": 0}, {"blocks": 0}, {"styles": 0}])
def test_what_cannot_be_built_is_refused(options):
    with pytest.raises(ShapeError, match=f"{next(iter(options))} is 0: give a whole number of at least 1"):
        TransformNet(**options)


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (3, 16, 16), (1, 3, 4, 16), (1, 3, 16, 4)])
def test_a_wrong_shape_says_what_is_taken(shape):
    with pytest.raises(ShapeError, match=r"takes \(N, 3, H, W\) with H and W of at least 5, not"):
        small()(torch.zeros(shape))


def test_a_network_of_several_styles_must_be_told_which():
    with pytest.raises(ShapeError, match="give a number from 0 to 1"):
        small(styles=2)(torch.zeros(1, 3, 8, 8))
