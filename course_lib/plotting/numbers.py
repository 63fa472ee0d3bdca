"""Numbers and pictures of any usual kind, as the arrays that are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.arguments import check_values
from course_lib.errors import ShapeError


def as_numbers(value: Any, name: str) -> np.ndarray:
    """Return numbers as a float array: of a number, a list, an array or a tensor, with a graph or on another device.

    Args:
        value: what was given.
        name: what the user knows it by, for the message.

    Raises:
        ShapeError: if these are no real numbers.
    """
    try:
        if isinstance(value, Tensor):
            return value.detach().cpu().double().numpy()
        if isinstance(value, (list, tuple)):
            value = [part.item() if isinstance(part, Tensor) else part for part in value]
        if value is None or np.asarray(value).dtype.kind not in "biuf":
            raise TypeError
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ShapeError(f"{name} is of type {type(value).__name__}: give a number, or a list of numbers.") from error


def as_picture(image: Any, value_range: tuple[float, float]) -> np.ndarray:
    """Return one picture as bytes (H, W, 3).

    Args:
        image: a tensor (C, H, W) or (H, W), a NumPy array that may have its channels last, or a PIL picture. C is 1 or
            3; bytes, or floats in ``value_range``.
        value_range: what is black and what is white in floats. Values outside are cut off.

    Raises:
        ShapeError: if it is none of these, or has NaN in it.
    """
    array = _channels_first(image)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[0] not in (1, 3) or 0 in array.shape:
        raise ShapeError(f"A picture has the shape (C, H, W) with C = 1 or 3, not {array.shape}.")
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise ShapeError("A picture holds NaN, which has no colour: look at what it was made by.")
        low, high = value_range
        floats = torch.from_numpy(np.ascontiguousarray(array)).float()
        array = ((floats - low) / (high - low) * 255).round().clamp(0, 255).byte().numpy()
    elif array.dtype != np.uint8:
        raise ShapeError(f"A picture is uint8 or float, not {array.dtype}: use x.byte() or x.float().")
    return np.ascontiguousarray(np.broadcast_to(array, (3, *array.shape[1:])).transpose(1, 2, 0))


def check_range(value_range: Any) -> None:
    """Make sure that a range of values goes from one number up to another.

    Raises:
        ShapeError: if it does not.
    """
    ends = as_numbers(value_range, "value_range")
    if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
        raise ShapeError(f"value_range is {value_range!r}: give what is black and what is white, such as (-1, 1).")


def _channels_first(image: Any) -> np.ndarray:
    if isinstance(image, Tensor):
        check_values(image, "A picture")
        image = image.detach().cpu()
        return (image.float() if image.is_floating_point() else image).numpy()
    if type(image).__module__.partition(".")[0] == "PIL":
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    if not isinstance(image, np.ndarray):
        raise ShapeError(f"A picture is of type {type(image).__name__}: give a tensor (C, H, W) or an array.")
    if image.ndim == 3 and image.shape[2] in (1, 3):
        if image.shape[0] in (1, 3):
            raise ShapeError(f"A picture of shape {image.shape} may have its channels first or last: give a tensor.")
        return image.transpose(2, 0, 1)
    return image
