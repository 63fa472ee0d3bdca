"""Lesson 03: change the weight of the KL term, and see what is gained and what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import ipywidgets
import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.metrics.bounds import elbo_figures
from course_lib.systems.vae import VAE
from course_lib.widgets.explorer import Explorer, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 6  # pictures in a row


def beta_slider(systems_by_beta: Mapping[float, VAE], images: Tensor, seed: int = 0) -> Explorer:
    """Return a widget with a slider over betas: pictures of the chosen system, and its rate and distortion.

    All systems reconstruct the same pictures and decode the same draws of the prior. What a system shows is drawn at
    the start; rate and distortion are measured there over all ``images``.

    Args:
        systems_by_beta: trained VAEs with as many latents each, by the weight of the KL term.
        images: ``(N, 1, 28, 28)`` in [-1, 1], held out; the first six are shown.
        seed: of the draws of prior and posterior.

    Returns:
        The widget; the slider is ``controls["beta"]``.

    Raises:
        ShapeError: if there is no system or no picture, or the systems have different numbers of latents.
    """
    systems = dict(sorted(systems_by_beta.items()))
    latents = {system.config.latents for system in systems.values()}
    if not systems or len(latents) > 1:
        raise ShapeError(f"The systems have {sorted(latents)} latents: give at least one, and all the same number.")
    if images.dim() != 4 or not len(images) or not images.is_floating_point():
        what = f"{tuple(images.shape)}, {str(images.dtype).removeprefix('torch.')}"
        raise ShapeError(f"The images are {what}: give floats (N, 1, 28, 28) in [-1, 1], N at least 1.")
    z = torch.randn(2 * SHOWN, latents.pop(), generator=torch.Generator().manual_seed(seed))

    @lru_cache(maxsize=1)
    def measured() -> dict[float, tuple[float, float]]:
        return {beta: _rate_and_distortion(system, images, seed) for beta, system in systems.items()}

    def figure(beta: float) -> tuple[Figure, str]:
        from course_lib.lessons.lesson_03.rate_distortion import rate_distortion_figure

        system, originals = systems[beta], images[:SHOWN]
        reconstructions = system.reconstruct(originals.to(system.device))
        rows = {
            "originals": originals,
            "reconstructions": reconstructions,
            "samples of the prior": system.decode(z.to(system.device)),
        }
        rate, distortion = measured()[beta]
        among = ", ".join(f"{one:g}: {r:.1f} and {d:.1f}" for one, (r, d) in measured().items())
        text = (
            f"Originals, reconstructions and samples of the prior at beta {beta:g}, with a rate of {rate:.1f} and a "
            f"distortion of {distortion:.1f} nats a picture. Rate and distortion by beta: {among}"
        )
        return rate_distortion_figure(rows, measured(), beta), text

    @cache
    def drawn() -> dict[float, Picture]:  # at the start, as the measuring: a chart takes longer than a slider may
        return {beta: Picture.of(*figure(beta), quick=True) for beta in systems}

    def draw(beta: float) -> Picture:
        return drawn()[beta]

    def still() -> tuple[Figure, str]:
        return figure(slider.value)

    slider = ipywidgets.SelectionSlider(
        options=[(f"{beta:g}", beta) for beta in systems],
        value=1 if 1 in systems else next(iter(systems)),
        description="β",
        layout={"width": "26em"},
    )
    return Explorer(draw, {"beta": slider}, columns=1, still=still)


def _rate_and_distortion(system: VAE, images: Tensor, seed: int) -> tuple[float, float]:
    figures = elbo_figures(system, images, seed=seed)
    return figures["KL"], figures["reconstruction"]
