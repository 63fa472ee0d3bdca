"""Tables of figures as plain HTML, legible in light and dark themes and on slides, and as text elsewhere."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.arguments import check_count
from course_lib.errors import ShapeError
from course_lib.plotting.charts import decimals_for, mean_and_spread

# No colours and no backgrounds: the page's own are right in every theme.
_NUMBER = "text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding:0.25em 0.9em"
_NAME = "text-align:left;font-weight:normal;padding:0.25em 0.9em"
_HEADING = "padding:0.25em 0.9em;border-bottom:1px solid currentColor;vertical-align:bottom"
_CAPTION = "caption-side:top;text-align:left;padding:0.25em 0.9em"


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows as HTML and a terminal as text.

    Attributes:
        caption: what the table shows, in a sentence.
        headings: of the columns, that of the names first.
        rows: the cells as text, row by row, the name first.
        bold: (row, column) of the best figures, columns counted from 1.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: frozenset[tuple[int, int]] = frozenset()

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="{_HEADING};text-align:{"right" if column else "left"}">{html.escape(text)}</th>'
            for column, text in enumerate(self.headings)
        )
        lines = []
        for row, cells in enumerate(self.rows):
            texts = [f'<th scope="row" style="{_NAME}">{html.escape(cells[0])}</th>']
            for column, cell in enumerate(cells[1:], start=1):
                text = html.escape(cell)
                text = f"<strong>{text}</strong>" if (row, column) in self.bold else text
                texts.append(f'<td style="{_NUMBER}">{text}</td>')
            lines.append(f"<tr>{''.join(texts)}</tr>")
        caption = f'<caption style="{_CAPTION}">{html.escape(self.caption)}</caption>' if self.caption else ""
        body = "\n".join(lines)
        return (
            '<table class="metric-table" style="border-collapse:collapse;margin:0.5em 0;font-size:1em;color:inherit">\n'
            f"{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        )

    def __str__(self) -> str:
        marked = [
            [cell + ("*" if (row, column) in self.bold else "") for column, cell in enumerate(cells)]
            for row, cells in enumerate(self.rows)
        ]
        lines = [list(self.headings), *marked]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        text = [
            "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
            for cells in (zip(line, widths, strict=True) for line in lines)
        ]
        return "\n".join([*([self.caption] if self.caption else []), *(line.rstrip() for line in text)])

    __repr__ = __str__


def metric_table(
    rows: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str] | Mapping[str, str] | None = None,
    best: str | Mapping[str, str] | None = None,
    digits: int | Mapping[str, int] | None = None,
    caption: str = "",
    corner: str = "",
    aside: Sequence[str] = (),
) -> Table:
    """Return a table of figures, one row for each system and one column for each metric.

    Args:
        rows: for each row's name, its figures by metric: a number, a pair (mean, spread), a list of numbers (shown as
            mean and standard deviation, with divisor n - 1), a text, or None where there is none.
        columns: which metrics, in this order; a mapping also says under what heading. None: all that occur.
        best: ``"min"`` or ``"max"`` for all columns, or by metric, of which not all need be in this table: the best
            mean of the column is set in bold (and all that look the same).
        digits: decimals, of all columns or by metric, at least 0; None: three significant digits of the column's
            largest figure.
        caption: what the table shows, in a sentence.
        corner: heading of the names.
        aside: names of rows that do not compete, such as the truth or an exact result: they are never in bold.

    Raises:
        ShapeError: if there is no row, ``aside`` names none, a figure is no number, no row has a metric of
            ``columns``, or ``best`` is neither "min" nor "max".
    """
    if not isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows.values()):
        raise ShapeError("A table takes a dict of figures for each row: give {name: {metric: figure}}.")
    if not rows:
        raise ShapeError("There is nothing to put into the table: give at least one row.")
    if missing := [name for name in aside if name not in rows]:
        raise ShapeError(f"aside names the row {missing[0]!r}: choose from {', '.join(rows)}.")
    if columns is None:
        columns = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    columns = (columns,) if isinstance(columns, str) else columns
    headings = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    known = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    if unknown := [name for name in headings if name not in known]:
        raise ShapeError(f"No row has a figure {unknown[0]!r}: choose from {', '.join(map(str, known))}.")
    for count in digits.values() if isinstance(digits, Mapping) else () if digits is None else (digits,):
        check_count(count, "digits", 0)
    cells = [[name] for name in rows]
    bold = set()
    for position, metric in enumerate(headings, start=1):
        values = [row.get(metric) for row in rows.values()]
        found = [None if value is None or isinstance(value, str) else mean_and_spread(value) for value in values]
        means = [number[1] for number in found if number is not None]
        chosen = digits.get(metric) if isinstance(digits, Mapping) else digits
        places = decimals_for(means) if chosen is None else chosen
        texts = [_cell(value, number, places) for value, number in zip(values, found, strict=True)]
        for line, text in zip(cells, texts, strict=True):
            line.append(text)
        end = best.get(metric) if isinstance(best, Mapping) else best
        if end is not None:
            competing = [None if name in aside else one for name, one in zip(rows, found, strict=True)]
            bold |= {(row, position) for row in _best(competing, end, places)}
    return Table(caption, (corner, *headings.values()), tuple(tuple(line) for line in cells), frozenset(bold))


def _cell(value: Any, number: tuple[Any, float, float] | None, places: int) -> str:
    if number is None:
        return "–" if value is None else str(value)
    numbers, mean, spread = number
    if not math.isfinite(mean):
        return "∞" if mean > 0 else "–∞" if mean < 0 else "–"
    text = f"{mean:.{places}f}".replace("-", "\N{MINUS SIGN}")
    has_spread = len(numbers) > 1 or isinstance(value, tuple)
    return f"{text} ± {spread:.{places}f}" if has_spread else text


def _best(found: Sequence[tuple[Any, float, float] | None], end: str, places: int) -> list[int]:
    if end not in ("min", "max"):
        raise ShapeError(f'The best of a column is its "min" or its "max", not {end!r}.')
    means = {row: round(number[1], places) for row, number in enumerate(found) if number and math.isfinite(number[1])}
    if len(means) < 2:
        return []
    target = min(means.values()) if end == "min" else max(means.values())
    return [row for row, mean in means.items() if mean == target]
