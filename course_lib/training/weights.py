"""Weights for inference, small enough to ship: half precision or 8-bit integers in one safetensors file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from course_lib.errors import DataError, ShapeError

SMALLEST_INT8 = 1024
HALF_MAX = 65504.0


def save_weights(
    source: nn.Module | dict[str, Tensor],
    path: str | os.PathLike[str],
    dtype: str = "float16",
    metadata: dict[str, Any] | None = None,
) -> Path:
    """Write weights for inference to one file.

    With ``"int8"`` each tensor of at least two dimensions and 1024 numbers is stored as integers from -127 to 127 with
    one float32 scale for each index of its first dimension (the output channel of a convolution); the rounding error
    is at most half a scale, 1/254 of the largest weight of that channel. All else is float16 (relative error at most
    2^-11), or float32 where a number is too large for it. Integer tensors stay as they are.

    Args:
        source: a module or a state dict.
        path: the file, usually ``*.safetensors``; its folder is made if need be.
        dtype: "float16", "int8" or "float32".
        metadata: json-able facts about the weights, kept in the header of the file.

    Returns:
        The path.
    """
    if dtype not in ("float16", "int8", "float32"):
        raise ShapeError(f"dtype is {dtype!r}: use 'float16', 'int8' or 'float32'.")
    state = source.state_dict() if isinstance(source, nn.Module) else source
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        tensor = tensor.detach().to("cpu", copy=True).contiguous()
        if not tensor.is_floating_point():
            stored[name] = tensor
            continue
        tensor = tensor.float()
        if not torch.isfinite(tensor).all():
            raise DataError(f"The weights {name} hold NaN or infinity: save a network that was trained without them.")
        if dtype == "int8" and tensor.dim() >= 2 and tensor.numel() >= SMALLEST_INT8:
            scale = tensor.flatten(1).abs().amax(1) / 127.0
            scale[scale == 0] = 1.0
            column = scale.view(-1, *[1] * (tensor.dim() - 1))
            stored[name] = (tensor / column).round().clamp(-127, 127).to(torch.int8)
            stored[f"{name}.scale"] = scale
        elif dtype == "float32" or (tensor.numel() and tensor.abs().max() > HALF_MAX):
            stored[name] = tensor
        else:
            stored[name] = tensor.half()
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        save_file(stored, unfinished, {"dtype": dtype, "metadata": json.dumps(metadata or {}, sort_keys=True)})
        os.replace(unfinished, path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise DataError(f"{path} could not be written ({error}): make room, or name another place.") from error
    return path


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the state dict that ``save_weights`` stored, as float32 (integer tensors as they were).

    Raises:
        DataError: if the file is missing or corrupt.
    """
    with _open(path) as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    state = {}
    for name, tensor in stored.items():
        if tensor.dtype == torch.int8 and f"{name}.scale" in stored:
            scale = stored[f"{name}.scale"]
            state[name] = tensor.float() * scale.view(-1, *[1] * (tensor.dim() - 1))
        elif not (name.endswith(".scale") and _is_int8(stored, name.removesuffix(".scale"))):
            state[name] = tensor.float() if tensor.is_floating_point() else tensor.clone()
    return state


def weights_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the metadata of a file that ``save_weights`` wrote."""
    with _open(path) as file:
        return json.loads((file.metadata() or {}).get("metadata", "{}"))


def _is_int8(stored: dict[str, Tensor], name: str) -> bool:
    return name in stored and stored[name].dtype == torch.int8


def _open(path: str | os.PathLike[str]) -> Any:
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"There are no weights at {path}: check the path, or save them with save_weights().")
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise DataError(f"The weights in {path} are corrupt: restore or save the file again.") from error
