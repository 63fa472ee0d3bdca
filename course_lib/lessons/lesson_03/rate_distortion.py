"""What the weight of the KL term buys: pictures of one autoencoder beside the rate and distortion of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.plotting.grids import image_grid
from course_lib.plotting.style import COLOURS, GREY, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHART = 3.6  # width in inches of 100 CSS pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.72, 0.2, 0.52, 0.52  # margins of the chart


def rate_distortion_figure(
    rows: Mapping[str, Tensor], measured: Mapping[float, tuple[float, float]], beta: float
) -> Figure:
    """Return rows of pictures of the system trained with ``beta``, and beside them where it stands among the others.

    Args:
        rows: pictures ``(N, C, H, W)`` in [-1, 1] by the name of their row, for example reconstructions; those with
            more pictures than the shortest take several rows.
        measured: rate (KL) and distortion of each system by its beta, in nats a picture.
        beta: of the system whose pictures they are.

    Raises:
        ShapeError: if nothing was measured for ``beta``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if beta not in measured:
        raise ShapeError(f"Nothing was measured for beta = {beta:g}: choose from {', '.join(map(str, measured))}.")
    rate, distortion = measured[beta]
    columns = min(len(images) for images in rows.values())
    parts = {name: images.split(columns) for name, images in rows.items()}
    pictures = image_grid(
        [row for split in parts.values() for row in split],
        row_titles=[name if row is split[0] else "" for name, split in parts.items() for row in split],
        title=f"β = {beta:g}: rate {rate:.1f}, distortion {distortion:.1f} nats a picture",
        tile=56,
    )
    # One figure at the resolution of the grid, so that its pixels stay whole.
    canvas: Any = pictures.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    dpi, (height, width) = pictures.dpi, pixels.shape[:2]
    page = (width / dpi + _CHART, max(height / dpi, 3.0))
    figure = Figure(figsize=(round(page[0] * dpi) / dpi, round(page[1] * dpi) / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    figure.figimage(pixels, 0, round(page[1] * dpi) - height, origin="upper", resize=False)
    axes = figure.add_axes(
        (
            (width / dpi + _LEFT) / page[0],
            _BOTTOM / page[1],
            (_CHART - _LEFT - _RIGHT) / page[0],
            1 - (_TOP + _BOTTOM) / page[1],
        )
    )
    order = sorted(measured)
    rates, distortions = zip(*(measured[one] for one in order), strict=True)
    axes.plot(rates, distortions, "o-", color=GREY, linewidth=1.2, markersize=5)
    axes.plot([rate], [distortion], "o", color=COLOURS["vermilion"], markersize=10)
    for one, x, y in zip(order, rates, distortions, strict=True):
        now = one == beta
        axes.annotate(
            f"β = {one:g}" if now else f"{one:g}",
            (x, y),
            xytext=(8, 5) if now else (-5, -5),  # the curve bends between the two corners
            textcoords="offset points",
            ha="left" if now else "right",
            va="bottom" if now else "top",
            size=11 if now else 10,
            weight="bold" if now else "normal",
            color=INK if now else GREY,
        )
    axes.margins(x=0.2, y=0.14)
    axes.grid(axis="both")
    axes.set_axisbelow(True)
    axes.set(xlabel="rate (KL), nats", ylabel="distortion, nats")
    axes.locator_params(nbins=5)
    return figure
