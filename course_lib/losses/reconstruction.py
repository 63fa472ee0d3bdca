"""Regression losses between an output and its target, and the pictures that minimise them."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.errors import ShapeError


def _same_shape(output: Tensor, target: Tensor) -> None:
    if output.shape != target.shape:
        raise ShapeError(
            f"The output {tuple(output.shape)} and the target {tuple(target.shape)} must have the same shape: "
            "broadcasting would compare the wrong pixels."
        )


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the squared error, averaged over pixels, channels and batch.

    Args:
        output: ``(N, C, H, W)``.
        target: the same shape and range.

    Returns:
        A scalar. Its minimiser over outputs that may depend on x only is the conditional mean of the target.

    Raises:
        ShapeError: if the shapes differ.
    """
    _same_shape(output, target)
    return (output - target).square().mean()


def mean_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the absolute error, averaged over pixels, channels and batch (the L1 term of pix2pix).

    Args:
        output: ``(N, C, H, W)``.
        target: the same shape and range.

    Returns:
        A scalar. Any conditional median of the target, pixel by pixel, minimises it.

    Raises:
        ShapeError: if the shapes differ.

    Source: Isola et al. 2017, equation 3 (there as a norm; the mean differs from it by a constant factor).
    """
    _same_shape(output, target)
    return (output - target).abs().mean()


def _weights_of(answers: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        weights = torch.ones(answers.shape[0], dtype=answers.dtype, device=answers.device)
    if weights.shape != answers.shape[:1] or bool((weights < 0).any()) or float(weights.sum()) <= 0:
        raise ShapeError(
            f"{answers.shape[0]} answers need as many weights, none negative, not all zero; got {tuple(weights.shape)}."
        )
    return (weights / weights.sum()).to(answers.dtype)


def mse_minimiser(answers: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the picture with the least expected squared error: the weighted mean of the answers.

    Args:
        answers: ``(K, ...)``, the possible targets of one input.
        weights: ``(K,)``, not negative; normalised here. ``None`` means equally likely.

    Returns:
        A tensor of shape ``(...)``.

    Raises:
        ShapeError: if the weights do not fit.
    """
    share = _weights_of(answers, weights)
    return torch.einsum("k,k...->...", share, answers)


def mae_minimisers(answers: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the lowest and the highest picture with the least expected absolute error, pixel by pixel.

    Between the two every value is a weighted median, so every value has the same, least, expected loss. With
    an odd number of equally likely answers both ends are equal; with an even number they usually differ.

    Args:
        answers: ``(K, ...)``, the possible targets of one input.
        weights: ``(K,)``, not negative; normalised here. ``None`` means equally likely.

    Returns:
        ``(low, high)``, each of shape ``(...)``, with ``low <= high``.

    Raises:
        ShapeError: if the weights do not fit.
    """
    share = _weights_of(answers, weights)
    ordered, order = answers.sort(dim=0)
    below = share.double()[order].cumsum(dim=0)  # weight of all answers up to this one
    tolerance = 1e-7  # an even split, written in floats, must still count as even
    first_low = (below >= 0.5 - tolerance).int().argmax(dim=0, keepdim=True)
    first_high = (below > 0.5 + tolerance).int().argmax(dim=0, keepdim=True)
    return ordered.gather(0, first_low)[0], ordered.gather(0, first_high)[0]


def distance_to_interval(output: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return how far each value of ``output`` lies outside ``[low, high]``: 0 inside, else the gap."""
    return (low - output).clamp(min=0) + (output - high).clamp(min=0)
