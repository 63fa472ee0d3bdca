"""The held-out figures of lesson 03: the bound, its terms, and what it leaves out."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.data import fashion_mnist
from course_lib.lessons.lesson_03.class_judge import class_accuracy
from course_lib.metrics import active_units, aggregate_figures, elbo_figures, importance_bound
from course_lib.systems.conditional_vae import ConditionalVAE
from course_lib.systems.vae import VAE


def bound_figures(system: VAE, images: Tensor) -> dict[str, float]:
    """Return the negative ELBO of pictures and its terms, the bound with 500 samples, and what the bound leaves out.

    Args:
        system: a VAE.
        images: held-out, ``(N, 1, 28, 28)`` uint8; the tighter bound is that of the first 500.
    """
    found = elbo_figures(system, images)
    found["negative bound, K = 500"] = -float(importance_bound(system, images, samples=500, count=500).mean())
    found["active units"] = float(active_units(system, images).sum())
    found["aggregate KL"] = aggregate_figures(system, images)["aggregate KL"]
    return found


def conditional_figures(system: ConditionalVAE, split: str = "test", samples: int = 2000) -> dict[str, float]:
    """Return the negative bound of -log p(x | c), its terms, the active units, and how often samples show their class.

    Args:
        system: a conditional VAE of garments.
        split: of Fashion-MNIST.
        samples: drawn in all, as many of each class.
    """
    real = fashion_mnist(split)
    found = elbo_figures(system, real.images, labels=real.labels)
    found["active units"] = float(active_units(system, real.images, labels=real.labels).sum())
    asked = torch.arange(samples) % 10
    drawn = system.sample(samples, torch.Generator().manual_seed(0), condition=asked).cpu()
    found["class accuracy"] = class_accuracy(drawn, asked)
    return found


def drawn_classes(system: ConditionalVAE, each: int = 2) -> Tensor:
    """Return samples of the ten classes in turn, ``(10 each, 3, 28, 28)`` in [-1, 1], always of the same latents."""
    asked = torch.arange(10).repeat(each)
    return system.sample(len(asked), torch.Generator().manual_seed(0), condition=asked).cpu().expand(-1, 3, -1, -1)
