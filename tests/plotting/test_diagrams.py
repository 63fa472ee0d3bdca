"""Drawings of a method: arrows end at their boxes, bars stand on them, texts keep apart, mistakes are named."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from course_lib.errors import ShapeError
from course_lib.plotting import COLOURS, Arrow, Box, diagram, to_png
from course_lib.plotting.diagrams import HALF_HEIGHT, KINDS, _way
from course_lib.plotting.output import _drawn

BOXES = {
    "x": Box(0, 0, "x\nan outline"),
    "G": Box(1.2, 0, "G", "network"),
    "D": Box(2.6, 0.5, "D", "frozen"),
    "loss": Box(3.7, 1.5, "loss", "loss"),
}
ARROWS = [Arrow("x", "G", "shape"), Arrow("G", "D", stop=True), Arrow("x", "D", "pair", bend=-0.3), Arrow("D", "loss")]


def test_every_box_and_arrow_is_drawn_and_no_text_covers_another(no_text_covers_another):
    figure = diagram(BOXES, ARROWS, title="A drawing")
    (axes,) = figure.axes
    assert len([p for p in axes.patches if isinstance(p, FancyBboxPatch)]) == 4
    assert len([p for p in axes.patches if isinstance(p, FancyArrowPatch)]) == 4
    bars = [line for line in axes.lines if line.get_color() == COLOURS["vermilion"]]
    assert len(bars) == 2
    no_text_covers_another(figure, "a drawing", at_least=5)


@pytest.mark.parametrize("bend", (-0.4, 0.0, 0.3))
def test_an_arrow_leaves_one_box_and_enters_the_other_and_touches_neither_between(bend):
    start, end = Box(0, 0, "a"), Box(2, 1, "b")
    way = _way(start, end, bend)
    for box, point in ((start, way[0]), (end, way[-1])):
        beyond = np.abs(point - [box.column, box.row]) - [box.width / 2, HALF_HEIGHT]
        assert -1e-9 < beyond.max() < 0.06  # at the border, and no farther than a hair
    side = way[len(way) // 2] - [1, 0.5]
    across = side @ np.array([1.0, -2.0])  # left of the way from a to b, on a page whose rows go down
    assert np.sign(round(across, 6)) == np.sign(bend)


def test_the_file_is_small_and_its_colours_are_those_of_the_drawing():
    figure = diagram(BOXES, ARROWS)
    small, whole = to_png(figure), _drawn(figure)
    assert len(small) < 25_000
    shown = np.asarray(Image.open(io.BytesIO(small)).convert("RGB")).astype(int)
    error = np.abs(shown - np.asarray(whole).astype(int)).max(axis=2)
    assert error.mean() < 1
    assert np.quantile(error, 0.99) < 20


def test_all_kinds_can_be_drawn():
    assert len(diagram({kind: Box(0, row, kind, kind) for row, kind in enumerate(KINDS)}, []).axes) == 1


def test_mistakes_are_named():
    with pytest.raises(ShapeError, match="at least one box"):
        diagram({}, [])
    with pytest.raises(ShapeError, match="An arrow names the box 'F': choose from x, G, D, loss"):
        diagram(BOXES, [Arrow("x", "F")])
    with pytest.raises(ShapeError, match="kind"):
        Box(0, 0, "x", "thing")
    with pytest.raises(ShapeError, match="width"):
        Box(0, 0, "x", width=0)
    with pytest.raises(ShapeError, match="leave no room for an arrow"):
        diagram({"a": Box(0, 0, "a"), "b": Box(0.2, 0, "b")}, [Arrow("a", "b")])
