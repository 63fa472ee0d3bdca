"""Networks of the authors' code become ours: the same outputs, the same step, every one of their names used once."""

import re

import authors_networks as theirs
import pytest
import torch
from torch import nn

from course_lib.errors import DataError, ShapeError
from course_lib.models.authors import authors_state, discriminator_of, generator_of
from course_lib.models.norms import ConditionalInstanceNorm
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.unet import UNet

CASES = {
    "unet_256": (lambda **o: theirs.unet(8, **o), 256),
    "unet_128": (lambda **o: theirs.unet(7, **o), 128),
    "unet of 5 levels": (lambda **o: theirs.unet(5, **o), 32),
    "resnet_9blocks": (lambda **o: theirs.resnet(9, **o), 16),
    "resnet_6blocks": (lambda **o: theirs.resnet(6, **o), 16),
}
NORMS = {"batch": theirs.BATCH, "instance": theirs.INSTANCE, "none": theirs.NONE}
case = pytest.mark.parametrize("name", list(CASES))
norm = pytest.mark.parametrize("norm", ["batch", "instance"])


def pair(name, norm="batch", **options):
    """Return one of their networks with random weights, ours with the same, and a batch that both take."""
    build, side = CASES[name]
    other = theirs.stirred(build(norm=NORMS[norm], **options)).eval()
    dropout = 0.5 if options.get("dropout") else 0.0
    return other, generator_of(other.state_dict(), dropout), torch.rand(2, 3, side, side) * 2 - 1


def same_values(ours, other):
    """Whether all weights and statistics are those of their network, each name once."""
    mine, expected = authors_state(ours), other.state_dict()
    assert set(mine) == set(expected)
    return all(torch.allclose(mine[key].double(), expected[key].double(), atol=1e-5) for key in expected)


@case
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("norm", list(NORMS))
def test_outputs_are_theirs_in_eval_mode(name, norm, dropout):
    other, ours, x = pair(name, norm, dropout=dropout)
    with torch.no_grad():
        expected = other(x.clone())
        assert torch.allclose(ours(x), expected, atol=1e-5)
    assert 0.05 < expected.std() < 0.99  # neither silent nor saturated
    assert not ours.training
    assert same_values(ours, other)


@case
@norm
def test_a_training_step_is_theirs(name, norm):
    other, ours, x = (one.double() for one in pair(name, norm))  # a rounding of a gradient is not what is looked for
    target = torch.rand_like(x)
    for network in (other, ours):
        network.train()
        (network(x.clone()) - target).square().mean().backward()
        torch.optim.SGD(network.parameters(), 1.0).step()
    before = pair(name, norm)[0]
    assert same_values(ours, other)  # running statistics too
    assert not same_values(ours, before)
    for mode in (True, False):
        with torch.no_grad():
            assert torch.allclose(ours.train(mode)(x), other.train(mode)(x.clone()), atol=1e-5)


@case
@norm
def test_dropout_draws_in_the_same_places(name, norm):
    """From the same random state both drop the same values: the layers stand in the same order."""
    other, ours, x = pair(name, norm, dropout=True)
    outputs = []
    for network in (other, ours, ours):
        if len(outputs) < 2:
            torch.manual_seed(5)
        outputs.append(network.train()(x.clone()))
    assert torch.allclose(outputs[0], outputs[1], atol=1e-5)
    places = sum(isinstance(layer, nn.Dropout) for layer in other.modules())
    assert places == sum(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in ours.modules())
    assert places == {"unet_256": 3, "unet_128": 2, "unet of 5 levels": 0}.get(name, int(re.findall(r"\d", name)[0]))
    assert (places == 0) == torch.equal(outputs[1], outputs[2])


def test_their_names_are_those_of_the_published_files():
    names = set(theirs.unet(8).state_dict())
    assert {"model.model.0.weight", "model.model.3.bias", "model.model.1.model.6.running_mean"} <= names
    assert "model.model.1." + "model.3." * 6 + "model.4.num_batches_tracked" in names
    assert "model.model.0.bias" not in names
    names = set(theirs.resnet(9).state_dict())
    assert {"model.1.weight", "model.1.bias", "model.10.conv_block.1.weight", "model.18.conv_block.5.bias"} <= names
    assert {"model.19.weight", "model.22.weight", "model.26.weight"} <= names
    assert not any("running" in name for name in names)
    assert "model.10.conv_block.6.weight" in theirs.resnet(9, dropout=True).state_dict()
    assert set(theirs.patchgan(3).state_dict()) >= {"model.0.bias", "model.9.running_var", "model.11.weight"}


def test_the_networks_have_the_published_sizes():
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in net.parameters()) for net in (theirs.unet(8, width=64), theirs.resnet(9, width=64))
        ]
    assert sizes == [54_413_955, 11_378_179]


