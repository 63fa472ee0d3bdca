"""Lesson 10: draw an outline in the notebook, and see what a network makes of it."""

from __future__ import annotations

import io
from bisect import bisect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import ipycanvas
import ipywidgets
import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor

from course_lib.data.pixels import normalise, to_bytes
from course_lib.errors import ShapeError
from course_lib.widgets.canvas import let_colab_show_canvases
from course_lib.widgets.explorer import Explorer, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 320  # of the canvas and of the picture beside it, in CSS pixels
FINE = 4  # parts of a pixel in each direction: a stroke is drawn large and averaged down
WIDTHS = {"pen": 0.9, "eraser": 5.0}  # in pixels of the drawing; the bundled outlines have lines of 0.9
BLANK = "blank paper"
EXAMPLES = (
    "relieved face",
    "kissing cat",
    "pig face",
    "tropical fish",
    "thumbs up",
    "cupcake",
    "bus",
    "umbrella with rain drops",
)
STYLE = "<style>.course-drawing { image-rendering: pixelated; cursor: crosshair; }</style>"


class Drawing(ipywidgets.VBox):
    """A sheet of paper to draw on: a canvas with a pen, an eraser, and outlines to start from.

    What the canvas shows is what ``picture`` holds, pixel for pixel. Strokes come from mouse or finger, or from
    ``begin``, ``move`` and ``end``, whose places count pixels from the left and the upper edge: the middle of the
    first pixel is at 0.5.

    Args:
        side: height and width of the picture in pixels.
        examples: outlines to start from by name, uint8 ``(1, side, side)``; the first is on the sheet at the start.

    Attributes:
        value: the picture after the last whole stroke; one observes it as the ``value`` of any control.
        canvas: the widget that is drawn on.
        tool: chooses ``"pen"`` or ``"eraser"``.
        start: chooses the outline to start from, or ``"blank paper"``.
        strokes: how many whole strokes were made since the start.

    Raises:
        ShapeError: if an outline has another shape or type.
    """

    value = traitlets.Any()
    tools: tuple[str, ...] = tuple(WIDTHS)

    def __init__(self, side: int = 64, examples: Mapping[str, Tensor] | None = None) -> None:
        self._side = side
        self._sheets = {BLANK: np.full((side, side), 255, np.uint8)}
        for name, outline in (examples or {}).items():
            if outline.dtype != torch.uint8 or outline.shape != (1, side, side):
                what = f"{tuple(outline.shape)}, {str(outline.dtype).removeprefix('torch.')}"
                raise ShapeError(f"The outline {name!r} is {what}: give uint8 of the shape (1, {side}, {side}).")
            self._sheets[name] = outline[0].cpu().numpy().copy()
        first = next(iter(examples), BLANK) if examples else BLANK
        self._picture = self._sheets[first].copy()
        self._under = self._picture  # the picture before the present stroke
        self._stroke: np.ndarray | None = None  # what the present stroke covers, 0 to 1, enlarged
        self._last = (0.0, 0.0)
        self.strokes = 0

        self.canvas = ipycanvas.Canvas(
            width=side, height=side, layout={"width": f"{SIDE}px", "height": f"{SIDE}px", "margin": "0"}
        )
        self.canvas.add_class("course-drawing")
        frame = ipywidgets.Box(
            [self.canvas],
            layout={"border": "1px solid #999", "width": "max-content", "overflow": "hidden", "margin": "1px 0 4px"},
        )
        self.tool = ipywidgets.ToggleButtons(options=list(self.tools), style={"button_width": "6em"})
        wipe = ipywidgets.Button(description="clear", layout={"width": "6em", "margin": "0 0 0 12px"})
        self.start = ipywidgets.Dropdown(
            options=list(self._sheets),
            value=first,
            description="start from",
            style={"description_width": "max-content"},
            layout={"width": f"{SIDE}px"},
        )
        tools = ipywidgets.HBox([self.tool, wipe], layout={"align_items": "flex-start"})
        super().__init__([frame, tools, self.start, ipywidgets.HTML(STYLE, layout={"display": "none"})])
        self.value = self.drawing
        self.start.observe(lambda change: self._begin_with(change["new"]), names="value")
        wipe.on_click(lambda _: self.clear())
        self._listen()
        self._show()

    @property
    def picture(self) -> np.ndarray:
        """The drawing, uint8 ``(side, side)``, black lines on white; a copy."""
        return self._picture.copy()

    @property
    def drawing(self) -> np.ndarray:
        """What ``value`` is set to after a stroke: here the picture."""
        return self.picture

    def condition(self, drawing: np.ndarray) -> Tensor:
        """Return a drawing as networks take it, (1, C, side, side) in [-1, 1]; here C is 1."""
        return normalise(torch.from_numpy(drawing)[None, None])

    def begin(self, x: float, y: float) -> None:
        """Set the tool on the paper; a click alone leaves a dot."""
        self.end()
        self._under = self._picture
        self._stroke = np.zeros((self._side * FINE, self._side * FINE), np.float32)
        self._last = (x, y)
        self.move(x, y)

    def move(self, x: float, y: float) -> None:
        """Move to a place; leaves a line if the tool is on the paper."""
        if self._stroke is None:
            return
        _cover(self._stroke, self._last, (x, y), WIDTHS[self.tool.value])
        self._last = (x, y)
        covered = self._covered()
        ink = 0 if self.tool.value == "pen" else 255
        self._picture = np.rint(self._under * (1 - covered) + ink * covered).astype(np.uint8)
        self._show()

    def _covered(self) -> np.ndarray:
        """Return which part of each pixel the present stroke covers."""
        assert self._stroke is not None
        return self._stroke.reshape(self._side, FINE, self._side, FINE).mean(axis=(1, 3))

    def end(self) -> None:
        """Lift the tool; from now on ``value`` is the new picture."""
        if self._stroke is None:
            return
        self._stroke = None
        self.strokes += 1
        self.value = self.drawing

    def clear(self) -> None:
        """Take a blank sheet of paper."""
        if self.start.value == BLANK:
            self._begin_with(BLANK)
        else:
            self.start.value = BLANK

    def _begin_with(self, name: str) -> None:
        self._stroke, self.strokes = None, 0
        self._picture = self._sheets[name].copy()
        self._show()
        self.value = self.drawing

    def describe(self) -> str:
        """Say how much is on the paper."""
        return f"ink on {100 * (1 - self._picture.mean() / 255):.1f} % of the paper"

    def shown(self) -> Tensor:
        """Return what is on the canvas, (C, side, side) uint8; here C is 1."""
        return torch.from_numpy(self.picture)[None]

    def _show(self) -> None:
        self.canvas.put_image_data(self._picture)  # grey goes as PNG; in three channels it would go as JPEG

    def _show_again(self) -> None:
        """Fill the canvas of a page that was loaded again: ipycanvas would not say again which canvas it means."""
        self.canvas._canvas_manager._current_canvas = None
        self._show()

    def _listen(self) -> None:
        canvas = self.canvas

        def leave(x: float, y: float) -> None:
            self.move(x, y)
            self.end()

        def first(then: Callable[[float, float], None]) -> Callable[[list[tuple[float, float]]], None]:
            return lambda fingers: then(*fingers[0]) if fingers else None

        canvas.on_mouse_down(self.begin)
        canvas.on_mouse_move(self.move)
        canvas.on_mouse_up(leave)
        canvas.on_mouse_out(leave)
        canvas.on_touch_start(first(self.begin))
        canvas.on_touch_move(first(self.move))
        canvas.on_touch_end(lambda _: self.end())
        canvas.on_touch_cancel(lambda _: self.end())
        canvas.on_client_ready(self._show_again)


