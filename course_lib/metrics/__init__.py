"""Figures of merit on held-out data; all but those of modes take float pictures (N, 3, H, W) in [-1, 1].

Pixel by pixel: ``l1``, ``mse``, ``psnr``, ``ssim``. Set against set: ``vgg_kid``, ``vgg_fid``,
``histogram_intersection``, ``spectrum_ratio``. Of the pictures alone: ``sharpness``, ``colourfulness``, ``diversity``,
``colour_histograms``, ``radial_spectrum``. Several at once: ``evaluate_images``. Of a translation:
``distinct_outputs``, ``input_dependence``, and of one there and back ``noise_curve`` and ``blurred``. Against known
answers: ``nearest_answer``. Of points against the modes of a mixture: ``mode_figures``, ``reverse_kl_of_modes``. Each
is imported on first use.
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
    from course_lib.metrics.bounds import active_units as active_units
    from course_lib.metrics.bounds import aggregate_draws as aggregate_draws
    from course_lib.metrics.bounds import aggregate_figures as aggregate_figures
    from course_lib.metrics.bounds import elbo_figures as elbo_figures
    from course_lib.metrics.bounds import importance_bound as importance_bound
    from course_lib.metrics.bounds import kl_of_latents as kl_of_latents
    from course_lib.metrics.collapse import distinct_outputs as distinct_outputs
    from course_lib.metrics.collapse import input_dependence as input_dependence
    from course_lib.metrics.colour import colour_bins as colour_bins
    from course_lib.metrics.colour import colour_histograms as colour_histograms
    from course_lib.metrics.colour import histogram_intersection as histogram_intersection
    from course_lib.metrics.colour import not_white as not_white
    from course_lib.metrics.colour import srgb_to_lab as srgb_to_lab
    from course_lib.metrics.evaluate import evaluate_images as evaluate_images
    from course_lib.metrics.modes import mode_figures as mode_figures
    from course_lib.metrics.modes import reverse_kl_of_modes as reverse_kl_of_modes
    from course_lib.metrics.pixel import l1 as l1
    from course_lib.metrics.pixel import mse as mse
    from course_lib.metrics.pixel import psnr as psnr
    from course_lib.metrics.pixel import ssim as ssim
    from course_lib.metrics.spectrum import radial_spectrum as radial_spectrum
    from course_lib.metrics.spectrum import spectrum_ratio as spectrum_ratio
    from course_lib.metrics.steganography import blurred as blurred
    from course_lib.metrics.steganography import noise_curve as noise_curve
    from course_lib.metrics.vgg_distance import VGGFID as VGGFID
    from course_lib.metrics.vgg_distance import VGGKID as VGGKID
    from course_lib.metrics.vgg_distance import PooledVGG as PooledVGG
    from course_lib.metrics.vgg_distance import unbiased_mmd as unbiased_mmd
    from course_lib.metrics.vgg_distance import vgg_fid as vgg_fid
    from course_lib.metrics.vgg_distance import vgg_kid as vgg_kid

_HOME = {
    "nearest_answer": "answers",
    "colourfulness": "appearance",
    "diversity": "appearance",
    "high_frequency_share": "appearance",
    "sharpness": "appearance",
    "active_units": "bounds",
    "aggregate_draws": "bounds",
    "aggregate_figures": "bounds",
    "elbo_figures": "bounds",
    "importance_bound": "bounds",
    "kl_of_latents": "bounds",
    "distinct_outputs": "collapse",
    "input_dependence": "collapse",
    "colour_bins": "colour",
    "colour_histograms": "colour",
    "histogram_intersection": "colour",
    "not_white": "colour",
    "srgb_to_lab": "colour",
    "evaluate_images": "evaluate",
    "mode_figures": "modes",
    "reverse_kl_of_modes": "modes",
    "l1": "pixel",
    "mse": "pixel",
    "psnr": "pixel",
    "ssim": "pixel",
    "radial_spectrum": "spectrum",
    "spectrum_ratio": "spectrum",
    "blurred": "steganography",
    "noise_curve": "steganography",
    "PooledVGG": "vgg_distance",
    "unbiased_mmd": "vgg_distance",
    "vgg_fid": "vgg_distance",
    "vgg_kid": "vgg_distance",
    "VGGFID": "vgg_distance",
    "VGGKID": "vgg_distance",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
