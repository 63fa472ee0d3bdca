"""The bundled VGG-16: the published first weights, all shapes, and the hash of the file."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

from course_lib.paths import bundled_file, manifest, sha256_of

FILE = "weights/vgg16_features.safetensors"
SHA256 = "5d732f286f56bdb9da41d20e31804c31594aa8cdec0e14cf27d8383623690ee2"
CHANNELS = {
    "conv1_1": (3, 64),
    "conv1_2": (64, 64),
    "conv2_1": (64, 128),
    "conv2_2": (128, 128),
    "conv3_1": (128, 256),
    "conv3_2": (256, 256),
    "conv3_3": (256, 256),
    "conv4_1": (256, 512),
    "conv4_2": (512, 512),
    "conv4_3": (512, 512),
}


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    with safe_open(bundled_file(FILE), "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_hash_of_the_file() -> None:
    assert sha256_of(bundled_file(FILE)) == SHA256 == manifest()[FILE]["sha256"]


def test_names_shapes_and_types(tensors: dict[str, torch.Tensor]) -> None:
    expected = {f"{name}.weight": (out, into, 3, 3) for name, (into, out) in CHANNELS.items()}
    expected |= {f"{name}.bias": (out,) for name, (_, out) in CHANNELS.items()}
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == expected
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert sum(tensor.numel() for tensor in tensors.values()) == 7_635_264


def test_first_layer_is_the_published_one(tensors: dict[str, torch.Tensor]) -> None:
    """The values are those of the file that Keras publishes; rounding to float16 keeps three digits."""
    weight = tensors["conv1_1.weight"].float()
    kernel = [[0.42947057, 0.373467, -0.06136011], [0.27476987, 0.03868078, -0.36722335]]
    torch.testing.assert_close(weight[0, 0, :2], torch.tensor(kernel), rtol=2**-11, atol=0)
    across = torch.tensor([0.42947057, 0.11727387, 0.03401296])
    torch.testing.assert_close(weight[:3, 0, 0, 0], across, rtol=2**-11, atol=0)


def test_weights_are_finite_and_trained(tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        assert torch.isfinite(tensor).all(), name
        assert tensor.float().std() > 1e-3, name


def test_some_filters_of_the_first_layer_see_colour_and_some_only_brightness(tensors: dict[str, torch.Tensor]) -> None:
    """A trained first layer has grey edge filters (channels agree) and colour filters (channels sum to about zero)."""
    weight = tensors["conv1_1.weight"].float()
    share = weight.sum(1).flatten(1).norm(dim=1) / (3**0.5 * weight.flatten(1).norm(dim=1))  # 1: grey, 0: pure colour
    assert (share > 0.9).sum() >= 10
    assert (share < 0.5).sum() >= 5


def test_the_header_says_what_the_input_must_be() -> None:
    with safe_open(bundled_file(FILE), "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["input"].startswith("BGR, 0-255")
    assert "103.939, 116.779, 123.68" in about["input"]
    assert about["licence"].startswith("CC-BY-4.0")