@pytest.mark.parametrize(("inputs", "outputs", "width"), [(1, 3, 4), (3, 1, 3), (2, 2, 1)])
def test_channels_and_width_are_read(inputs, outputs, width):
    sizes = {"inputs": inputs, "outputs": outputs, "width": width}
    for other, side in ((theirs.unet(5, **sizes), 32), (theirs.resnet(6, **sizes), 16)):
        ours = generator_of(theirs.stirred(other).eval().state_dict())
        x = torch.randn(1, inputs, side, side)
        assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)
        assert (ours.in_channels, ours.out_channels) == (inputs, outputs)


def test_wrong_wirings_would_be_seen():
    other, ours, x = pair("unet_128")
    expected = other(x.clone())
    ours.wiring = "paper"
    assert not torch.allclose(ours(x), expected, atol=1e-2)
    ours = generator_of(other.state_dict(), up_first=True)
    assert not torch.allclose(ours(x), expected, atol=1e-2)


def test_the_older_order_of_joining():
    other = theirs.stirred(theirs.unet(5, how="up first")).eval()
    ours, x = generator_of(other.state_dict(), up_first=True), torch.randn(1, 3, 32, 32)
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)
    state = authors_state(ours, up_first=True)
    assert all(torch.equal(state[key], value) for key, value in other.state_dict().items())


def test_biases_under_batch_norm_as_the_first_versions_had_them():
    other = theirs.stirred(theirs.unet(5, bias=True)).eval()
    ours, x = generator_of(other.state_dict()), torch.randn(1, 3, 32, 32)
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)
    with pytest.raises(ShapeError, match="its biases are not where theirs are"):
        authors_state(ours)


@pytest.mark.parametrize("build", [theirs.unet, theirs.resnet])
def test_statistics_of_instance_norm_are_left_where_they_are(build):
    other = theirs.stirred(build(6, theirs.TRACKED))
    state, x = other.state_dict(), torch.randn(1, 3, 64, 64)
    assert any(name.endswith("running_var") for name in state)
    ours = generator_of(state)
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)  # theirs in train mode, as their test script has it
    short = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert torch.equal(generator_of(short)(x), ours(x))


@pytest.mark.parametrize("build", [theirs.unet, theirs.resnet])
def test_instance_norm_with_a_scale(build):
    affine = theirs.functools.partial(nn.InstanceNorm2d, affine=True)
    other, x = theirs.stirred(build(6, affine)).eval(), torch.randn(2, 3, 64, 64)
    ours = generator_of(other.state_dict())
    assert any(isinstance(layer, ConditionalInstanceNorm) for layer in ours.modules())
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)


def test_batch_norm_without_a_counter_is_of_an_older_torch():
    other, ours, x = pair("unet_128")
    state = {name: t for name, t in other.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert torch.equal(generator_of(state)(x), ours(x))


def test_a_resnet_with_dropout_can_be_had_without():
    other, _, x = pair("resnet_6blocks", dropout=True)
    ours = generator_of(other.state_dict(), dropout=0.0)
    assert not any(isinstance(layer, nn.Dropout) for layer in ours.modules())
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)


def test_building_draws_no_random_numbers_and_shares_no_memory():
    other = theirs.resnet(6)
    state = other.state_dict()
    before = torch.get_rng_state()
    ours = generator_of(state)
    assert torch.equal(before, torch.get_rng_state())
    with torch.no_grad():
        ours.body[1].weight.zero_()
    assert state["model.1.weight"].any()
    assert all(p.requires_grad for p in ours.parameters())


@pytest.mark.parametrize("layers", [0, 1, 3, 5])
@norm
def test_discriminators_judge_alike(layers, norm):
    width = {"width": 2}
    other = theirs.patchgan(layers, NORMS[norm], **width) if layers else theirs.PixelGAN(NORMS[norm], **width)
    theirs.stirred(other).eval()
    x, y = torch.randn(2, 1, 128, 128), torch.randn(2, 5, 128, 128)
    ours = discriminator_of(other.state_dict(), x_channels=1)
    assert (ours.x_channels, ours.y_channels) == (1, 5)
    assert torch.allclose(ours(x, y), other(torch.cat([x, y], dim=1)), atol=1e-5)
    alone = discriminator_of(other.state_dict(), x_channels=0)
    assert torch.equal(alone(None, torch.cat([x, y], dim=1)), ours(x, y))


# What does not fit is named.


def changed(state, **changes):
    return {**state, **{name.replace("__", "."): value for name, value in changes.items()}}


def without(state, part):
    return {name: tensor for name, tensor in state.items() if part not in name}


