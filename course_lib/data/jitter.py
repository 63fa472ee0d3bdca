"""Random jitter: pictures are held a little larger than the networks see them, and each is cropped anew every epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from course_lib.data.batching import Batch
from course_lib.data.containers import PairedSet, UnpairedSet
from course_lib.data.rowsets import Range
from course_lib.errors import DataError, ShapeError


class Jittered:
    """A set of which every batch shows random crops: of a pair the same place of x and y, of unpaired sides two places.

    For the jitter of the papers hold the pictures at 286 x 286 and crop 256; ``fit`` mirrors them besides.

    Args:
        dataset: pairs of one size, or two unpaired sides, at the larger size.
        crop: side of a crop in pixels; every place is equally likely.

    Raises:
        ShapeError: if the set is another, or the x and y of its pairs differ in size.
        DataError: if the crop is no whole number, or larger than the pictures.

    Source: Isola et al. 2017, section 6.2; for unpaired sets the code of the authors of Zhu et al. 2017.
    """

    def __init__(self, dataset: PairedSet | UnpairedSet, crop: int) -> None:
        if isinstance(dataset, PairedSet):
            sizes = [tuple(images.shape[2:]) for images in (dataset.x, dataset.y)]
            if sizes[0] != sizes[1]:
                raise ShapeError(
                    f"x is {sizes[0]} and y {sizes[1]}: bring both to one size, so that one crop fits the pair."
                )
        elif isinstance(dataset, UnpairedSet):
            sizes = [tuple(side.images.shape[2:]) for side in (dataset.x, dataset.y)]
        else:
            raise ShapeError(f"Jittered takes a PairedSet or an UnpairedSet, not {type(dataset).__name__}.")
        largest = min(min(size) for size in sizes)
        if isinstance(crop, bool) or not isinstance(crop, int) or not 1 <= crop <= largest:
            raise DataError(f"crop is {crop!r}: give a whole number from 1 to {largest}, the side of these pictures.")
        self.dataset = dataset
        self.crop = crop

    @property
    def name(self) -> str:
        """The name of the set and what becomes of its pictures."""
        return f"{self.dataset.name}, random crops of {self.crop}"

    @property
    def split(self) -> str:
        """The split of the set."""
        return self.dataset.split

    def __len__(self) -> int:
        return len(self.dataset)

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
        """Return how many batches an epoch has."""
        return self.dataset.num_batches(batch_size, drop_last)

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
        """Return an iterator over the batches of one epoch, cropped.

        The arguments and the rule for random numbers are those of ``ImageSet.batches``: this call draws them all, first
        those of the set itself and then two for each crop.
        """
        whole = self.dataset.batches(batch_size, device, generator, flip, shuffle, drop_last, skip, value_range)
        sides = 1 if isinstance(self.dataset, PairedSet) else 2
        places = torch.rand(len(self), sides, 2, generator=generator, dtype=torch.float64)

        def make(number: int, batch: Batch) -> Batch:
            here = places[number * batch_size : (number + 1) * batch_size]
            # row k of a batch has place k, whichever picture it is; x and y of a pair share it
            return dataclasses.replace(batch, x=self._cut(batch.x, here[:, 0]), y=self._cut(batch.y, here[:, -1]))

        return (make(number, batch) for number, batch in enumerate(whole, start=skip))

    def _cut(self, images: Tensor, places: Tensor) -> Tensor:
        """Return one crop of each picture, ``(N, C, crop, crop)``, at places ``(N, 2)`` in [0, 1)."""
        height, width = images.shape[2:]
        tops = (places[:, 0] * (height - self.crop + 1)).long().tolist()
        lefts = (places[:, 1] * (width - self.crop + 1)).long().tolist()
        size = self.crop
        crops = [
            image[:, top : top + size, left : left + size] for image, top, left in zip(images, tops, lefts, strict=True)
        ]
        return torch.stack(crops)

    def __repr__(self) -> str:
        return f"Jittered({self.dataset!r}, crop={self.crop})"
