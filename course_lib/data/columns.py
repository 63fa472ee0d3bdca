"""Columns: what a set holds one value a row of, how it is stored, and how it comes into a batch.

A new kind of value (clips, token lists, ragged scenes) is one class here, or anywhere: sets, batches and the training
loop ask nothing else of it than what ``Column`` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from course_lib.arguments import check_finite
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError

__all__ = ["ClassIds", "Column", "Factors", "Floats", "Labels", "Making", "Pictures", "Texts"]

Own = TypeVar("Own", bound="Column")
OwnTensor = TypeVar("OwnTensor", bound="TensorColumn")

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, eq=False)
class Making:
    """How the rows of one batch are to be made.

    Args:
        device: where their values end up.
        value_range: of pictures, (-1, 1) or (0, 1).
        mirrored: (rows,) bool on the CPU, which of the rows are mirrored left to right; ``None`` is none.
    """

    device: torch.device
    value_range: tuple[float, float] = (-1.0, 1.0)
    mirrored: Tensor | None = None


class Column(ABC):
    """One value a row of a set.

    ``batch`` may return a tensor, a list, a dict of these, or any object with ``len``, rows by slice or tensor, and
    ``to(device)``; it must share no memory with the column.
    """

    @property
    def mirrors(self) -> bool:
        """Whether a mirrored row has a value: false forbids mirroring in every set that has such a column."""
        return True

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self: Own, rows: slice | Tensor) -> Own:
        """Return the chosen rows, a slice or an int64 tensor of them, as a column of the same class."""

    @abstractmethod
    def batch(self, rows: Tensor, making: Making) -> Any:
        """Return the value of rows (int64, on the CPU) for a batch."""

    @abstractmethod
    def check(self, title: str) -> None:
        """Raise a ShapeError of one sentence, which begins with ``title``, if the values are not what they must be."""

    def describe(self, name: str) -> str:
        """Return a few words for the description of a set; an empty text is left out."""
        return name


@dataclass(frozen=True, eq=False)
class TensorColumn(Column):
    """A column that is one tensor with a row a value.

    Args:
        values: (N, ...), on the CPU.
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self: OwnTensor, rows: slice | Tensor) -> OwnTensor:
        return replace(self, values=self.values[rows] if isinstance(rows, slice) else self.values.index_select(0, rows))

    def batch(self, rows: Tensor, making: Making) -> Tensor:
        return self.values.index_select(0, rows).to(making.device)

    def describe(self, name: str) -> str:
        return f"{name} {'x'.join(str(size) for size in self.values.shape[1:])}".rstrip()

    def _require(self, title: str, kinds: tuple[torch.dtype, ...], fits: bool, wanted: str, hint: str = "") -> None:
        values: Any = self.values
        if not isinstance(values, Tensor) or values.dtype not in kinds or not fits:
            got = f"{values.dtype} {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
            raise ShapeError(f"{title} must be {wanted}, and it is {got}: {hint or 'convert it first'}.")
        if values.device.type != "cpu":
            raise ShapeError(f"{title} must stay on the CPU: give the device to batches(..., device=...) instead.")


@dataclass(frozen=True, eq=False)
class Pictures(TensorColumn):
    """Pictures of one size, stored as bytes; in a batch they are moved as bytes, then mirrored and made float32.

    Args:
        values: (N, C, H, W) uint8.
    """

    def batch(self, rows: Tensor, making: Making) -> Tensor:
        return normalise(mirror(super().batch(rows, making), making), making.value_range)

    def check(self, title: str) -> None:
        self._require(
            title,
            (torch.uint8,),
            getattr(self.values, "ndim", 0) == 4,
            "a uint8 tensor of shape (N, C, H, W) with values 0 to 255",
            "convert it first, for example ((x + 1) * 127.5).round().to(torch.uint8) for x in [-1, 1]",
        )


@dataclass(frozen=True, eq=False)
class ClassIds(TensorColumn):
    """Grids of whole numbers, such as label maps, codes or tokens of one length: never normalised, int64 in a batch.

    Maps (N, C, H, W) are mirrored as pictures are. A grid of another shape, such as codes, has no mirror image.

    Args:
        values: (N, ...), of any integer type.
    """

    @property
    def mirrors(self) -> bool:
        """Whether these are maps."""
        return self.values.ndim == 4

    def batch(self, rows: Tensor, making: Making) -> Tensor:
        moved = super().batch(rows, making)
        return (mirror(moved, making) if self.mirrors else moved).to(torch.int64)

    def check(self, title: str) -> None:
        grid = getattr(self.values, "ndim", 0) > 1
        self._require(title, INTEGERS, grid, "a tensor of whole numbers of shape (N, ...), a grid of class ids a row")

    def describe(self, name: str) -> str:
        return f"{super().describe(name)} class ids"


