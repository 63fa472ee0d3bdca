"""Photographs enlarged by 4: data, network, length of the training and held-out figures, for whichever loss."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.data.super_resolution import super_resolution_pairs
from course_lib.metrics import l1, psnr, sharpness, ssim, vgg_kid
from course_lib.models.srresnet import SRResNet
from course_lib.runs.base import RunSizes
from course_lib.runs.translation import KID_ERROR, draws_of
from course_lib.systems.regression import Regression, RegressionConfig

ENLARGING = RunSizes(smoke_epochs=1, cpu_epochs=12, gpu_epochs=100, batch_size=16)


def enlarged_patches() -> data.PairedSet:
    """Return the training patches of the photographs, 48 x 48, with their versions at a quarter of the size."""
    return super_resolution_pairs("train", size=48)


def enlarging(loss: str, **settings: Any) -> Regression:
    """Return a regression with SRResNet, half as wide and a quarter as deep as the paper's, from small to large.

    Args:
        loss: by name, as ``RegressionConfig`` has it.
        **settings: others of ``RegressionConfig``, such as ``half_judge``.
    """
    return Regression(
        RegressionConfig(loss=loss, x_channels=3, base_channels=32, **settings),
        netG=SRResNet(channels=32, blocks=4, factor=4, skip=True),
    )


def enlarged(system: Any, small: Tensor) -> Tensor:
    """Return what a system, or bicubic interpolation if ``None``, makes of small pictures: ``(N, 3, 4 H, 4 W)``.

    Args:
        system: one that enlarges by 4, or ``None``.
        small: ``(N, 3, H, W)`` in [-1, 1].
    """
    if system is None:
        return interpolate(small, scale_factor=4, mode="bicubic").clamp(-1, 1)
    return draws_of(system, small)[:, 0]


def enlarging_figures(system: Any, split: str = "test", kid: bool = True) -> dict[str, float]:
    """Return PSNR, SSIM, L1, sharpness and VGG-KID of the enlarged patches of a split's photographs.

    After the VGG-KID stands its standard error, which counts photographs and not their patches.

    PSNR and SSIM are those of all three channels and of whole patches; the papers often take the luminance without a
    border, which gives higher figures.

    Args:
        system: one that enlarges by 4, or ``None`` for bicubic interpolation.
        split: of the photographs.
        kid: whether to give the VGG-KID too, which takes most of the time.
    """
    pairs = super_resolution_pairs(split, size=96)
    target = normalise(pairs.y)
    output = enlarged(system, normalise(pairs.x))
    found = {
        "PSNR": float(psnr(output, target)),
        "SSIM": float(ssim(output, target)),
        "L1": float(l1(output, target)),
        "sharpness": float(sharpness(output, target)),
    }
    if kid:
        photo = None if pairs.factors is None else pairs.factors["photo"]
        found["VGG-KID"], found[KID_ERROR] = vgg_kid(output, target, fake_groups=photo, real_groups=photo)
    return found
