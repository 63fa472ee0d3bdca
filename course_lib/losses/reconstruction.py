"""Regression losses between an output and its target, and the pictures that minimise them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_finite, check_floats, check_tensor, check_values, check_within
from course_lib.errors import ShapeError


def _check_pair(output: Tensor, target: Tensor) -> None:
    check_floats(output, "The output")
    check_floats(target, "The target")
    check_alike(output, target, ("The output", "the target"))


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the squared error, averaged over pixels, channels and batch.

    Args:
        output: ``(N, C, H, W)``, float.
        target: the same shape and range.

    Returns:
        A scalar. Its minimiser over outputs that may depend on x only is the conditional mean of the target.

    Raises:
        ShapeError: if the shapes or devices differ, or one of them is no tensor of floats or empty.
    """
    _check_pair(output, target)
    return (output - target).square().mean()


def mean_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the absolute error, averaged over pixels, channels and batch (the L1 term of pix2pix).

    Args:
        output: ``(N, C, H, W)``, float.
        target: the same shape and range.

    Returns:
        A scalar. Any conditional median of the target, pixel by pixel, minimises it.

    Raises:
        ShapeError: as for :func:`mean_squared_error`.

    Source: Isola et al. 2017, equation 3 (there as a norm; the mean differs from it by a constant factor).
    """
    _check_pair(output, target)
    return (output - target).abs().mean()


def _weights_of(answers: Tensor, weights: Tensor | None) -> Tensor:
    check_floats(answers, "answers", "(K, ...)")
    check_values(answers, "answers")
    check_finite(answers, "answers", "the mean and the median need the value of every answer")
    if weights is None:
        weights = torch.ones(answers.shape[0], dtype=answers.dtype, device=answers.device)
    check_tensor(weights, "weights", "(K)")
    check_alike(answers, weights, ("answers", "weights"), shapes=False)
    weights_fit = weights.shape == answers.shape[:1] and bool(((weights >= 0) & weights.isfinite()).all())
    if not weights_fit or not float(weights.sum()) > 0:
        raise ShapeError(
            f"{answers.shape[0]} answers need as many weights, none negative, all finite, not all zero; "
            f"got {tuple(weights.shape)}."
        )
    return (weights / weights.sum()).to(answers.dtype)


def mse_minimiser(answers: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the picture with the least expected squared error: the weighted mean of the answers.

    Args:
        answers: ``(K, ...)``, float and finite, the possible targets of one input.
        weights: ``(K,)``, not negative; normalised here. ``None`` means equally likely.

    Returns:
        A tensor of shape ``(...)``.

    Raises:
        ShapeError: if the answers are no finite floats, or the weights do not fit.
    """
    share = _weights_of(answers, weights)
    return torch.einsum("k,k...->...", share, answers)


def mae_minimisers(answers: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the lowest and the highest picture with the least expected absolute error, pixel by pixel.

    Between the two every value is a weighted median, so every value has the same, least, expected loss. With
    an odd number of equally likely answers both ends are equal; with an even number they usually differ.

    Args:
        answers: ``(K, ...)``, float and finite, the possible targets of one input.
        weights: ``(K,)``, not negative; normalised here. ``None`` means equally likely.

    Returns:
        ``(low, high)``, each of shape ``(...)``, with ``low <= high``.

    Raises:
        ShapeError: as for :func:`mse_minimiser`.
    """
    share = _weights_of(answers, weights)
    ordered, order = answers.sort(dim=0)
    below = share.double()[order].cumsum(dim=0)  # weight of all answers up to this one
    tolerance = 1e-7  # an even split, written in floats, must still count as even
    first_low = (below >= 0.5 - tolerance).int().argmax(dim=0, keepdim=True)
    first_high = (below > 0.5 + tolerance).int().argmax(dim=0, keepdim=True)
    return ordered.gather(0, first_low)[0], ordered.gather(0, first_high)[0]


def distance_to_interval(output: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return how far each value of ``output`` lies outside ``[low, high]``: 0 inside, else the gap.

    Args:
        output: any shape, float.
        low: the lower ends, a shape that fits all of the output's (the last axes, with any of them 1).
        high: the same shape, nowhere below ``low``.

    Returns:
        The shape of the output.

    Raises:
        ShapeError: if the shapes do not fit, or an upper end is below its lower one.
    """
    for value, name in ((output, "output"), (low, "low"), (high, "high")):
        check_floats(value, name)
        check_alike(output, value, ("output", name), shapes=False)
    check_alike(low, high, ("low", "high"))
    if low.dim() > output.dim() or any(
        there not in (1, here) for here, there in zip(output.shape[::-1], low.shape[::-1], strict=False)
    ):
        raise ShapeError(f"output {tuple(output.shape)} does not fit an interval of shape {tuple(low.shape)}.")
    check_within(high - low, "high - low", 0, math.inf, "give the lower ends first")
    return (low - output).clamp(min=0) + (output - high).clamp(min=0)
