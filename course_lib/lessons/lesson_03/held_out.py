"""The held-out figures of lesson 03: the bound, its terms, and what it leaves out."""

from __future__ import annotations

from torch import Tensor

from course_lib.metrics import active_units, aggregate_figures, elbo_figures, importance_bound
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
