"""How a picture of any size comes to the size of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_lib.asked import is_whole, shown
from course_lib.data.reading import PictureError
from course_lib.errors import DataError
from course_lib.words import suggest

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST = 65_535  # pixels of a side
FITS = ("crop", "centre", "pad", "stretch")


def check_fit(fit: Any, size: Any) -> tuple[int, int]:
    """Return height and width that are wanted.

    Args:
        fit: how pictures come to that size, one of ``FITS``.
        size: a side, or height and width, in pixels.

    Raises:
        DataError: if one of them cannot be.
    """
    if not isinstance(fit, str) or fit not in FITS:
        raise DataError(f"fit is {shown(fit)}: choose one of {', '.join(map(repr, FITS))}{suggest(fit, FITS)}.")
    sides = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(is_whole(side) and 0 < side <= LARGEST for side in sides):
        raise DataError(
            f"size is {shown(size)}: give a whole number of pixels from 1 to {LARGEST:,}, or height and width."
        )
    return int(sides[0]), int(sides[1])


def fitted(image: Picture, size: tuple[int, int], fit: str, name: str = "The picture") -> Picture:
    """Bring a picture to a size.

    Args:
        image: in mode L or RGB.
        size: height and width in pixels.
        fit: ``"crop"`` scales it until it covers the size and cuts off what stands over, alike on both sides;
            ``"centre"`` cuts out the middle without scaling, and needs a picture that is large enough; ``"pad"`` scales
            it until it lies inside and fills up with white; ``"stretch"`` scales both sides, whatever the proportions.
        name: what a message calls the picture.

    Raises:
        PictureError: if the picture is smaller than the middle that is to be cut out.
    """
    from PIL import Image

    height, width = size
    if fit == "centre":
        if image.width < width or image.height < height:
            why = f"has {image.width} × {image.height} pixels, and no middle of {width} × {height}"
            raise PictureError(name, why, 'choose another fit, such as "crop"')
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))
    bicubic = Image.Resampling.BICUBIC
    if fit == "stretch":
        return image.resize((width, height), bicubic)
    if fit == "pad":
        factor = min(width / image.width, height / image.height)
        inner = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        paper = Image.new(image.mode, (width, height), "white")
        paper.paste(image.resize(inner, bicubic), ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return paper
    factor = max(width / image.width, height / image.height)
    across, down = width / factor, height / factor  # of the picture, in its own pixels
    off_left, off_top = max(0.0, (image.width - across) / 2), max(0.0, (image.height - down) / 2)
    box = (off_left, off_top, min(image.width, off_left + across), min(image.height, off_top + down))
    return image.resize((width, height), bicubic, box=box)
