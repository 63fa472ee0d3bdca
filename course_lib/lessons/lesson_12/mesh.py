"""Lesson 12: a regular pattern in the outputs of a network: how strong its wave is, and the outputs without it."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_count, check_floats
from course_lib.errors import ShapeError

PERIOD = 4


def wave_energy(images: Tensor, period: int = PERIOD) -> float:
    """Return the energy of the diagonal waves that repeat every ``period`` pixels, both ways, in the mean.

    Args:
        images: (N, C, H, W) floats in [-1, 1]; H and W are multiples of the period.
        period: in pixels, at least 2.

    Returns:
        The squared size of the Fourier coefficients at (1 / period, 1 / period) and (1 / period, -1 / period) cycles a
        pixel, divided by H W, averaged over both, channels and pictures. White noise of variance v has v.

    Raises:
        ShapeError: if the pictures have another shape or type, or their sides are no multiples of the period.
    """
    spectrum = _spectrum(images, period)
    height, width = images.shape[2:]
    down, across = height // period, width // period
    both = torch.stack([spectrum[..., down, across], spectrum[..., down, -across]])
    return float(both.abs().square().mean() / (height * width))


def without_wave(images: Tensor, period: int = PERIOD, reach: int = 1) -> Tensor:
    """Return pictures without the diagonal waves that repeat every ``period`` pixels, and without their neighbours.

    Args:
        images: (N, C, H, W) floats in [-1, 1]; H and W are multiples of the period.
        period: in pixels, at least 2.
        reach: how many neighbouring frequencies go with it, each way.

    Returns:
        The same shape, in [-1, 1].

    Raises:
        ShapeError: if the pictures have another shape or type, or their sides are no multiples of the period.
    """
    check_count(reach, "reach", 0)
    spectrum = _spectrum(images, period)
    height, width = images.shape[2:]
    rows = _near(height, height // period, reach, images.device)
    columns = _near(width, width // period, reach, images.device)
    kept = ~(rows.unsqueeze(1) & columns)
    return torch.fft.ifft2(spectrum * kept).real.clamp(-1, 1).to(images.dtype)


def _near(size: int, place: int, reach: int, device: torch.device) -> Tensor:
    """Return which of the frequencies 0 ... size - 1 are within reach of a place, or of its negative."""
    numbers = torch.arange(size, device=device)
    return ((numbers - place).abs() <= reach) | ((numbers - (size - place)).abs() <= reach)


def _spectrum(images: Tensor, period: int) -> Tensor:
    check_floats(images, "images", "(N, C, H, W)")
    check_count(period, "period", 2)
    if any(side % period for side in images.shape[2:]):
        raise ShapeError(f"The sides {tuple(images.shape[2:])} are no multiples of {period}: cut the pictures.")
    return torch.fft.fft2(images.double())
