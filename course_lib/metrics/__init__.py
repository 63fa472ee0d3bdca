"""Figures of merit on held-out pictures; all take float pictures (N, 3, H, W) in [-1, 1].

Pixel by pixel: ``l1``, ``mse``, ``psnr``, ``ssim``. Set against set: ``vgg_kid``, ``vgg_fid``. Of the pictures alone:
``sharpness``, ``colourfulness``, ``diversity``. Several at once: ``evaluate_images``. Against known answers:
``nearest_answer``. Each is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.metrics.answers import nearest_answer as nearest_answer
    from course_lib.metrics.appearance import colourfulness as colourfulness
    from course_lib.metrics.appearance import diversity as diversity
    from course_lib.metrics.appearance import high_frequency_share as high_frequency_share
    from course_lib.metrics.appearance import sharpness as sharpness
    from course_lib.metrics.evaluate import evaluate_images as evaluate_images
    from course_lib.metrics.pixel import l1 as l1
    from course_lib.metrics.pixel import mse as mse
    from course_lib.metrics.pixel import psnr as psnr
    from course_lib.metrics.pixel import ssim as ssim
    from course_lib.metrics.vgg_distance import VGGFID as VGGFID
    from course_lib.metrics.vgg_distance import VGGKID as VGGKID
    from course_lib.metrics.vgg_distance import PooledVGG as PooledVGG
    from course_lib.metrics.vgg_distance import unbiased_mmd as unbiased_mmd
    from course_lib.metrics.vgg_distance import vgg_fid as vgg_fid
    from course_lib.metrics.vgg_distance import vgg_kid as vgg_kid

_HOME = {
    "colourfulness": "appearance",
    "diversity": "appearance",
    "high_frequency_share": "appearance",
    "sharpness": "appearance",
    "evaluate_images": "evaluate",
    "l1": "pixel",
    "mse": "pixel",
    "nearest_answer": "answers",
    "psnr": "pixel",
    "ssim": "pixel",
    "PooledVGG": "vgg_distance",
    "VGGFID": "vgg_distance",
    "VGGKID": "vgg_distance",
    "unbiased_mmd": "vgg_distance",
    "vgg_fid": "vgg_distance",
    "vgg_kid": "vgg_distance",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
