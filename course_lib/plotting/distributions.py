"""Distributions over a set of pictures: energy against frequency, and histograms of colour, each beside the truth's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.metrics.colour import colour_bins
from course_lib.plotting.charts import _name_ends, _styles
from course_lib.plotting.numbers import as_numbers
from course_lib.plotting.style import GREY, INK, subplots
from course_lib.plotting.text import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NYQUIST = 0.5  # cycles a pixel
_TRUTH = {"color": INK, "linestyle": "-", "linewidth": 3.4, "zorder": 1.9}  # below the others, and wider
_AXES = {
    "L": "L: black (0) to white (100)",
    "a": "a: green (−) to red (+)",
    "b": "b: blue (−) to yellow (+)",
}


def spectrum_plot(
    series: Mapping[str, Tensor],
    frequencies: Tensor,
    ratio: bool = False,
    truth: str | None = None,
    title: str | None = None,
    y_label: str | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return a figure of energy against frequency, a line for each set of pictures, with its name beside its end.

    The part above 0.5 cycles a pixel, where only diagonal waves are left, is set apart.

    Args:
        series: energies (R,) by name, as ``metrics.radial_spectrum`` or ``metrics.spectrum_ratio`` gives them.
        frequencies: (R,) in cycles a pixel, the same for all.
        ratio: whether they are shares of the truth's energy: a level line at 1 is then named "truth".
        truth: name of the one that is the truth, drawn as a wide black line below the others.
        title: what is to be seen, in a sentence.
        y_label: of the vertical axis, which is logarithmic; None: as the numbers are.
        size: in inches of 100 CSS pixels.

    Raises:
        ShapeError: if there is nothing to draw, the lengths differ, the frequencies do not rise, an energy is not above
            0, or ``truth`` is unknown.
    """
    _check_names(series, truth)
    x = as_numbers(frequencies, "frequencies")
    lines = {name: as_numbers(values, f"The spectrum {name!r}") for name, values in series.items()}
    if x.ndim != 1 or not x.size or not np.isfinite(x).all() or not (np.diff(x, prepend=0) > 0).all():
        raise ShapeError("The frequencies must be finite and rise from above 0: give those of metrics.radial_spectrum.")
    for name, y in lines.items():
        if y.shape != x.shape or y.ndim != 1:
            raise ShapeError(f"The spectrum {name!r} needs as many energies as frequencies: {y.shape} and {x.shape}.")
        if not ((y > 0) & (y < np.inf)).all():
            raise ShapeError(f"The spectrum {name!r} has an energy that is not above 0: a logarithm cannot show it.")

    figure, axes = subplots(size=size)
    ends: list[tuple[float, str, str]] = []
    for name, style in _line_styles(axes, list(lines), truth).items():
        axes.plot(x, lines[name], label=name, **style)
        ends.append((float(lines[name][-1]), name, style["color"]))
    if ratio:
        axes.axhline(1, color=INK, linestyle=(0, (1, 2)), linewidth=1.4)
        ends.append((1.0, "truth", INK))
    axes.set_yscale("log")
    axes.set_xlim(0, float(x[-1]))
    axes.set(
        xlabel="frequency in cycles a pixel",
        ylabel=y_label or ("energy, as a share of the truth's" if ratio else "energy of a wave"),
    )
    if x[-1] > NYQUIST:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.08)  # room for the text, above all lines
        axes.axvspan(NYQUIST, x[-1], color=GREY, alpha=0.09, linewidth=0, zorder=0)
        axes.annotate(
            "diagonals only",
            ((NYQUIST + x[-1]) / 2, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, -5),
            textcoords="offset points",
            ha="center",
            va="top",
            size=11,
            color=GREY,
        )
    _log_ticks(axes)
    if title:
        axes.set_title(title)
    _name_ends(figure, axes, ends)
    return figure


