"""Where in the spectrum the energy of pictures lies: by frequency, from slow shading to single pixels.

The spectrum is that of the cosine transform, which continues a picture by its mirror image, so that the jump from one
border to the other, which a Fourier transform sees, does not count as detail.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_lib.arguments import check_count, check_floats, check_tensor, check_values
from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_images

BINS = 16  # rings from 0 to the Nyquist frequency
_PART = 256  # pictures at a time


@torch.no_grad()
def radial_spectrum(images: Tensor, bins: int = BINS) -> tuple[Tensor, Tensor]:
    """Return the mean energy of a wave at each frequency, whatever its direction.

    A ring holds the waves (coefficients of the cosine transform) whose radial frequency, the root of the summed squares
    of the vertical and the horizontal one, lies in an interval of ``0.5 / bins``. The constant is left out. The energy
    is the mean over the waves of a ring, over channels and over pictures: white noise of variance v has v in each
    ring, photographs fall with about the square of the frequency. Above 0.5 there are only diagonal waves; the finest
    of them is a checkerboard of single pixels.

    Args:
        images: (N, C, H, W) in [-1, 1], C = 1 or 3.
        bins: rings from 0 to 0.5 cycles a pixel (the Nyquist frequency, two pixels a cycle); those above, up to 0.71,
            have the same width.

    Returns:
        The middle of each ring in cycles a pixel, and its energy, (R,) each. Rings without a wave are left out.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or ``bins`` is below 1.
    """
    check_images(images, channels=(1, 3))
    check_count(bins, "bins")
    height, width = images.shape[2:]
    if height * width == 1:
        raise ShapeError("A picture of one pixel has no spectrum: give larger ones.")
    total = torch.zeros(height, width, dtype=torch.float64)
    for part in images.split(_PART):
        total += cosine_energy(part).sum(dim=(0, 1), dtype=torch.float64)
    mean = total.flatten() / (images.shape[0] * images.shape[1])
    # A wave on the border of two rings belongs to the lower one; 1e-9 keeps it there in spite of rounding.
    ring = (radial_frequencies(height, width).flatten() * (2 * bins) - 1e-9).ceil().long() - 1
    ring, mean = ring[1:], mean[1:]  # without the constant
    waves = torch.bincount(ring)
    energy = torch.bincount(ring, weights=mean)
    kept = waves > 0
    frequency = (torch.arange(len(waves)) + 0.5) / (2 * bins)
    return frequency[kept], (energy / waves.clamp(min=1))[kept].float()


def spectrum_ratio(made: Tensor, real: Tensor, bins: int = BINS) -> tuple[Tensor, Tensor]:
    """Return how much energy pictures have at each frequency against the truth: 1 as much, below 1 too little.

    The energy says nothing of where in the picture the detail is, nor whether it fits: noise fills the spectrum too.

    Args:
        made: (N, C, H, W) in [-1, 1], outputs.
        real: (M, C, H, W), the truth; it need not correspond one to one, but should show the same kind of thing.
        bins: as for :func:`radial_spectrum`.

    Returns:
        The middle of each ring in cycles a pixel, and the ratio of the two mean energies, (R,) each.

    Raises:
        ShapeError: if the sizes differ, the type or range is another, or the truth has no energy in one of the rings.
    """
    check_tensor(made, "made")
    check_tensor(real, "real")
    if made.shape[1:] != real.shape[1:]:
        raise ShapeError(
            f"A ratio of spectra compares pictures of one size, not {tuple(made.shape[1:])} with "
            f"{tuple(real.shape[1:])}: resize one of them first."
        )
    frequency, truth = radial_spectrum(real, bins)
    if not bool((truth > 1e-12).all()):
        raise ShapeError("The truth has no energy at some frequencies: give pictures that have some detail.")
    return frequency, radial_spectrum(made, bins)[1] / truth


def cosine_energy(images: Tensor) -> Tensor:
    """Return the squares of the orthonormal cosine transform (DCT-II) of each channel, with 0 for its constant part.

    Their sum over a channel is the sum of the squared differences of its pixels from their mean.

    Args:
        images: (N, C, H, W), float.

    Returns:
        (N, C, H, W) float32 on the CPU; row k and column l belong to k / (2 H) and l / (2 W) cycles a pixel.

    Raises:
        ShapeError: if the pictures have another shape or type.
    """
    check_floats(images, "images", "(N, C, H, W)")
    check_values(images, "images")
    x = images.detach().float().cpu()
    x = x - x.mean(dim=(2, 3), keepdim=True)
    rows, columns = (_cosine_basis(size) for size in x.shape[2:])
    return (rows @ x @ columns.T).square()


@lru_cache(maxsize=8)
def radial_frequencies(height: int, width: int) -> Tensor:
    """Return the radial frequency of each coefficient of the cosine transform in cycles a pixel, (H, W) float64.

    Raises:
        ShapeError: if a side has no pixel.
    """
    check_count(height, "height")
    check_count(width, "width")
    vertical = torch.arange(height, dtype=torch.float64)[:, None] / (2 * height)
    horizontal = torch.arange(width, dtype=torch.float64)[None, :] / (2 * width)
    return (vertical.square() + horizontal.square()).sqrt()


@lru_cache(maxsize=8)
def _cosine_basis(size: int) -> Tensor:
    """Return the orthonormal cosine transform as a matrix: row k has the frequency k / (2 size)."""
    frequency = torch.arange(size, dtype=torch.float64)[:, None]
    position = torch.arange(size, dtype=torch.float64)[None, :] + 0.5
    basis = (math.pi * frequency * position / size).cos() * (2 / size) ** 0.5
    basis[0] /= 2**0.5
    return basis.float()
