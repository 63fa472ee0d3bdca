"""How an epoch is cut into batches: one plan drawn at its start, then bytes moved and normalised on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data.pixels import VALUE_RANGES, normalise
from course_lib.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a set, ready for a network.

    A batch of an ``ImageSet`` or ``PhotoSet`` has ``images``; one of a ``PairedSet`` or ``UnpairedSet`` has ``x`` and
    ``y``. What it does not have is ``None``.

    Args:
        index: (N,) int64 on the CPU, the rows of the set that the batch holds.
        images: (N, C, H, W) float32 in the asked range, or int64 class ids for a label map.
        x: as ``images``, the condition.
        y: as ``images``, the target.
        labels: (N,) int64 or ``None``.
        factors: ``{name: (N,) int64}`` or ``None``.
    """

    index: Tensor
    images: Tensor = None  # type: ignore[assignment]
    x: Tensor = None  # type: ignore[assignment]
    y: Tensor = None  # type: ignore[assignment]
    labels: Tensor | None = None
    factors: dict[str, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice | Tensor) -> Batch:
        """Return the chosen rows as a batch, for example ``batch[:8]`` or ``batch[rank::world_size]``."""
        if not isinstance(rows, (slice, Tensor)):
            raise ShapeError("A batch is indexed by a slice or a tensor, for example batch[:8].")
        return self._map(lambda tensor: tensor[rows], index=self.index[rows])

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device; ``index`` stays on the CPU, where the names and captions are."""
        return self._map(lambda tensor: tensor.to(device), index=self.index)

    def _map(self, function, index: Tensor) -> Batch:
        def apply(tensor):
            return None if tensor is None else function(tensor)

        factors = None if self.factors is None else {key: function(value) for key, value in self.factors.items()}
        return Batch(index, apply(self.images), apply(self.x), apply(self.y), apply(self.labels), factors)

    def __repr__(self) -> str:
        parts = [f"{len(self)} rows"]
        for key in ("images", "x", "y"):
            tensor = getattr(self, key)
            if tensor is not None:
                parts.append(f"{key} {tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}")
        if self.labels is not None:
            parts.append("labels")
        if self.factors:
            parts.append("factors " + ", ".join(self.factors))
        return f"Batch({'; '.join(parts)})"


def count_batches(rows: int, batch_size: int, drop_last: bool = False) -> int:
    """Return how many batches an epoch of ``rows`` rows has.

    Raises:
        DataError: if ``batch_size`` is not a whole number of at least 1, or no batch would be left.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"batch_size is {batch_size!r}: give a whole number of at least 1.")
    if drop_last and batch_size > rows:
        raise DataError(
            f"batch_size is {batch_size} but the set has only {rows} rows, so that drop_last leaves no batch: "
            f"lower batch_size to {rows} or less, or leave drop_last off."
        )
    return rows // batch_size if drop_last else -(-rows // batch_size)


def check_value_range(value_range: tuple[float, float]) -> tuple[float, float]:
    """Return the range as floats if it is one of those known: (-1, 1) or (0, 1)."""
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low = high = float("nan")
    if (low, high) not in VALUE_RANGES:
        raise DataError(f"value_range is {value_range!r}: choose (-1, 1), which the networks see, or (0, 1).")
    return low, high


def check_generator(generator: torch.Generator | None) -> None:
    """Refuse a generator that is not on the CPU: the same seed must give the same epoch on every device."""
    if generator is not None and generator.device.type != "cpu":
        raise DataError(
            f"The generator is on {generator.device}: make it with torch.Generator() on the CPU, "
            "so that the same seed gives the same batches on every device."
        )


def take_rows(tensor: Tensor, rows: Tensor, contiguous: bool) -> Tensor:
    """Return rows of a tensor: a view if they follow each other, else one gathered copy."""
    if contiguous:
        first = int(rows[0])
        return tensor[first : first + len(rows)]
    return tensor.index_select(0, rows)


def finish(
    images: Tensor,
    *,
    device: torch.device,
    flips: Tensor | None,
    categorical: bool,
    value_range: tuple[float, float],
) -> Tensor:
    """Move bytes to the device, mirror the rows marked in ``flips``, then normalise (or widen class ids to int64)."""
    moved = images.to(device)
    if flips is not None:
        moved = torch.where(flips.to(device)[:, None, None, None], moved.flip(-1), moved)
    return moved.to(torch.int64) if categorical else normalise(moved, value_range)


@dataclass(frozen=True, eq=False)
class Epoch:
    """Everything random about one epoch, drawn at once, so that any batch of it can be made without the others."""

    order: Tensor
    flips: Tensor | None
    shuffled: bool

    @classmethod
    def draw(cls, rows: int, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Epoch:
        """Draw the order of the rows, then one coin a row if they are to be mirrored at random."""
        check_generator(generator)
        order = torch.randperm(rows, generator=generator) if shuffle else torch.arange(rows)
        flips = torch.rand(rows, generator=generator) < 0.5 if flip else None
        return cls(order, flips, shuffle)

    def slots(self, batch_size: int, drop_last: bool, skip: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield ``(rows, flips of these rows)`` of each batch from number ``skip`` on."""
        total = count_batches(len(self.order), batch_size, drop_last)
        for number in range(skip, total):
            rows = self.order[number * batch_size : (number + 1) * batch_size]
            yield rows, None if self.flips is None else self.flips[rows]


def check_epoch_arguments(
    rows: int, batch_size: int, drop_last: bool, skip: int, value_range: tuple[float, float], device: torch.device | str
) -> tuple[torch.device, tuple[float, float]]:
    """Check what ``batches`` was asked for, at the call and not at the first batch; return the device and the range."""
    total = count_batches(rows, batch_size, drop_last)
    if isinstance(skip, bool) or not isinstance(skip, int) or not 0 <= skip <= total:
        raise DataError(f"skip is {skip!r} but an epoch has {total} batches: give a whole number from 0 to {total}.")
    low_high = check_value_range(value_range)
    try:
        return torch.device(device), low_high
    except (RuntimeError, TypeError) as error:
        raise DataError(f"device is {device!r}: give the name of a device such as 'cpu', 'cuda' or 'mps'.") from error


def iterate(
    epoch: Epoch,
    tensors: Mapping[str, Tensor],
    *,
    categorical: tuple[str, ...],
    labels: Tensor | None,
    factors: Mapping[str, Tensor] | None,
    batch_size: int,
    drop_last: bool,
    skip: int,
    device: torch.device,
    value_range: tuple[float, float],
) -> Iterator[Batch]:
    """Yield the batches of an epoch over tensors that all have one row an item."""
    for rows, flips in epoch.slots(batch_size, drop_last, skip):
        in_order = not epoch.shuffled
        images = {
            key: finish(
                take_rows(tensor, rows, in_order),
                device=device,
                flips=flips,
                categorical=key in categorical,
                value_range=value_range,
            )
            for key, tensor in tensors.items()
        }
        yield Batch(
            index=rows.clone(),
            labels=None if labels is None else labels[rows].to(device),
            factors=None if factors is None else {key: value[rows].to(device) for key, value in factors.items()},
            **images,
        )
