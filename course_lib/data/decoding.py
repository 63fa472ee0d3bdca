"""What a picture file may hold (16 bits, ink, palettes, transparency, profiles) becomes grey or sRGB of 8 bits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

BAND = 2_000_000  # pixels that are converted at a time, so that what is needed besides the file itself stays small
ORIENTATION, BITS, PHOTOMETRIC = 0x0112, 258, 262  # tags of EXIF and TIFF
WHITE_IS_ZERO = 0


def plain(image: Picture, channels: int, factor: int, white: float | None) -> tuple[Picture, bool, list[str]]:
    """Return a loaded picture as grey or red, green and blue of 8 bits, upright, and what was decided for it.

    Transparency is laid on white. 16-bit grey is brought to 8 bits; a colour profile is converted to sRGB.

    Args:
        image: of any mode, loaded.
        channels: 1 or 3.
        factor: it is made so many times smaller first, by means over squares.
        white: the value of 16-bit or floating grey that counts as white; ``None`` guesses it.

    Returns:
        The picture in mode L or RGB, whether its width and height changed places, and short notes.
    """
    from PIL import Image

    turn = _turn(image)
    values, notes = _values(image, white)
    profile = image.info.get("icc_profile")
    small = _smaller(image, factor, values, keeps_ink=bool(profile))
    if profile:
        small = _to_srgb(small, profile)
    if turn is not None:
        small = small.transpose(turn)
    mode = "L" if channels == 1 else "RGB"
    ways = Image.Transpose
    swapped = turn in (ways.TRANSPOSE, ways.ROTATE_270, ways.TRANSVERSE, ways.ROTATE_90)
    return (small if small.mode == mode else small.convert(mode)), swapped, notes


def _turn(image: Picture) -> Any:
    """Return how the picture must be turned to stand upright, or ``None``; damaged EXIF data say nothing."""
    from PIL import Image

    ways = Image.Transpose
    turns = {
        2: ways.FLIP_LEFT_RIGHT,
        3: ways.ROTATE_180,
        4: ways.FLIP_TOP_BOTTOM,
        5: ways.TRANSPOSE,
        6: ways.ROTATE_270,
        7: ways.TRANSVERSE,
        8: ways.ROTATE_90,
    }
    with suppress(Exception):
        return turns.get(image.getexif().get(ORIENTATION, 1))
    return None


class _Values:
    """How the numbers of a 16-bit, 32-bit or floating picture become bytes.

    Args:
        white: the number that becomes 255; 0 and less become 0.
        negative: whether 0 is white instead.
        clear: the number that is transparent, if there is one.
    """

    def __init__(self, white: float, negative: bool, clear: int | None) -> None:
        self.white, self.negative, self.clear = white, negative, clear

    def __call__(self, band: Picture) -> Picture:
        from PIL import Image

        numbers = np.asarray(band)
        shares = np.nan_to_num(numbers.astype(np.float32), posinf=self.white, neginf=0.0) / np.float32(self.white)
        grey = np.rint(shares.clip(0, 1) * 255).astype(np.uint8)
        if self.negative:
            grey = 255 - grey
        if self.clear is not None:
            grey[numbers == self.clear] = 255
        return Image.fromarray(grey)


def _values(image: Picture, white: float | None) -> tuple[_Values | None, list[str]]:
    """Return how the numbers of a picture of more than 8 bits become bytes, or ``None`` where they are bytes."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return None, []
    top, bottom = 0.0, 0.0
    for _, band in _bands(image, 1):
        numbers = np.asarray(band)
        finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
        if finite.size:
            top, bottom = max(top, float(finite.max())), min(bottom, float(finite.min()))
    tags = getattr(image, "tag_v2", {})
    notes = []
    if white is None:
        white = _white(image.mode, top, tags.get(BITS))
        if image.mode != "F" and white < 65535:
            notes.append(f"it is 16-bit grey that ends at {top:.0f}, so {white:.0f} was taken for white")
    if bottom < 0:
        notes.append("its values below 0 became black")
    clear = image.info.get("transparency")
    negative = image.mode != "F" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    return _Values(white, negative, clear if isinstance(clear, int) else None), notes


def _white(mode: str, top: float, bits: Any) -> float:
    """Guess which number is white: what the file says, else the least of 8, 12 and 16 bits that all numbers fit in."""
    if mode == "F":
        return max(1.0, top)
    said = bits[0] if isinstance(bits, tuple) and bits else bits
    if isinstance(said, int) and 8 < said < 16:
        return 2.0**said - 1
    return next((2.0**fits - 1 for fits in (8, 12, 16) if 0 < top < 2**fits), max(65535.0, top))


def _bands(image: Picture, factor: int) -> Iterator[tuple[int, Picture]]:
    """Yield a picture in bands from the top down, with their first rows; their heights are multiples of the factor."""
    width, height = image.size
    rows = max(BAND // width // factor, 1) * factor
    if rows >= height:
        yield 0, image
        return
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _smaller(image: Picture, factor: int, values: _Values | None, keeps_ink: bool) -> Picture:
    """Return a picture in mode L, RGB or CMYK, by bands: converted, laid on white, and reduced."""
    from PIL import Image

    result: Picture | None = None
    for top, band in _bands(image, factor):
        part = values(band) if values else _flat(band, keeps_ink)
        if factor > 1:
            part = part.reduce(factor)
        if band.size == image.size:
            return part
        if result is None:
            result = Image.new(part.mode, (part.width, -(-image.height // factor)))
        result.paste(part, (0, top // factor))
    assert result is not None
    return result


def _flat(band: Picture, keeps_ink: bool) -> Picture:
    """Return a picture of 8 bits without palette and transparency, in mode L, RGB or, for a profile, CMYK."""
    from PIL import Image

    if band.has_transparency_data:
        colours = band.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", band.size, "white"), colours).convert("RGB")
    if band.mode in ("L", "RGB") or (band.mode == "CMYK" and keeps_ink):
        return band
    return band.convert("L" if band.mode == "1" else "RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """Return what converts from a colour profile to sRGB, or ``None`` where there is nothing to convert or no way."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    described = ImageCms.getProfileDescription(source).lower()
    space = source.profile.xcolor_space.strip()
    if ("srgb" in described and "linear" not in described) or space != {"L": "GRAY"}.get(mode, mode):
        return None
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _to_srgb(image: Picture, profile: bytes) -> Picture:
    """Convert a picture from its colour profile; one that is damaged, or of another kind of picture, is passed over."""
    with suppress(Exception):  # Pillow may lack littleCMS, and a broken profile can do anything to it
        transform = _transform(bytes(profile), image.mode)
        if transform is not None:
            from PIL import ImageCms

            changed = ImageCms.applyTransform(image, transform)
            return image if changed is None else changed
    return image
