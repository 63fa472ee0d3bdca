"""Can everyone read this figure? Entries of a legend that differ in colour alone, and colour maps that lie.

About one man in twelve sees fewer colours than the rest. What a legend names must therefore differ in more than its
colour: in dashes, marker, hatching or width; and the colours themselves must stay apart as each kind of dichromat sees
them. ``show`` asks this where ``COURSE_STRICT_FIGURES`` is set, as it is when the lessons are executed and tested.
"""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING, Any

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

STRICT = "COURSE_STRICT_FIGURES"
KINDS = ("protanomaly", "deuteranomaly", "tritanomaly")
"""The three kinds, as colorspacious calls them; at severity 100 one kind of cone is missing."""

APART = 10.0
"""The least distance of two colours of a legend in CAM02-UCS, for every kind; 1 is about what can just be seen."""

SAMPLES = 9
"""How many colours of a colour map are looked at; those three or more apart must be told apart."""


def seen_by(colours: Sequence[str], kind: str) -> NDArray[Any]:
    """Return colours as a dichromat sees them, after Machado, Oliveira and Fernandes (2009).

    Args:
        colours: (N,) names that matplotlib knows, such as "#0072B2".
        kind: one of ``KINDS``.

    Returns:
        (N, 3) in [0, 1], sRGB.

    Raises:
        CourseError: if the kind is another.
    """
    import numpy as np
    from colorspacious import cspace_convert
    from matplotlib.colors import to_rgb

    if kind not in KINDS:
        raise CourseError(f"There is no kind {kind!r}: choose from {', '.join(KINDS)}.")
    space = {"name": "sRGB1+CVD", "cvd_type": kind, "severity": 100}
    return np.clip(cspace_convert(np.array([to_rgb(one) for one in colours]), space, "sRGB1"), 0, 1)


def least_distance(first: str, second: str) -> float:
    """Return how far apart two colours stay for whom they are closest, in CAM02-UCS.

    Args:
        first: a colour.
        second: another.
    """
    from colorspacious import deltaE

    seen = [seen_by([first, second], kind) for kind in KINDS]
    return min(float(deltaE(*pair, input_space="sRGB1", uniform_space="CAM02-UCS")) for pair in seen)


def in_order(colours: Sequence[str]) -> bool:
    """Return whether the colours of a map can be read as more and less, by everyone.

    Their lightness rises, or falls, or turns once, as from one dark end over white to another; and what lies three or
    more apart in the map stays apart for each kind.

    Args:
        colours: along the map, by names that matplotlib knows, such as "#0072B2".
    """
    import numpy as np
    from colorspacious import cspace_convert

    for kind in KINDS:
        places = cspace_convert(seen_by(colours, kind), "sRGB1", "CAM02-UCS")
        steps = np.diff(places[:, 0])
        signs = np.sign(steps[np.abs(steps) > 1])
        if np.count_nonzero(np.diff(signs)) > 1:
            return False
        for number in range(len(colours)):
            if (np.linalg.norm(places[number + 3 :] - places[number], axis=1) < APART).any():
                return False
    return True


def faults(figure: Figure) -> list[str]:
    """Return a sentence for each thing in a figure that not everyone can tell apart.

    Args:
        figure: any matplotlib figure.
    """
    import numpy as np
    from matplotlib.colors import to_hex
    from matplotlib.container import ErrorbarContainer

    found = []
    bars = [one for axes in figure.axes for one in axes.containers if isinstance(one, ErrorbarContainer)]
    lines = {bar.get_label(): bar.lines[0] for bar in bars if bar.lines[0] is not None}  # the legend hides them
    legends: list[Any] = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    for legend in legends:
        entries = [
            (text.get_text(), *_look_of(lines.get(text.get_text(), handle)))
            for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
        ]
        for (name, colour, form), (other, its_colour, its_form) in combinations(entries, 2):
            if form != its_form:
                continue
            if colour == its_colour:
                found.append(f"{name!r} and {other!r} look alike in a legend.")
            else:
                found.append(f"{name!r} and {other!r} differ in colour alone: give them other dashes or markers.")
            if (distance := least_distance(colour, its_colour)) < APART:
                found.append(f"The colours of {name!r} and {other!r} are only {distance:.0f} apart for some.")
    for axes in figure.axes:
        for one in [*axes.images, *axes.collections]:
            if one.get_array() is not None and getattr(one.get_array(), "ndim", 0) < 3:
                map_ = one.get_cmap()
                if not in_order([to_hex(map_(place)) for place in np.linspace(0, 1, SAMPLES)]):
                    found.append(
                        f"The colour map {map_.name!r} has no order that all can see: use one such as 'viridis'."
                    )
    return list(dict.fromkeys(found))


def check(figure: Figure) -> None:
    """Refuse a figure that not everyone can read, where ``COURSE_STRICT_FIGURES`` is set.

    Args:
        figure: any matplotlib figure.

    Raises:
        CourseError: with all that ``faults`` finds.
    """
    if os.environ.get(STRICT) and (found := faults(figure)):
        raise CourseError("Not everyone can read this figure. " + " ".join(found))


def _look_of(handle: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the colour of a legend's entry, and all else by which it can be told."""
    import numpy as np
    from matplotlib.collections import Collection
    from matplotlib.colors import to_hex
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    paint: Any
    if isinstance(handle, Line2D):
        dashes = handle._dash_pattern if handle.get_linestyle() not in ("None", "") else None  # type: ignore[attr-defined]
        hollow = handle.get_markerfacecolor() == "none"
        paint = handle.get_color()
        return to_hex(paint), ("line", str(dashes), handle.get_marker(), hollow, handle.get_linewidth())
    if isinstance(handle, Patch):
        filled = handle.get_fill()
        paint = handle.get_facecolor()
        return to_hex(paint), ("patch", handle.get_hatch(), filled, handle.get_linestyle())
    if isinstance(handle, Collection):
        shape = [np.asarray(path.vertices).round(3).tolist() for path in handle.get_paths()[:1]]
        colours = handle.get_facecolor() if len(handle.get_facecolor()) else handle.get_edgecolor()
        paint = colours[0]
        return to_hex(paint), ("marks", str(shape), len(handle.get_facecolor()) > 0)
    return "black", (type(handle).__name__, id(handle))
