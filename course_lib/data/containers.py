"""Sets that live in memory: single images, pairs and two unpaired sides. Photographs of any size: ``photographs.py``.

Each has ``batches``, which draws all random numbers of an epoch at its start, from one generator on the CPU.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from course_lib.data.batching import Batch, Batched, Epoch, Make
from course_lib.data.columns import ClassIds, Column, Making, Pictures
from course_lib.data.rowsets import Rows
from course_lib.errors import DataError, ShapeError

__all__ = ["Batch", "ImageSet", "PairedSet", "UnpairedSet"]

Side = TypeVar("Side", bound=Rows)


@dataclass(frozen=True, eq=False, repr=False)
class _Images(Rows):
    """Rows of one or more images. ``categorical`` names the fields that are class ids, which are not normalised."""

    categorical: tuple[str, ...] = field(default=(), kw_only=True)

    @abstractmethod
    def _sides(self) -> tuple[str, ...]:
        """Return the names of the fields that are images."""

    def own_columns(self) -> dict[str, Column]:
        """Return each field of images as a column."""
        unknown = set(self.categorical) - set(self._sides())
        if unknown:
            raise ShapeError(
                f"{type(self).__name__}.categorical names {sorted(unknown)}: it may name {list(self._sides())} only."
            )
        return {key: (ClassIds if key in self.categorical else Pictures)(getattr(self, key)) for key in self._sides()}

    def own_fields(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return the images of each field."""
        return {key: columns[key].values for key in self._sides()}


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet(_Images):
    """Images of one size, with what is known of each. The other fields are those of all sets of rows.

    Args:
        images: (N, C, H, W) uint8, or class ids of any integer type.
        categorical: ``("images",)`` if the images are class ids, which must not be normalised.
    """

    images: Tensor

    def _sides(self) -> tuple[str, ...]:
        return ("images",)


@dataclass(frozen=True, eq=False, repr=False)
class PairedSet(_Images):
    """Pairs of images: the condition ``x`` and the target ``y``. The other fields are those of all sets of rows.

    Args:
        x: (N, C, H, W) uint8, the condition.
        y: (N, C', H', W') uint8, the target.
        categorical: the names among ``("x", "y")`` that hold class ids, which must not be normalised.
    """

    x: Tensor
    y: Tensor

    def _sides(self) -> tuple[str, ...]:
        return ("x", "y")

    def side(self, which: str) -> ImageSet:
        """Return one side, ``"x"`` or ``"y"``, as an ``ImageSet`` with the same rows."""
        if which not in ("x", "y"):
            raise DataError(f"A pair has the sides 'x' and 'y', and not {which!r}.")
        shared = {each.name: getattr(self, each.name) for each in fields(Rows) if each.init}
        return ImageSet(
            images=getattr(self, which), categorical=("images",) if which in self.categorical else (), **shared
        )


@dataclass(frozen=True, eq=False, repr=False)
class UnpairedSet(Batched, Generic[Side]):
    """Two sets of different domains, with no row of one matching a row of the other.

    A batch has the first column of each side (the images of an ``ImageSet``) as ``x`` and ``y``, and the others by
    their name, such as ``x_labels`` and ``y_captions``. ``index`` holds the rows of ``x``, ``y_index`` those of ``y``.

    Args:
        x: rows of the first domain.
        y: rows of the second domain.
        name: the name of the set, or both names if the sides come from different sets.
        split: the split of ``x``.
        mirrors: whether both sides may be mirrored.
    """

    x: Side
    y: Side
    name: str = field(init=False)
    split: str = field(init=False)
    mirrors: bool = field(init=False)

    def __post_init__(self) -> None:
        for side in ("x", "y"):
            if not isinstance(getattr(self, side), Rows):
                raise ShapeError(f"UnpairedSet.{side} must be an ImageSet or another set of rows.")
        name = self.x.name if self.x.name == self.y.name else f"{self.x.name} and {self.y.name}"
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "split", self.x.split)
        object.__setattr__(self, "mirrors", self.x.mirrors and self.y.mirrors)

    def __len__(self) -> int:
        return max(len(self.x), len(self.y))

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw an epoch of both sides independently, orders and coins.

        An epoch is as long as the larger side. The smaller side begins again, in a new order, when it is used up.
        """
        rows = len(self)
        orders, coins = {}, {}
        for key, side in (("x", self.x), ("y", self.y)):
            rounds = -(-rows // len(side))
            epochs = [Epoch.draw(len(side), shuffle=shuffle, flip=False, generator=generator) for _ in range(rounds)]
            orders[key] = torch.cat([epoch.order for epoch in epochs])[:rows]
            coins[key] = torch.rand(rows, generator=generator) < 0.5 if flip else None

        def make(places: slice, making: Making) -> Batch:
            columns: dict[str, Any] = {}
            for key, side in (("x", self.x), ("y", self.y)):
                marks = coins[key]
                here = replace(making, mirrored=None if marks is None else marks[places])
                for number, (name, column) in enumerate(side.columns.items()):
                    columns[f"{key}_{name}" if number else key] = column.batch(orders[key][places], here)
            return Batch(orders["x"][places].clone(), **columns, y_index=orders["y"][places].clone())

        return make

    def __repr__(self) -> str:
        return f"UnpairedSet(x={self.x!r}, y={self.y!r})"
