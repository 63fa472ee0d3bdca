"""VGG-16 as a frozen judge of pictures: the relu outputs of its convolutions, by name.

The network is Simonyan and Zisserman (2015), configuration D, without its classifier. It is not trained here and must
not be by accident, so its weights are *buffers*: no optimiser finds them among the parameters, and ``requires_grad_``
and ``train`` of a parent module do not reach them. They are not part of a state dict either: a checkpoint need not
carry 30 MB that never change.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.arguments import check_alike, check_floats, check_tensor
from course_lib.errors import DataError, ShapeError
from course_lib.paths import bundled_file, sha256_of

BUNDLED_WEIGHTS = "weights/vgg16_features.safetensors"

# (stage, channels in, channels out) of each 3 x 3 convolution; a 2 x 2 max-pooling stands before stages 2, 3 and 4.
_CONVOLUTIONS = {
    "1_1": (3, 64),
    "1_2": (64, 64),
    "2_1": (64, 128),
    "2_2": (128, 128),
    "3_1": (128, 256),
    "3_2": (256, 256),
    "3_3": (256, 256),
    "4_1": (256, 512),
    "4_2": (512, 512),
    "4_3": (512, 512),
}
LAYERS: tuple[str, ...] = tuple(f"relu{name}" for name in _CONVOLUTIONS)
"""The outputs that can be asked for, in the order of the network."""

CHANNELS: dict[str, int] = {f"relu{name}": channels for name, (_, channels) in _CONVOLUTIONS.items()}
"""The number of channels of each output."""

_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # of the training pictures, 0 to 255
_IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)  # of torchvision's weights, 0 to 1
_IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
_TORCHVISION_INDEX = dict(zip(_CONVOLUTIONS, (0, 2, 5, 7, 10, 12, 14, 17, 19, 21), strict=True))
_RANGE_MARGIN = 0.25
_PATIENCE = 60.0  # seconds without a byte


class VGG16Features(nn.Module):
    """Features of a frozen VGG-16, asked for by name: ``VGG16Features(("relu2_2",))(images)["relu2_2"]``.

    The forward pass stops after the last layer asked for. Gradients flow to the images, never to the weights. It
    computes in float32 also under autocast: features reach the thousands, and their squares do not fit into float16.

    Args:
        layers: any of ``relu1_1 ... relu4_3``; the answer has them in this order. A single name is taken as well.
        weights: ``"bundled"`` (the original Oxford model, stored as float16), ``"torchvision"`` (trained by torchvision
            in another way, so its features differ; downloads 528 MB once), or a state dict in the convention of the
            bundled file: ``conv1_1.weight``, ``conv1_1.bias`` ... for pictures in BGR, 0 to 255, minus the mean.

    Raises:
        DataError: if a name is unknown, or the weights are missing, corrupt or cannot be downloaded.

    Source:
        Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2015, table 1 D.
        Departure: pooling drops the last row or column of an odd size, as torchvision and Keras do; Caffe keeps it.
    """

    mean: Tensor

    def __init__(
        self,
        layers: Sequence[str] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
        weights: str | Mapping[str, Tensor] = "bundled",
    ) -> None:
        super().__init__()
        self.layers = (layers,) if isinstance(layers, str) else tuple(layers)
        unknown = [name for name in self.layers if name not in LAYERS]
        if unknown or not self.layers:
            raise DataError(
                f"VGG-16 has no layer {unknown[0]!r}: ask for some of {', '.join(LAYERS)}."
                if unknown
                else f"No VGG-16 layer was asked for: name some of {', '.join(LAYERS)}."
            )
        last = max(LAYERS.index(name) for name in self.layers)
        self._convolutions = tuple(_CONVOLUTIONS)[: last + 1]
        self.minimum_size = 2 ** (int(self._convolutions[-1][0]) - 1)

        # Order of channels and scale commute with the first convolution, so its weights take them over. The mean does
        # not: pictures are padded with zeros *after* centring, so it is subtracted here and not folded into the bias.
        state, mean = _rgb_weights(weights, self._convolutions)
        self.register_buffer("mean", mean.view(1, 3, 1, 1), persistent=False)
        for name in self._convolutions:
            for part in ("weight", "bias"):
                value = state[f"conv{name}.{part}"].to(torch.float32, copy=True)
                if part == "weight":
                    value = value.contiguous(memory_format=torch.channels_last)  # a quarter faster on a CPU
                self.register_buffer(f"{part}{name}", value, persistent=False)
        self._range_checked = False
        super().train(False)

    def train(self, mode: bool = True) -> VGG16Features:
        """Stay in eval mode, whatever a parent module asks for."""
        return super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of a batch.

        Args:
            images: (N, 3, H, W), RGB, float in [0, 1]; any size that leaves a pixel after pooling (8 for ``relu4_*``).

        Returns:
            ``{name: (N, C, H / s, W / s)}`` in the order asked for, with s = 1, 2, 4, 8 for stages 1 to 4.

        Raises:
            ShapeError: if the pictures have another shape, type or range, or lie on another device.
        """
        self._check(images)
        wanted = set(self.layers)
        found: dict[str, Tensor] = {}
        with without_autocast(images.device.type):
            x = (images.to(self.mean.dtype) - self.mean).contiguous(memory_format=torch.channels_last)
            for name in self._convolutions:
                if name in ("2_1", "3_1", "4_1"):
                    x = F.max_pool2d(x, 2)
                x = F.conv2d(x, getattr(self, f"weight{name}"), getattr(self, f"bias{name}"), padding=1)
                x = F.relu(x, inplace=True)
                if f"relu{name}" in wanted:
                    found[f"relu{name}"] = x.contiguous()  # so that users may .view() it
        return {name: found[name] for name in self.layers}

    def extra_repr(self) -> str:
        return ", ".join(self.layers)

    def _check(self, images: Tensor) -> None:
        check_tensor(images, "The pictures")
        if images.dim() != 4 or images.shape[1] != 3:
            raise ShapeError(
                f"VGG-16 takes pictures of shape (N, 3, H, W), not {tuple(images.shape)}: "
                "add the batch axis, or repeat a grey picture to three channels with x.expand(-1, 3, -1, -1)."
            )
        if not images.is_floating_point():
            raise ShapeError(f"VGG-16 takes float pictures in [0, 1], not {images.dtype}: use x.float() / 255.")
        check_alike(images, self.mean, ("images", "VGG-16"), shapes=False)
        if min(images.shape[2:]) < self.minimum_size:
            raise ShapeError(
                f"Pictures of {images.shape[2]} x {images.shape[3]} pixels are too small for "
                f"relu{self._convolutions[-1]}: enlarge them to {self.minimum_size} x {self.minimum_size} "
                "or ask for an earlier layer."
            )
        if images.numel() == 0 or images.device.type == "meta" or torch.compiler.is_compiling():
            return
        if images.device.type != "cpu" and self._range_checked:  # reading two numbers back stops a GPU: once is enough
            return
        low, high = (value.item() for value in images.detach().aminmax())
        self._range_checked = True
        if low < -_RANGE_MARGIN or high > 1 + _RANGE_MARGIN:
            centred = low > -1 - _RANGE_MARGIN and high < 1 + _RANGE_MARGIN
            hint = "(x + 1) / 2" if centred else "x / 255 or x.clamp(0, 1)"
            raise ShapeError(
                f"VGG-16 takes pictures in [0, 1], but these lie in [{low:.3g}, {high:.3g}]: map them with {hint}."
            )


