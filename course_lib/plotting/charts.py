"""Curves of a training, and figures of merit with their spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.arguments import check_count, check_number
from course_lib.errors import ShapeError
from course_lib.plotting.numbers import as_numbers
from course_lib.plotting.style import COLOURS, GREY, INK, PAGE_WIDTH, subplots
from course_lib.plotting.text import block_width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Value = float | tuple[float, float] | Sequence[float]


def curves(
    history: Any,
    names: Sequence[str] | Mapping[str, str] | None = None,
    smooth: int = 0,
    title: str | None = None,
    x_label: str = "training step",
    y_label: str = "",
    references: Mapping[str, float] | None = None,
    log: bool = False,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return a figure of lines, each with its name beside its end.

    Args:
        history: a ``training.History``, or a mapping from names to lists of numbers, or to pairs of lists (x, y).
        names: which, in this order; a mapping also says under what name each is shown. None: all.
        smooth: width of a centred moving average in steps; the raw numbers stay visible behind it. 0: none. NaN is
            left out.
        title: what is to be seen, in a sentence.
        x_label: of the horizontal axis. Lists without x count from 1, as steps do.
        y_label: of the vertical axis, with its unit.
        references: known values to draw as level lines, by name.
        log: whether the vertical axis is logarithmic, which leaves out what is not above 0.
        size: in inches of 100 CSS pixels.

    Raises:
        ShapeError: if there is nothing to draw, a name is unknown, these are no numbers, or x and y differ in length.
    """
    check_count(smooth, "smooth", 0)
    values = history.values if isinstance(getattr(history, "values", None), dict) else history
    if not isinstance(values, Mapping):
        raise ShapeError(f"history is of type {type(values).__name__}: give a History, or a dict of lists by name.")
    names = (names,) if isinstance(names, str) else names
    shown = dict(names) if isinstance(names, Mapping) else {name: name for name in (values if names is None else names)}
    unknown = [name for name in shown if name not in values]
    if unknown:
        raise ShapeError(f"There is no curve {unknown[0]!r}: choose from {', '.join(values)}.")

    if not shown:
        raise ShapeError("There is nothing to draw: give at least one named curve.")
    lines = {name: _xy(name, values[name]) for name in shown}
    if log and not any((y > 0).any() for _, y in lines.values()):
        raise ShapeError("No number is above 0, and a logarithmic axis shows no others: leave log out.")
    for label, level in (references or {}).items():
        check_number(level, f"The reference {label!r}")

    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    figure, axes = subplots(size=size)
    whole = True
    ends: list[tuple[float, str, str]] = []
    for (name, label), style in zip(shown.items(), _styles(axes, len(shown)), strict=True):
        x, y = lines[name]
        whole = whole and bool(np.all(x == np.round(x)))
        smoothed = _moving_average(y, smooth) if smooth > 1 else y
        if smooth > 1:
            axes.plot(x, y, color=style["color"], linestyle="-", linewidth=0.8, alpha=0.25)
        axes.plot(x, smoothed, label=label, **style)
        finite = np.flatnonzero(np.isfinite(smoothed))
        if finite.size:
            ends.append((float(smoothed[finite[-1]]), label, style["color"]))
    for label, level in (references or {}).items():
        axes.axhline(level, color=INK, linestyle=(0, (1, 2)), linewidth=1.4)
        ends.append((level, label, INK))
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter(lambda level, _: f"{level:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    axes.margins(x=0)
    axes.set(xlabel=x_label, ylabel=y_label)
    if title:
        axes.set_title(title)
    _name_ends(figure, axes, ends)
    return figure


def bars_with_spread(
    values: Mapping[str, Any],
    title: str | None = None,
    x_label: str = "",
    reference: tuple[str, float] | Mapping[str, tuple[str, float]] | None = None,
    digits: int | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return a figure of bars from zero, with their spread and their figures written beside them.

    Args:
        values: for each name a number, a pair (mean, spread), or a list of numbers (one for each seed: their mean and
            standard deviation are drawn). A mapping of such mappings gives panels side by side, one for each outer
            name.
        title: what is to be seen, in a sentence.
        x_label: what is measured, with its unit; for panels their names are used.
        reference: name and value of a line to compare with, for example ``("truth", 1.0)``; for panels a mapping from
            their names to such pairs.
        digits: decimals of the figures, at least 0; None: three significant digits.
        size: in inches of 100 CSS pixels.

    Raises:
        ShapeError: if there is nothing to draw, or what is to be drawn is no finite number.
    """

    def draw(axes: Axes, position: int, numbers: np.ndarray, mean: float, spread: float, colour: str) -> None:
        axes.barh(position, mean, height=0.62, color=colour)
        if spread:
            axes.errorbar(mean, position, xerr=spread, color=INK, capsize=4, linewidth=1.6, linestyle="none")

    return _panels(values, draw, title, x_label, reference, digits, size, from_zero=True)


def points_with_spread(
    values: Mapping[str, Any],
    title: str | None = None,
    x_label: str = "",
    reference: tuple[str, float] | Mapping[str, tuple[str, float]] | None = None,
    digits: int | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return a figure with a point for each seed, and the mean and standard deviation beside them.

    The axis need not start at zero, so that small differences can be seen: compare places, not lengths.

    Args and Raises: as for :func:`bars_with_spread`.
    """

    def draw(axes: Axes, position: int, numbers: np.ndarray, mean: float, spread: float, colour: str) -> None:
        if numbers.size > 1:
            axes.plot(numbers, np.full(numbers.size, position - 0.16), "o", color=colour, alpha=0.55, markersize=6)
        axes.errorbar(
            mean, position + 0.12, xerr=spread or None, color=colour, fmt="D", capsize=4, markersize=7, linewidth=2
        )

    return _panels(values, draw, title, x_label, reference, digits, size, from_zero=False)


def mean_and_spread(value: Value) -> tuple[np.ndarray, float, float]:
    """Return the numbers, their mean and their spread: of a number, of a pair (mean, spread), or of a list of numbers.

    A *tuple* of two is (mean, spread); any other sequence holds single results, whose spread is the standard deviation
    with divisor n - 1 (0 for one result).

    Raises:
        ShapeError: if it is none of these, or a spread is negative.
    """
    if isinstance(value, tuple) and len(value) == 2:
        mean, spread = (float(part) for part in as_numbers(value, "A pair (mean, spread)"))
        if spread < 0:
            raise ShapeError(f"A pair (mean, spread) has the spread {spread:g}: give one of at least 0.")
        return np.array([mean]), mean, spread
    numbers = np.atleast_1d(as_numbers(value, "A figure"))
    if numbers.ndim != 1 or not numbers.size:
        raise ShapeError("A figure is a number, a pair (mean, spread) or a list of numbers.")
    return numbers, float(numbers.mean()), float(numbers.std(ddof=1)) if numbers.size > 1 else 0.0


def decimals_for(numbers: Sequence[float]) -> int:
    """Return how many decimals give the largest of the numbers three significant digits."""
    largest = max((abs(number) for number in numbers if math.isfinite(number) and number), default=1.0)
    return max(0, 2 - math.floor(math.log10(largest)))


def _panels(
    values: Mapping[str, Any],
    draw: Any,
    title: str | None,
    x_label: str,
    reference: tuple[str, float] | Mapping[str, tuple[str, float]] | None,
    digits: int | None,
    size: tuple[float, float] | None,
    from_zero: bool,
) -> Figure:
    if not isinstance(values, Mapping):
        raise ShapeError(f"values is of type {type(values).__name__}: give a dict of figures by name.")
    if not values or any(isinstance(value, Mapping) and not value for value in values.values()):
        raise ShapeError("There is nothing to draw: give at least one named figure.")
    if digits is not None:
        check_count(digits, "digits", 0)
    nested = all(isinstance(value, Mapping) for value in values.values())
    panels = dict(values) if nested else {x_label: values}
    labels = list(dict.fromkeys(label for panel in panels.values() for label in panel))
    width = min(7.2 if len(panels) == 1 else 3.2 * len(panels) + 1.2, PAGE_WIDTH / 100)
    figure, grid = subplots(1, len(panels), size=size or (width, 1.35 + 0.52 * len(labels)), sharey=True, squeeze=False)
    names = [wrap(label, 150, 12) for label in labels]
    colours = [list(COLOURS.values())[index % len(COLOURS)] for index in range(len(labels))]
    found = [{label: mean_and_spread(value) for label, value in results.items()} for results in panels.values()]
    _check_finite(found, reference)
    for axes, panel, results in zip(grid[0], panels, found, strict=True):
        for position, label in enumerate(labels):
            if label in results:
                draw(axes, position, *results[label], colours[position])
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.set_xlabel(panel)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(from_zero)
        axes.locator_params(axis="x", nbins=5)
    grid[0, 0].set_yticks(range(len(labels)), names)
    grid[0, 0].set_ylim(len(labels) - 0.45, -0.55)  # the first on top; sharey takes it to the others
    if title:
        figure.suptitle(wrap(title, width * 72 - 20, 13, bold=True), x=0.01, ha="left", size=13)
    figure.draw_without_rendering()  # places the axes, so that the room for the figures is known
    for axes, panel, results in zip(grid[0], panels, found, strict=True):
        line = reference.get(panel) if isinstance(reference, Mapping) else reference
        if line:
            axes.axvline(line[1], color=INK, linestyle=(0, (1, 2)), linewidth=1.4)
        room = float(axes.get_window_extent().width) * 72 / figure.dpi
        _write_figures(axes, labels, results, digits, line, from_zero, room)
    return figure


def _check_finite(found: list[dict[str, tuple[np.ndarray, float, float]]], reference: Any) -> None:
    for label, (numbers, mean, spread) in ((label, one) for panel in found for label, one in panel.items()):
        if not np.isfinite([*numbers, mean, spread]).all():
            raise ShapeError(f"{label!r} has a figure that is NaN or infinite, which has no place: leave it out.")
    for line in reference.values() if isinstance(reference, Mapping) else [reference] if reference else []:
        if not isinstance(line, (tuple, list)) or len(line) != 2:
            raise ShapeError(f'A reference is {line!r}: give a pair of name and value, such as ("truth", 1.0).')
        check_number(line[1], f"The reference {line[0]!r}")


def _write_figures(
    axes: Axes,
    labels: list[str],
    found: dict[str, tuple[np.ndarray, float, float]],
    digits: int | None,
    reference: tuple[str, float] | None,
    from_zero: bool,
    room: float,
) -> None:
    """Write each mean and spread to the right of what is drawn, and make room for it; axes are ``room`` points wide."""
    places = decimals_for([mean for _, mean, _ in found.values()]) if digits is None else digits
    ends = {
        label: max([mean + spread, *numbers.tolist()] + ([0.0] if from_zero else []))
        for label, (numbers, mean, spread) in found.items()
    }
    low, high = axes.get_xlim()
    if reference:
        low, high = min(low, reference[1]), max(high, reference[1])
    texts = {
        label: f"{mean:.{places}f}" + (f" ± {spread:.{places}f}" if spread else "")
        for label, (_, mean, spread) in found.items()
    }
    share = min(0.6, (max(block_width(text, 11) for text in texts.values()) + 14) / room)
    axes.set_xlim(low, low + (high - low) / (1 - share))
    for label, text in texts.items():
        axes.annotate(
            text,
            (ends[label], labels.index(label)),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            size=11,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
    if reference:
        axes.annotate(
            reference[0],
            (reference[1], 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size=11,
            color=GREY,
        )


def _styles(axes: Axes, count: int) -> list[dict[str, Any]]:
    import matplotlib as mpl

    cycle = list(mpl.rcParams["axes.prop_cycle"])
    return [dict(cycle[index % len(cycle)]) for index in range(count)]


def _xy(name: str, given: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(given, tuple) and len(given) == 2:
        x, y = (as_numbers(part, f"The curve {name!r}") for part in given)
    else:
        y = as_numbers(given, f"The curve {name!r}")
        x = np.arange(1, y.size + 1, dtype=float)
    if not y.size:
        raise ShapeError(f"The curve {name!r} has no numbers: give at least one.")
    if x.shape != y.shape or y.ndim != 1:
        raise ShapeError(f"The curve {name!r} needs as many x as y: it has {x.shape} and {y.shape}.")
    return x, y


def _moving_average(y: np.ndarray, width: int) -> np.ndarray:
    """Mean over ``width`` numbers round each (fewer at both ends), leaving NaN out; NaN where there are none."""
    finite = np.isfinite(y)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, y, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    start = np.maximum(0, np.arange(len(y)) - width // 2)
    stop = np.minimum(len(y), np.arange(len(y)) + width // 2 + 1)
    number = count[stop] - count[start]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(number > 0, (total[stop] - total[start]) / number, np.nan)


def _name_ends(figure: Figure, axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each name to the right of its line's end, pushed apart where lines end close to each other."""
    if not ends:
        return
    size = 11.5
    figure.draw_without_rendering()  # places the axes
    box = axes.get_window_extent()
    line = size * 1.25 * figure.dpi / 72 / box.height  # the height of a line of text, the axis being 1
    ends = sorted(ends)
    texts = [wrap(label, 130, size) for _, label, _ in ends]
    wanted = [float((axes.transData.transform((0, level))[1] - box.y0) / box.height) for level, _, _ in ends]
    places = spread_apart(wanted, [line * (text.count("\n") + 1) for text in texts])
    for (_, _, colour), text, place in zip(ends, texts, places, strict=True):
        axes.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            ha="left",
            size=size,
            color=colour,
            annotation_clip=False,
        )


def spread_apart(
    wanted: Sequence[float], heights: Sequence[float], low: float = -0.03, high: float = 1.03
) -> list[float]:
    """Return centres near the wanted ones (ascending), so that boxes of these heights do not overlap.

    They stay within low to high as long as they fit; too many reach below it.
    """
    places = list(wanted)
    for index in range(len(places)):  # up: each above the one before
        floor = low if index == 0 else places[index - 1] + heights[index - 1] / 2
        places[index] = max(places[index], floor + heights[index] / 2)
    for index in reversed(range(len(places))):  # and back down from the ceiling
        ceiling = high if index == len(places) - 1 else places[index + 1] - heights[index + 1] / 2
        places[index] = min(places[index], ceiling - heights[index] / 2)
    return places
