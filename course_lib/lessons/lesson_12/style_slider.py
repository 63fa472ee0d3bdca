"""Lesson 12: more style or more content? One photograph, painted with several ratios of the two weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import ipywidgets
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.widgets.explorer import Explorer, Picture
from course_lib.widgets.sheets import check_picture, css_width, picture_rows, to_jpeg, to_keep, written

HEIGHT = 320.0  # of the pictures on the page at most, in CSS pixels
STILL_HEIGHT, STILL_ROW = 112.0, 4  # where no kernel runs: height, and pictures in a row
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class OptimisedRecord(Protocol):
    """What is kept of an optimisation of pixels.

    Attributes:
        picture: ``(3, H, W)`` in [-1, 1].
        loss: at each function evaluation.
        seconds: so far, at each function evaluation.
        settings: by name; ``"content"`` and ``"style"``, where they are, are the weighted terms of the loss at the end,
            with the content weighted so that features that are all 0 cost about 1, and the style so times the ratio.
    """

    @property
    def picture(self) -> Tensor: ...
    @property
    def loss(self) -> Sequence[float]: ...
    @property
    def seconds(self) -> Sequence[float]: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


def style_weight_slider(records: Mapping[float, OptimisedRecord], content: Tensor, style: Tensor) -> Explorer:
    """Return a widget with a slider over ratios of style weight to content weight, and what each ratio came to.

    The photograph, the painting and the result stand side by side, equally high. Where no kernel runs, all results
    stand there at once.

    Args:
        records: results by ratio, at least one; a ratio is a number from 0 up.
        content: the photograph, ``(3, H, W)`` in [-1, 1].
        style: the painting, ``(3, H, W)`` in [-1, 1].

    Returns:
        The widget; the slider is ``controls["ratio"]``. It begins in the middle.

    Raises:
        ShapeError: if there is no record, a ratio is below 0 or no number, or a picture has another shape or type.
    """
    by_ratio = {float(ratio): records[ratio] for ratio in sorted(records)}
    wrong = [ratio for ratio in by_ratio if not 0 <= ratio < math.inf]
    if wrong or not by_ratio:
        raise ShapeError(f"The ratios are {list(by_ratio)}: give records by at least one ratio, a number from 0 up.")
    pictures = {"content": content, "style": style}
    pictures |= {f"The picture at {ratio:g}": record.picture for ratio, record in by_ratio.items()}
    for what, picture in pictures.items():
        check_picture(what, picture)

    @lru_cache(maxsize=32)
    def draw(ratio: float) -> Picture:
        record, name = by_ratio[ratio], readable(ratio)
        row = {"content": content, "style": style, f"style weight / content weight = {name}": record.picture}
        note = outcome(record, ratio)
        sheet = picture_rows([row], HEIGHT, note)
        end = f": {note}" if note else ""
        text = f"A photograph, a painting, and the photograph painted with style over content weight {name}{end}"
        return Picture(to_jpeg(sheet), text, css_width(sheet))

    def still() -> Picture:
        tiles = {"content": content, "style": style}
        tiles |= {f"ratio {readable(ratio)}": record.picture for ratio, record in by_ratio.items()}
        names = list(tiles)
        rows = [{name: tiles[name] for name in names[k : k + STILL_ROW]} for k in range(0, len(names), STILL_ROW)]
        sheet = picture_rows(rows, STILL_HEIGHT, fine=1)
        text = "A photograph, a painting, and the photograph painted with style over content weight "
        return to_keep(sheet, text + ", ".join(map(readable, by_ratio)))

    slider = ipywidgets.SelectionSlider(
        options=[(readable(ratio), ratio) for ratio in by_ratio],
        value=list(by_ratio)[len(by_ratio) // 2],
        description="style / content",
        style={"description_width": "max-content"},
        layout={"width": "30em"},
    )
    return Explorer(draw, {"ratio": slider}, columns=1, still=still)


def readable(ratio: float) -> str:
    """Return a ratio as one writes it: ``"0.05"``, ``"200"``, and beyond that ``"3 × 10⁻⁵"`` or ``"10⁻⁴"``.

    Args:
        ratio: from 0 up.
    """
    if ratio == 0:
        return "0"
    mantissa, exponent = f"{ratio:.2e}".split("e")
    if -3 < int(exponent) < 4:
        return f"{ratio:,.3g}" if ratio < 1000 else f"{ratio:,.0f}"
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if float(mantissa) == 1 else f"{float(mantissa):g} × {power}"


def outcome(record: OptimisedRecord, ratio: float) -> str:
    """Return in one line what an optimisation came to, as far as the record says it.

    The two losses are without the ratio, so that they can be compared along the slider.

    Args:
        record: of one result.
        ratio: of the weights, by which the style term is divided.
    """
    parts = []
    if len(record.loss):
        looks = f"{len(record.loss):,} look{'s' * (len(record.loss) != 1)}"
        parts.append(f"loss from {written(record.loss[0])} to {written(min(record.loss))} in {looks}")
    if len(record.seconds):
        parts.append(_duration(float(record.seconds[-1])))
    weights = {"content": 1.0, "style": ratio}
    terms = {what: record.settings.get(what) for what in weights}
    losses = [
        f"{what} loss {written(float(term) / weights[what])}"
        for what, term in terms.items()
        if term is not None and weights[what]
    ]
    if losses:
        parts.append(f"{', '.join(losses)} (of features that are all 0: 1)")
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
