"""A matrix of channels by channels that one points at."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import ipycanvas
import ipywidgets
import numpy as np
import traitlets
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.plotting.style import COLOURS, GREY, INK
from course_lib.widgets.sheets import write

SIDE = 330  # of the canvas on the page, in CSS pixels
FINE = 2  # canvas pixels in a CSS pixel
EDGE = 34  # for the numbers of the channels, in CSS pixels
LEAST_CELL = 13  # CSS pixels: where cells are smaller not every row has its number
FIRST, SECOND, BOTH = COLOURS["blue"], COLOURS["vermilion"], COLOURS["plum"]
HINT = "Point at an entry; a click holds it."
HELD = "Held: click again to let it go."


class ChannelPairs(ipywidgets.VBox):
    """A matrix in shades of grey whose rows and columns are channels; mouse, finger or two menus choose an entry.

    The mouse chooses as it moves, until a click holds the entry; another click lets it go.

    Args:
        channels: their numbers, in the order of rows and columns; at least two.
        legend: what the shades of grey mean.

    Attributes:
        value: row and column that are chosen, from 0; one observes it as the ``value`` of any control.
        canvas: the widget that shows the matrix.
        a: menu of the row.
        b: menu of the column.
        held: whether a click holds the entry.
    """

    value = traitlets.Tuple(traitlets.Int(), traitlets.Int())

    def __init__(self, channels: Sequence[int], legend: str = "") -> None:
        self.channels = [int(channel) for channel in channels]
        self.held = False
        self._legend = legend
        self._following = False  # the menus follow the value, and not the value the menus
        self._matrix = np.zeros((len(self.channels), len(self.channels)), np.float32)
        self._blank = self._grid()
        side = SIDE * FINE
        self.canvas = ipycanvas.Canvas(
            width=side, height=side, layout={"width": f"{SIDE}px", "height": f"{SIDE}px", "margin": "0"}
        )
        self.canvas.add_class("course-matrix")
        options = [(str(channel), place) for place, channel in enumerate(self.channels)]
        self.a, self.b = (
            ipywidgets.Dropdown(
                options=options,
                value=place,
                description=f"channel {name}",
                style={"description_width": "max-content"},
                layout={"width": f"{SIDE // 2 - 4}px"},
            )
            for name, place in (("a", 0), ("b", 1))
        )
        self._hint = ipywidgets.HTML(layout={"width": f"{SIDE}px"})
        self._say()
        menus = ipywidgets.HBox([self.a, self.b])
        super().__init__([self.canvas, menus, self._hint], value=(0, 1))
        self.a.observe(self._from_menus, names="value")
        self.b.observe(self._from_menus, names="value")
        self.observe(self._follow, names="value")
        self._listen()
        self._draw()

    def show(self, matrix: Tensor) -> None:
        """Show a matrix ``(K, K)`` of values from 0 (white) to 1 (black), with the chosen entry marked."""
        array = matrix.detach().float().cpu().numpy()
        if not np.array_equal(array, self._matrix):
            self._matrix = array
            self._blank = self._grid()
            self._draw()

    def entry_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and column of a place in canvas pixels, or None beside the matrix."""
        start, cell = EDGE * FINE, self._cell
        row, column = int((y - start) // cell), int((x - start) // cell)
        inside = 0 <= row < len(self.channels) and 0 <= column < len(self.channels)
        return (row, column) if inside else None

    def point(self, x: float, y: float) -> None:
        """Point at a place: chooses the entry there, unless one is held."""
        entry = self.entry_at(x, y)
        if entry is not None and not self.held:
            self.value = entry

    def click(self, x: float, y: float) -> None:
        """Click at a place: chooses the entry there and holds it, or lets go of what was held."""
        entry = self.entry_at(x, y)
        if entry is not None:
            self.held = not self.held
            self.value = entry
            self._say()
            self._draw()

    def touch(self, x: float, y: float) -> None:
        """Touch a place: chooses the entry there; what was held is let go."""
        self.held = False
        self.point(x, y)
        self._say()

    def image(self) -> Image.Image:
        """Return what the canvas shows, ``FINE`` pixels to a CSS pixel."""
        sheet = self._sheet().convert("RGB")
        pen = ImageDraw.Draw(sheet)
        for (x, y, width, height), colour, line in self._frames():
            for step in range(-(line // 2), line - line // 2):
                box = (x + step, y + step, x + width - 1 - step, y + height - 1 - step)
                pen.rectangle(box, outline=colour)
        return sheet

    @property
    def _cell(self) -> int:
        """Side of an entry in canvas pixels."""
        return (SIDE - EDGE - 2) * FINE // len(self.channels)

    def _frames(self) -> list[tuple[tuple[int, int, int, int], str, int]]:
        """Return the frames round the chosen row, column and entry: place and size, colour and width of the line."""
        start, cell, whole = EDGE * FINE, self._cell, self._cell * len(self.channels)
        x, y = start + self.value[1] * cell, start + self.value[0] * cell
        return [
            ((start, y, whole, cell), FIRST, 2 * FINE),
            ((x, start, cell, whole), SECOND, 2 * FINE),
            ((x, y, cell, cell), BOTH, (4 if self.held else 3) * FINE),
        ]

    def _sheet(self) -> Image.Image:
        """Return the matrix in grey, with the numbers of the chosen row and column in black."""
        sheet = self._blank.copy()
        self._number(sheet, self.value[0], upright=False, colour=INK)
        self._number(sheet, self.value[1], upright=True, colour=INK)
        return sheet

    def _grid(self) -> Image.Image:
        """Return the matrix in grey with the numbers of its rows and columns."""
        count, cell = len(self.channels), self._cell
        shade = np.rint(255 - 225 * np.clip(np.nan_to_num(self._matrix), 0, 1)).astype(np.uint8)
        sheet = Image.new("L", (SIDE * FINE, SIDE * FINE), 255)
        cells = Image.fromarray(shade).resize((count * cell, count * cell), Image.Resampling.NEAREST)
        sheet.paste(cells, (EDGE * FINE, EDGE * FINE))
        pen = ImageDraw.Draw(sheet)
        pen.rectangle([EDGE * FINE - 1] * 2 + [EDGE * FINE + count * cell] * 2, outline=GREY)
        write(pen, (EDGE - 22, EDGE - 9), "a", 9, FINE, colour=INK, anchor="mm")
        write(pen, (EDGE - 10, EDGE - 22), "b", 9, FINE, colour=INK, anchor="mm")
        step = -(-LEAST_CELL * FINE // cell)
        for place in range(0, count, step):
            self._number(sheet, place, upright=False)
            self._number(sheet, place, upright=True)
        return sheet

    def _number(self, sheet: Image.Image, place: int, upright: bool, colour: str = GREY) -> None:
        """Write the number of a channel beside its row, or upright above its column."""
        height = LEAST_CELL * FINE
        label = Image.new("L", ((EDGE - 6) * FINE, height), 255)
        text = str(self.channels[place])
        write(ImageDraw.Draw(label), (EDGE - 6, LEAST_CELL / 2), text, 8.5, FINE, colour=colour, anchor="rm")
        middle = EDGE * FINE + round((place + 0.5) * self._cell) - height // 2
        if upright:
            sheet.paste(label.transpose(Image.Transpose.ROTATE_90), (middle, 2 * FINE))
        else:
            sheet.paste(label, (2 * FINE, middle))

    def _draw(self) -> None:
        with ipycanvas.hold_canvas():
            self.canvas.put_image_data(np.asarray(self._sheet()))  # grey goes as PNG, three channels would go as JPEG
            for box, colour, line in self._frames():
                self.canvas.stroke_style, self.canvas.line_width = colour, line
                self.canvas.stroke_rect(*box)

    def _draw_again(self) -> None:
        """Fill the canvas of a page that was loaded again: ipycanvas would not say again which canvas it means."""
        self.canvas._canvas_manager._current_canvas = None
        self._draw()

    def _say(self) -> None:
        text = f"{HELD if self.held else HINT} {html.escape(self._legend)}"
        self._hint.value = f"<div style='line-height: 1.35'>{text}</div>"

    def _from_menus(self, _: object) -> None:
        if not self._following:
            self.value = (self.a.value, self.b.value)

    def _follow(self, _: object) -> None:
        self._following = True
        try:
            self.a.value, self.b.value = self.value
        finally:
            self._following = False
        self._draw()

    def _listen(self) -> None:
        def first(then: Callable[[float, float], None]) -> Callable[[list[tuple[float, float]]], None]:
            return lambda fingers: then(*fingers[0]) if fingers else None

        self.canvas.on_mouse_move(self.point)
        self.canvas.on_mouse_down(self.click)
        self.canvas.on_touch_start(first(self.touch))
        self.canvas.on_touch_move(first(self.touch))
        self.canvas.on_client_ready(self._draw_again)
