"""VGG-16 as a loss network: preprocessing against the recipe written out, rounding, freezing, and what it refuses."""

from __future__ import annotations

import http.client
import pickle
import socket
import traceback

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.errors import DataError, ShapeError
from course_lib.models.vgg import BUNDLED_WEIGHTS, CHANNELS, LAYERS, VGG16Features, relative_error_per_layer
from course_lib.paths import bundled_file


@pytest.fixture(scope="module")
def bundled() -> dict[str, Tensor]:
    return load_file(bundled_file(BUNDLED_WEIGHTS))


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Noise at four scales, as strong at each: roughly the spectrum of photographs, in [0, 1]."""
    generator = torch.Generator().manual_seed(3)
    image = torch.zeros(2, 3, 48, 40)
    for size in (3, 10, 20, 40):
        noise = torch.randn(2, 3, size, size, generator=generator)
        image += 0.12 * F.interpolate(noise, size=(48, 40), mode="bilinear")
    return (image + 0.45).clamp(0, 1)


def caffe_recipe(state: dict[str, Tensor], rgb: Tensor, last: str) -> Tensor:
    """The features as the weights' authors describe them: 0 to 255, blue first, centred, then zero padding by hand."""
    scaled = rgb * 255.0
    red, green, blue = scaled[:, 0], scaled[:, 1], scaled[:, 2]
    x = torch.stack([blue - 103.939, green - 116.779, red - 123.68], dim=1)
    for stage, count in (("1", 2), ("2", 2), ("3", 3), ("4", 3)):
        for index in range(1, count + 1):
            padded = torch.zeros(x.shape[0], x.shape[1], x.shape[2] + 2, x.shape[3] + 2)
            padded[:, :, 1:-1, 1:-1] = x
            name = f"conv{stage}_{index}"
            x = F.conv2d(padded, state[f"{name}.weight"].float(), state[f"{name}.bias"].float()).clamp(min=0)
            if f"relu{stage}_{index}" == last:
                return x
        x = F.max_pool2d(x, kernel_size=2, stride=2)
    raise AssertionError(last)


@pytest.mark.parametrize("layer", ["relu1_1", "relu1_2", "relu3_3", "relu4_3"])
def test_preprocessing_is_that_of_caffe(bundled, pictures, layer):
    ours = VGG16Features((layer,))(pictures)[layer]
    theirs = caffe_recipe(bundled, pictures, layer)
    assert ours.shape == theirs.shape
    error = (ours - theirs).abs().amax() / theirs.abs().amax()
    assert error < 1e-4
    border = torch.ones(theirs.shape[2:], dtype=torch.bool)
    border[1:-1, 1:-1] = False  # where the mean must not leak into the padding
    assert (ours - theirs)[..., border].abs().amax() / theirs[..., border].abs().amax() < 1e-4


def test_mean_in_the_bias_would_be_wrong_at_the_border(bundled, pictures):
    """Shows that the test above can fail: folding the mean into the bias is right inside and wrong at the border."""
    weight, bias = bundled["conv1_1.weight"].float(), bundled["conv1_1.bias"].float()
    mean = torch.tensor([103.939, 116.779, 123.68])
    folded = F.conv2d(pictures.flip(1) * 255, weight, bias - (weight.sum((2, 3)) @ mean), padding=1).clamp(min=0)
    theirs = caffe_recipe(bundled, pictures, "relu1_1")
    assert torch.allclose(folded[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1], atol=1e-2)
    assert (folded - theirs).abs().amax() / theirs.abs().amax() > 0.05


def test_half_precision_changes_no_layer_by_one_per_cent(bundled, pictures):
    """The full-precision weights lie within half a step of the stored ones: a random such original, and a bad one.

    The bad one enlarges every weight by half a step: all errors point the same way and add up from layer to layer.
    """
    generator = torch.Generator().manual_seed(0)
    random, bad = {}, {}
    for key, stored in bundled.items():
        assert stored.dtype == torch.float16
        value = stored.float()
        half_step = 0.5 * (torch.nextafter(stored.abs(), torch.tensor(65504.0).half()).float() - value.abs())
        random[key] = value + half_step * (2 * torch.rand(value.shape, generator=generator) - 1)
        bad[key] = value + half_step * value.sign()
    for original, limit in ((random, 1e-3), (bad, 1e-2)):
        errors = relative_error_per_layer(original, bundled, pictures)
        assert list(errors) == list(LAYERS)
        assert all(0 < error < limit for error in errors.values()), errors


