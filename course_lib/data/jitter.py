"""Random jitter: pictures are held a little larger than the networks see them, and each is cropped anew every epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.data.batching import Batch, Batched, Make
from course_lib.data.columns import Making
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.errors import DataError, ShapeError


class Jittered(Batched):
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
        elif isinstance(dataset, UnpairedSet) and all(isinstance(side, ImageSet) for side in (dataset.x, dataset.y)):
            sizes = [tuple(side.images.shape[2:]) for side in (dataset.x, dataset.y)]
        else:
            raise ShapeError(f"Jittered takes a PairedSet or an UnpairedSet, not {type(dataset).__name__}.")
        largest = min(min(size) for size in sizes)
        if isinstance(crop, bool) or not isinstance(crop, int) or not 1 <= crop <= largest:
            raise DataError(f"crop is {crop!r}: give a whole number from 1 to {largest}, the side of these pictures.")
        self.dataset, self.crop = dataset, crop
        self.name, self.split, self.mirrors = f"{dataset.name}, random crops of {crop}", dataset.split, dataset.mirrors

    def __len__(self) -> int:
        return len(self.dataset)

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw an epoch of the set itself, and then two numbers for the place of each crop."""
        whole = self.dataset.draw(shuffle=shuffle, flip=flip, generator=generator)
        sides = 1 if isinstance(self.dataset, PairedSet) else 2
        corners = torch.rand(len(self), sides, 2, generator=generator, dtype=torch.float64)

        def make(places: slice, making: Making) -> Batch:
            batch, here = whole(places, making), corners[places]
            # place k of an epoch has corner k, whichever picture is there; x and y of a pair share it
            return batch.with_columns(x=self._cut(batch.x, here[:, 0]), y=self._cut(batch.y, here[:, -1]))

        return make

    def _cut(self, images: Tensor, corners: Tensor) -> Tensor:
        """Return one crop of each picture, ``(N, C, crop, crop)``, at corners ``(N, 2)`` in [0, 1)."""
        height, width = images.shape[2:]
        tops = (corners[:, 0] * (height - self.crop + 1)).long().tolist()
        lefts = (corners[:, 1] * (width - self.crop + 1)).long().tolist()
        size = self.crop
        crops = [
            image[:, top : top + size, left : left + size] for image, top, left in zip(images, tops, lefts, strict=True)
        ]
        return torch.stack(crops)

    def __repr__(self) -> str:
        return f"Jittered({self.dataset!r}, crop={self.crop})"
