"""Low- and high-resolution pairs, cut from the bundled photographs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_lib.data.containers import PairedSet
from course_lib.errors import DataError


def shrink(images: Tensor, factor: int) -> Tensor:
    """Return uint8 images at ``1 / factor`` of their size: bicubic with antialiasing, rounded to bytes.

    Args:
        images: (N, C, H, W) uint8; H and W must be divisible by ``factor``.
        factor: a whole number of at least 2.

    Raises:
        DataError: if the size is not divisible.

    Source: the usual degradation of super-resolution benchmarks, for example Ledig et al. 2017, section 3.1
        (there a Gaussian blur and a stride; bicubic with antialiasing is the later convention).
    """
    height, width = images.shape[-2:]
    if factor < 2 or height % factor or width % factor:
        raise DataError(f"Images of {height} x {width} cannot be shrunk by {factor}: choose a divisor of both sides.")
    small = interpolate(images.float(), size=(height // factor, width // factor), mode="bicubic", antialias=True)
    return small.round_().clamp_(0, 255).to(torch.uint8)


def super_resolution_pairs(
    split: str = "train", *, size: int = 96, stride: int | None = None, factor: int = 4
) -> PairedSet:
    """Return patches of the photographs (y) with their small versions (x).

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``; a photograph is in one split only.
        size: side of a patch in pixels.
        stride: from one patch to the next; ``size`` if not given, so that patches do not overlap.
        factor: how much smaller x is.

    Raises:
        DataError: if the split is unknown, or ``size`` is not divisible by ``factor``.
    """
    from course_lib.data.photos import photos

    patches = photos(split).patches(size, stride=stride)
    return PairedSet(
        name="photos_super_resolution",
        split=split,
        x=shrink(patches.images, factor),
        y=patches.images,
        names=patches.names,
        licence=patches.licence,
        source=patches.source,
    )
