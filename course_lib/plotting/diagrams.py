"""Drawings of a method: boxes for what there is, arrows for where it goes, and where gradients stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.arguments import check_choice, check_number
from course_lib.errors import ShapeError
from course_lib.plotting.style import COLOURS, GREY, INK, PAPER, subplots

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FILLS = {
    "data": ("#F1F1F1", GREY),
    "network": ("#D9EAF5", COLOURS["blue"]),
    "frozen": (PAPER, COLOURS["blue"]),
    "noise": ("#E0F0E8", COLOURS["green"]),
    "loss": ("#FBE6D9", COLOURS["vermilion"]),
}
KINDS = tuple(_FILLS)
"""What a box may be: data, a network that is trained, one that is frozen, noise, or a loss."""

HALF_HEIGHT = 0.31
COLOURS_OF_A_DRAWING = 24


@dataclass(frozen=True)
class Box:
    """A box of a drawing.

    Args:
        column: where its middle is, counted from the left; need not be whole.
        row: where its middle is, counted from the top.
        text: what stands in it; a line break makes a second line, such as the shape.
        kind: one of ``KINDS``.
        width: in columns; 1 leaves no gap to the next column.

    Raises:
        ShapeError: if a number or the kind cannot be.
    """

    column: float
    row: float
    text: str
    kind: str = "data"
    width: float = 0.66

    def __post_init__(self) -> None:
        check_number(self.column, "column")
        check_number(self.row, "row")
        check_number(self.width, "width", 0, above=True)
        check_choice(self.kind, "kind", KINDS)


@dataclass(frozen=True)
class Arrow:
    """An arrow of a drawing.

    Args:
        start: the name of the box it leaves.
        end: the name of the box it enters.
        text: beside its middle.
        stop: whether no gradient goes back along it: it has two bars across, as ``detach`` does.
        bend: how far it leaves the straight line, as a share of its length; positive to the left of its way.
    """

    start: str
    end: str
    text: str = ""
    stop: bool = False
    bend: float = 0.0


def diagram(
    boxes: Mapping[str, Box], arrows: Sequence[Arrow], title: str | None = None, size: tuple[float, float] | None = None
) -> Figure:
    """Return a drawing of a method.

    Args:
        boxes: by a name that the arrows use.
        arrows: in any order.
        title: what is drawn, in a sentence.
        size: in inches of 100 CSS pixels; None: 1.75 a column and 0.95 a row.

    Raises:
        ShapeError: if there is no box, or an arrow names none.
    """
    if not boxes:
        raise ShapeError("There is nothing to draw: give at least one box.")
    for arrow in arrows:
        for name in (arrow.start, arrow.end):
            if name not in boxes:
                raise ShapeError(f"An arrow names the box {name!r}: choose from {', '.join(boxes)}.")
    ways = [_way(boxes[arrow.start], boxes[arrow.end], arrow.bend) for arrow in arrows]
    columns = [point for way in ways for point in way[:, 0]]
    columns += [box.column + side * box.width / 2 for box in boxes.values() for side in (-1, 1)]
    rows = [point for way in ways for point in way[:, 1]]
    rows += [box.row + side * HALF_HEIGHT for box in boxes.values() for side in (-1, 1)]
    left, right, top, bottom = min(columns) - 0.06, max(columns) + 0.06, min(rows) - 0.1, max(rows) + 0.1
    size = size or (1.75 * (right - left), 0.95 * (bottom - top) + (0.4 if title else 0))
    figure, axes = subplots(size=size)
    figure.few_colours = COLOURS_OF_A_DRAWING  # type: ignore[attr-defined]  # read by output.to_png
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    if title:
        axes.set_title(title)
    for box in boxes.values():
        _draw(axes, box)
    unit = (size[0] / (right - left), size[1] / (bottom - top))
    for arrow, way in zip(arrows, ways, strict=True):
        _connect(axes, arrow, way, unit)
    return figure


def _draw(axes: Axes, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    fill, edge = _FILLS[box.kind]
    patch = FancyBboxPatch(
        (box.column - box.width / 2, box.row - HALF_HEIGHT),
        box.width,
        2 * HALF_HEIGHT,
        boxstyle=f"round,pad=0,rounding_size={0.18 if box.kind == 'loss' else 0.07}",
        mutation_aspect=1.6,
        facecolor=fill,
        edgecolor=edge,
        linewidth=2.4 if box.kind == "network" else 1.4,
        linestyle="--" if box.kind == "frozen" else "-",
        zorder=3,
    )
    axes.add_patch(patch)
    axes.text(box.column, box.row, box.text, ha="center", va="center", fontsize=11, linespacing=1.25, zorder=4)


def _connect(axes: Axes, arrow: Arrow, way: np.ndarray, unit: tuple[float, float]) -> None:
    """Draw an arrow along its way; ``unit`` is how long a column and a row are on the page."""
    import numpy as np
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    axes.add_patch(
        FancyArrowPatch(path=Path(way), arrowstyle="-|>", mutation_scale=13, linewidth=1.5, color=INK, zorder=2)
    )
    middle = len(way) // 2
    x, y = way[middle]
    along = (way[middle + 1] - way[middle - 1]) * np.array(unit)  # as seen on the page
    along /= np.hypot(*along)
    if arrow.stop:
        for shift in (-0.055, 0.055):
            across = np.array([-along[1], along[0]])
            ends = [np.array([x, y]) + (along * shift + across * half) / np.array(unit) for half in (-0.16, 0.16)]
            axes.plot(*zip(*ends, strict=True), color=COLOURS["vermilion"], linewidth=2.4, linestyle="-", zorder=5)
    if arrow.text:
        level = abs(along[0]) > 0.8
        away = 17 if arrow.stop else 9
        axes.annotate(
            arrow.text,
            (x, y),
            xytext=(0, away if arrow.bend >= 0 else -away) if level else (away, 0),
            textcoords="offset points",
            ha="center" if level else "left",
            va=("bottom" if arrow.bend >= 0 else "top") if level else "center",
            fontsize=10,
            color=GREY,
            zorder=5,
        )


def _way(start: Box, end: Box, bend: float) -> np.ndarray:
    """Return points from the border of one box to that of the other, on a straight line or a bow."""
    import numpy as np

    a, b = (np.array([box.column, box.row], dtype=float) for box in (start, end))
    across = np.array([b[1] - a[1], a[0] - b[0]])
    control = (a + b) / 2 + bend * across
    t = np.linspace(0, 1, 401)[:, None]
    points = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
    outside = [not _holds(start, point) and not _holds(end, point) for point in points]
    way = points[np.array(outside)]
    if len(way) < 3:
        raise ShapeError(f"The boxes {start.text!r} and {end.text!r} leave no room for an arrow: move them apart.")
    return way


def _holds(box: Box, point: np.ndarray) -> bool:
    return abs(point[0] - box.column) < box.width / 2 + 0.015 and abs(point[1] - box.row) < HALF_HEIGHT + 0.03