def test_relative_error_of_a_known_change(bundled, pictures):
    larger = dict(bundled)
    larger["conv1_1.weight"] = bundled["conv1_1.weight"].float() * 1.25
    larger["conv1_1.bias"] = bundled["conv1_1.bias"].float() * 1.25
    assert relative_error_per_layer(larger, bundled, pictures, ("relu1_1",))["relu1_1"] == pytest.approx(0.2, rel=1e-4)


def test_first_published_weights(bundled):
    assert bundled["conv1_1.weight"][:3, 0, 0, 0].tolist() == pytest.approx([0.42947, 0.11727, 0.03401], rel=1e-3)
    assert set(bundled) == {f"conv{name[4:]}.{part}" for name in LAYERS for part in ("weight", "bias")}


def test_layers_by_name_in_the_order_asked_for():
    vgg = VGG16Features(("relu3_1", "relu1_2"))
    found = vgg(torch.rand(2, 3, 33, 21))
    assert {name: tuple(x.shape) for name, x in found.items()} == {
        "relu3_1": (2, CHANNELS["relu3_1"], 8, 5),
        "relu1_2": (2, 64, 33, 21),
    }
    assert list(found) == ["relu3_1", "relu1_2"]
    assert all(x.dtype == torch.float32 and x.min() >= 0 for x in found.values())
    assert list(VGG16Features("relu1_1")(torch.rand(1, 3, 1, 1))) == ["relu1_1"]


def test_on_the_meta_device():
    features = VGG16Features().to("meta")(torch.empty(2, 3, 64, 64, device="meta"))
    assert {name: tuple(x.shape[1:]) for name, x in features.items()}["relu4_3"] == (512, 8, 8)
    assert all(x.device.type == "meta" for x in features.values())


def test_stops_after_the_last_layer(monkeypatch):
    count = 0
    convolve = F.conv2d

    def counted(*args, **kwargs):
        nonlocal count
        count += 1
        return convolve(*args, **kwargs)

    vgg = VGG16Features(("relu2_1",))
    monkeypatch.setattr("course_lib.models.vgg.F.conv2d", counted)
    vgg(torch.rand(1, 3, 16, 16))
    assert count == 3
    assert not hasattr(vgg, "weight2_2")


def test_frozen_and_in_eval_for_ever():
    class Parent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Conv2d(3, 3, 1)
            self.vgg = VGG16Features(("relu1_2",))

    parent = Parent()
    parent.train()
    parent.requires_grad_()
    parent.vgg.train()
    parent.vgg.requires_grad_()
    assert parent.training
    assert not any(module.training for module in parent.vgg.modules())
    assert list(parent.vgg.parameters()) == []
    assert not any(buffer.requires_grad for buffer in parent.vgg.buffers())
    assert set(parent.state_dict()) == {"net.weight", "net.bias"}

    before = {name: value.clone() for name, value in parent.vgg.named_buffers()}
    optimiser = torch.optim.SGD(parent.parameters(), lr=1.0)
    output = parent.net(torch.rand(1, 3, 16, 16)).sigmoid()
    parent.vgg(output)["relu1_2"].square().mean().backward()
    assert parent.net.weight.grad is not None
    assert parent.net.weight.grad.abs().sum() > 0
    optimiser.step()
    assert all(torch.equal(before[name], value) for name, value in parent.vgg.named_buffers())


