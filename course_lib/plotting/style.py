"""The house style: the one place for colours, fonts and sizes.

Colours stay apart for each kind of dichromat (``told_apart``) and have a contrast of at least 3 to 1 with white; lines
differ in their dashes too. Sizes are chosen for a notebook (100 CSS pixels an inch) and stay legible on a slide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_lib.arguments import check_count, check_number
from course_lib.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: dict[str, str] = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#0A9C6D",
    "plum": "#8E2A6E",
    "sky": "#7E93C2",
    "ochre": "#7C5602",
}
"""Colours of lines and bars, in the order of use. For the truth and for reference lines there is ``INK``."""

INK = "#222222"
GREY = "#6B6B6B"
FAINT = "#D9D9D9"
PAPER = "#FFFFFF"

CSS_DPI = 100  # an inch of a figure is this wide on the page, in CSS pixels
JPEG_QUALITY = 75  # of photographs and paintings in a notebook; higher ones cost bytes that the eye does not see
PNG_DPI = 144  # and this wide in the file, for sharp text on fine screens
PAGE_WIDTH = 900  # CSS pixels that a notebook's output area has on a small laptop

_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1)), (0, (6, 1, 1, 1, 1, 1)))


def apply_style() -> None:
    """Make matplotlib draw in the house style from now on. All functions of this package call it."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "axes.labelsize": 12,
            "axes.prop_cycle": cycler(color=list(COLOURS.values())) + cycler(linestyle=list(_DASHES)),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.titlesize": 13,
            "axes.titleweight": "bold",
            "figure.constrained_layout.h_pad": 0.07,
            "figure.constrained_layout.w_pad": 0.07,
            "figure.facecolor": PAPER,
            "figure.titlesize": 14,
            "figure.titleweight": "bold",
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same picture on every machine
            "font.size": 12,
            "grid.color": FAINT,
            "grid.linewidth": 0.8,
            "image.interpolation": "nearest",
            "legend.fontsize": 11.5,
            "legend.frameon": False,
            "legend.handlelength": 2.4,
            "lines.linewidth": 2,
            "mathtext.fontset": "dejavusans",
            "savefig.facecolor": PAPER,
            "text.color": INK,
            "xtick.color": GREY,
            "xtick.labelcolor": INK,
            "xtick.labelsize": 11,
            "ytick.color": GREY,
            "ytick.labelcolor": INK,
            "ytick.labelsize": 11,
        }
    )


def subplots(
    rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure in the house style and its axes, like ``matplotlib.pyplot.subplots``.

    The figure is not known to pyplot, so that a notebook shows it once, when ``show`` is called, and it needs no
    closing.

    Args:
        rows: of axes, at least 1.
        columns: of axes, at least 1.
        size: width and height in inches of 100 CSS pixels, above 0; None: 7.2 x 4 for one, and less each for several.
        options: passed to ``Figure.subplots``, for example ``sharey=True``.

    Returns:
        The figure, and one axes or an array of them.

    Raises:
        ShapeError: if a number is another.
    """
    check_count(rows, "rows")
    check_count(columns, "columns")
    if size is not None:
        if not isinstance(size, (tuple, list)) or len(size) != 2:
            raise ShapeError(f"size is {size!r}: give width and height in inches, such as (7.2, 4).")
        for side in size:
            check_number(side, "A side of size", 0, above=True)
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    apply_style()
    if size is None:
        width = {1: 7.2, 2: 9.0}.get(columns, 9.0)
        size = (width, (4.0 if columns == 1 else 3.4) * rows**0.9)
    figure = Figure(figsize=size, dpi=PNG_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, **options)
    for one in np.ravel(axes):
        one.grid(axis="y")
        for axis in (one.xaxis, one.yaxis):
            axis.set_zorder(-1)  # grid lines below pictures too
    return figure, axes
