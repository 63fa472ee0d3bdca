"""What every figure must keep to."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def no_text_covers_another() -> Callable[..., None]:
    """Return a function that draws a figure and looks at its texts two by two."""

    def check(figure: Figure, name: str, at_least: int) -> None:
        from matplotlib.text import Text

        figure.draw_without_rendering()
        undrawn = set()  # labels of ticks beyond the ends of an axis exist, but are not drawn
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
                undrawn |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
        boxes = []
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text().strip() and text not in undrawn:
                boxes.append((text.get_text(), text.get_window_extent()))
        assert len(boxes) > at_least
        for (first, one), (second, other) in itertools.combinations(boxes, 2):
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert not (width > 2 and height > 4), (name, first, second)

    return check