def test_gradient_reaches_the_input_and_is_right():
    generator = torch.Generator().manual_seed(0)
    vgg = VGG16Features(("relu1_2", "relu2_1")).double()
    image = torch.rand(1, 3, 6, 6, dtype=torch.float64, generator=generator).mul(0.8).add(0.1).requires_grad_()
    direction = torch.randn(1, 3, 6, 6, dtype=torch.float64, generator=generator)

    def value(x: Tensor) -> Tensor:
        return sum(feature.square().mean() for feature in vgg(x).values())

    (gradient,) = torch.autograd.grad(value(image), image)
    step = 1e-6
    with torch.no_grad():
        slope = (value(image + step * direction) - value(image - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


def test_float32_under_autocast():
    vgg = VGG16Features(("relu1_2",))
    image = torch.rand(1, 3, 8, 8)
    expected = vgg(image)["relu1_2"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = vgg(image)["relu1_2"]
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.rand(2, 1, 16, 16), "expand"),
        (torch.rand(3, 16, 16), "batch axis"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "255"),
        (torch.full((1, 3, 16, 16), 128.0), "x / 255"),
        (torch.linspace(-1, 1, 768).view(1, 3, 16, 16), r"\(x \+ 1\) / 2"),
        (torch.rand(1, 3, 7, 16), "8 x 8"),
    ],
)
def test_refuses_in_one_sentence(images, says):
    with pytest.raises(ShapeError, match=says) as caught:
        VGG16Features()(images)
    message = str(caught.value)
    assert message.endswith(".")
    assert ". " not in message
    assert "\n" not in message


def test_slightly_out_of_range_is_allowed():
    vgg = VGG16Features("relu1_1")
    vgg(torch.full((1, 3, 4, 4), 1.1))
    vgg(torch.full((1, 3, 4, 4), -0.1))


@pytest.mark.parametrize("layers", [(), ("relu5_1",), ("conv1_1",), "relu9"])
def test_unknown_layer(layers):
    with pytest.raises(DataError, match="relu1_1, relu1_2"):
        VGG16Features(layers)


def test_unknown_or_broken_weights(bundled):
    with pytest.raises(DataError, match="bundled"):
        VGG16Features(weights="imagenet")
    with pytest.raises(DataError, match=r"conv1_2\.weight"):
        VGG16Features(weights={key: value for key, value in bundled.items() if key != "conv1_2.weight"})


def test_torchvision_without_network_names_the_bundled_weights(monkeypatch):
    from torchvision.models import VGG16_Weights

    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", fail)
    with pytest.raises(DataError, match='weights="bundled"'):
        VGG16Features(weights="torchvision")


@pytest.mark.parametrize("error", [ValueError, KeyError, pickle.UnpicklingError, http.client.IncompleteRead, EOFError])
def test_whatever_goes_wrong_with_torchvisions_weights_is_one_sentence(error, monkeypatch):
    from torchvision.models import VGG16_Weights

    def fail(*args, **kwargs):
        assert socket.getdefaulttimeout() == 60  # a silent server is not waited for without end
        raise error(b"http://ada:sesame@proxy")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", fail)
    with pytest.raises(DataError, match=r'cannot be downloaded .*weights="bundled"') as caught:
        VGG16Features(weights="torchvision")
    assert "sesame" not in "".join(traceback.format_exception(caught.value))
    assert socket.getdefaulttimeout() is None


def test_an_altered_copy_of_torchvisions_weights_is_not_loaded(monkeypatch, tmp_path):
    from torchvision.models import VGG16_Weights

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    kept = tmp_path / "checkpoints" / VGG16_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    kept.parent.mkdir()
    kept.write_bytes(b"altered")

    def bring(*args, **kwargs):
        raise OSError("the copy is brought anew" if not kept.exists() else "the altered copy is loaded")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", bring)
    with pytest.raises(DataError, match="cannot be downloaded"):
        VGG16Features(weights="torchvision")
    assert not kept.exists()


def test_torchvision_convention(monkeypatch):
    """Stand-in weights in torchvision's network give what torchvision's own module gives on normalised pictures."""
    from torchvision.models import VGG16_Weights, vgg16

    torch.manual_seed(0)
    with torch.device("meta"):
        network = vgg16().features[:23]
    network = network.to_empty(device="cpu")
    for value in network.parameters():
        nn.init.normal_(value, std=0.05)
    state = {f"features.{key}": value.detach() for key, value in network.state_dict().items()}
    monkeypatch.setattr(VGG16_Weights, "get_state_dict", lambda *args, **kwargs: dict(state))
    images = torch.rand(1, 3, 24, 24)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = network((images - mean) / std)
    found = VGG16Features(("relu4_3",), weights="torchvision")(images)["relu4_3"]
    assert float((found - expected).norm() / expected.norm()) < 1e-4
