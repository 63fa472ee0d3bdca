"""What image sets and paired sets share: checks, indexing, batches and a short description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from course_lib.data.batching import Batch, Epoch, check_epoch_arguments, count_batches, iterate
from course_lib.errors import DataError, ShapeError

Range = tuple[float, float]
Rows = TypeVar("Rows", bound="RowSet")


def set_title(name: str, split: str) -> str:
    return f"{name!r} ({split})" if split else f"{name!r}"


def check_images(owner: str, field: str, images: Any) -> None:
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4:
        got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ShapeError(
            f"{owner}.{field} must be a uint8 tensor of shape (N, C, H, W) with values 0 to 255, and it is {got}: "
            "convert it first, for example ((x + 1) * 127.5).round().to(torch.uint8) for x in [-1, 1]."
        )
    if images.device.type != "cpu":
        raise ShapeError(f"{owner}.{field} must stay on the CPU: give the device to batches(..., device=...) instead.")


def as_rows(rows: Any, length: int) -> slice | Tensor:
    """Turn an index (whole number, slice, list, index tensor or mask) into a slice or an int64 tensor.

    Raises:
        IndexError: if a whole number is out of range.
        ShapeError: if an index tensor has the wrong type, shape or values.
    """
    if isinstance(rows, int) and not isinstance(rows, bool):
        if not -length <= rows < length:
            raise IndexError(f"row {rows} is out of range: the set has {length} rows")
        rows %= length
        return slice(rows, rows + 1)
    if isinstance(rows, slice):
        if rows.step is None or rows.step > 0:
            return rows
        return torch.arange(length)[torch.tensor(range(length)[rows], dtype=torch.int64)]
    try:
        index = torch.as_tensor(rows)
    except (TypeError, ValueError, RuntimeError):
        index = torch.empty(0, 0)
    if index.ndim == 1 and index.dtype == torch.bool and len(index) == length:
        return index.nonzero().squeeze(1)
    if index.ndim == 1 and len(index) == 0:
        return index.to(torch.int64)
    if index.ndim != 1 or index.dtype in (torch.bool, torch.float16, torch.float32, torch.float64, torch.bfloat16):
        raise ShapeError(
            f"A set of {length} rows is indexed by a whole number, a slice, a list or 1-d tensor of whole numbers, "
            f"or a mask of {length} values."
        )
    index = index.to(device="cpu", dtype=torch.int64)
    if int(index.min()) < -length or int(index.max()) >= length:
        raise ShapeError(f"An index is out of range: the set has {length} rows, numbered 0 to {length - 1}.")
    return index % length


def take_list(values: list, rows: slice | Tensor) -> list:
    return values[rows] if isinstance(rows, slice) else [values[row] for row in rows.tolist()]


@dataclass(frozen=True, eq=False, repr=False)
class RowSet:
    """What sets of rows share. ``_tensors`` names the fields that hold images."""

    def _tensors(self) -> tuple[str, ...]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        me: Any = self
        owner = type(self).__name__
        for field in self._tensors():
            check_images(owner, field, getattr(self, field))
        rows = len(self)
        if rows == 0:
            raise DataError(f"The set {set_title(me.name, me.split)} would hold no rows: choose at least one.")
        for field in self._tensors():
            if len(getattr(self, field)) != rows:
                raise ShapeError(f"{owner}.{field} has {len(getattr(self, field))} rows but the set has {rows}.")
        for field in ("names", "captions"):
            values = getattr(self, field)
            if values is not None and len(values) != rows:
                raise ShapeError(f"{owner}.{field} has {len(values)} entries but the set has {rows} rows.")
        coded = {
            f"factors[{key!r}]": (value, (me.factor_names or {}).get(key)) for key, value in (me.factors or {}).items()
        }
        if me.labels is not None:
            coded["labels"] = (me.labels, me.label_names)
        for field, (codes, known) in coded.items():
            if not isinstance(codes, Tensor) or codes.dtype != torch.int64 or codes.shape != (rows,):
                raise ShapeError(f"{owner}.{field} must be an int64 tensor of shape ({rows},), one value a row.")
            if known is not None and int(codes.max()) >= len(known):
                raise ShapeError(f"{owner}.{field} holds {int(codes.max())} but only {len(known)} names are given.")
        unknown = set(me.categorical) - set(self._tensors())
        if unknown:
            raise ShapeError(f"{owner}.categorical names {sorted(unknown)}: it may name {list(self._tensors())} only.")

    def __len__(self) -> int:
        return len(getattr(self, self._tensors()[0]))

    def __getitem__(self: Rows, rows: int | slice | Sequence[int] | Tensor) -> Rows:
        """Return the chosen rows as a set of the same type; a whole number gives a set of one row."""
        me: Any = self
        index = as_rows(rows, len(self))

        def take(value: Tensor) -> Tensor:
            return value[index] if isinstance(index, slice) else value.index_select(0, index)

        changes: dict[str, Any] = {field: take(getattr(self, field)) for field in self._tensors()}
        for field in ("names", "captions"):
            if getattr(self, field) is not None:
                changes[field] = take_list(getattr(self, field), index)
        if me.labels is not None:
            changes["labels"] = take(me.labels)
        if me.factors is not None:
            changes["factors"] = {key: take(value) for key, value in me.factors.items()}
        return replace(self, **changes)

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
        """Return how many batches an epoch has."""
        return count_batches(len(self), batch_size, drop_last)

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
            device: where the images, labels and factors of a batch end up.
            generator: a ``torch.Generator`` on the CPU; ``None`` is torch's own.
            flip: mirror each row left to right with probability 1/2; all images of a row together.
            shuffle: a new order for each epoch; else the order of the set.
            drop_last: leave out a last batch that is smaller than the others.
            skip: how many batches to leave out at the start.
            value_range: (-1, 1) or (0, 1), the values of bytes 0 and 255. Categorical images stay class ids (int64).

        Raises:
            DataError: if an argument cannot be met.
        """
        me: Any = self
        where, low_high = check_epoch_arguments(len(self), batch_size, drop_last, skip, value_range, device)
        epoch = Epoch.draw(len(self), shuffle=shuffle, flip=flip, generator=generator)
        return iterate(
            epoch,
            {field: getattr(self, field) for field in self._tensors()},
            categorical=me.categorical,
            labels=me.labels,
            factors=me.factors,
            batch_size=batch_size,
            drop_last=drop_last,
            skip=skip,
            device=where,
            value_range=low_high,
        )

    def __repr__(self) -> str:
        me: Any = self
        parts = [set_title(me.name, me.split), f"{len(self):,} rows"]
        for field in self._tensors():
            parts.append(f"{field} {'x'.join(str(size) for size in getattr(self, field).shape[1:])}")
        if me.labels is not None and me.label_names is not None:
            parts.append(f"{len(me.label_names)} labels")
        if me.captions is not None:
            parts.append("captions")
        if me.factors:
            parts.append("factors " + ", ".join(me.factors))
        if me.categorical:
            parts.append("class ids in " + ", ".join(me.categorical))
        return f"{type(self).__name__}({'; '.join(parts)})"