def draw_and_translate(
    translate: Callable[[Tensor], Tensor],
    shape: tuple[int, int, int] = (1, 64, 64),
    examples: Mapping[str, Tensor] | None = None,
) -> Explorer:
    """Return a widget to draw in, with the translation of the drawing beside it, new after each stroke.

    Where no kernel runs, the outline that one starts from and its translation stand there as a picture.

    Args:
        translate: takes ``(1, C, H, W)`` in [-1, 1], on the CPU, and returns ``(1, 1 or 3, h, w)`` in [-1, 1].
        shape: C, H and W of what ``translate`` takes; H and W are the same. Each of C channels holds the drawing.
        examples: outlines to start from by name, uint8 ``(1, H, W)``, black on white; the first is on the sheet at
            the start. None: some held-out outlines of emoji if H is 64, else a blank sheet.

    Returns:
        The widget; the sheet, a ``Drawing``, is ``controls["drawing"]``.

    Raises:
        ShapeError: if H and W differ, or an outline has another shape or type.
    """
    channels, height, width = shape
    if height != width or min(shape) < 1:
        raise ShapeError(f"The shape {tuple(shape)} is no square to draw on: give (C, H, H), for example (1, 64, 64).")
    if examples is None:
        examples = held_out_outlines() if height == 64 else {}
    let_colab_show_canvases()
    return beside(Drawing(height, examples), lambda x: translate(x.repeat(1, channels, 1, 1)))


