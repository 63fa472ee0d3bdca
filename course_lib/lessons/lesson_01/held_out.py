"""The held-out figures of a run, for its model card and for ``course evaluate``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_lib.data.mixtures import GaussianMixture
from course_lib.errors import ShapeError
from course_lib.systems.base import System
from course_lib.systems.vae import VAE
from course_lib.training import rng_untouched


def draws_of(system: Any, x: Tensor, repeats: int = 1) -> Tensor:
    """Return ``repeats`` translations of every row of x, ``(G, repeats, C, H, W)`` on the CPU.

    Args:
        system: has ``translate(x)``.
        x: ``(G, C, H, W)`` in [-1, 1].
        repeats: draws a row; more than one is of use only where the system draws noise.

    Raises:
        ShapeError: if there is to be no draw, or x is no batch of pictures.
    """
    if x.dim() != 4 or repeats < 1:
        raise ShapeError(f"{repeats} draws for x of shape {tuple(x.shape)}: give (G, C, H, W) and at least one draw.")
    device = system.device
    parts = [torch.cat([system.translate(part.to(device)).cpu() for part in x.split(64)]) for _ in range(repeats)]
    return torch.stack(parts, dim=1)


def outline_figures(system: System, split: str = "test", repeats: int = 6, every: int = 1) -> dict[str, float]:
    """Return the figures of ``metrics.answers.answer_figures`` on one split's outlines.

    Args:
        system: from outlines to 3D emoji.
        split: of the emoji.
        repeats: draws for an outline; their noise is always that of seed 0.
        every: take every second, third ... outline only, for time.
    """
    from course_lib.data.answers import emoji_answers
    from course_lib.metrics.answers import answer_figures

    known = emoji_answers(split)[::every]
    with rng_untouched():
        torch.manual_seed(0)
        outputs = draws_of(system, known.condition(), repeats)
    return answer_figures(outputs, known.targets())


TRAINING = "training outlines: "
"""What stands before the figures of outlines that a network has trained on."""


def outline_figures_twice(system: System) -> dict[str, float]:
    """Return the figures on held-out outlines and, named ``training outlines: ...``, on every third training outline.

    Of training outlines the exact answers of each loss are known, so that a network can be held against them.
    """
    trained_on = outline_figures(system, "train", every=3)
    return outline_figures(system) | {f"{TRAINING}{name}": value for name, value in trained_on.items()}


def outline_figures_all(system: System, split: str = "test") -> dict[str, float]:
    """Return L1, PSNR and SSIM over all pairs of outline and 3D emoji of a split."""
    from course_lib.data import emoji_pairs
    from course_lib.metrics import l1, psnr, ssim

    pairs = emoji_pairs(split, x="outline", y="3d")
    output = draws_of(system, pairs.x.float() / 127.5 - 1)[:, 0]
    target = pairs.y.float() / 127.5 - 1
    return {"L1": float(l1(output, target)), "PSNR": float(psnr(output, target)), "SSIM": float(ssim(output, target))}


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

    PSNR and SSIM are those of all three channels and of whole patches; the papers often take the luminance without a
    border, which gives higher figures.

    Args:
        system: one that enlarges by 4, or ``None`` for bicubic interpolation.
        split: of the photographs.
        kid: whether to give the VGG-KID too, which takes most of the time.
    """
    from course_lib.data.super_resolution import super_resolution_pairs
    from course_lib.metrics import l1, psnr, sharpness, ssim, vgg_kid

    pairs = super_resolution_pairs(split, size=96)
    target = pairs.y.float() / 127.5 - 1
    output = enlarged(system, pairs.x.float() / 127.5 - 1)
    found = {
        "PSNR": float(psnr(output, target)),
        "SSIM": float(ssim(output, target)),
        "L1": float(l1(output, target)),
        "sharpness": float(sharpness(output, target)),
    }
    if kid:
        found["VGG-KID"] = float(vgg_kid(output, target)[0])
    return found


def set_figures(made: Tensor, real: Tensor) -> dict[str, float]:
    """Return what can be said of a set of grey pictures against real ones: VGG-KID, sharpness, diversity.

    Diversity is the mean distance between two pictures of the set (mean absolute difference of their pixels), divided
    by that of two real ones.

    Args:
        made: ``(N, 1, H, W)`` in [-1, 1].
        real: ``(M, 1, H, W)`` in [-1, 1], held-out.
    """
    from course_lib.metrics import diversity, sharpness, vgg_kid

    made, real = made.expand(-1, 3, -1, -1), real.expand(-1, 3, -1, -1)
    return {
        "VGG-KID": float(vgg_kid(made, real)[0]),
        "sharpness": float(sharpness(made, real)),
        "diversity": float(diversity(made[None])) / float(diversity(real[None])),
    }


def garment_figures(system: Any, split: str = "test") -> dict[str, float]:
    """Return the figures of 2,000 samples against as many pictures of Fashion-MNIST.

    Args:
        system: has ``sample(count, generator)``.
        split: of the real pictures.
    """
    from course_lib import data

    real = data.fashion_mnist(split).images[:2000].float() / 127.5 - 1
    return set_figures(system.sample(2000, torch.Generator().manual_seed(0)).cpu(), real)


def mixture_figures(system: Any, mixture: GaussianMixture) -> dict[str, float]:
    """Return how many modes 2,500 samples cover, the share of high quality, and how unevenly they fall.

    Args:
        system: has ``sample(count, generator)``.
        mixture: what it learned from.
    """
    from course_lib.metrics import mode_figures, reverse_kl_of_modes

    samples = system.sample(2500, torch.Generator().manual_seed(0)).cpu()
    found = mode_figures(samples, mixture.means, mixture.std)
    uneven = reverse_kl_of_modes(samples, mixture.means, mixture.std)
    return {"modes": float(found["modes"]), "high quality": found["high_quality"], "KL of modes": uneven}


def bound_figures(system: VAE, images: Tensor) -> dict[str, float]:
    """Return the negative ELBO of pictures and its terms, the bound with 500 samples, and what the bound leaves out.

    Args:
        system: a VAE.
        images: held-out, ``(N, 1, 28, 28)`` uint8; the tighter bound is that of the first 500.
    """
    from course_lib.metrics import active_units, aggregate_figures, elbo_figures, importance_bound

    found = elbo_figures(system, images)
    found["negative bound, K = 500"] = -float(importance_bound(system, images, samples=500, count=500).mean())
    found["active units"] = float(active_units(system, images).sum())
    found["aggregate KL"] = aggregate_figures(system, images)["aggregate KL"]
    return found
