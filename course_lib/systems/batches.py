"""Whether the batches of a data set are what a system trains on, said before a network stumbles over them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from course_lib.errors import ShapeError


def must_fit(title: str, batch: Any, example: Any, *, paired: bool, one_size: bool, channels: bool = True) -> None:
    """Compare a batch with an example of what a system trains on.

    Args:
        title: the name of the system.
        batch: a ``Batch``, or a dict of columns.
        example: the same, with every column that a step reads.
        paired: whether ``x`` and ``y`` must belong together row by row.
        one_size: whether pictures must have the size of the example's, and not its channels alone.
        channels: whether numbers of channels count.

    Raises:
        ShapeError: if a column is missing, or has other axes, channels or kinds of numbers.
    """
    if not _is_batch(example):
        return
    needed = _columns(example)
    wants = _and(_shown(name, value, one_size, channels) for name, value in needed.items())
    if not _is_batch(batch):
        raise ShapeError(
            f"{title} trains on {wants}, and this data set gives a {type(batch).__name__}: "
            "let its batches() yield Batch(index, ...) of course_lib.data, with these columns."
        )
    given = _columns(batch)
    missing = [name for name in needed if name not in given]
    if missing:
        has = _and(_shown(name, value, True) for name, value in given.items() if not name.endswith("_index"))
        raise ShapeError(
            f"{title} trains on {wants}, and this data set gives {has or 'no columns'}: "
            f"give one with {_and(missing)}{_kind(set(needed), paired)}."
        )
    if paired and "y_index" in given:
        raise ShapeError(
            f"{title} learns from pairs, and in this data set row i of y does not belong to row i of x: "
            "give a PairedSet."
        )
    for name, wanted in needed.items():
        value = given[name]
        if isinstance(wanted, Tensor) and not _fits(value, wanted, one_size, channels):
            wish, have = _shown(name, wanted, one_size, channels), _shown(name, value, True)
            raise ShapeError(
                f"{title} trains on {wish}, and this data set gives {have}: "
                "give another one, or change the config of the system."
            )


def _is_batch(value: Any) -> bool:
    return isinstance(value, dict) or hasattr(value, "columns")


def _columns(batch: Any) -> dict[str, Any]:
    if isinstance(batch, dict):
        return {name: value for name, value in batch.items() if name != "index"}
    return {name: getattr(batch, name) for name in batch.columns}


def _fits(value: Any, wanted: Tensor, one_size: bool, channels: bool) -> bool:
    if not isinstance(value, Tensor) or value.dim() != wanted.dim():
        return False
    if value.is_floating_point() != wanted.is_floating_point():
        return False
    if not wanted.is_floating_point() or wanted.dim() < 2:
        return True
    alike = slice(1, None) if one_size or wanted.dim() == 2 else slice(1, 2 if channels and wanted.dim() == 4 else 1)
    return value.shape[alike] == wanted.shape[alike]


def _shown(name: str, value: Any, one_size: bool, channels: bool = True) -> str:
    """Return ``x (N, 3, H, W)``: a column with its axes, as letters where they are free."""
    if not isinstance(value, Tensor):
        return name
    whole = "" if value.is_floating_point() else " whole numbers"
    axes = ["N", *map(str, value.shape[1:])]
    if value.dim() == 4 and value.is_floating_point() and not one_size:
        axes = ["N", axes[1] if channels else "C", "H", "W"]
    return f"{name} ({', '.join(axes)}{',' * (len(axes) == 1)}){whole}"


def _kind(names: set[str], paired: bool) -> str:
    """Return the kind of set that has some columns, for example ``", such as a PairedSet"``."""
    if {"x", "y"} <= names:
        return ", such as a PairedSet" if paired else ", such as an UnpairedSet"
    return ", such as an ImageSet" if "images" in names else ""


def _and(parts: Any) -> str:
    words = list(parts)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
