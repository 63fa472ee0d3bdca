"""Lesson 10: draw an outline, put dots of colour on it, and see what a network makes of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_10.drawing import EXAMPLES, WIDTHS, Drawing, beside
from course_lib.lessons.lesson_10.hints import CHANNELS, SIDE, hinted_pairs
from course_lib.widgets.canvas import let_colab_show_canvases
from course_lib.widgets.explorer import Explorer

PALETTE = {
    "red": "#e2403b",
    "orange": "#f58b2e",
    "yellow": "#ffc83d",
    "green": "#3fae49",
    "light blue": "#6fc3f2",
    "blue": "#2f6bd0",
    "purple": "#8b57c9",
    "pink": "#f48fb6",
    "light skin": "#f3c9a5",
    "brown": "#8d5a3b",
    "dark skin": "#5d3b2b",
    "black": "#2b2b2b",
    "grey": "#a3a3a3",
    "white": "#ffffff",
}


class Colouring(Drawing):
    """A sheet to draw on with dots of colour: the pen draws lines, a click with ``"dot"`` leaves a dot.

    The eraser takes lines and dots away. What ``drawing`` holds is the condition of ``lesson_10.hints``, in bytes.

    Args:
        side: height and width of the picture in pixels.
        examples: sheets to start from by name, uint8 ``(1, side, side)``, outlines alone, or ``(5, side, side)``,
            with dots; the first is there at the start.

    Attributes:
        colour: holds the colour of the next dot, ``"#rrggbb"``.
        swatches: buttons that set it.

    Raises:
        ShapeError: if a sheet has another shape or type.
    """

    tools = ("dot", *WIDTHS)

    def __init__(self, side: int = 64, examples: Mapping[str, Tensor] | None = None) -> None:
        for name, sheet in (examples or {}).items():
            if sheet.dtype != torch.uint8 or sheet.shape not in ((1, side, side), (CHANNELS, side, side)):
                what = f"{tuple(sheet.shape)}, {str(sheet.dtype).removeprefix('torch.')}"
                raise ShapeError(f"The sheet {name!r} is {what}: give uint8, (1 or {CHANNELS}, {side}, {side}).")
        sheets = dict(examples or {})
        self._hints = {name: sheet[1:].cpu().numpy() for name, sheet in sheets.items() if len(sheet) > 1}
        self._side = side
        self._dots = self._hints.get(next(iter(sheets), ""), self._no_dots()).copy()
        self._dots_under = self._dots
        self.colour = ipywidgets.ColorPicker(
            value=PALETTE["red"], concise=True, layout={"width": "2.4em", "margin": "2px 8px 2px 2px"}
        )
        self.colour.tooltip = "colour of the next dot"
        self.swatches = [self._swatch(name, value) for name, value in PALETTE.items()]
        super().__init__(side, {name: sheet[:1] for name, sheet in sheets.items()})
        row = ipywidgets.HBox([self.colour, *self.swatches], layout={"flex_flow": "row wrap", "width": "332px"})
        frame, *rest = tuple(self.children)  # type: ignore[has-type]
        self.children = (frame, row, *rest)
        self.tool.style.button_width = "5.6em"

    def _swatch(self, name: str, value: str) -> ipywidgets.Button:
        button = ipywidgets.Button(
            tooltip=name,
            style={"button_color": value},
            layout={"width": "1.6em", "height": "1.6em", "margin": "2px", "border": "1px solid #888"},
        )

        def take(_: object) -> None:
            self.colour.value = value
            self.tool.value = "dot"

        button.on_click(take)
        return button

    def _no_dots(self) -> np.ndarray:
        """Return the four channels of no dots: white, and 0 for "there is none"."""
        empty = np.full((4, self._side, self._side), 255, np.uint8)
        empty[3] = 0
        return empty

    @property
    def drawing(self) -> np.ndarray:
        """The outline, the colours of the dots and where they are, uint8 ``(5, side, side)``; a copy."""
        return np.concatenate([self._picture[None], self._dots])

    def condition(self, drawing: np.ndarray) -> Tensor:
        """Return a drawing as networks take it, (1, 5, side, side) in [-1, 1]."""
        return normalise(torch.from_numpy(drawing)[None])

    def describe(self) -> str:
        """Say how much is on the paper."""
        return f"{super().describe()}, dots on {100 * (self._dots[3] > 0).mean():.1f} %"

    def shown(self) -> Tensor:
        """Return what is on the canvas, (3, side, side) uint8."""
        return torch.from_numpy(np.where(self._dots[3:] > 0, self._dots[:3], self._picture[None]))

    def begin(self, x: float, y: float) -> None:
        """Set the tool on the paper; a click with ``"dot"`` leaves a dot of the colour."""
        self._dots_under = self._dots
        if self.tool.value != "dot":
            super().begin(x, y)
            return
        self.end()
        row, column, reach = math.floor(y), math.floor(x), SIDE // 2
        if not (0 <= row < self._side and 0 <= column < self._side):
            return
        ink = [int(self.colour.value[place : place + 2], 16) for place in (1, 3, 5)]
        self._dots = self._dots.copy()
        rows = slice(max(row - reach, 0), row + reach + 1)
        self._dots[:, rows, max(column - reach, 0) : column + reach + 1] = np.array([*ink, 255]).reshape(4, 1, 1)
        self.strokes += 1
        self._show()
        self.value = self.drawing

    def move(self, x: float, y: float) -> None:
        """Move to a place; leaves a line, or takes lines and dots away, if the tool is on the paper."""
        super().move(x, y)
        if self._stroke is not None and self.tool.value == "eraser":
            self._dots = np.where(self._covered() > 0.5, self._no_dots(), self._dots_under)
            self._show()

    def _begin_with(self, name: str) -> None:
        self._dots = self._hints.get(name, self._no_dots()).copy()
        super()._begin_with(name)

    def _show(self) -> None:
        picture = self.shown().permute(1, 2, 0).numpy()
        opaque = np.full_like(picture[:, :, :1], 255)
        self.canvas.put_image_data(np.concatenate([picture, opaque], axis=2))  # four channels go as PNG, without losses


def colour_and_translate(
    translate: Callable[[Tensor], Tensor], examples: Mapping[str, Tensor] | None = None
) -> Explorer:
    """Return a widget to draw and to give colours in, with the translation beside it, new after each stroke and dot.

    Args:
        translate: takes ``(1, 5, 64, 64)`` in [-1, 1], see ``lesson_10.hints``, and returns ``(1, 3, h, w)``.
        examples: sheets to start from by name, uint8 ``(1 or 5, 64, 64)``; None: some held-out emoji with eight dots.

    Returns:
        The widget; the sheet, a ``Colouring``, is ``controls["drawing"]``.

    Raises:
        ShapeError: if a sheet has another shape or type.
    """
    let_colab_show_canvases()
    return beside(Colouring(64, held_out_sheets() if examples is None else examples), translate)


def held_out_sheets() -> dict[str, Tensor]:
    """Return some held-out outlines with dots of their colours by name, uint8 ``(5, 64, 64)``."""
    pairs = hinted_pairs(data.emoji_pairs("test", x="outline", y="3d", subset="core"))
    places = {name: place for place, name in enumerate(pairs.names or [])}
    return {name: pairs.x[places[name]] for name in EXAMPLES}
