"""Photographs of any size, and the squares that are cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from course_lib.data.batching import Batch, Batched, Epoch, Make
from course_lib.data.columns import Making, Pictures, take_list
from course_lib.data.containers import ImageSet
from course_lib.data.rowsets import as_rows, set_title
from course_lib.errors import DataError, ShapeError

__all__ = ["CropSet", "PhotoSet"]


@dataclass(frozen=True, eq=False, repr=False)
class PhotoSet:
    """Photographs of any size, to be cut into ``patches`` on a grid or into random ``crops``.

    Args:
        name: the set, for example ``"photos"``.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        images: N tensors (3, H, W) uint8.
        names: N names.
        metadata: N rows of what is known of each photograph (title, author, source, ...).
        licences: N licences.
        source: where they come from.
        mirrors: whether they may be mirrored left to right.
    """

    name: str
    split: str
    images: list[Tensor]
    names: list[str]
    metadata: list[dict[str, str]]
    licences: list[str]
    source: str = ""
    mirrors: bool = True

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
            mirrors=self.mirrors,
        )

    def crops(self, size: int = 64, per_photo: int = 1) -> CropSet:
        """Return a set whose every epoch holds ``per_photo`` new random crops of each photograph.

        Args:
            size: side of a crop in pixels; every place in the photograph is equally likely.
            per_photo: crops of each photograph in one epoch.

        Raises:
            DataError: if a size or number cannot be met.
        """
        return CropSet(self, size, per_photo)

    def __repr__(self) -> str:
        heights = [photo.shape[1] for photo in self.images]
        widths = [photo.shape[2] for photo in self.images]
        sizes = f"{min(heights)}-{max(heights)} x {min(widths)}-{max(widths)}"
        return f"PhotoSet({set_title(self.name, self.split)}; {len(self)} photographs; {sizes} pixels)"


class CropSet(Batched):
    """Random crops of photographs, others in every epoch; ``index`` of a batch holds the numbers of the photographs.

    Args:
        photos: what is cut.
        size: side of a crop in pixels; every place in a photograph is equally likely.
        per_photo: crops of each photograph in one epoch.

    Raises:
        DataError: if a size or number cannot be met.
    """

    def __init__(self, photos: PhotoSet, size: int, per_photo: int = 1) -> None:
        photos.check_window(size, "size")
        if isinstance(per_photo, bool) or not isinstance(per_photo, int) or per_photo < 1:
            raise DataError(f"per_photo is {per_photo!r}: give a whole number of at least 1.")
        self.photos, self.size, self.per_photo = photos, size, per_photo
        self.name, self.split, self.mirrors = f"{photos.name}, random crops of {size}", photos.split, photos.mirrors

    def __len__(self) -> int:
        return len(self.photos) * self.per_photo

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw the order of the crops, a coin for each if they are to be mirrored, and then where each is cut."""
        epoch = Epoch.draw(len(self), shuffle=shuffle, flip=flip, generator=generator)
        corners = torch.rand(len(self), 2, generator=generator, dtype=torch.float64)

        def cut(crop: int) -> Tensor:
            photo = self.photos.images[crop % len(self.photos)]
            down, across = corners[crop].tolist()
            top, left = int(down * (photo.shape[1] - self.size + 1)), int(across * (photo.shape[2] - self.size + 1))
            return photo[:, top : top + self.size, left : left + self.size]

        def make(places: slice, making: Making) -> Batch:
            crops, here = epoch.at(places, making)
            pictures = Pictures(torch.stack([cut(crop) for crop in crops.tolist()]))
            return Batch(crops % len(self.photos), images=pictures.batch(torch.arange(len(crops)), here))

        return make

    def __repr__(self) -> str:
        return f"CropSet({self.photos!r}, size={self.size}, per_photo={self.per_photo})"
