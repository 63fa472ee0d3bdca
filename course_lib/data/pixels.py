"""Pictures as they are stored, in bytes, and as networks see them, in floats: the one place that maps between them."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_floats, check_tensor, check_values
from course_lib.errors import ShapeError

VALUE_RANGES = ((-1.0, 1.0), (0.0, 1.0))
LUMA = (0.299, 0.587, 0.114)
"""How much of red, green and blue is in the grey of a colour."""


def normalise(images: Tensor, value_range: tuple[float, float] = (-1.0, 1.0)) -> Tensor:
    """Turn bytes into floats: 0 becomes exactly the lower end of the range and 255 exactly the upper end.

    Args:
        images: uint8 of any shape.
        value_range: (-1, 1), which networks see, or (0, 1).

    Returns:
        float32 of the same shape, on the same device.

    Raises:
        ShapeError: if the pictures are not bytes, or the range is another.
    """
    check_tensor(images, "The pictures")
    if value_range not in VALUE_RANGES:
        raise ShapeError(f"value_range is {value_range!r}: choose (-1, 1), which the networks see, or (0, 1).")
    if images.dtype != torch.uint8:
        raise ShapeError(f"normalise takes bytes (uint8, 0 to 255), not {images.dtype}: pass the stored pictures.")
    # Division, not multiplication by the inverse: 255 / 127.5 is 2 without rounding.
    if value_range[0] == 0.0:
        return images.to(torch.float32).div_(255.0)
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_bytes(pictures: Tensor) -> Tensor:
    """Undo ``normalise``: floats in [-1, 1] become bytes, rounded; what lies beyond is clamped, and NaN becomes black.

    Args:
        pictures: floats of any shape, on any device, with or without a graph.

    Returns:
        uint8 of the same shape, on the CPU.

    Raises:
        ShapeError: if they are no tensor of floats.
    """
    check_floats(pictures, "The pictures", empty=True)
    check_values(pictures, "The pictures")
    floats = pictures.detach().float().cpu()
    return ((floats + 1) * 127.5).nan_to_num(0.0).round().clamp(0, 255).to(torch.uint8)