def histogram_plot(
    histograms: Mapping[str, Mapping[str, Tensor]],
    truth: str | None = None,
    shown: Sequence[str] = ("a", "b"),
    floor: float = 1e-5,
    title: str | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return a figure of histograms of colour, a panel for each axis of CIE Lab and a line for each set of pictures.

    The vertical axis is logarithmic, as in the paper: rare and loud colours are seen, where the models differ. The
    histogram intersection is decided by the frequent ones, at the top.

    Args:
        histograms: by name, as ``metrics.colour_histograms`` gives them.
        truth: name of the one that is the truth, drawn as a wide black line below the others.
        shown: which axes, of ``L``, ``a`` and ``b``.
        floor: the smallest share that is drawn; what is rarer lies on the lower edge.
        title: what is to be seen, in a sentence.
        size: in inches of 100 CSS pixels.

    Raises:
        ShapeError: if there is nothing to draw, a name or an axis is unknown, or the floor or a histogram is no share.

    Source:
        Isola et al. 2017, figure 7.
    """
    _check_names(histograms, truth)
    shown = (shown,) if isinstance(shown, str) else tuple(shown)
    if not shown or any(axis not in _AXES for axis in shown):
        raise ShapeError(f"There are no such axes as {list(shown)}: choose from {', '.join(_AXES)}.")
    if not isinstance(floor, (int, float)) or not 0 < floor < 1:
        raise ShapeError(f"The floor {floor} is no share of the pixels: give a small one, above 0.")
    shares = {name: {axis: _shares(name, found, axis) for axis in shown} for name, found in histograms.items()}

    figure, grid = subplots(1, len(shown), size=size or (9.0, 3.9), sharey=True, squeeze=False)
    for axes, axis in zip(grid[0], shown, strict=True):
        low, high = np.inf, -np.inf
        for name, style in _line_styles(axes, list(histograms), truth).items():
            share = shares[name][axis]
            middles = colour_bins(axis, len(share)).numpy()
            axes.plot(middles, _down_to(floor, share), label=name, **style)
            low, high = _ends(middles, share > floor, low, high)
        axes.set_yscale("log")
        axes.set_ylim(floor, 1)
        if low < high:
            axes.set_xlim(low, high)
        axes.set_xlabel(_AXES[axis])
        _log_ticks(axes)
    grid[0, 0].set_ylabel("share of the pixels")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=min(4, len(labels)), borderpad=0.1)
    if title:
        width = float(figure.get_size_inches()[0])
        figure.suptitle(wrap(title, width * 72 - 20, 13, bold=True), x=0.01, ha="left", size=13)
    return figure


def _shares(name: str, found: Any, axis: str) -> np.ndarray:
    if not isinstance(found, Mapping) or axis not in found:
        raise ShapeError(f"{name!r} has no histogram of {axis}: give what metrics.colour_histograms returns.")
    share = as_numbers(found[axis], f"The histogram {axis} of {name!r}")
    if share.ndim != 1 or share.size < 2 or not ((share >= 0) & (share <= 1)).all():
        raise ShapeError(f"The histogram {axis} of {name!r} holds no shares: give (bins,) numbers from 0 to 1.")
    return share


def _check_names(given: Mapping[str, Any], truth: str | None) -> None:
    if not isinstance(given, Mapping):
        raise ShapeError(f"The distributions are of type {type(given).__name__}: give a dict of them by name.")
    if not given:
        raise ShapeError("There is nothing to draw: give at least one named distribution.")
    if truth is not None and truth not in given:
        raise ShapeError(f"There is no {truth!r} to be the truth: choose from {', '.join(given)}.")


def _line_styles(axes: Axes, names: list[str], truth: str | None) -> dict[str, dict[str, Any]]:
    """Return the style of each line by name: those of the house in turn, and wide and black for the truth."""
    others = [name for name in names if name != truth]
    styles = dict(zip(others, _styles(axes, len(others)), strict=True))
    return {name: styles.get(name, _TRUTH) for name in names}


def _down_to(floor: float, share: np.ndarray) -> np.ndarray:
    """Return shares of at least ``floor``, with gaps where a line would only run along the floor."""
    above = np.pad(share > floor, 1)
    near = above[:-2] | above[1:-1] | above[2:]
    return np.where(near, np.maximum(share, floor), np.nan)


def _ends(middles: np.ndarray, seen: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis that reaches a bin beyond those that are seen, and not less than low to high."""
    if not seen.any():
        return low, high
    step = middles[1] - middles[0]
    return min(low, middles[seen].min() - step), max(high, middles[seen].max() + step)


def _log_ticks(axes: Axes) -> None:
    """Label a logarithmic axis: decimals where they are short, else powers of ten; several a decade if it spans few."""
    from matplotlib.ticker import LogFormatterMathtext, LogLocator, NullLocator

    low, high = axes.get_ylim()
    decades = np.log10(high / low)
    steps = (1, 2, 3, 5) if decades < 1.5 else (1, 3) if decades < 3 else (1,)
    lowest = np.ceil(np.log10(low) - 1e-6)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(LogFormatterMathtext() if lowest < -4 else lambda level, _: f"{level:g}")
