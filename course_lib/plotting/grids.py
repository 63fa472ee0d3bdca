"""Pictures side by side, each of their pixels a square of whole pixels of the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from course_lib.arguments import check_count, check_number
from course_lib.errors import ShapeError
from course_lib.plotting.numbers import as_picture, check_range
from course_lib.plotting.style import CSS_DPI, FAINT, GREY, INK, PAGE_WIDTH, PNG_DPI, apply_style
from course_lib.plotting.text import block_width, fitting_size, wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Tensor | np.ndarray | Sequence[Any]

_TITLE, _LABEL, _CAPTION, _SMALLEST = 13.0, 12.0, 10.5, 9.0  # points
_LINE = 1.3  # line height in font sizes
_GAP = 6.0  # between tiles, in CSS pixels
_MARGIN = 6.0  # round all, in CSS pixels
_PX = 72 / CSS_DPI  # points in a CSS pixel


def image_grid(
    rows: Row | Sequence[Row],
    row_titles: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    title: str | None = None,
    columns: int | None = None,
    tile: float | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Figure:
    """Return a figure of pictures in rows.

    A picture smaller than its tile is enlarged without smoothing, a larger one is averaged down; all tiles have the
    size of the largest, so that inputs of 16 pixels and outputs of 64 can stand side by side.

    Args:
        rows: a list of rows, each (N, C, H, W) or a list of (C, H, W) with None for an empty tile; or one batch
            (N, C, H, W), which is broken into rows. C is 1 (grey) or 3. uint8, or float in ``value_range``. A single
            picture may also be grey as (H, W), a NumPy array, which may have its channels last, or a PIL picture.
        row_titles: one for each row, on its left.
        column_titles: one for each column, on top.
        captions: for each row, a text below each of its tiles, or none.
        title: on top of all.
        columns: tiles in a row where ``rows`` is one batch, at least 1; None: up to eight.
        tile: width of a tile on the page in CSS pixels, at least 1; None: 96, less if many stand in a row.
        value_range: what is black and what is white in float pictures, in this order. Values outside are cut off.

    Raises:
        ShapeError: if the pictures have another shape or type or hold NaN, there are not as many titles as rows or
            columns, or a number is another.
    """
    check_range(value_range)
    if tile is not None:
        check_number(tile, "tile", 1)
    if columns is not None:
        check_count(columns, "columns")
    if isinstance(rows, (Tensor, np.ndarray)):
        if rows.ndim != 4:
            raise ShapeError(f"A batch of pictures has the shape (N, C, H, W), not {tuple(rows.shape)}.")
        step = columns or min(8, max(1, len(rows)))
        batch: Any = rows
        rows = [batch[start : start + step] for start in range(0, len(batch), step)]
    if not isinstance(rows, (list, tuple)):
        raise ShapeError(f"rows is of type {type(rows).__name__}: give a batch (N, C, H, W), or a list of rows.")
    pictures = [[None if image is None else as_picture(image, value_range) for image in _tiles(row)] for row in rows]
    count = max((len(row) for row in pictures), default=0)
    shapes = [image.shape[:2] for row in pictures for image in row if image is not None]
    if not shapes:
        raise ShapeError("There is no picture to show: give at least one.")
    _check_count("row", row_titles, len(pictures))
    _check_count("column", column_titles, count)
    _check_count("list of captions for a row", captions, len(pictures))
    for texts, row in zip(captions or (), pictures, strict=False):
        if texts and len(texts) != len(row):
            raise ShapeError(f"A row of {len(row)} tiles has {len(texts)} captions: give one for each, or none.")

    height, width = max(shapes, key=lambda shape: shape[0] * shape[1])
    labels, labels_width = _row_labels(row_titles)
    if tile is None:
        tile = min(96.0, (PAGE_WIDTH - 2 * _MARGIN - labels_width) / count - _GAP)
    # Whole file pixels for each picture pixel; the resolution of the figure follows from it.
    wanted = tile * PNG_DPI / CSS_DPI
    cell_width = width * max(1, round(wanted / width)) if width <= wanted * 1.3 else round(wanted)
    cell_height = round(cell_width * height / width)
    layout = _Layout(tile, cell_width / tile, cell_height, cell_width)

    head = _head(title, column_titles, tile, layout.right_edge(count, labels_width))
    notes = [_captions(row, tile) for row in captions] if captions else [([], 0.0)] * len(pictures)
    return _draw(pictures, labels, labels_width, head, notes, layout, count)


class _Layout:
    """Sizes: CSS pixels outside, file pixels inside."""

    def __init__(self, tile: float, scale: float, cell_height: int, cell_width: int) -> None:
        self.tile, self.scale = tile, scale  # scale: file pixels in a CSS pixel
        self.cell_height, self.cell_width = cell_height, cell_width
        self.gap = max(2, round(_GAP * scale))
        self.margin = max(2, round(_MARGIN * scale))

    def px(self, css: float) -> int:
        return math.ceil(css * self.scale)

    def right_edge(self, count: int, labels_width: float) -> float:
        return (count * (self.cell_width + self.gap) + 2 * self.margin) / self.scale + labels_width


def _draw(
    pictures: list[list[np.ndarray | None]],
    labels: list[str],
    labels_width: float,
    head: tuple[str, list[str], float, float, float],
    notes: list[tuple[list[str], float]],
    layout: _Layout,
    count: int,
) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    apply_style()
    title, names, names_size, title_height, names_height = head
    left = layout.margin + layout.px(labels_width)
    top = layout.margin + layout.px(title_height) + layout.px(names_height)
    pitch = layout.cell_width + layout.gap
    total_width = max(
        left + count * pitch - layout.gap + layout.margin,
        layout.px(block_width(title, _TITLE, bold=True) / _PX) + 2 * layout.margin if title else 0,
    )
    starts, y = [], top
    for _, below in notes:
        starts.append(y)
        y += layout.cell_height + layout.px(below) + layout.gap
    total_height = y - layout.gap + layout.margin

    canvas = np.full((total_height, total_width, 3), 255, dtype=np.uint8)
    for row, start in zip(pictures, starts, strict=True):
        for position, image in enumerate(row):
            if image is not None:
                _paste(canvas, image, start, left + position * pitch, layout)

    dpi = CSS_DPI * layout.scale
    figure = Figure(figsize=(total_width / dpi, total_height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    figure.figimage(canvas, 0, 0, origin="upper", resize=False)

    def write(x: float, y: float, text: str, size: float, **options: Any) -> None:
        """Write lines from a top edge down, each on its own base line, so that neighbours stand level."""
        for index, line in enumerate(text.split("\n")):
            base = y + layout.px((index * _LINE + 1.0) * size / _PX)
            figure.text(x / total_width, 1 - base / total_height, line, size=size, va="baseline", **options)

    if title:
        write(layout.margin, layout.margin, title, _TITLE, weight="bold", ha="left")
    for position, name in enumerate(names):
        middle = left + position * pitch + layout.cell_width / 2
        start = top - layout.px(((name.count("\n") + 1) * _LINE * names_size) / _PX + 3)
        write(middle, start, name, names_size, ha="center", color=INK)
    for label, start in zip(labels, starts, strict=False):
        height = layout.px((label.count("\n") + 1) * _LINE * _LABEL / _PX)
        write(left - layout.px(10), start + (layout.cell_height - height) / 2, label, _LABEL, ha="right")
    for (texts, _), start in zip(notes, starts, strict=True):
        for position, text in enumerate(texts):
            middle = left + position * pitch + layout.cell_width / 2
            write(middle, start + layout.cell_height + layout.px(2), text, _CAPTION, ha="center", color=GREY)
    return figure


def _paste(canvas: np.ndarray, image: np.ndarray, y: int, x: int, layout: _Layout) -> None:
    """Put a picture into its tile, with a hair line round it, since most of ours end in white."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = min(layout.cell_height / height, layout.cell_width / width)
    size = (round(width * scale), round(height * scale))
    if size != (width, height):
        how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
        image = np.asarray(Image.fromarray(image).resize(size, how))
    y += (layout.cell_height - size[1]) // 2
    x += (layout.cell_width - size[0]) // 2
    frame = [int(FAINT[i : i + 2], 16) for i in (1, 3, 5)]
    canvas[y - 1 : y + size[1] + 1, x - 1 : x + size[0] + 1] = frame
    canvas[y : y + size[1], x : x + size[0]] = image