@dataclass(frozen=True, eq=False)
class Labels(TensorColumn):
    """One class a row, which a mirror does not change.

    Args:
        values: (N,) int64.
        names: what each value is called.
    """

    names: list[str] | None = None

    def check(self, title: str) -> None:
        flat = getattr(self.values, "ndim", 0) == 1
        self._require(title, (torch.int64,), flat, "an int64 tensor of shape (N,), one value a row")
        if self.names is not None and len(self) and int(self.values.min()) < 0:
            raise ShapeError(f"{title} holds {int(self.values.min())}, which has no name: number the names from 0.")
        if self.names is not None and len(self) and int(self.values.max()) >= len(self.names):
            raise ShapeError(f"{title} holds {int(self.values.max())} but only {len(self.names)} names are given.")

    def describe(self, name: str) -> str:
        return name if self.names is None else f"{len(self.names)} {name}"


@dataclass(frozen=True, eq=False)
class Floats(TensorColumn):
    """Numbers that are no pixels, such as points; they come into a batch as they are.

    Args:
        values: (N, ...), floating and finite.
        mirrors: true for numbers that a mirror does not change, such as an age; a point has no mirror image.
    """

    mirrors: bool = False

    def check(self, title: str) -> None:
        kinds = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
        self._require(title, kinds, getattr(self.values, "ndim", 0) > 0, "a floating tensor of shape (N, ...)")
        check_finite(self.values, title, "leave such rows out")


@dataclass(frozen=True, eq=False)
class Texts(Column):
    """One text a row, a list in the batch too.

    Args:
        values: N texts.
    """

    values: list[str]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Tensor) -> Texts:
        return Texts(take_list(self.values, rows))

    def batch(self, rows: Tensor, making: Making) -> list[str]:
        return take_list(self.values, rows)

    def check(self, title: str) -> None:
        if not isinstance(self.values, list) or not all(isinstance(text, str) for text in self.values):
            raise ShapeError(f"{title} must be a list of texts, one a row.")


@dataclass(frozen=True, eq=False)
class Factors(Column):
    """What varies from row to row, each factor with one whole number a row; a dict in the batch.

    Args:
        values: ``{factor: (N,) int64}``, at least one.
        names: ``{factor: what each value is called}``, of some or all factors.
    """

    values: dict[str, Tensor]
    names: Mapping[str, list[str]] | None = None

    def each(self) -> dict[str, Labels]:
        """Return every factor as a column of its own."""
        return {key: Labels(value, (self.names or {}).get(key)) for key, value in self.values.items()}

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __getitem__(self, rows: slice | Tensor) -> Factors:
        return replace(self, values={key: column[rows].values for key, column in self.each().items()})

    def batch(self, rows: Tensor, making: Making) -> dict[str, Tensor]:
        return {key: column.batch(rows, making) for key, column in self.each().items()}

    def check(self, title: str) -> None:
        if not isinstance(self.values, dict) or not self.values:
            raise ShapeError(f"{title} must be a dict of at least one int64 tensor of shape (N,).")
        for key, column in self.each().items():
            column.check(f"{title}[{key!r}]")
            if len(column) != len(self):
                raise ShapeError(f"{title}[{key!r}] has {len(column)} rows and another factor {len(self)}.")

    def describe(self, name: str) -> str:
        return f"{name} {', '.join(self.values)}"


def mirror(values: Tensor, making: Making) -> Tensor:
    """Mirror the rows that ``making`` marks along the last axis, on the device where they are."""
    if making.mirrored is None:
        return values
    marks = making.mirrored.to(values.device).view(-1, *(1 for _ in values.shape[1:]))
    return torch.where(marks, values.flip(-1), values)


def take_list(values: list, rows: slice | Tensor) -> list:
    """Return some entries of a list: those of a slice, or those that an int64 tensor names."""
    return values[rows] if isinstance(rows, slice) else [values[row] for row in rows.tolist()]