UNET, RESNET = theirs.unet(5).state_dict(), theirs.resnet(6).state_dict()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (without(UNET, "model.model.3.weight"), "model.model.3.weight is missing"),
        (without(UNET, "3.model.2.running_var"), r"model.model.1.model.3.model.2.running_var is missing"),
        (without(UNET, "model.model.1."), "model.model.1.model.1.weight is missing"),
        (changed(UNET, model__model__0__weight=torch.zeros(2, 3, 3, 3)), r"shape \(2, 3, 3, 3\) where \(2, 3, 4, 4\)"),
        (changed(UNET, model__model__0__weight=torch.zeros(2)), "not one of a convolution"),
        (changed(UNET, model__model__0__weight=torch.zeros(0, 3, 4, 4)), "not one of a convolution"),
        (changed(UNET, model__model__3__bias=torch.tensor([1, float("nan"), 0])), "bias holds NaN or infinity"),
        (changed(UNET, model__model__3__bias=torch.ones(3, dtype=torch.int64)), "bias holds torch.int64"),
        (changed(UNET, model__model__1__model__2__running_var=-torch.ones(4)), "a negative variance"),
        (changed(UNET, extra__weight=torch.ones(1)), "it holds extra.weight, which has no place"),
        (without(RESNET, "model.12."), "model.12.conv_block.1.weight is missing"),
        (changed(RESNET, model__16__weight=torch.zeros(8, 4, 4, 4)), r"\(8, 4, 4, 4\) where \(8, 4, 3, 3\) would"),
        (changed(RESNET, model__11__conv_block__5__bias=torch.full((8,), torch.inf)), "NaN or infinity"),
        (without(RESNET, "model.23"), "model.23.weight is missing"),
        ({"model.9999.conv_block.1.weight": torch.ones(1)}, "residual blocks are not where"),
        ({"model.x.conv_block.1.weight": torch.ones(1)}, "residual blocks are not where"),
        (
            theirs.patchgan(3).state_dict(),
            r"those of a discriminator, for which there is load_authors_discriminator\(\)",
        ),
        (theirs.PixelGAN().state_dict(), "those of a discriminator"),
        (nn.Linear(2, 2).state_dict(), "neither those of a U-Net"),
        (UNet(base_channels=2, levels=5).state_dict(), "neither those of a U-Net"),
    ],
)
def test_what_is_no_generator_is_refused(state, words):
    with pytest.raises(DataError, match=words):
        generator_of(state)


@pytest.mark.parametrize(
    ("state", "x_channels", "words"),
    [
        (theirs.unet(5).state_dict(), 3, "not those of a discriminator"),
        (theirs.patchgan(3).state_dict(), 6, "x_channels must be from 0 to 5"),
        (theirs.patchgan(3).state_dict(), -1, "x_channels must be from 0 to 5"),
        (theirs.patchgan(3, theirs.NONE).state_dict(), 3, "its norm is 'none'"),
        ({"model.0.weight": torch.ones(1, 1, 4, 4), "model.9999.weight": torch.ones(1)}, 0, "is not where a PatchGAN"),
        ({"model.0.weight": torch.ones(1, 1, 4, 4)}, 0, "is not where a PatchGAN"),
    ],
)
def test_what_is_no_discriminator_is_refused(state, x_channels, words):
    with pytest.raises(DataError, match=words):
        discriminator_of(state, x_channels)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda: UNet(base_channels=2, levels=5), "its wiring is 'paper'"),
        (lambda: UNet(base_channels=2, levels=5, wiring="authors", skips=False), "no skip connections"),
        (lambda: UNet(base_channels=2, levels=4, wiring="authors"), "fewer than 5 levels"),
        (lambda: UNet(base_channels=2, levels=5, wiring="authors", max_channels=8), "stop doubling elsewhere"),
        (lambda: UNet(base_channels=2, levels=5, wiring="authors", upsample="resize"), "it doubles by resizing"),
        (lambda: UNet(base_channels=2, levels=5, wiring="authors", norm="affine instance"), "its norm has a scale"),
        (lambda: ResNetGenerator(base_channels=2, downs=1), "does not halve the size twice"),
        (lambda: ResNetGenerator(base_channels=2, bias=False), "its biases are not where theirs are"),
        (lambda: nn.Linear(2, 2), "A Linear is no generator of the authors' code"),
    ],
)
def test_what_their_code_cannot_build_is_not_written(network, words):
    with pytest.raises(ShapeError, match=words):
        authors_state(network())


@pytest.mark.parametrize("options", [{"norm": "batch"}, {"norm": "instance"}, {"norm": "none"}])
def test_ours_in_their_classes(options):
    """The way back: their networks load what ours give, strictly, and do the same."""
    mine = NORMS[options["norm"]]
    for ours, other, side in (
        (UNet(base_channels=2, levels=7, wiring="authors", **options), theirs.unet(7, mine), 128),
        (ResNetGenerator(base_channels=2, dropout=0.5, **options), theirs.resnet(9, mine, dropout=True), 16),
    ):
        other.load_state_dict(authors_state(theirs.stirred(ours).eval()))
        x = torch.randn(1, 3, side, side)
        assert torch.allclose(ours(x), other.eval()(x.clone()), atol=1e-5)
