"""A batch is some rows of a set by named columns; an epoch is cut into batches after all its chance was drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_values
from course_lib.data.columns import Making, take_list
from course_lib.data.pixels import VALUE_RANGES
from course_lib.errors import DataError, ShapeError

Range = tuple[float, float]


class Batch:
    """Some rows of a set, ready for a network.

    Each column is an attribute: ``images`` of an ``ImageSet``, ``x`` and ``y`` of pairs, ``labels``, ``captions`` and
    ``factors`` where the set has them. ``"labels" in batch`` says whether there is one; to ask for one that is not
    there is an error that names those which are.

    Args:
        index: (N,) int64 on the CPU, the rows of the set that the batch holds.
        columns: by name, each with N rows: a tensor, a list, a dict of these, or any object with ``len``, rows by slice
            or tensor, and ``to(device)``. Pictures are (N, C, H, W) float32 in the asked range.

    Raises:
        ShapeError: if a column has another number of rows, or a name that a batch cannot take, or the index is no
            tensor of whole numbers.
    """

    index: Tensor

    def __init__(self, index: Tensor, **columns: Any) -> None:
        if not isinstance(index, Tensor) or index.dim() != 1 or index.dtype != torch.int64 or index.is_meta:
            raise ShapeError("The index of a batch is an int64 tensor (N,) of rows: give torch.arange(N).")
        for name, value in columns.items():
            if hasattr(type(self), name) or name.startswith("_"):
                raise ShapeError(f"A batch cannot have a column called {name!r}: choose another name.")
            for part in value.values() if isinstance(value, dict) else (value,):
                if not hasattr(part, "__len__") or len(part) != len(index):
                    rows = f"{len(part)} rows" if hasattr(part, "__len__") else f"no rows ({type(part).__name__})"
                    raise ShapeError(f"Column {name!r} of the batch has {rows} but the batch has {len(index)}.")
        vars(self).update(index=index, **columns)

    def __getattr__(self, name: str) -> Any:
        """Say what there is; Python asks this only for what is not there."""
        known = ", ".join(key for key in vars(self) if key != "index") or "no columns"
        raise AttributeError(f"The batch has no {name!r}: it has {known}.")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A batch is not changed: batch.with_columns({name}=...) gives another one.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns; ``index`` is none of them."""
        return tuple(name for name in vars(self) if name != "index")

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice | Tensor) -> Batch:
        """Return the chosen rows as a batch, for example ``batch[:8]`` or ``batch[rank::world_size]``.

        Raises:
            ShapeError: if it is no slice, tensor of row numbers or mask, or a row is not there.
        """
        if not isinstance(rows, (slice, Tensor)):
            raise ShapeError("A batch is indexed by a slice or a tensor, for example batch[:8].")
        if isinstance(rows, Tensor):
            check_values(rows, "rows")
            rows = rows.cpu()
            mask = rows.dtype == torch.bool
            whole = mask or not (rows.is_floating_point() or rows.is_complex())
            if not whole or rows.dim() != 1 or (mask and len(rows) != len(self)):
                raise ShapeError(f"A batch of {len(self)} rows is indexed by row numbers, or a mask of {len(self)}.")
            if not mask and len(rows) and not (-len(self) <= int(rows.min()) and int(rows.max()) < len(self)):
                raise ShapeError(f"A row is out of range: the batch has {len(self)} rows, numbered from 0.")
            rows = rows.nonzero().squeeze(1) if mask else rows.to(torch.int64)
        return Batch(self.index[rows], **{name: _rows(getattr(self, name), rows) for name in self.columns})

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device; indices and texts stay on the CPU."""
        moved = {
            name: value if name.endswith("_index") else _moved(value, device)
            for name, value in vars(self).items()
            if name != "index"
        }
        return Batch(self.index, **moved)

    def with_columns(self, **columns: Any) -> Batch:
        """Return the batch with some columns in place of those of the same name, or added."""
        return Batch(**{**vars(self), **columns})

    def __repr__(self) -> str:
        parts = [f"{len(self)} rows"]
        for name in self.columns:
            value = getattr(self, name)
            if isinstance(value, Tensor) and value.ndim > 1:
                parts.append(f"{name} {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}")
            else:
                parts.append(f"{name} {', '.join(value)}" if isinstance(value, dict) else name)
        return f"Batch({'; '.join(parts)})"


def _rows(value: Any, rows: slice | Tensor) -> Any:
    if isinstance(value, dict):
        return {key: _rows(part, rows) for key, part in value.items()}
    return take_list(value, rows) if isinstance(value, list) else value[rows]


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, dict):
        return {key: _moved(part, device) for key, part in value.items()}
    return value if isinstance(value, list) else value.to(device)


Make = Callable[[slice, Making], Batch]
"""Makes a batch of some places of an epoch, 0 for its first row; how, but for what is mirrored, is in ``Making``."""


class Batched(ABC):
    """What gives epochs of batches; a set says only how an epoch is drawn and how a part of it is made."""

    name: str
    split: str
    mirrors: bool

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw all random numbers of an epoch; return what makes any batch of it without the others.

        Args:
            shuffle: a new order; else the order of the set.
            flip: mirror each row with probability 1/2.
            generator: on the CPU; ``None`` is torch's own.
        """

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
        """Return how many batches an epoch has.

        Raises:
            DataError: if ``batch_size`` is not a whole number of at least 1, or no batch would be left.
        """
        rows = len(self)
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise DataError(f"batch_size is {batch_size!r}: give a whole number of at least 1.")
        if drop_last and batch_size > rows:
            raise DataError(
                f"batch_size is {batch_size} but the set has only {rows} rows, so that drop_last leaves no batch: "
                f"lower batch_size to {rows} or less, or leave drop_last off."
            )
        return rows // batch_size if drop_last else -(-rows // batch_size)

    def batches(
        self,
        batch_size: int,
        device: torch.device | str = "cpu",
        generator: torch.Generator | None = None,
        flip: bool = False,
        shuffle: bool = True,
        drop_last: bool = False,
        skip: int = 0,
        value_range: Range = (-1, 1),
    ) -> Iterator[Batch]:
        """Return an iterator over the batches of one epoch: every row once, unless ``drop_last`` cuts the last ones.

        All random numbers of the epoch are drawn by this call. With the generator set back to where it stood before
        the call, ``skip=k`` gives exactly the batches k, k + 1, ... of the same epoch.

        Args:
            batch_size: rows in a batch; the last batch may be smaller.
            device: where the columns of a batch end up; texts stay on the CPU.
            generator: a ``torch.Generator`` on the CPU; ``None`` is torch's own.
            flip: mirror each row left to right with probability 1/2; all pictures of a row together.
            shuffle: a new order for each epoch; else the order of the set.
            drop_last: leave out a last batch that is smaller than the others.
            skip: how many batches to leave out at the start.
            value_range: (-1, 1) or (0, 1), the values of bytes 0 and 255. Class ids stay what they are (int64).

        Raises:
            DataError: if an argument cannot be met, or rows should be mirrored that may not be.
        """
        total = self.num_batches(batch_size, drop_last)
        if isinstance(skip, bool) or not isinstance(skip, int) or not 0 <= skip <= total:
            raise DataError(
                f"skip is {skip!r} but an epoch has {total} batches: give a whole number from 0 to {total}."
            )
        if flip and not self.mirrors:
            raise DataError(f"The rows of {self.name!r} may not be mirrored left to right: leave flip out.")
        making = Making(_device(device), _value_range(value_range))
        if generator is not None and generator.device.type != "cpu":
            raise DataError(
                f"The generator is on {generator.device}: make it with torch.Generator() on the CPU, "
                "so that the same seed gives the same batches on every device."
            )
        make = self.draw(shuffle=shuffle, flip=flip, generator=generator)
        return (make(slice(k * batch_size, (k + 1) * batch_size), making) for k in range(skip, total))


