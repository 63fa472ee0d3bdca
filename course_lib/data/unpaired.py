"""Two sides without pairs, from sets whose pairs are known; the truth of held-out pictures is kept for measuring."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from course_lib.data.bundled.emoji import emoji_index, emoji_pairs
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.luma import luma
from course_lib.data.photographs import PhotoSet
from course_lib.data.super_resolution import shrink
from course_lib.errors import DataError

SIZES = (64, 32)


def emoji_unpaired(x: str = "flat", y: str = "3d", size: int = 64) -> UnpairedSet:
    """Return the training emoji as two sides of disjoint emoji: none is on both, nor a near-duplicate of it.

    The clusters (all tones and genders of an emoji, and those that look nearly the same) are dealt out in a fixed
    random order, each to the side with fewer pictures.

    Args:
        x: style of the first side, see ``course_lib.data.emoji``.
        y: style of the second.
        size: side of the pictures, 64 or 32.

    Raises:
        DataError: if a style or the size is unknown.
    """
    pairs = emoji_at(emoji_pairs("train", x=x, y=y), size)
    cluster = torch.tensor([int(row["cluster"]) for row in emoji_index("train")])  # its rows are those of the pairs
    clusters, counts = cluster.unique(return_counts=True)
    order = torch.randperm(len(clusters), generator=torch.Generator().manual_seed(0)).tolist()
    sides: tuple[list[int], list[int]] = ([], [])
    held = [0, 0]
    for place in order:
        side = int(held[1] < held[0])
        sides[side].append(int(clusters[place]))
        held[side] += int(counts[place])
    first, second = (torch.isin(cluster, torch.tensor(side)).nonzero().flatten() for side in sides)
    return UnpairedSet(pairs.side("x")[first], pairs.side("y")[second])


def emoji_at(pairs: PairedSet, size: int) -> PairedSet:
    """Return pairs of 64 x 64 as they are, or shrunk to 32 x 32.

    Raises:
        DataError: if the size is another.
    """
    if size not in SIZES:
        raise DataError(f"The emoji are 64 x 64 and can be shrunk to 32 x 32, not to {size!r}: choose 64 or 32.")
    if size == 64:
        return pairs
    factor = 64 // size

    def smaller(side: str) -> Tensor:
        images: Tensor = getattr(pairs, side)
        # the mean of two class ids is a third class: of label maps every other pixel is kept
        return images[:, :, ::factor, ::factor].clone() if side in pairs.categorical else shrink(images, factor)

    return dataclasses.replace(pairs, x=smaller("x"), y=smaller("y"))


def grey_pairs(split: str = "train", size: int = 64, *, shrunk: int = 2, stride: int | None = None) -> PairedSet:
    """Return patches of the photographs in colour (y) and their luminance (x).

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``; a photograph is in one split only.
        size: side of a patch in pixels.
        shrunk: how much smaller the photographs are made first, so that a patch shows more of the scene.
        stride: from one patch to the next, in pixels of the patch; ``size`` if not given.

    Returns:
        A ``PairedSet`` with x (N, 1, size, size), the luma 0.299 R + 0.587 G + 0.114 B, and y (N, 3, size, size).

    Raises:
        DataError: if the split is unknown or a size cannot be met.
    """
    from course_lib.data.bundled.photos import photos

    patches = patches_of(photos(split), size, shrunk=shrunk, stride=stride)
    return PairedSet(
        name="photos_grey",
        split=split,
        x=luma(patches.images),
        y=patches.images,
        names=patches.names,
        factors=patches.factors,
        factor_names=patches.factor_names,
        licence=patches.licence,
        source=patches.source,
    )


def emoji_and_grey(size: int = 64) -> UnpairedSet:
    """Return flat training emoji (x) and the luma of other ones in three equal channels (y).

    No y tells the colours of its x, so that a way back from an honest y must guess them.

    Args:
        size: side of the pictures, 64 or 32.

    Raises:
        DataError: if the size is unknown.
    """
    first, second = emoji_unpaired("flat", "3d", size).x, emoji_unpaired("3d", "flat", size).y  # dealt alike
    return UnpairedSet(first, dataclasses.replace(second, images=luma(second.images).repeat(1, 3, 1, 1)))


def paintings_and_photos(size: int = 64, *, shrunk: int = 2) -> UnpairedSet:
    """Return patches of van Gogh's paintings (x) and of the training photographs (y).

    Args:
        size: side of a patch in pixels.
        shrunk: how much smaller the pictures are made first, so that a patch shows more of the scene.

    Raises:
        DataError: if a size cannot be met.
    """
    from course_lib.data.bundled.paintings import paintings
    from course_lib.data.bundled.photos import photos

    whole = paintings()
    van_gogh = [row for row, entry in enumerate(whole.metadata) if "Gogh" in entry["author"]]
    painted = patches_of(whole[van_gogh], size, shrunk=shrunk, stride=size // 4)
    return UnpairedSet(painted, patches_of(photos("train"), size, shrunk=shrunk))


def patches_of(pictures: PhotoSet, size: int, *, shrunk: int = 1, stride: int | None = None) -> ImageSet:
    """Return patches of pictures that are first made smaller by a whole factor.

    Args:
        pictures: of any size.
        size: side of a patch in pixels.
        shrunk: the factor; 1 leaves the pictures as they are.
        stride: from one patch to the next; ``size`` if not given.

    Raises:
        DataError: if a size cannot be met.
    """
    if shrunk > 1:
        smaller = []
        for image in pictures.images:
            height, width = (side // shrunk * shrunk for side in image.shape[1:])
            smaller.append(shrink(image[None, :, :height, :width], shrunk)[0])
        pictures = dataclasses.replace(pictures, images=smaller)
    return pictures.patches(size, stride=stride)
