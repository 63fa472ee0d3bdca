"""The held-out figures of lesson 02: samples against pictures of garments, or against the modes of a mixture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib import data
from course_lib.data.mixtures import GaussianMixture
from course_lib.data.pixels import normalise
from course_lib.metrics import diversity, mode_figures, reverse_kl_of_modes, sharpness, vgg_kid


def set_figures(made: Tensor, real: Tensor) -> dict[str, float]:
    """Return what can be said of a set of grey pictures against real ones: VGG-KID, sharpness, diversity.

    Diversity is the mean distance between two pictures of the set (mean absolute difference of their pixels), divided
    by that of two real ones.

    Args:
        made: ``(N, 1, H, W)`` in [-1, 1].
        real: ``(M, 1, H, W)`` in [-1, 1], held-out.
    """
    made, real = made.expand(-1, 3, -1, -1), real.expand(-1, 3, -1, -1)
    return {
        "VGG-KID": float(vgg_kid(made, real)[0]),
        "sharpness": float(sharpness(made, real)),
        "diversity": float(diversity(made[None])) / float(diversity(real[None])),
    }


def garment_figures(system: Any, split: str = "test", count: int = 2000) -> dict[str, float]:
    """Return the figures of samples against as many pictures of Fashion-MNIST.

    Args:
        system: has ``sample(count, generator)``.
        split: of the real pictures.
        count: of either.
    """
    real = normalise(data.fashion_mnist(split).images[:count])
    return set_figures(system.sample(count, torch.Generator().manual_seed(0)).cpu(), real)


def mixture_figures(system: Any, mixture: GaussianMixture) -> dict[str, float]:
    """Return how many modes 2,500 samples cover, the share of high quality, and how unevenly they fall.

    Args:
        system: has ``sample(count, generator)``.
        mixture: what it learned from.
    """
    samples = system.sample(2500, torch.Generator().manual_seed(0)).cpu()
    found = mode_figures(samples, mixture.means, mixture.std)
    uneven = reverse_kl_of_modes(samples, mixture.means, mixture.std)
    return {"modes": float(found["modes"]), "high quality": found["high_quality"], "KL of modes": uneven}
