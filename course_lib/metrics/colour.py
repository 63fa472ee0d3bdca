"""How the colours of a set of pictures are distributed, and how much of the truth's distribution is met.

A model that is punished for the distance to one answer plays safe with greyish colours: its histograms of a and b, the
two axes of colour of CIE Lab, are narrower than the truth's. A discriminator knows grey from real and widens them.

Source: Isola et al., Image-to-image translation with conditional adversarial networks, 2017, section 4.2 and figure 7.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_choice, check_count, check_tensor, check_values
from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_images

RANGES = {"L": (0.0, 100.0), "a": (-110.0, 110.0), "b": (-110.0, 110.0)}
"""Ends of the histograms. All colours of a screen lie between: a from -86 to 98, b from -108 to 94."""

BINS = 55  # of 1.8 in L, and of 4 in a and b
WHITE = 0.98  # a channel above it is as good as white
_PART = 64  # pictures at a time

_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))  # linear sRGB to X, Y, Z


def srgb_to_lab(images: Tensor) -> Tensor:
    """Return pictures in CIE Lab, in which equal distances look about equally different.

    Args:
        images: (N, 3, H, W) sRGB in [-1, 1].

    Returns:
        (N, 3, H, W): L from 0 (black) to 100 (white), a from green (-) to red (+), b from blue (-) to yellow (+);
        greys have a = b = 0.

    Raises:
        ShapeError: if the pictures have another shape, type or range.

    Source:
        IEC 61966-2-1 (sRGB to XYZ) and CIE 15:2004, section 8.2.1 (XYZ to Lab), with the white D65 of sRGB.
    """
    check_images(images)
    encoded = ((images.detach().float() + 1) / 2).clamp(0, 1)
    linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055).pow(2.4))
    matrix = torch.tensor(_TO_XYZ, device=images.device)
    matrix = matrix / matrix.sum(dim=1, keepdim=True)  # white, the sum of a row, becomes 1
    ratio = torch.einsum("ij,njhw->nihw", matrix, linear)
    delta = 6 / 29
    root = torch.where(
        ratio > delta**3, ratio.clamp(min=delta**3).pow(1 / 3), ratio / (3 * delta**2) + 4 / 29
    )  # the clamp only keeps the branch that is not taken finite
    x, y, z = root.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def not_white(images: Tensor) -> Tensor:
    """Return which pixels are not white, (N, 1, H, W) bool: one of their channels is at most 0.98 in [-1, 1].

    Args:
        images: (N, 3, H, W) in [-1, 1].

    Raises:
        ShapeError: if the pictures have another shape, type or range.
    """
    check_images(images)
    return (images.detach() <= WHITE).any(dim=1, keepdim=True)


@torch.no_grad()
def colour_histograms(
    images: Tensor, bins: int = BINS, mask: Tensor | None = None, ignore_white: bool = False
) -> dict[str, Tensor]:
    """Return the histograms of L, a and b over all pixels of all pictures.

    By default every pixel counts, as in the paper: no output can choose which of its pixels are judged. Where a white
    ground fills half of each picture, it also fills half of each histogram, and whoever leaves it white has an
    intersection of 0.5 before the first colour. Where the pictures have true pairs, give the same ``mask =
    not_white(truth)`` for outputs and truth: both are then judged at the same places. Where they have none, there is
    ``ignore_white``, which looks at each picture itself; beware of its cliff: a ground of 0.99 does not count, and one
    of 0.97 counts fully.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        bins: of each histogram, an odd number: grey then lies in the middle of a bin of a and b, not on a border.
        mask: (N, 1, H, W) bool, the pixels that count; None: all.
        ignore_white: whether to leave out pixels that are white in these pictures (see :func:`not_white`).

    Returns:
        ``L``, ``a`` and ``b``: (bins,) each, shares that sum to 1, over the ranges ``RANGES``.

    Raises:
        ShapeError: if the pictures or the mask do not fit, ``bins`` is even, or no pixel is left.

    Source:
        Isola et al. 2017, figure 7 (width of the bins: ours).
    """
    check_images(images)
    check_count(bins, "bins")
    if bins < 3 or bins % 2 == 0:
        raise ShapeError(f"{bins} bins would have grey on a border or nothing to compare: give an odd number above 2.")
    count = not_white(images) if ignore_white else torch.ones_like(images[:, :1], dtype=torch.bool)
    if mask is not None:
        check_tensor(mask, "mask")
        check_values(mask, "mask")
        if mask.dtype != torch.bool or mask.shape != count.shape:
            raise ShapeError(
                f"A mask is bool and has the shape {tuple(count.shape)} here, not {mask.dtype} {tuple(mask.shape)}: "
                "make it with not_white(pictures of the same size)."
            )
        count = count & mask.to(count.device)
    if not bool(count.any()):
        raise ShapeError("No pixel is left to count: give another mask, or pictures that are not all white.")
    totals = torch.zeros(3, bins, dtype=torch.int64, device=images.device)
    for part, kept in zip(images.split(_PART), count.split(_PART), strict=True):
        pixels = srgb_to_lab(part).movedim(1, -1)[kept[:, 0]]
        for axis, (low, high) in enumerate(RANGES.values()):
            place = ((pixels[:, axis] - low) * (bins / (high - low))).long().clamp(0, bins - 1)
            totals[axis] += torch.bincount(place, minlength=bins)
    shares = (totals.double() / totals[0].sum()).float().cpu()
    return dict(zip(RANGES, shares, strict=True))


def histogram_intersection(
    made: Tensor, real: Tensor, bins: int = BINS, mask: Tensor | None = None, ignore_white: bool = False
) -> dict[str, float]:
    """Return how much the distributions of L, a and b of two sets overlap: 1 if they are equal, 0 if nothing is shared.

    It is ``sum_i min(p_i, q_i)`` over the bins: one minus half the sum of the absolute differences. The frequent bins
    decide; read it beside the histograms with a logarithmic axis, where the rare and colourful ones are seen. Two sets
    of real pictures do not reach 1, so give that figure too. Figures with other bins cannot be compared.

    Args:
        made: (N, 3, H, W) in [-1, 1], outputs.
        real: (M, 3, H, W) in [-1, 1], the truth; it need not correspond one to one.
        bins: as for :func:`colour_histograms`.
        mask: (N, 1, H, W) bool, the pixels that count in both sets, which then must be pairs; None: all.
        ignore_white: whether each set leaves out its own white pixels; :func:`colour_histograms` says when.

    Returns:
        ``L``, ``a`` and ``b``, from 0 to 1.

    Raises:
        ShapeError: as for :func:`colour_histograms`.

    Source:
        Isola et al. 2017, table in figure 7. The measure is that of Swain and Ballard, Color indexing, 1991.
    """
    first = colour_histograms(made, bins, mask, ignore_white)
    second = colour_histograms(real, bins, mask, ignore_white)
    return {axis: float(torch.minimum(first[axis].double(), second[axis].double()).sum()) for axis in RANGES}


def colour_bins(axis: str, bins: int = BINS) -> Tensor:
    """Return the middles of the bins of a histogram of L, a or b, (bins,).

    Raises:
        ShapeError: if there is no such axis, or no bin.
    """
    check_choice(axis, "axis", RANGES)
    check_count(bins, "bins")
    low, high = RANGES[axis]
    return low + (torch.arange(bins) + 0.5) * ((high - low) / bins)
