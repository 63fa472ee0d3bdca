"""Low- and high-resolution pairs, cut from the bundled photographs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_lib.arguments import check_tensor
from course_lib.data.containers import PairedSet
from course_lib.errors import DataError, ShapeError


def shrink(images: Tensor, factor: int) -> Tensor:
    """Return uint8 images at ``1 / factor`` of their size: bicubic with antialiasing, rounded to bytes.

    Args:
        images: (N, C, H, W) uint8; H and W must be divisible by ``factor``.
        factor: a whole number of at least 2.

    Raises:
        ShapeError: if the images have another shape or type.
        DataError: if the size is not divisible.

    Source: the usual degradation of super-resolution benchmarks, for example Ledig et al. 2017, section 3.1
        (there a Gaussian blur and a stride; bicubic with antialiasing is the later convention).
    """
    check_tensor(images, "images")
    if images.dim() != 4 or images.dtype != torch.uint8:
        raise ShapeError(
            f"shrink takes uint8 (N, C, H, W), not {images.dtype} {tuple(images.shape)}: convert it first."
        )
    check_tensor(images, "images", "(N, C, H, W)")
    height, width = images.shape[-2:]
    if not isinstance(factor, int) or factor < 2 or height % factor or width % factor:
        raise DataError(
            f"Images of {height} x {width} cannot be shrunk by {factor}: choose a divisor of both, at least 2."
        )
    size = (height // factor, width // factor)
    parts = [interpolate(part.float(), size=size, mode="bicubic", antialias=True) for part in images.split(256)]
    return torch.cat([part.round_().clamp_(0, 255).to(torch.uint8) for part in parts])


def super_resolution_pairs(
    split: str = "train", *, size: int = 96, stride: int | None = None, factor: int = 4
) -> PairedSet:
    """Return patches of the photographs (y) with their small versions (x).

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``; a photograph is in one split only.
        size: side of a patch in pixels.
        stride: from one patch to the next; ``size`` if not given, so that patches do not overlap.
        factor: how much smaller x is.

    Returns:
        A ``PairedSet`` with the factor ``photo``, the number of the photograph that a patch was cut from.

    Raises:
        DataError: if the split is unknown, a size cannot be met, or ``size`` is not divisible by ``factor``.
    """
    from course_lib.data.bundled.photos import photos

    patches = photos(split).patches(size, stride=stride)
    return PairedSet(
        name="photos_super_resolution",
        split=split,
        x=shrink(patches.images, factor),
        y=patches.images,
        names=patches.names,
        factors=patches.factors,
        factor_names=patches.factor_names,
        licence=patches.licence,
        source=patches.source,
    )