def beside(sheet: Drawing, translate: Callable[[Tensor], Tensor]) -> Explorer:
    """Return a sheet to draw on, with the translation of what is drawn beside it, new after each stroke.

    Args:
        sheet: to draw on; it is ``controls["drawing"]`` of the widget.
        translate: takes ``sheet.condition(...)`` and returns ``(1, 1 or 3, h, w)`` in [-1, 1].
    """

    def translated(drawing: np.ndarray) -> Tensor:
        with torch.no_grad():
            y_hat = translate(sheet.condition(drawing))
        if not isinstance(y_hat, Tensor) or y_hat.dim() != 4 or len(y_hat) != 1 or y_hat.shape[1] not in (1, 3):
            what = tuple(y_hat.shape) if isinstance(y_hat, Tensor) else type(y_hat).__name__
            raise ShapeError(f"translate returned {what}: let it return one picture (1, 1 or 3, h, w).")
        return y_hat[0]

    def text(drawing: np.ndarray) -> str:
        strokes = f" and {sheet.strokes} stroke{'s' * (sheet.strokes != 1)}" if sheet.strokes else ""
        return f"Translation of a drawing: {sheet.start.value}{strokes}, {sheet.describe()}"

    def draw(drawing: np.ndarray) -> Picture:
        return Picture(_enlarged(translated(drawing)), text(drawing), SIDE)

    def still() -> tuple[Figure, str]:
        from course_lib import plotting

        row = [sheet.shown(), translated(sheet.drawing)]
        figure = plotting.image_grid([row], column_titles=["drawing", "translation"], tile=192)
        return figure, f"A drawing, {sheet.start.value}, and beside it its translation"

    explorer = Explorer(draw, {"drawing": sheet}, columns=1, still=still)
    explorer.layout.flex_flow = "row wrap"  # side by side, where there is room
    explorer.layout.align_items = "flex-start"
    explorer.layout.grid_gap = "16px"
    return explorer


def _cover(stroke: np.ndarray, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    """Add to a stroke the straight line between two places, with round ends and soft edges."""
    (ax, ay), (bx, by) = start, end
    high, wide = ([(n + 0.5) / FINE for n in range(size)] for size in stroke.shape)
    reach = width / 2 + 1 / FINE
    rows = slice(bisect(high, min(ay, by) - reach), bisect(high, max(ay, by) + reach))
    columns = slice(bisect(wide, min(ax, bx) - reach), bisect(wide, max(ax, bx) + reach))
    y, x = np.array(high[rows])[:, None], np.array(wide[columns])
    square = (bx - ax) ** 2 + (by - ay) ** 2
    along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square, 0, 1) if square else 0.0
    distance = np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
    part = stroke[rows, columns]
    np.maximum(part, np.clip((width / 2 - distance) * FINE + 0.5, 0, 1), out=part, casting="same_kind")


def held_out_outlines() -> dict[str, Tensor]:
    """Return some outlines of the emoji's test split by name, uint8 ``(1, 64, 64)``."""
    from course_lib import data

    outlines = data.emoji("test", style="outline", subset="core")
    places = {name: place for place, name in enumerate(outlines.names or [])}
    return {name: outlines.images[places[name]] for name in EXAMPLES}


def _enlarged(picture: Tensor) -> bytes:
    """Return a PNG of ``(C, h, w)`` in [-1, 1], as wide as the canvas and twice as fine as the page."""
    pixels = to_bytes(picture)
    array = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    how = Image.Resampling.NEAREST if max(image.size) <= SIDE else Image.Resampling.BOX
    buffer = io.BytesIO()
    image.resize((SIDE, SIDE), how).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
