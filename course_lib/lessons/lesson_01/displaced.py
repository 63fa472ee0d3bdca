"""Lesson 01: a picture and the same one moved sideways by nobody knows how much: right answers that differ in place.

All answers are known, so the pictures that the pixel losses ask for are known too. The mean of the answers is the
picture as a hand that shook would have taken it: each pixel is the mean of its row's pixels within reach.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_count, check_tensor
from course_lib.data.batching import Batch, Batched, Make
from course_lib.data.columns import Making
from course_lib.data.containers import ImageSet
from course_lib.errors import ShapeError

REACH = 3


def moved(images: Tensor, by: Tensor) -> Tensor:
    """Return pictures moved to the right, each by its own number of pixels; the border repeats into the gap.

    Args:
        images: (N, C, H, W), of any type.
        by: (N,) whole numbers, negative to the left, smaller than W.

    Raises:
        ShapeError: if the shapes do not fit, ``by`` holds no whole numbers, or one is as large as W.
    """
    check_tensor(images, "images", "(N, C, H, W)")
    check_tensor(by, "by", "(N)")
    whole = not (by.is_floating_point() or by.is_complex() or by.dtype == torch.bool)
    width = images.shape[3]
    if not whole or by.shape != images.shape[:1] or int(by.abs().max()) >= width:
        raise ShapeError(
            f"by is {by.dtype} {tuple(by.shape)}: give a whole number between {1 - width} and {width - 1} for each of "
            f"the {len(images)} pictures."
        )
    columns = torch.arange(width, device=images.device) - by.to(images.device, torch.int64).view(-1, 1)
    columns = columns.clamp(0, width - 1).view(len(images), 1, 1, width)
    return images.gather(3, columns.expand(images.shape))


def moved_answers(images: Tensor, reach: int = REACH) -> Tensor:
    """Return the 2 ``reach`` + 1 equally likely answers to each picture, from left to right.

    Args:
        images: (N, C, H, W), of any type.
        reach: the largest displacement, in pixels.

    Returns:
        (N, 2 reach + 1, C, H, W); the one in the middle is the picture itself.

    Raises:
        ShapeError: if the shape is another, or ``reach`` no whole number from 1 to W - 1.
    """
    check_tensor(images, "images", "(N, C, H, W)")
    check_count(reach, "reach")
    each = (moved(images, torch.full((len(images),), step)) for step in range(-reach, reach + 1))
    return torch.stack(list(each), dim=1)


class Displaced(Batched):
    """Pairs of a picture (x) and the same picture displaced sideways (y); the displacement is drawn anew each epoch.

    Args:
        dataset: the pictures.
        reach: the largest displacement in pixels; all from ``-reach`` to ``reach`` are equally likely.

    Raises:
        ShapeError: if the set holds no pictures, or ``reach`` is no whole number from 1 to their width - 1.
    """

    def __init__(self, dataset: ImageSet, reach: int = REACH) -> None:
        if not isinstance(dataset, ImageSet) or dataset.categorical:
            raise ShapeError(f"Displaced takes an ImageSet of pictures, not {dataset!r}.")
        check_count(reach, "reach")
        if reach >= dataset.images.shape[3]:
            raise ShapeError(f"reach is {reach}: give less than {dataset.images.shape[3]}, the width of the pictures.")
        self.dataset, self.reach = dataset, reach
        self.name, self.split = f"{dataset.name}, displaced by up to {reach}", dataset.split
        self.mirrors = dataset.mirrors

    def __len__(self) -> int:
        return len(self.dataset)

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw an epoch of the pictures, and then a displacement for each."""
        whole = self.dataset.draw(shuffle=shuffle, flip=flip, generator=generator)
        by = torch.randint(-self.reach, self.reach + 1, (len(self),), generator=generator)

        def make(places: slice, making: Making) -> Batch:
            batch = whole(places, making)
            return Batch(batch.index, x=batch.images, y=moved(batch.images, by[places]))

        return make

    def __repr__(self) -> str:
        return f"Displaced({self.dataset!r}, reach={self.reach})"
