"""Metrics that need no target for each output: how sharp, how colourful and how varied pictures are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course_lib.arguments import check_choice, check_floats, check_tensor
from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_images
from course_lib.metrics.spectrum import cosine_energy, radial_frequencies

if TYPE_CHECKING:
    from course_lib.models.vgg import VGG16Features

HALF_NYQUIST = 0.25  # cycles a pixel


@torch.no_grad()
def high_frequency_share(images: Tensor) -> Tensor:
    """Return, for each picture, the share of its spectral energy in the upper half of frequencies.

    The spectrum is that of the cosine transform, which continues a picture by its mirror image: a Fourier transform
    wraps it around, and the jump from one border to the other counts as sharpness (a fifth of the share of a sharp
    photograph, and all that is left of a blurred one). The energy is summed over channels, the constant component is
    left out, and "upper half" means a radial frequency above half the Nyquist frequency (0.25 cycles a pixel). White
    noise has a share of about ``1 - pi / 16 = 0.80``, the bundled photographs about 0.09.

    Args:
        images: (N, C, H, W) in [-1, 1], C = 1 or 3.

    Returns:
        (N,) in [0, 1]; 0 for a picture of one colour.

    Raises:
        ShapeError: if the pictures have another shape, type or range.
    """
    check_images(images, channels=(1, 3))
    height, width = images.shape[2:]
    energy = cosine_energy(images).sum(dim=1)
    upper = (energy * _upper_half(height, width)).sum(dim=(1, 2))
    total = energy.sum(dim=(1, 2))
    flat = total <= 1e-9 * height * width  # of one colour up to rounding
    return torch.where(flat, torch.zeros_like(total), upper / total.clamp(min=1e-12))


def sharpness(images: Tensor, reference: Tensor) -> float:
    """Return how much fine detail pictures have against a reference: 1 as much, below 1 blurred, above 1 noisy.

    It is the ratio of two means of :func:`high_frequency_share`, over the pictures and over the reference. The pictures
    need not correspond one to one, but should show the same kind of thing: compare outputs with their own targets.

    Args:
        images: (N, C, H, W) in [-1, 1].
        reference: (M, C, H, W), the truth.

    Raises:
        ShapeError: if the sizes differ, the type or range is another, or the reference has no detail at all.
    """
    check_tensor(images, "images")
    check_tensor(reference, "reference")
    if images.shape[1:] != reference.shape[1:]:
        raise ShapeError(
            f"Sharpness compares pictures of one size, not {tuple(images.shape[1:])} with "
            f"{tuple(reference.shape[1:])}: resize the reference first."
        )
    truth = float(high_frequency_share(reference).mean())
    if truth == 0:
        raise ShapeError("The reference pictures are of one colour each: give pictures that have some detail.")
    return float(high_frequency_share(images).mean()) / truth


@torch.no_grad()
def colourfulness(images: Tensor, reduction: str = "mean") -> float | Tensor:
    """Return how colourful pictures are: 0 for grey, about 30 for quiet colours, over 80 for loud ones.

    With R, G, B from 0 to 255, rg = R - G and yb = (R + G) / 2 - B, it is the root of the summed variances of rg and yb
    plus 0.3 times the length of their means, over the pixels of a picture.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        reduction: ``"mean"`` over pictures, or ``"none"`` for one figure a picture.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or there is no such reduction.

    Source:
        Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003, section 7 (their simplest metric).
    """
    check_images(images)
    check_choice(reduction, "reduction", ("mean", "none"))
    red, green, blue = ((images.detach().float() + 1) * 127.5).flatten(2).unbind(dim=1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue])
    spread = opponents.var(dim=2, correction=0).sum(dim=0).sqrt()
    offset = opponents.mean(dim=2).square().sum(dim=0).sqrt()
    values = spread + 0.3 * offset
    return float(values.mean()) if reduction == "mean" else values


@torch.no_grad()
def diversity(samples: Tensor, distance: str = "l1", vgg: VGG16Features | None = None) -> float:
    """Return the mean distance between two of the outputs that a model gives for the same input.

    The mean is over all pairs of different draws of an input, then over inputs. 0 means that the model always answers
    the same. Read it beside a metric of quality: noise is diverse too.

    Args:
        samples: (N, K, 3, H, W) in [-1, 1]: K draws for each of N inputs, K at least 2.
        distance: ``"l1"``: mean absolute difference of the pixels (0 to 2). ``"vgg"``: at each position of relu1_2,
            relu2_2, relu3_3 and relu4_3 the features are scaled to unit length; squared Euclidean distance, mean over
            positions, sum over the four layers (LPIPS without its learned weights).
        vgg: the network for ``"vgg"``, to load it only once; any layers.

    Raises:
        ShapeError: if the shape, type or range is another, or there is no such distance.

    Source:
        Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, 2018, equation 1 with w
        = 1. The use for diversity is that of Zhu et al., Toward multimodal image-to-image translation, 2017, section
        5.
    """
    check_tensor(samples, "samples")
    if samples.dim() != 5 or samples.shape[1] < 2:
        raise ShapeError(
            f"Diversity takes (N, K, 3, H, W) with at least two draws K for each input, not {tuple(samples.shape)}: "
            "stack the draws with torch.stack(draws, dim=1)."
        )
    check_images(samples.flatten(0, 1), "samples")
    if distance == "l1":
        return float(torch.stack([mean_pairwise_l1(draws.float()) for draws in samples]).mean())
    if distance == "vgg":
        if vgg is None:
            from course_lib.models.vgg import VGG16Features

            vgg = VGG16Features().to(samples.device)
        return float(torch.stack([_mean_pairwise_vgg(draws.float(), vgg) for draws in samples]).mean())
    raise ShapeError(f'There is no distance {distance!r}: choose "l1" or "vgg".')


def mean_pairwise_l1(draws: Tensor) -> Tensor:
    """Return the mean absolute difference over pixels and all pairs of K pictures (K, d, ...), without forming them.

    Sorted, the k-th smallest value of a pixel enters the sum of the differences (2 k - K - 1) times.

    Raises:
        ShapeError: if there are fewer than two pictures, or they are no floats.
    """
    check_floats(draws, "draws", "(K, d, ...)")
    if len(draws) < 2:
        raise ShapeError(f"There is {len(draws)} picture, and so no pair: give two at least.")
    count = draws.shape[0]
    ranks = torch.arange(1, count + 1, device=draws.device, dtype=draws.dtype)
    weights = (2 * ranks - count - 1) / (count * (count - 1) / 2)
    return (draws.flatten(1).sort(dim=0).values.mean(dim=1) * weights).sum()


def _mean_pairwise_vgg(draws: Tensor, vgg: VGG16Features) -> Tensor:
    """Mean over pairs of a squared distance: twice the variance with divisor K - 1."""
    total = torch.zeros((), device=draws.device)
    for features in vgg(((draws + 1) / 2).clamp(0, 1)).values():
        unit = features / features.norm(dim=1, keepdim=True).clamp(min=1e-10)
        total = total + 2 * unit.var(dim=0, correction=1).sum(dim=0).mean()
    return total


@lru_cache(maxsize=8)
def _upper_half(height: int, width: int) -> Tensor:
    """Return 1 where the radial frequency is above half the Nyquist frequency, else 0, as (H, W)."""
    return (radial_frequencies(height, width) > HALF_NYQUIST).float()
