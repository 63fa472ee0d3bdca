"""The parts that figures of a game are put together from; each can be moved to another frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor

from course_lib.plotting.style import COLOURS, FAINT, GREY, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from course_lib.lessons.lesson_02.game_frame import GameFrame

LOG_4 = math.log(4)
"""D's loss where it can only guess: ``-log(1/2) - log(1/2)``."""

Names = dict[str, tuple[str, Any]]
"""Colour and dashes, or one of ``MARKS``, by the name in the legend."""

MARKS: dict[str, dict[str, Any]] = {
    "ring": {"marker": "o", "markerfacecolor": "none", "markeredgewidth": 0.9},
    "cross": {"marker": "x", "markeredgewidth": 1.0},
}
"""Points of two kinds: told apart by their shape, since not everybody sees their colours."""

_DATA, _FAKE, _JUDGE, _BEST = INK, COLOURS["blue"], COLOURS["vermilion"], COLOURS["green"]
_DOTS: Any = (0, (1, 2))
_DASHED: Any = (0, (5, 1.5))
_DASHES_AND_DOTS: Any = (0, (6, 1.5, 1.2, 1.5))
_SHORT: Any = (0, (1.2, 1.2))
_SAMPLES = COLOURS["plum"]  # in the plane, where blue means "real"
_SHADES = ("#E08A4F", PAPER, "#5FA3D0")  # of D = 0, 1/2 and 1: light, so that dots on them are seen
_LEVELS = 21  # odd: 1/2 lies in the middle of the white one


class Scene(Protocol):
    """A part of the figure that can be moved to another frame."""

    def move(self, k: int) -> None: ...

    def moving(self) -> list[Artist]:
        """Return all that changes, and what lies above it, in the order of drawing."""
        ...


