"""Pictures in rows with their titles, drawn in some milliseconds: what a widget shows while one moves a control."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from course_lib.data.pixels import to_bytes
from course_lib.errors import ShapeError
from course_lib.plotting.style import CSS_DPI, FAINT, GREY, INK, JPEG_QUALITY, PAGE_WIDTH
from course_lib.plotting.text import block_width, wrap
from course_lib.widgets.explorer import Picture

FINE = 1.5  # file pixels in a CSS pixel
TITLE, NOTE = 12.0, 10.5  # points
_LINE = 1.3  # line height in font sizes
_GAP, _MARGIN = 8.0, 4.0  # between pictures and round all, in CSS pixels
_PX = 72 / CSS_DPI  # points in a CSS pixel
_SQUARES = 4.0  # a picture that is enlarged so much is shown with its pixels, not smoothed

Tile = Tensor | np.ndarray


def check_picture(what: str, picture: Tensor) -> None:
    """Raise unless this is one colour picture.

    Args:
        what: it is, as the sentence names it.
        picture: ``(3, H, W)`` float in [-1, 1].

    Raises:
        ShapeError: if the shape or the type is another.
    """
    if picture.dim() != 3 or picture.shape[0] != 3 or not picture.numel() or not picture.is_floating_point():
        given = f"{tuple(picture.shape)}, {str(picture.dtype).removeprefix('torch.')}"
        raise ShapeError(f"{what} is {given}: give one picture of floats (3, H, W) in [-1, 1].")


def to_array(picture: Tensor) -> np.ndarray:
    """Return a picture ``(3, H, W)`` in [-1, 1] as bytes ``(H, W, 3)``; what lies outside is cut off."""
    pixels = to_bytes(picture)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def to_png(image: Image.Image, few_colours: bool = False) -> bytes:
    """Return the bytes of a PNG.

    Args:
        image: in colours.
        few_colours: whether 256 are enough: a fourth of the size, and written much sooner.
    """
    if few_colours:
        image = image.quantize(256, method=Image.Quantize.FASTOCTREE)  # the others take a hundred times as long
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def to_jpeg(image: Image.Image) -> bytes:
    """Return the bytes of a JPEG, which photographs are written as in a tenth of the time."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def to_keep(image: Image.Image, alt: str) -> Picture:
    """Return a sheet of one file pixel to a CSS pixel as what a notebook keeps of a widget: a small file, a JPEG."""
    return Picture(to_jpeg(image), alt, image.width)


def css_width(image: Image.Image) -> int:
    """Return how wide a sheet is on the page, in CSS pixels."""
    return round(image.width / FINE)


def written(value: float) -> str:
    """Return a number with three digits that count, without an exponent where it has fewer than ten digits."""
    return f"{float(f'{value:.3g}'):,.10g}"


def picture_rows(
    rows: Sequence[Mapping[str, Tile]],
    height: float,
    note: str = "",
    width: float = PAGE_WIDTH,
    fine: float = FINE,
) -> Image.Image:
    """Return rows of pictures, all equally high and each as wide as it must be, with titles above and a note below.

    Args:
        rows: pictures by title, each ``(3, H, W)`` float in [-1, 1] or ``(H, W, 3)`` bytes.
        height: of the pictures in CSS pixels; less where a row would be too wide.
        note: below all.
        width: of the page in CSS pixels.
        fine: file pixels in a CSS pixel.
    """
    images = [
        [(title, Image.fromarray(to_array(tile) if isinstance(tile, Tensor) else tile)) for title, tile in row.items()]
        for row in rows
    ]
    widths = _widths(images, height)
    while max(map(_row_width, widths)) > width and height > 8:
        height *= 0.97
        widths = _widths(images, height)
    total = max(map(_row_width, widths))
    lines = wrap(note, max(total, 240) * _PX, NOTE) if note else ""
    total = max(total, block_width(lines, NOTE) / _PX * 1.02 + 2 * _MARGIN)
    titles = [
        [wrap(title, wide * _PX, TITLE) for (title, _), wide in zip(row, row_widths, strict=True)]
        for row, row_widths in zip(images, widths, strict=True)
    ]
    heads = [_text_height(max(row, key=lambda text: text.count("\n")), TITLE) + 2 for row in titles]
    below = _text_height(lines, NOTE) + 6 if lines else 0.0
    whole = 2 * _MARGIN + sum(heads) + len(rows) * (height + _GAP) - _GAP + below

    sheet = Image.new("RGB", (round(total * fine), round(whole * fine)), "white")
    pen = ImageDraw.Draw(sheet)
    y = _MARGIN
    for row, row_widths, row_titles, head in zip(images, widths, titles, heads, strict=True):
        x = _MARGIN
        for (_, image), wide, title in zip(row, row_widths, row_titles, strict=True):
            write(pen, (x + wide / 2, y + head - _text_height(title, TITLE)), title, TITLE, fine, anchor="ma")
            size = (max(1, round(image.width / image.height * height * fine)), max(1, round(height * fine)))
            place = (round((x + wide / 2) * fine - size[0] / 2), round((y + head) * fine))
            pen.rectangle((place[0] - 1, place[1] - 1, place[0] + size[0], place[1] + size[1]), outline=FAINT)
            sheet.paste(_resized(image, size), place)
            x += wide + _GAP
        y += head + height + _GAP
    if lines:
        write(pen, (_MARGIN, y - _GAP + 6), lines, NOTE, fine, colour=GREY)
    return sheet


def beside(left: Image.Image, right: Image.Image, fine: float = FINE) -> Image.Image:
    """Return two sheets as one, level at the top."""
    gap = round(2 * _GAP * fine)
    both = Image.new("RGB", (left.width + gap + right.width, max(left.height, right.height)), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + gap, 0))
    return both


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: float,
    fine: float = FINE,
    *,
    colour: str = INK,
    anchor: str = "la",
) -> None:
    """Write lines of text on a sheet.

    Args:
        pen: of the sheet.
        place: x and y in CSS pixels.
        text: its lines.
        size: in points.
        fine: file pixels in a CSS pixel.
        colour: of the text.
        anchor: what stands at the place, in Pillow's letters: ``"la"`` the upper left corner of the first line.
    """
    letters = font(size * fine / _PX)
    for number, line in enumerate(text.split("\n")):
        y = (place[1] + number * _LINE * size / _PX) * fine
        pen.text((round(place[0] * fine), round(y)), line, fill=colour, font=letters, anchor=anchor)


@lru_cache(maxsize=32)
def font(pixels: float) -> ImageFont.FreeTypeFont:
    """Return the letters of the house, which come with matplotlib, at a size in file pixels."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), pixels)


def _widths(rows: list[list[tuple[str, Image.Image]]], height: float) -> list[list[float]]:
    """Return how much room each picture takes in CSS pixels: at least that of the longest word above it."""
    return [[max(image.width / image.height * height, _longest_word(title)) for title, image in row] for row in rows]


@lru_cache(maxsize=1024)
def _longest_word(title: str) -> float:
    return max((block_width(word, TITLE) for word in title.split()), default=0.0) / _PX * 1.03


def _row_width(widths: list[float]) -> float:
    return sum(widths) + _GAP * (len(widths) - 1) + 2 * _MARGIN


def _text_height(text: str, size: float) -> float:
    return (text.count("\n") + 1) * _LINE * size / _PX


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    squares = size[1] >= _SQUARES * image.height
    return image.resize(size, Image.Resampling.NEAREST if squares else Image.Resampling.BICUBIC)