def without_autocast(device_type: str) -> AbstractContextManager[Any]:
    """Return a context in which sums stay in the precision of their terms, also inside mixed precision."""
    if torch.amp.is_autocast_available(device_type):
        return torch.autocast(device_type=device_type, enabled=False)
    return nullcontext()


def relative_error_per_layer(
    reference_state: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    images: Tensor,
    layers: Sequence[str] = LAYERS,
) -> dict[str, float]:
    """Return how much rounded weights change each relu output: norm of the difference over norm of the reference.

    Args:
        reference_state: the weights before rounding, keys as in the bundled file.
        state: the rounded weights, same keys.
        images: (N, 3, H, W), RGB in [0, 1].
        layers: where to measure.

    Returns:
        ``{layer: relative error}``; both norms are Euclidean, over all pictures, channels and positions together.

    Raises:
        ShapeError: if there is no picture, or the pictures have another shape, type or range.
    """
    check_floats(images, "The pictures", "(N, 3, H, W)")
    with torch.no_grad():
        reference = VGG16Features(layers, weights=reference_state)(images)
        rounded = VGG16Features(layers, weights=state)(images)
    return {name: float((rounded[name] - reference[name]).norm() / reference[name].norm()) for name in layers}


def _rgb_weights(weights: str | Mapping[str, Tensor], convolutions: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
    """Return weights for pictures in RGB, 0 to 1, minus a mean, and that mean of shape (3,)."""
    if weights == "torchvision":
        state, mean = _torchvision_state(), torch.tensor(_IMAGENET_MEAN_RGB)
        state["conv1_1.weight"] = state["conv1_1.weight"] / torch.tensor(_IMAGENET_STD_RGB).view(1, 3, 1, 1)
        return state, mean
    if isinstance(weights, Mapping):
        state = dict(weights)
    elif weights == "bundled":
        from safetensors.torch import load_file

        state = load_file(bundled_file(BUNDLED_WEIGHTS))
    else:
        raise DataError(f'There are no VGG-16 weights {weights!r}: choose "bundled" or "torchvision".')
    _check_state(state, convolutions)
    state["conv1_1.weight"] = state["conv1_1.weight"].float().flip(1) * 255.0
    return state, torch.tensor(_CAFFE_MEAN_BGR).flip(0) / 255.0


def _torchvision_state() -> dict[str, Tensor]:
    """Download torchvision's weights and give them the names of the bundled file."""
    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_V1
    patience = socket.getdefaulttimeout()
    try:
        _drop_if_altered(weights.url)
        socket.setdefaulttimeout(_PATIENCE)  # torch.hub waits for a silent server without end
        full = weights.get_state_dict(progress=True, check_hash=True)
        return {
            f"conv{name}.{part}": full[f"features.{index}.{part}"]
            for name, index in _TORCHVISION_INDEX.items()
            for part in ("weight", "bias")
        }
    except Exception as error:  # of the network, the proxy, the disk, or pickle
        raise DataError(
            "The VGG-16 weights of torchvision cannot be downloaded "
            f'({type(error).__name__}): use weights="bundled", which needs no network.'
        ) from None  # the libraries' own errors may hold a proxy's password
    finally:
        socket.setdefaulttimeout(patience)


def _drop_if_altered(url: str) -> None:
    """Delete torch.hub's copy where it is not what its name says: torch.hub hashes only what it has just downloaded."""
    kept = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    begins = kept.stem.rpartition("-")[2]
    if kept.is_file() and not sha256_of(kept).startswith(begins):
        kept.unlink()


def _check_state(state: Mapping[str, Tensor], convolutions: Sequence[str]) -> None:
    for name in convolutions:
        channels_in, channels = _CONVOLUTIONS[name]
        for key, shape in ((f"conv{name}.weight", (channels, channels_in, 3, 3)), (f"conv{name}.bias", (channels,))):
            if key not in state or tuple(state[key].shape) != shape:
                raise DataError(f"These are no VGG-16 weights: {key} of shape {shape} is missing.")
