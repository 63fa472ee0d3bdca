"""Sets of rows: named columns that belong together row by row, with what is known of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from course_lib.arguments import check_values
from course_lib.data.batching import Batch, Batched, Epoch, Make
from course_lib.data.columns import Column, Factors, Labels, Making, Texts, take_list
from course_lib.errors import DataError, ShapeError

Own = TypeVar("Own", bound="Rows")
SHARED = ("labels", "captions", "factors")
"""The fields of every set that are columns too."""


def set_title(name: str, split: str) -> str:
    return f"{name!r} ({split})" if split else f"{name!r}"


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
    check_values(index, "An index")
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


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Batched):
    """What all sets of rows share. A kind of set says which columns it has besides labels, captions and factors.

    Args:
        name: the set, for example ``"emoji"``.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        columns: what a batch holds, by name; made by the set from its other fields.
        names: N names of the rows.
        labels: (N,) int64.
        label_names: what each label value is called.
        captions: N sentences.
        factors: ``{factor: (N,) int64}``.
        factor_names: ``{factor: names of its values}``.
        licence: of the content.
        source: where it comes from.
        mirrors: whether rows may be mirrored left to right; never true if a column has no mirror image.
    """

    name: str
    split: str
    columns: dict[str, Column] = field(init=False)
    _: KW_ONLY
    names: list[str] | None = None
    labels: Tensor | None = None
    label_names: list[str] | None = None
    captions: list[str] | None = None
    factors: dict[str, Tensor] | None = None
    factor_names: dict[str, list[str]] | None = None
    licence: str = ""
    source: str = ""
    mirrors: bool = True

    @abstractmethod
    def own_columns(self) -> dict[str, Column]:
        """Return the columns that this kind of set has besides labels, captions and factors."""

    @abstractmethod
    def own_fields(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that these columns come from: ``own_columns`` the other way round."""

    def __post_init__(self) -> None:
        owner = type(self).__name__
        columns = dict(self.own_columns())
        if self.labels is not None:
            columns["labels"] = Labels(self.labels, self.label_names)
        if self.captions is not None:
            columns["captions"] = Texts(self.captions)
        if self.factors:
            columns["factors"] = Factors(self.factors, self.factor_names)
        for name, column in columns.items():
            column.check(f"{owner}.{name}")
        rows = len(next(iter(columns.values())))
        if rows == 0:
            raise DataError(f"The set {set_title(self.name, self.split)} would hold no rows: choose at least one.")
        for name, column in columns.items():
            if len(column) != rows:
                raise ShapeError(f"{owner}.{name} has {len(column)} rows but the set has {rows}.")
        if self.names is not None and len(self.names) != rows:
            raise ShapeError(f"{owner}.names has {len(self.names)} entries but the set has {rows} rows.")
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "mirrors", self.mirrors and all(column.mirrors for column in columns.values()))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self: Own, rows: int | slice | Sequence[int] | Tensor) -> Own:
        """Return the chosen rows as a set of the same type; a whole number gives a set of one row."""
        index = as_rows(rows, len(self))
        taken: dict[str, Any] = {name: column[index] for name, column in self.columns.items()}
        changes = self.own_fields(taken)
        changes.update(
            {name: taken[name].values for name in SHARED if getattr(self, name) is not None and name in taken}
        )
        if self.names is not None:
            changes["names"] = take_list(self.names, index)
        return replace(self, **changes)

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw the order of the rows and then, if they are to be mirrored, a coin for each; see ``Batched``."""
        epoch = Epoch.draw(len(self), shuffle=shuffle, flip=flip, generator=generator)

        def make(places: slice, making: Making) -> Batch:
            rows, here = epoch.at(places, making)
            return Batch(rows, **{name: column.batch(rows, here) for name, column in self.columns.items()})

        return make

    def __repr__(self) -> str:
        parts = [set_title(self.name, self.split), f"{len(self):,} rows"]
        parts += [text for name, column in self.columns.items() if (text := column.describe(name))]
        return f"{type(self).__name__}({'; '.join(parts)})"


@dataclass(frozen=True, eq=False, repr=False)
class RowSet(Rows):
    """Rows of any columns, for example ``RowSet("codes", "train", {"codes": ClassIds(codes)})``.

    The other fields are those of all sets of rows; labels, captions and factors become columns too.

    Args:
        columns: by name, each with N rows; the names become the attributes of a batch.

    Raises:
        ShapeError: if there is no column, a name cannot be that of an attribute, or columns differ in their rows.
    """

    columns: dict[str, Column]

    def own_columns(self) -> dict[str, Column]:
        """Return the columns as they were given."""
        for name, column in self.columns.items():
            if not str(name).isidentifier() or name == "index" or hasattr(Batch, str(name)):
                raise ShapeError(f"A set cannot have a column called {name!r}: choose another name.")
            if not isinstance(column, Column):
                raise ShapeError(
                    f"RowSet.columns[{name!r}] is {type(column).__name__}: give a column, for example ClassIds(codes)."
                )
        if not self.columns:
            raise ShapeError("A RowSet needs at least one column.")
        return self.columns

    def own_fields(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return the columns."""
        return {"columns": columns}
