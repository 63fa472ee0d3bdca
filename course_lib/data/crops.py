"""Random square crops of the bundled photographs, at random scales: what fast style transfer is trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_lib.arguments import check_count, check_tensor
from course_lib.data.containers import ImageSet
from course_lib.errors import DataError, ShapeError


def photo_crops(
    split: str = "train", size: int = 128, count: int = 1000, seed: int = 0, *, shrunk: tuple[float, float] = (1.0, 3.0)
) -> ImageSet:
    """Return random square crops of the photographs, each cut after the photograph was made smaller.

    The factor by which a photograph is made smaller is drawn anew for each crop, log-uniformly, but never so large that
    its shorter side would be less than ``size``; then every place is equally likely. The photographs take turns, so
    that each gives as many crops as the others, give or take one.

    Only the part that is needed is shrunk: a square of ``factor * size`` pixels (a whole number of them) is cut out and
    brought to ``size``, which costs less and differs from shrinking first only along the border.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``; a photograph is in one split only.
        size: side of a crop in pixels.
        count: how many crops.
        seed: of factors and places; the global random state is not touched.
        shrunk: the least and the greatest factor, from 1 on.

    Returns:
        An ``ImageSet`` with the factor ``photo``, the number of the photograph that a crop was cut from. The name of a
        crop says how much smaller its photograph was made, and where it was cut, in pixels of the photograph.

    Raises:
        DataError: if the split is unknown, or a size, count or factor cannot be met.
    """
    from course_lib.data.bundled.photos import photos

    pictures = photos(split)
    pictures.check_window(size, "size")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DataError(f"count is {count!r}: give a whole number of at least 1.")
    try:
        least, greatest = (float(factor) for factor in shrunk)
    except (TypeError, ValueError):
        least = greatest = math.nan
    if not 1 <= least <= greatest < math.inf:
        raise DataError(f"shrunk is {shrunk!r}: give the least and the greatest factor, from 1 on.")
    drawn = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).tolist()
    crops, names, owners = [], [], []
    for number, (scale, down, across) in enumerate(drawn):
        owner = number % len(pictures)
        photo = pictures.images[owner]
        height, width = photo.shape[1:]
        limit = min(height, width) / size
        low, high = min(least, limit), min(greatest, limit)
        side = round(size * math.exp(math.log(low) + scale * (math.log(high) - math.log(low))))
        top, left = int(down * (height - side + 1)), int(across * (width - side + 1))
        crops.append(resized(photo[:, top : top + side, left : left + side], (size, size)))
        names.append(f"{pictures.names[owner]}, {side / size:.2f} times smaller, from {top}, {left}")
        owners.append(owner)
    return ImageSet(
        name=f"photos, {count} random crops of {size}",
        split=split,
        images=torch.stack(crops),
        names=names,
        factors={"photo": torch.tensor(owners)},
        factor_names={"photo": list(pictures.names)},
        licence="; ".join(sorted(set(pictures.licences))),
        source=pictures.source,
    )


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture at any other size, as ``shrink`` does for whole factors: bicubic, antialiased, rounded to bytes.

    Args:
        image: (C, H, W) uint8.
        size: height and width wanted, at least 1.

    Raises:
        ShapeError: if the picture has another shape or type, or the size is another.
    """
    check_tensor(image, "image")
    if image.dim() != 3 or image.dtype != torch.uint8:
        raise ShapeError(f"resized takes uint8 (C, H, W), not {image.dtype} {tuple(image.shape)}: convert it first.")
    check_tensor(image, "image", "(C, H, W)")
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ShapeError(f"size is {size!r}: give height and width, such as (64, 64).")
    for side in size:
        check_count(side, "A side of size")
    if tuple(image.shape[1:]) == tuple(size):
        return image.clone()
    scaled = interpolate(image[None].float(), size=size, mode="bicubic", antialias=True)
    return scaled[0].round_().clamp_(0, 255).to(torch.uint8)


def shorter_side_to(image: Tensor, side: int) -> Tensor:
    """Return a picture of which the shorter side has ``side`` pixels, with the proportions kept.

    Args:
        image: (C, H, W) uint8.
        side: of the result, in pixels.

    Raises:
        DataError: if the side is no whole number of at least 1.
        ShapeError: if the picture has another shape or type.
    """
    if isinstance(side, bool) or not isinstance(side, int) or side < 1:
        raise DataError(f"side is {side!r}: give a whole number of at least 1.")
    check_tensor(image, "image", "(C, H, W)")
    height, width = image.shape[1:]
    factor = side / min(height, width)
    return resized(image, (round(height * factor), round(width * factor)))
