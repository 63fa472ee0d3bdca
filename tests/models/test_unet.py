"""The U-Net of pix2pix: parameters, shapes, skip connections, dropout as noise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import ShapeError
from course_lib.models.norms import InstanceNorm
from course_lib.models.unet import UNet, bilinear, resize, transposed, unet_256


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
        networks = UNet(), unet_256()
    assert [count(network) for network in networks] == [paper_parameters(3, 3, 64, 8)] * 2 == [54_413_955] * 2


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


def encoder_decoder_parameters(in_channels: int, out_channels: int, base: int, levels: int) -> int:
    """The same list without skip connections: the decoder takes what the block before it gives."""
    joined = sum(base * min(2**level, 8) * base * min(2 ** (level - 1), 8) * 16 for level in range(1, levels - 1))
    return paper_parameters(in_channels, out_channels, base, levels) - joined - base * out_channels * 16


@pytest.mark.parametrize(("base", "levels"), [(64, 8), (16, 4), (8, 2)])
def test_the_encoder_decoder_has_fewer_parameters(base, levels):
    with torch.device("meta"):
        network = UNet(1, 3, base_channels=base, levels=levels, skips=False)
    assert count(network) == encoder_decoder_parameters(1, 3, base, levels)


def with_the_innermost_silenced(skips: bool) -> UNet:
    network = UNet(1, 1, base_channels=4, levels=3, dropout=0.0, skips=skips).eval()
    with torch.no_grad():
        network.down[-1].conv.weight.zero_()
    return network


def test_without_skips_x_passes_through_the_innermost_only():
    """With the innermost output at 0 the encoder-decoder knows nothing of x, and the U-Net still does."""
    one, other = torch.randn(2, 1, 16, 16), torch.randn(2, 1, 16, 16)
    blind = with_the_innermost_silenced(skips=False)
    assert torch.equal(blind(one), blind(other))
    assert not torch.allclose(with_the_innermost_silenced(True)(one), with_the_innermost_silenced(True)(other))
    seeing = UNet(1, 1, base_channels=4, levels=3, dropout=0.0, skips=False).eval()
    assert not torch.equal(seeing(one), seeing(other))


@pytest.mark.parametrize("upsample", ["transposed", "resize", "bilinear"])
@pytest.mark.parametrize("skips", [True, False])
def test_shapes_of_the_variants(upsample, skips):
    network = UNet(2, 3, base_channels=4, levels=3, upsample=upsample, skips=skips)
    assert network(torch.randn(2, 2, 16, 24)).shape == (2, 3, 16, 24)


def test_resizing_has_kernels_of_3():
    """Per doubling 9 weights in the place of 16, and no other difference."""
    with torch.device("meta"):
        paper, other = UNet(), UNet(upsample="resize")
    weights = sum(w.numel() for name, w in paper.named_parameters() if w.dim() == 4 and name[:2] in ("up", "la"))
    assert count(paper) - count(other) == weights * 7 // 16


def checkerboard(upsample) -> float:
    """Return how much a constant map differs from place to place after doubling, away from the border."""
    with torch.no_grad():
        doubled = upsample(4, 2, bias=True).double()(torch.ones(1, 4, 8, 8, dtype=torch.float64))
    inside = doubled[:, :, 3:-3, 3:-3]
    return float((inside - inside[:, :, :1, :1]).abs().max())


def test_resizing_keeps_a_constant_map_constant_and_the_transposed_convolution_does_not():
    assert checkerboard(resize) < 1e-12
    assert checkerboard(bilinear) < 1e-12
    assert checkerboard(transposed) > 1e-2


def test_the_transposed_pattern_repeats_every_two_pixels():
    with torch.no_grad():
        inside = transposed(4, 2, bias=True)(torch.ones(1, 4, 8, 8))[:, :, 3:-3, 3:-3]
    assert torch.allclose(inside[:, :, :-2], inside[:, :, 2:], atol=1e-6)
    assert not torch.allclose(inside[:, :, :-1], inside[:, :, 1:], atol=1e-3)


def finest(upsample) -> float:
    """Return how much of the power of a doubled random map has a period of two to three pixels along an axis."""
    torch.manual_seed(0)
    with torch.no_grad():
        doubled = upsample(16, 8, bias=False)(torch.randn(8, 16, 16, 16))
    power = torch.fft.fft2(doubled[:, :, 2:-2, 2:-2]).abs().square().mean((0, 1))
    fine = torch.fft.fftfreq(len(power)).abs() > 1 / 3
    return float(power[fine[:, None] | fine].sum() / power.sum())


def test_lines_between_neighbours_leave_less_of_the_finest_grid():
    assert finest(bilinear) < 0.2 * finest(resize)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": 1}, "levels is 1: give a whole number of at least 2"),
        ({"upsample": "shuffle"}, "'shuffle': choose one of transposed, resize, bilinear"),
        ({"wiring": "theirs"}, "'theirs': choose one of paper, authors"),
        ({"norm": "layer"}, "'batch', 'instance', 'affine instance', 'none', not 'layer'"),
        ({"dropout_start": -1}, "dropout_start is -1: give a whole number of at least 0"),
    ],
)
def test_what_cannot_be_built_is_refused(options, words):
    with pytest.raises(ShapeError, match=words):
        UNet(base_channels=2, **options)


# The wiring of the authors' code, and what else may differ.


def seen_by_the_decoder(network, x):
    """Return what each block of the decoder is given, the last convolution too."""
    seen = []
    hooks = [
        block.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
        for block in [*network.up, network.last]
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("skips", [True, False])
def test_nothing_negative_passes_in_the_authors_wiring(skips):
    network = UNet(base_channels=4, levels=4, dropout=0.0, skips=skips, wiring="authors").eval()
    x = torch.randn(2, 3, 16, 16)
    theirs = seen_by_the_decoder(network, x)
    network.wiring = "paper"
    papers = seen_by_the_decoder(network, x)
    assert all(float(one.min()) >= 0 for one in theirs)
    # the innermost output, and then the halves that come by the skip connections
    assert torch.equal(theirs[0], papers[0].relu())
    assert papers[0].min() < 0
    assert all((one.min() < 0) == skips for one in papers[1:])


def test_both_wirings_have_the_same_weights_from_the_same_seed():
    states = []
    for wiring in ("paper", "authors"):
        torch.manual_seed(3)
        states.append(UNet(base_channels=4, levels=4, wiring=wiring).state_dict())
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"dropout_start": 1}, [0, 0.5, 0.5, 0.5, 0, 0, 0]),
        ({"dropout_start": 1, "dropout_blocks": 0}, [0] * 7),
        ({"dropout_start": 5, "dropout": 0.2}, [0, 0, 0, 0, 0, 0.2, 0.2]),
    ],
)
def test_where_dropout_starts(options, rates):
    assert [block.dropout.p for block in UNet(base_channels=2, levels=8, **options).up] == rates


@pytest.mark.parametrize(
    ("norm", "bias", "biased"),
    [("batch", None, False), ("instance", None, True), ("none", None, False), ("batch", True, True)],
)
def test_norms_and_biases(norm, bias, biased):
    network = UNet(base_channels=4, levels=3, norm=norm, bias=bias)
    convs = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert [conv.bias is not None for conv in convs] == [biased] * (len(convs) - 1) + [True]
    kind = {"batch": torch.nn.BatchNorm2d, "instance": InstanceNorm, "none": torch.nn.Identity}[norm]
    assert [type(block.norm) for block in network.up] == [kind] * 2
    assert [type(block.norm) for block in network.down] == [torch.nn.Identity, kind, torch.nn.Identity]
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, 3, 16, 16)


def test_a_network_without_content_draws_nothing(monkeypatch):
    """On the meta device torch would import its compiler for it, for seconds; reading weights builds networks so."""
    monkeypatch.setattr(torch.nn.init, "normal_", lambda *_: pytest.fail("numbers were drawn"))
    with torch.device("meta"):
        assert UNet(base_channels=2, levels=3).last.weight.is_meta
    with pytest.raises(pytest.fail.Exception, match="numbers were drawn"):
        UNet(base_channels=2, levels=3)
