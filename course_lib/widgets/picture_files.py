"""A file that somebody gives becomes a picture, or a sentence that says why not."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from course_lib.data.pixels import normalise
from course_lib.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST_FILE = 10_000_000  # bytes; Jupyter's server takes no message above 10.5 million
MOST_PIXELS = 60_000_000  # what a telephone takes, and 250 MB as colours
SMALLEST_SIDE = 16  # pixels
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"heif", b"mif1", b"msf1")
KNOWN = "JPEG, PNG, WebP, GIF, BMP or TIFF"


def picture_from_bytes(data: bytes, side: int = 384) -> Tensor:
    """Read a picture from the bytes of a file, upright, in colours, and small.

    It is turned as its EXIF data say. What is transparent becomes white; grey, palettes, CMYK and 16 bits become red,
    green and blue of 8 bits; of an animation the first frame is taken. Colour profiles are not looked at.

    Args:
        data: the whole file, at most 10 MB.
        side: the longer side of the result in pixels, at most; smaller pictures stay as they are.

    Returns:
        ``(3, H, W)`` float32 in [-1, 1].

    Raises:
        DataError: if ``data`` is no bytes, the file is empty, too large, no picture or a damaged one, the picture has
            too many pixels or too few, or ``side`` is below 16.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    check_size(side)
    side = int(side)  # of NumPy's integers the small ones overflow
    if not isinstance(data, (bytes, bytearray, memoryview)):
        kind = type(data).__name__
        raise DataError(f"data is of type {kind}: give the bytes of a file, such as Path(...).read_bytes().")
    if not data:
        raise DataError("This file is empty: choose a picture.")
    if len(data) > LARGEST_FILE:
        raise DataError(f"This file has {len(data) / 1e6:.1f} MB: choose one of at most {LARGEST_FILE / 1e6:.0f} MB.")
    if _is_heic(bytes(data[:256])):
        raise DataError("HEIC pictures cannot be read here: save it as JPEG first.")
    Image.init()
    image: Picture
    formats = [one for one in FORMATS if one in Image.OPEN]  # no others: some of them start programs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the size is checked below
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
            width, height = image.size
        except UnidentifiedImageError as error:
            raise DataError(f"This file is no picture that can be read: choose {KNOWN}.") from error
        except Image.DecompressionBombError as error:
            raise DataError(_too_many("far too many")) from error
        except Exception as error:  # Pillow has no common error for what a broken file can do to it
            raise DataError(_damaged()) from error
        if width * height > MOST_PIXELS:
            raise DataError(_too_many(f"{width:,} × {height:,}"))
        if min(width, height) < SMALLEST_SIDE:
            raise DataError(
                f"This picture has {width} × {height} pixels: choose one of at least {SMALLEST_SIDE} on each side."
            )
        try:
            image.draft(None, (2 * side, 2 * side))  # a JPEG is read at a half, a quarter or an eighth
            image.load()
            with suppress(Exception):  # damaged EXIF data are no reason to refuse a picture
                ImageOps.exif_transpose(image, in_place=True)
            image = _colours(image)
        except Exception as error:
            raise DataError(_damaged()) from error
    factor = side / max(image.size)
    if factor < 1:
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        if min(size) < SMALLEST_SIDE:
            raise DataError(
                f"This picture is so narrow that {size[0]} × {size[1]} pixels would be left: choose a less narrow one."
            )
        image = image.resize(size, Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image).convert("RGB")
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    return normalise(pixels)


def check_size(side: int) -> None:
    """Raise unless pictures can be made as small as ``side`` pixels.

    Raises:
        DataError: if it is below 16 or no whole number.
    """
    if isinstance(side, bool) or not isinstance(side, (int, np.integer)) or side < SMALLEST_SIDE:
        raise DataError(f"side is {side!r}: give a whole number of pixels from {SMALLEST_SIDE} up.")


def _is_heic(start: bytes) -> bool:
    """Tell by its first bytes whether a file is HEIC or HEIF, and not AVIF, which may begin alike."""
    brands = start[8 : int.from_bytes(start[:4], "big")]
    return start[4:8] == b"ftyp" and start[8:12] in HEIC and b"avif" not in brands


def _colours(image: Picture) -> Picture:
    """Return a picture as RGB, or as RGBA where it has transparent parts."""
    from PIL import Image

    if not image.mode.startswith("I") and image.mode != "F":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    white = 65535.0 if image.mode.startswith("I") else 1.0
    white = max(white, float(values.max()))  # 32 bits, or floats that do not end at 1
    return Image.fromarray(np.rint(values.clip(0) / white * 255).astype(np.uint8)).convert("RGB")


def _too_many(pixels: str) -> str:
    return f"This picture has {pixels} pixels: choose one of at most {MOST_PIXELS / 1e6:.0f} million."


def _damaged() -> str:
    return "This picture is cut off or damaged: choose another, or save it anew with a program for pictures."
