"""A file that somebody gives becomes a picture for a widget, or a sentence that says why not."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from course_lib.data.pixels import normalise
from course_lib.data.reading import MOST_PIXELS, PictureError, open_picture, shrunk, to_tensor
from course_lib.errors import DataError

__all__ = ["LARGEST_FILE", "MOST_PIXELS", "SMALLEST_SIDE", "check_size", "picture_from_bytes", "picture_with_notes"]

LARGEST_FILE = 10_000_000  # bytes; Jupyter's server takes no message above 10.5 million
SMALLEST_SIDE = 16  # pixels


def picture_from_bytes(data: bytes, side: int = 384) -> Tensor:
    """Read a picture from the bytes of a file, upright, in colours, and small.

    What is read, and how, says ``course_lib.data.reading.open_picture``.

    Args:
        data: the whole file, at most 10 MB.
        side: the longer side of the result in pixels, at most; smaller pictures stay as they are.

    Returns:
        ``(3, H, W)`` float32 in [-1, 1].

    Raises:
        DataError: if ``data`` is no bytes, the file is empty, too large, no picture or a damaged one, the picture has
            too many pixels or too few, or ``side`` is below 16.
    """
    return picture_with_notes(data, side)[0]


def picture_with_notes(data: bytes, side: int = 384) -> tuple[Tensor, list[str]]:
    """Return what ``picture_from_bytes`` does, and what was decided for it.

    Returns:
        The picture, and notes such as ``"only the first of its 3 frames was taken"``.
    """
    check_size(side)
    side = int(side)  # of NumPy's integers the small ones overflow
    if not isinstance(data, (bytes, bytearray, memoryview)):
        kind = type(data).__name__
        raise DataError(f"data is of type {kind}: give the bytes of a file, such as Path(...).read_bytes().")
    if len(data) > LARGEST_FILE:
        most = f"{LARGEST_FILE / 1e6:.0f} MB"
        raise PictureError("This file", f"has {len(data) / 1e6:.1f} MB", f"choose one of at most {most}")
    opened = open_picture(bytes(data), enough=side)
    width, height = opened.size
    if min(width, height) < SMALLEST_SIDE:
        least = f"at least {SMALLEST_SIDE} on each side"
        raise PictureError("This picture", f"has {width} × {height} pixels", f"choose one of {least}")
    image = shrunk(opened, side)
    if min(image.size) < SMALLEST_SIDE:
        left = f"{image.width} × {image.height} pixels"
        raise PictureError("This picture", f"is so narrow that {left} would be left", "choose a less narrow one")
    return normalise(to_tensor(image)), opened.notes


def check_size(side: int) -> None:
    """Raise unless pictures can be made as small as ``side`` pixels.

    Raises:
        DataError: if it is below 16 or no whole number.
    """
    if isinstance(side, bool) or not isinstance(side, (int, np.integer)) or side < SMALLEST_SIDE:
        raise DataError(f"side is {side!r}: give a whole number of pixels from {SMALLEST_SIDE} up.")