def _row_labels(titles: Sequence[str] | None) -> tuple[list[str], float]:
    if not titles:
        return [], 0.0
    labels = [wrap(title, 150 * _PX, _LABEL) for title in titles]
    return labels, max(block_width(label, _LABEL) for label in labels) / _PX + 16


def _head(
    title: str | None, names: Sequence[str] | None, tile: float, width: float
) -> tuple[str, list[str], float, float, float]:
    """Return title, column titles, their size, and the heights of both in CSS pixels."""
    title = wrap(title, max(width, 320) * _PX, _TITLE, bold=True) if title else ""
    title_height = (title.count("\n") + 1) * _TITLE * _LINE / _PX + 6 if title else 0.0
    room = (tile + _GAP - 4) * _PX
    size = fitting_size(list(names or []), room, _LABEL, _SMALLEST)
    wrapped = [wrap(name, room, size) for name in names or []]
    lines = max((name.count("\n") + 1 for name in wrapped), default=0)
    return title, wrapped, size, title_height, lines * size * _LINE / _PX + 6 if lines else 0.0


def _captions(texts: Sequence[str], tile: float) -> tuple[list[str], float]:
    """Return the wrapped captions of a row and their height in CSS pixels."""
    wrapped = [wrap(text or "", (tile + _GAP - 4) * _PX, _CAPTION) for text in texts]
    lines = max((text.count("\n") + 1 for text in wrapped if text), default=0)
    return wrapped, lines * _CAPTION * _LINE / _PX + 8 if lines else 0.0


def _check_count(what: str, given: Sequence[Any] | None, count: int) -> None:
    if given is not None and len(given) != count:
        raise ShapeError(f"There must be one {what} title for each: {count}, not {len(given)}.")


def _tiles(row: Any) -> Any:
    """Return the pictures of a row, which is a batch or a list."""
    if not isinstance(row, (Tensor, np.ndarray, list, tuple)):
        raise ShapeError(f"A row is of type {type(row).__name__}: give a batch (N, C, H, W), or a list of pictures.")
    if isinstance(row, (Tensor, np.ndarray)) and (row.ndim not in (3, 4) or (row.ndim == 3 and row.shape[0] in (1, 3))):
        raise ShapeError(f"A row has the shape {tuple(row.shape)}: give (N, C, H, W), with picture[None] for one.")
    return row
