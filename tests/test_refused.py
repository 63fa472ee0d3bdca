"""What no tensor alone shows: numbers, names and ranges that are refused, where checks must keep still, and hints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from course_lib import data, metrics, plotting
from course_lib.arguments import check_count, check_floats, check_number, check_tensor, check_within
from course_lib.data import columns, crops, mixtures, pixels
from course_lib.errors import CourseError, ShapeError
from course_lib.losses import elbo, penalties, perceptual, reconstruction
from course_lib.models import mlp, norms, patchgan, resnet_generator, srresnet, transform_net, unet, vae

TWO = torch.zeros(2, 3)
FIGURES = {"a": {"l1": 1.0}}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: elbo.bernoulli_nll(TWO, TWO - 1), r"in \[0, 1\], not in \[-1, -1\]: map .* \(x \+ 1\) / 2"),
        (lambda: elbo.bernoulli_nll(TWO, TWO + math.nan), "not in .nan, nan"),
        (lambda: elbo.bernoulli_nll(TWO, TWO[:1]), "same shape"),
        (lambda: elbo.gaussian_nll(TWO, TWO, 0.0), "std is 0.0: give a finite number above 0"),
        (lambda: elbo.gaussian_nll(TWO, TWO, torch.tensor(-1.0)), "std is -1.0"),
        (lambda: elbo.gaussian_nll(TWO, TWO, torch.ones(3)), "one number for all pixels"),
        (lambda: elbo.gaussian_nll(TWO, TWO[:1], 1.0), "same shape"),
        (lambda: reconstruction.distance_to_interval(TWO, TWO + 1, TWO), "lower ends first"),
        (lambda: reconstruction.mse_minimiser(TWO, torch.tensor([1.0, math.inf])), "all finite"),
        (lambda: penalties.gradient_penalty(TWO, -1.0), "target is -1.0"),
        (lambda: penalties.clip_weights(TWO, 0.1), "give a network"),
        (lambda: perceptual.PerceptualLoss(content_weight=-1.0), "content_weight is -1.0"),
        (lambda: unet.UNet(base_channels=0), "base_channels is 0"),
        (lambda: unet.UNet(max_channels=0), "max_channels is 0"),
        (lambda: unet.UNet(dropout=1.0), "dropout is 1.0: give a finite number of at least 0 and below 1"),
        (lambda: unet.UpBlock(4, 4, upsample="shuffle"), "choose one of transposed, resize"),
        (lambda: patchgan.PatchGAN(layers=-1), "layers is -1"),
        (lambda: patchgan.PatchGAN(base_channels=2.5), "base_channels is 2.5"),
        (lambda: patchgan.receptive_field(torch.nn.Linear(2, 2)), "no convolution"),
        (lambda: resnet_generator.ReflectedResidualBlock(4)(torch.zeros(1, 4, 1, 8)), "at least 2"),
        (lambda: transform_net.StyledConv(3, 3, 2), "an odd side"),
        (lambda: srresnet.SRResNet(blocks=0), "blocks is 0"),
        (lambda: mlp.MLP(0, 1), "inputs is 0"),
        (lambda: mlp.MLP(1, 1, hidden=(0,)), "A width in hidden is 0"),
        (lambda: mlp.MLP(3, 1)(TWO.double()), r"float64 and the network torch.float32: use x.to\(torch.float32\)"),
        (lambda: norms.InstanceNorm(eps=0.0), "eps is 0.0"),
        (lambda: vae.ConvDecoder(latents=0), "latents is 0"),
        (lambda: metrics.VGGKID(subset_size=0), "subset_size is 0: give a whole number of at least 2"),
        (lambda: metrics.VGGKID(subset_size=1), "subset_size is 1"),
        (lambda: metrics.VGGKID(subsets=0), "subsets is 0"),
        (lambda: metrics.VGGFID("inception"), "give a network"),
        (lambda: metrics.unbiased_mmd(torch.zeros(3, 2), torch.zeros(3, 2), degree=0), "degree is 0"),
        (lambda: metrics.colourfulness(torch.zeros(1, 3, 8, 8), "sum"), "choose one of mean, none"),
        (lambda: metrics.l1(torch.zeros(1, 8, 8, 3), torch.zeros(1, 8, 8, 3)), r"x\.movedim\(-1, 1\)"),
        (lambda: mixtures.ring(0), "modes is 0"),
        (lambda: mixtures.grid(3, spacing=0.0), "spacing is 0.0"),
        (lambda: mixtures.ring().sample(0), "count is 0"),
        (lambda: crops.resized(torch.zeros(3, 8, 8, dtype=torch.uint8), (0, 4)), "A side of size is 0"),
        (lambda: crops.photo_crops("validation", 64, 2, shrunk=3), "least and the greatest factor"),
        (lambda: pixels.normalise(torch.zeros(2, dtype=torch.uint8), (0, 255)), r"choose \(-1, 1\)"),
        (lambda: columns.Labels(torch.tensor([-1, 0]), ["a", "b"]).check("labels"), "number the names from 0"),
        (lambda: columns.Floats(TWO + math.nan).check("ages"), "ages holds a value that is NaN"),
        (lambda: data.Batch(torch.arange(2), x=TWO)[torch.tensor([True])], "a mask of 2"),
        (lambda: data.Batch(torch.arange(2), x=TWO)[torch.tensor([2])], "out of range"),
        (lambda: plotting.image_grid(torch.zeros(1, 3, 4, 4), columns=0), "columns is 0"),
        (lambda: plotting.image_grid(torch.zeros(1, 3, 4, 4), value_range=(1, 1)), "what is black and what is white"),
        (lambda: plotting.image_grid([torch.zeros(3, 4, 4)]), r"picture\[None\] for one"),
        (lambda: plotting.image_grid(torch.zeros(1, 3, 4, 4) + math.nan), "holds NaN"),
        (lambda: plotting.image_grid([torch.zeros(2, 3, 4, 4)], captions=[["one"]]), "1 captions: give one for each"),
        (lambda: plotting.curves([1.0, 2.0]), "a dict of lists by name"),
        (lambda: plotting.curves({"G": []}), "no numbers"),
        (lambda: plotting.curves({"G": [0.0, -1.0]}, log=True), "leave log out"),
        (lambda: plotting.bars_with_spread({"psnr": math.inf}), "NaN or infinite"),
        (lambda: plotting.bars_with_spread({"a": (1.0, -1.0)}), "the spread -1"),
        (lambda: plotting.bars_with_spread({"a": {}}), "at least one named figure"),
        (lambda: plotting.bars_with_spread({"a": 1.0}, reference=1.0), "a pair of name and value"),
        (lambda: plotting.metric_table([1.0]), "dict of figures for each row"),
        (lambda: plotting.metric_table(FIGURES, columns=["psnr"]), "No row has a figure 'psnr': choose from l1"),
        (lambda: plotting.metric_table(FIGURES, best={"l1": "least"}), "not 'least'"),
        (lambda: plotting.metric_table(FIGURES, digits=-1), "digits is -1"),
        (lambda: plotting.subplots(0), "rows is 0"),
        (lambda: plotting.subplots(size=(3, 0)), "A side of size is 0"),
        (lambda: plotting.to_png("a figure"), "no figure"),
        (lambda: plotting.show_source(len), "no source in Python"),
    ],
)
def test_refused(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(CourseError, match=says):
        call()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.zeros(2), r"a NumPy array: give a tensor, with torch\.from_numpy\(array\)"),
        (PIL.Image.new("RGB", (2, 2)), r"a PIL picture: .*pil_to_tensor\(picture\)"),
        ([1.0, 2.0], r"a list: give a tensor, with torch\.tensor\(\.\.\.\)"),
        ([TWO, TWO], r"a list: give a tensor, with torch\.stack\(\.\.\.\)"),
        (None, "It is None: give a tensor"),
        (1.0, "of type float: give a tensor"),
    ],
)
def test_what_is_no_tensor_is_said_how_to_make_one(value: Any, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        check_tensor(value, "It")


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (5, 1, 4, 4)])
def test_shapes_that_fit(shape: tuple[int, ...]) -> None:
    check_tensor(torch.zeros(shape), "It", "(N, 1 or 3, H, W)")
    check_tensor(torch.zeros(shape), "It", "(N, ...)")


@pytest.mark.parametrize("shape", [(2, 2, 4, 4), (2, 3, 4), (2, 3, 4, 4, 4), (0, 3, 4, 4)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        check_tensor(torch.zeros(shape), "It", "(N, 1 or 3, H, W)")


def test_numbers_of_numpy_are_numbers() -> None:
    check_count(np.int64(3), "It")
    check_number(np.float32(0.5), "It", 0, 1)
    for value in (True, "3", 1.5, None, 0):
        with pytest.raises(ShapeError, match="whole number of at least 1"):
            check_count(value, "It")
    for value in (True, "0.5", math.nan, math.inf, -0.1, TWO):
        with pytest.raises(ShapeError, match="finite number of at least 0"):
            check_number(value, "It", 0)


def test_values_are_looked_at_where_there_are_some() -> None:
    outside = torch.full((2, 3), 2.0)
    with pytest.raises(ShapeError):
        check_within(outside, "It", 0, 1, "clamp it")
    check_within(outside.to("meta"), "It", 0, 1, "clamp it")

    def checked(x: Tensor) -> Tensor:
        check_floats(x, "It")
        check_within(x, "It", 0, 1, "clamp it")
        return x.sum()

    torch.func.vmap(checked)(outside)
    assert torch.compile(checked, backend="eager", fullgraph=True)(outside) == 12


def test_mixed_precision_takes_floats_of_any_precision_but_double() -> None:
    network = unet.UNet(base_channels=2, levels=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16)).shape == (1, 3, 8, 8)
        with pytest.raises(ShapeError, match=r"x\.to\(torch\.float32\)"):
            network(torch.zeros(1, 3, 8, 8, dtype=torch.float64))
    with pytest.raises(ShapeError, match="bfloat16 and the network"):
        network(torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16))
    with pytest.raises(ShapeError, match="on meta and the network on cpu"):
        network(torch.zeros(1, 3, 8, 8, device="meta"))


def test_a_grid_takes_arrays_and_pictures_of_other_libraries() -> None:
    picture = torch.randint(0, 256, (3, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    last = picture.permute(1, 2, 0).numpy()

    def shown(rows: Any) -> Any:
        return plotting.image_grid(rows, tile=16).images[0].get_array().tolist()

    expected = shown(picture[None])
    for rows in (
        [[last]],
        [[picture.numpy()]],
        [[PIL.Image.fromarray(last)]],
        last[None],
        [last[None]],
        picture[None].numpy(),
    ):
        assert shown(rows) == expected
    floats = picture.float() / 127.5 - 1
    assert shown([[floats.requires_grad_()]]) == expected
    with pytest.raises(ShapeError, match="first or last"):
        plotting.image_grid([[np.zeros((3, 4, 3))]])


def test_numbers_of_a_figure_may_be_tensors_with_a_graph() -> None:
    losses = torch.tensor([2.0, 1.0], requires_grad=True)
    (axes,) = plotting.curves({"G": losses, "D": [losses[0], losses[1]]}).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2, 1], [2, 1]]
    assert plotting.metric_table({"a": {"l1": losses[0]}}).rows[0] == ("a", "2.00")