def _value_range(value_range: Range) -> Range:
    """Return the range as floats if it is one of those known: (-1, 1) or (0, 1)."""
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low = high = float("nan")
    if (low, high) not in VALUE_RANGES:
        raise DataError(f"value_range is {value_range!r}: choose (-1, 1), which the networks see, or (0, 1).")
    return low, high


def _device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DataError(f"device is {device!r}: give the name of a device such as 'cpu', 'cuda' or 'mps'.") from error


@dataclass(frozen=True, eq=False)
class Epoch:
    """The order of rows and which of them are mirrored.

    Args:
        order: the row at each place of the epoch.
        coins: by row, whether it is mirrored; ``None`` is none.
    """

    order: Tensor
    coins: Tensor | None

    @classmethod
    def draw(cls, rows: int, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Epoch:
        """Draw the order of the rows, then one coin a row if they are to be mirrored at random."""
        order = torch.randperm(rows, generator=generator) if shuffle else torch.arange(rows)
        return cls(order, torch.rand(rows, generator=generator) < 0.5 if flip else None)

    def at(self, places: slice, making: Making) -> tuple[Tensor, Making]:
        """Return the rows at some places, in memory of their own, and how to make them."""
        rows = self.order[places].clone()
        return rows, replace(making, mirrored=None if self.coins is None else self.coins[rows])
