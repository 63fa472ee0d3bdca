"""Metrics that compare an output with its own target, pixel by pixel (SSIM: window by window).

All take outputs and targets (N, C, H, W) in [-1, 1], C = 1 or 3, and a ``reduction``: ``"mean"`` gives a float, the
mean over the pictures of the figure of each picture; ``"none"`` gives these figures as a tensor (N,).
"""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor

from course_lib.arguments import check_choice
from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_pair

Reduction = Literal["mean", "none"]
SSIM_WINDOW = 11
SSIM_PART = 16  # pictures at a time: five maps a channel are held, and 264 at once took 2 GB


@overload
def l1(outputs: Tensor, targets: Tensor, reduction: Literal["mean"] = "mean") -> float: ...
@overload
def l1(outputs: Tensor, targets: Tensor, reduction: Literal["none"]) -> Tensor: ...
@torch.no_grad()
def l1(outputs: Tensor, targets: Tensor, reduction: Reduction = "mean") -> float | Tensor:
    """Return the mean absolute difference, over channels and pixels of each picture.

    Args:
        outputs: (N, C, H, W) in [-1, 1].
        targets: the same shape.
        reduction: ``"mean"`` over pictures, or ``"none"`` for one figure a picture.

    Returns:
        A figure from 0 (equal) to 2 (black for white), in units of the range [-1, 1].

    Raises:
        ShapeError: if the pictures have another shape, type or range.
    """
    check_pair(outputs, targets)
    return _reduce((outputs.float() - targets.float()).abs().mean(dim=(1, 2, 3)), reduction)


@overload
def mse(outputs: Tensor, targets: Tensor, reduction: Literal["mean"] = "mean") -> float: ...
@overload
def mse(outputs: Tensor, targets: Tensor, reduction: Literal["none"]) -> Tensor: ...
@torch.no_grad()
def mse(outputs: Tensor, targets: Tensor, reduction: Reduction = "mean") -> float | Tensor:
    """Return the mean squared difference, over channels and pixels of each picture (0 to 4).

    Args and Raises: as for :func:`l1`.
    """
    check_pair(outputs, targets)
    return _reduce((outputs.float() - targets.float()).square().mean(dim=(1, 2, 3)), reduction)


@overload
def psnr(outputs: Tensor, targets: Tensor, reduction: Literal["mean"] = "mean") -> float: ...
@overload
def psnr(outputs: Tensor, targets: Tensor, reduction: Literal["none"]) -> Tensor: ...
@torch.no_grad()
def psnr(outputs: Tensor, targets: Tensor, reduction: Reduction = "mean") -> float | Tensor:
    """Return the peak signal-to-noise ratio in decibel, ``10 log10(2^2 / MSE)``, the range of the pictures being 2.

    The mean is taken over the pictures' decibels, as in super-resolution papers; it is not the PSNR of the mean MSE.
    Equal pictures have infinite PSNR, and one of them makes the mean infinite.

    Args and Raises: as for :func:`l1`.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio

    check_pair(outputs, targets)
    values = peak_signal_noise_ratio(outputs.float(), targets.float(), data_range=2.0, reduction="none", dim=(1, 2, 3))
    return _reduce(values, reduction)


@overload
def ssim(outputs: Tensor, targets: Tensor, reduction: Literal["mean"] = "mean") -> float: ...
@overload
def ssim(outputs: Tensor, targets: Tensor, reduction: Literal["none"]) -> Tensor: ...
@torch.no_grad()
def ssim(outputs: Tensor, targets: Tensor, reduction: Reduction = "mean") -> float | Tensor:
    """Return the structural similarity, 1 for equal pictures.

    Each channel has its own map (Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03); the figure of a
    picture is the mean over channels and over the positions whose window lies inside the picture. SSIM compares means
    as a ratio and so depends on where zero is: the pictures are mapped to [0, 1] first, with a data range of 1, as
    usual.

    Args:
        outputs: (N, C, H, W) in [-1, 1], H and W at least 11.
        targets: the same shape.
        reduction: ``"mean"`` over pictures, or ``"none"`` for one figure a picture.

    Raises:
        ShapeError: if the pictures have another shape, type or range.

    Source:
        Wang et al., Image quality assessment: from error visibility to structural similarity, 2004, equation 13.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    check_pair(outputs, targets)
    if min(outputs.shape[2:]) < SSIM_WINDOW:
        raise ShapeError(
            f"SSIM looks through a window of {SSIM_WINDOW} x {SSIM_WINDOW} pixels, and these pictures have "
            f"{outputs.shape[2]} x {outputs.shape[3]}: compare larger ones."
        )
    edge = SSIM_WINDOW // 2  # the library pads by reflection and averages the padded places in: they are cut off here
    parts = []
    for output, target in zip(outputs.split(SSIM_PART), targets.split(SSIM_PART), strict=True):
        _, full = structural_similarity_index_measure(
            (output.float() + 1) / 2,
            (target.float() + 1) / 2,
            data_range=1.0,
            reduction="none",
            return_full_image=True,
        )
        parts.append(full[..., edge:-edge, edge:-edge].mean(dim=(1, 2, 3)))
    return _reduce(torch.cat(parts), reduction)


def _reduce(values: Tensor, reduction: str) -> float | Tensor:
    if reduction == "mean":
        return float(values.mean())
    check_choice(reduction, "reduction", ("mean", "none"))
    return values