class LineScene:
    """Densities in one axes, D in another."""

    densities: ClassVar[Names] = {r"$\mathrm{p_{data}}$": (_DATA, "-"), r"$\mathrm{p_G}$": (_FAKE, _DASHED)}
    judges: ClassVar[Names] = {
        "D": (_JUDGE, _DASHES_AND_DOTS),
        r"$\mathrm{D^* = p_{data}\,/\,(p_{data} + p_G)}$": (_BEST, _SHORT),
    }

    def __init__(self, densities: Axes, judge: Axes, frames: Sequence[GameFrame]) -> None:
        self.frames = frames
        grid, p, _ = (part.numpy() for part in frames[0].line())
        self.top = 1.7 * float(p.max())
        densities.fill_between(grid, p, color=_DATA, alpha=0.08, linewidth=0)
        densities.plot(grid, p, color=_DATA, linestyle="-")
        (self.p_g,) = densities.plot(grid, p, color=_FAKE, linestyle=_DASHED)
        self.peak = densities.text(
            0.98, 0.97, "", transform=densities.transAxes, ha="right", va="top", size=10, color=_FAKE
        )
        self.peak.set_bbox({"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 1})
        densities.set(xlim=(grid[0], grid[-1]), ylim=(0, self.top), ylabel="density")
        densities.tick_params(labelbottom=False)
        judge.axhline(0.5, color=GREY, linestyle=_DOTS, linewidth=1.4)
        (self.best,) = judge.plot(grid, p, color=_BEST, linestyle=_SHORT)
        (self.d,) = judge.plot(grid, p, color=_JUDGE, linestyle=_DASHES_AND_DOTS)
        judge.set(xlim=(grid[0], grid[-1]), ylim=(-0.02, 1.02), ylabel="D(y)")
        judge.set_yticks([0, 0.5, 1], ["0", "½", "1"])
        for axes in (densities, judge):
            axes.locator_params(axis="x", nbins=5, integer=True)
        densities.locator_params(axis="y", nbins=4)

    def move(self, k: int) -> None:
        frame = self.frames[k]
        p_g = frame.line()[2].numpy()
        self.p_g.set_ydata(p_g)
        self.peak.set_text(f"peak {p_g.max():.1f} ↑" if p_g.max() > self.top else "")
        self.best.set_ydata(frame.best_d().numpy())
        self.d.set_ydata(frame.d.numpy())

    def moving(self) -> list[Artist]:
        return [self.p_g, *_spines(self.p_g.axes), self.peak, self.best, self.d]


class PlaneScene:
    """D as colours, data and samples as dots."""

    def __init__(self, axes: Axes, frames: Sequence[GameFrame], data_points: Tensor | None) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        self.axes, self.frames = axes, frames
        _, extent = frames[0].plane()
        shades = LinearSegmentedColormap.from_list("fake to real", list(_SHADES), N=_LEVELS)
        self.image = axes.imshow(
            frames[0].d.numpy(), extent=extent, origin="lower", cmap=shades, vmin=0, vmax=1, interpolation="bilinear"
        )
        x, y = ([], []) if data_points is None else data_points.detach().cpu().T.numpy()
        (self.data,) = axes.plot(x, y, color=GREY, markersize=4.2, alpha=0.7, ls="", **MARKS["ring"])
        (self.points,) = axes.plot([], [], color=_SAMPLES, markersize=3.2, alpha=0.85, ls="", **MARKS["cross"])
        axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
        axes.set_ylabel("$y_2$", rotation=0, labelpad=8, va="center")
        axes.set_xlabel("$y_1$", labelpad=1)
        axes.grid(visible=False)
        for axis in ("x", "y"):
            axes.locator_params(axis=axis, nbins=5, integer=True)

    def move(self, k: int) -> None:
        self.image.set_data(self.frames[k].d.numpy())
        self.points.set_data(*self.frames[k].plane()[0].T.numpy())

    def moving(self) -> list[Artist]:
        return [self.image, self.data, self.points, *_spines(self.axes)]

    def names(self) -> Names:
        shown = {"data": (GREY, "ring")} if len(self.data.get_xdata()) else {}  # type: ignore[arg-type]
        return shown | {"samples of G": (_SAMPLES, "cross")}


class LossScene:
    """D's loss up to a frame, and the level at which it can only guess."""

    def __init__(self, axes: Axes, frames: Sequence[GameFrame], marked: Sequence[int] = ()) -> None:
        self.steps = [frame.step for frame in frames]
        self.losses = [frame.d_loss for frame in frames]
        self.marked = list(marked)
        axes.axhline(LOG_4, color=INK, linestyle=_DOTS, linewidth=1.4)
        axes.annotate(
            "log 4", (1, LOG_4), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
            va="center", size=11.5, annotation_clip=False,
        )  # fmt: skip
        (self.line,) = axes.plot([], [], color=_JUDGE, linestyle="-")
        (self.now,) = axes.plot([], [], "o", color=_JUDGE, markersize=6, clip_on=False)
        low, high = min([*self.losses, LOG_4]), max([*self.losses, LOG_4])
        middle, half = (low + high) / 2, max(0.35, 0.6 * (high - low))
        axes.set(xlim=(self.steps[0], max(self.steps[-1], self.steps[0] + 1)), xlabel="training step")
        axes.set_ylim(max(0.0, middle - half), middle + half)
        axes.locator_params(axis="x", nbins=5, integer=True)
        axes.locator_params(axis="y", nbins=6)
        axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")

    def move(self, k: int) -> None:
        end = range(len(self.steps))[k]
        self.line.set_data(self.steps[: end + 1], self.losses[: end + 1])
        shown = self.marked or [end]
        self.now.set_data([self.steps[n] for n in shown], [self.losses[n] for n in shown])

    def moving(self) -> list[Artist]:
        return [self.line, *_spines(self.line.axes), self.now]


def _spines(axes: Any) -> list[Artist]:
    return [spine for spine in axes.spines.values() if spine.get_visible()]


def legend(place: Any, names: Names) -> None:
    """Name colours in a row above an axes on the right, or above a whole figure: nothing is drawn over them."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, label=name, ls="", **MARKS[how])
        if how in MARKS
        else Line2D([], [], color=colour, label=name, linestyle=how)
        for name, (colour, how) in names.items()
    ]
    options: dict[str, Any] = {
        "handles": handles,
        "ncols": len(handles),
        "columnspacing": 1.2,
        "handletextpad": 0.5,
        "borderpad": 0.1,
    }
    options["handlelength"] = 0.8 if all(how in MARKS for _, how in names.values()) else 1.8
    if hasattr(place, "add_subplot"):
        place.legend(loc="outside upper right", **options)
    else:
        place.legend(loc="lower right", bbox_to_anchor=(1, 1.01), borderaxespad=0, **options)


def colour_bar(figure: Figure, image: Any, beside: Any, **options: Any) -> None:
    bar = figure.colorbar(image, ax=beside, ticks=[0, 0.25, 0.5, 0.75, 1], pad=0.02, **options)
    bar.set_label("D", rotation=0, labelpad=10, va="center")
    bar.ax.set_yticklabels(["0", "¼", "½", "¾", "1"])
    bar.ax.tick_params(length=3)
    bar.outline.set_edgecolor(FAINT)


def merge(figure: Figure, some: Any) -> Axes:
    """Put one axes in the place of several neighbours."""
    from matplotlib.gridspec import SubplotSpec

    first, last = some[0].get_subplotspec(), some[-1].get_subplotspec()
    for axes in some:
        axes.remove()
    whole = figure.add_subplot(SubplotSpec(first.get_gridspec(), first.num1, last.num2))
    whole.grid(axis="y")
    return whole
