"""Sets that live in memory as bytes: single images, pairs, two unpaired sides, and photographs of any size.

Each has ``batches``, which draws all random numbers of an epoch at its start, from one generator on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from course_lib.data.batching import Batch, Epoch, check_epoch_arguments, count_batches, finish
from course_lib.data.rowsets import Range, RowSet, as_rows, set_title, take_list
from course_lib.errors import DataError, ShapeError

__all__ = ["Batch", "ImageSet", "PairedSet", "PhotoSet", "UnpairedSet"]


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet(RowSet):
    """Images of one size, with what is known of each.

    Args:
        name: the set, for example ``"emoji"``.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        images: (N, C, H, W) uint8.
        names: N names.
        labels: (N,) int64.
        label_names: what each label value is called.
        captions: N sentences.
        factors: ``{factor: (N,) int64}``.
        factor_names: ``{factor: names of its values}``.
        licence: of the images.
        source: where they come from.
        categorical: ``("images",)`` if the images are class ids, which must not be normalised.
    """

    name: str
    split: str
    images: Tensor
    names: list[str] | None = None
    labels: Tensor | None = None
    label_names: list[str] | None = None
    captions: list[str] | None = None
    factors: dict[str, Tensor] | None = None
    factor_names: dict[str, list[str]] | None = None
    licence: str = ""
    source: str = ""
    categorical: tuple[str, ...] = ()

    def _tensors(self) -> tuple[str, ...]:
        return ("images",)


@dataclass(frozen=True, eq=False, repr=False)
class PairedSet(RowSet):
    """Pairs of images: the condition ``x`` and the target ``y``. The other fields are those of ``ImageSet``.

    Args:
        x: (N, C, H, W) uint8, the condition.
        y: (N, C', H', W') uint8, the target.
        categorical: the names among ``("x", "y")`` that hold class ids, which must not be normalised.
    """

    name: str
    split: str
    x: Tensor
    y: Tensor
    names: list[str] | None = None
    labels: Tensor | None = None
    label_names: list[str] | None = None
    captions: list[str] | None = None
    factors: dict[str, Tensor] | None = None
    factor_names: dict[str, list[str]] | None = None
    licence: str = ""
    source: str = ""
    categorical: tuple[str, ...] = ()

    def _tensors(self) -> tuple[str, ...]:
        return ("x", "y")

    def side(self, which: str) -> ImageSet:
        """Return one side, ``"x"`` or ``"y"``, as an ``ImageSet`` with the same rows."""
        if which not in ("x", "y"):
            raise DataError(f"A pair has the sides 'x' and 'y', and not {which!r}.")
        shared = {field.name: getattr(self, field.name) for field in fields(self)}
        del shared["x"], shared["y"]
        shared["categorical"] = ("images",) if which in self.categorical else ()
        return ImageSet(images=getattr(self, which), **shared)


@dataclass(frozen=True, eq=False, repr=False)
class UnpairedSet:
    """Two sets of images that belong to different domains, with no row of one matching a row of the other.

    Args:
        x: images of the first domain.
        y: images of the second domain.
    """

    x: ImageSet
    y: ImageSet

    def __post_init__(self) -> None:
        for side in ("x", "y"):
            if not isinstance(getattr(self, side), ImageSet):
                raise ShapeError(f"UnpairedSet.{side} must be an ImageSet.")

    @property
    def name(self) -> str:
        """The name of the set, or both names if the sides come from different sets."""
        return self.x.name if self.x.name == self.y.name else f"{self.x.name} and {self.y.name}"

    @property
    def split(self) -> str:
        """The split of ``x``."""
        return self.x.split

    def __len__(self) -> int:
        return max(len(self.x), len(self.y))

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
        """Return an iterator over the batches of one epoch, with ``x`` and ``y`` drawn independently.

        An epoch is as long as the larger side. The smaller side begins again, in a new order, when it is used up.
        Mirroring is independent too. ``index`` of a batch holds the rows of ``x``. The arguments and the rule for
        random numbers are those of ``ImageSet.batches``.
        """
        rows = len(self)
        where, low_high = check_epoch_arguments(rows, batch_size, drop_last, skip, value_range, device)
        orders, flips = {}, {}
        for key, side in (("x", self.x), ("y", self.y)):
            rounds = -(-rows // len(side))
            epochs = [Epoch.draw(len(side), shuffle=shuffle, flip=False, generator=generator) for _ in range(rounds)]
            orders[key] = torch.cat([epoch.order for epoch in epochs])[:rows]
            flips[key] = torch.rand(rows, generator=generator) < 0.5 if flip else None

        def make(number: int) -> Batch:
            here = slice(number * batch_size, (number + 1) * batch_size)
            images: dict[str, Any] = {}
            for key, side in (("x", self.x), ("y", self.y)):
                coins = flips[key]
                images[key] = finish(
                    side.images.index_select(0, orders[key][here]),
                    device=where,
                    flips=None if coins is None else coins[here],
                    categorical=bool(side.categorical),
                    value_range=low_high,
                )
            return Batch(index=orders["x"][here].clone(), **images)

        return (make(number) for number in range(skip, count_batches(rows, batch_size, drop_last)))

    def __repr__(self) -> str:
        return f"UnpairedSet(x={self.x!r}, y={self.y!r})"


@dataclass(frozen=True, eq=False, repr=False)
class PhotoSet:
    """Photographs of any size; batches are random crops.

    Args:
        name: the set, for example ``"photos"``.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        images: N tensors (3, H, W) uint8.
        names: N names.
        metadata: N rows of what is known of each photograph (title, author, source, ...).
        licences: N licences.
        source: where they come from.
    """

    name: str
    split: str
    images: list[Tensor]
    names: list[str]
    metadata: list[dict[str, str]]
    licences: list[str]
    source: str = ""

    def __post_init__(self) -> None:
        if not self.images:
            raise DataError(
                f"The set {set_title(self.name, self.split)} would hold no photograph: choose at least one."
            )
        for photo in self.images:
            if (
                not isinstance(photo, Tensor)
                or photo.dtype != torch.uint8
                or photo.ndim != 3
                or photo.device.type != "cpu"
            ):
                raise ShapeError(
                    "PhotoSet.images must be uint8 tensors of shape (C, H, W) on the CPU, values 0 to 255."
                )
            if photo.shape[0] != self.images[0].shape[0]:
                raise ShapeError("The photographs of a PhotoSet must all have the same number of channels.")
        for field in ("names", "metadata", "licences"):
            entries = len(getattr(self, field))
            if entries != len(self.images):
                raise ShapeError(
                    f"PhotoSet.{field} has {entries} entries but there are {len(self.images)} photographs."
                )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: int | slice | Sequence[int] | Tensor) -> PhotoSet:
        """Return the chosen photographs as a ``PhotoSet``; a whole number gives a set of one."""
        index = as_rows(rows, len(self))
        lists = ("images", "names", "metadata", "licences")
        changes: dict[str, Any] = {field: take_list(getattr(self, field), index) for field in lists}
        return replace(self, **changes)

    def check_window(self, size: int, what: str) -> None:
        smallest = min(min(photo.shape[1:]) for photo in self.images)
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= smallest:
            raise DataError(
                f"{what} is {size!r}: give a whole number from 1 to {smallest}, the shortest side of these photographs."
            )

    def patches(self, size: int, stride: int | None = None, limit_per_image: int | None = None) -> ImageSet:
        """Cut every photograph into squares on a regular grid.

        Args:
            size: side of a square in pixels.
            stride: step of the grid in pixels; ``None`` is ``size``, so that squares do not overlap.
            limit_per_image: at most this many squares of each photograph, spread evenly over its grid.

        Returns:
            An ``ImageSet`` with the factor ``photo``, the number of the photograph that a square was cut from.

        Raises:
            DataError: if a size or stride or limit cannot be met.
        """
        self.check_window(size, "size")
        stride = size if stride is None else stride
        for what, value in (("stride", stride), ("limit_per_image", limit_per_image)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise DataError(f"{what} is {value!r}: give a whole number of at least 1.")
        patches, names, owners = [], [], []
        for number, photo in enumerate(self.images):
            grid = photo.unfold(1, size, stride).unfold(2, size, stride)  # (C, rows, columns, size, size)
            cells = [(row, column) for row in range(grid.shape[1]) for column in range(grid.shape[2])]
            if limit_per_image is not None and len(cells) > limit_per_image:
                step = len(cells) / limit_per_image
                cells = [cells[int((place + 0.5) * step)] for place in range(limit_per_image)]
            for row, column in cells:
                patches.append(grid[:, row, column])
                names.append(f"{self.names[number]} at {row * stride}, {column * stride}")
                owners.append(number)
        return ImageSet(
            name=f"{self.name} {size}x{size}",
            split=self.split,
            images=torch.stack(patches),
            names=names,
            factors={"photo": torch.tensor(owners)},
            factor_names={"photo": list(self.names)},
            licence="; ".join(sorted(set(self.licences))),
            source=self.source,
        )

    def num_batches(self, batch_size: int, drop_last: bool = False, crops_per_photo: int = 1) -> int:
        """Return how many batches an epoch has."""
        if isinstance(crops_per_photo, bool) or not isinstance(crops_per_photo, int) or crops_per_photo < 1:
            raise DataError(f"crops_per_photo is {crops_per_photo!r}: give a whole number of at least 1.")
        return count_batches(len(self) * crops_per_photo, batch_size, drop_last)

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
        *,
        crop: int = 64,
        crops_per_photo: int = 1,
    ) -> Iterator[Batch]:
        """Return an iterator over the batches of one epoch: each photograph gives ``crops_per_photo`` random crops.

        ``index`` of a batch holds the numbers of the photographs. The other arguments and the rule for random numbers
        are those of ``ImageSet.batches``.

        Args:
            crop: side of a crop in pixels; every place in the photograph is equally likely.
            crops_per_photo: crops of each photograph in one epoch.
        """
        self.check_window(crop, "crop")
        self.num_batches(batch_size, drop_last, crops_per_photo)
        rows = len(self) * crops_per_photo
        where, low_high = check_epoch_arguments(rows, batch_size, drop_last, skip, value_range, device)
        epoch = Epoch.draw(rows, shuffle=shuffle, flip=flip, generator=generator)
        places = torch.rand(rows, 2, generator=generator, dtype=torch.float64)

        def cut(slot: int) -> Tensor:
            photo = self.images[slot % len(self)]
            down, across = places[slot].tolist()
            top, left = int(down * (photo.shape[1] - crop + 1)), int(across * (photo.shape[2] - crop + 1))
            return photo[:, top : top + crop, left : left + crop]

        def make(slots: Tensor, flips: Tensor | None) -> Batch:
            crops = torch.stack([cut(slot) for slot in slots.tolist()])
            images = finish(crops, device=where, flips=flips, categorical=False, value_range=low_high)
            return Batch(index=slots % len(self), images=images)

        return (make(slots, flips) for slots, flips in epoch.slots(batch_size, drop_last, skip))

    def __repr__(self) -> str:
        heights = [photo.shape[1] for photo in self.images]
        widths = [photo.shape[2] for photo in self.images]
        sizes = f"{min(heights)}-{max(heights)} x {min(widths)}-{max(widths)}"
        return f"PhotoSet({set_title(self.name, self.split)}; {len(self)} photographs; {sizes} pixels)"
