"""A game written down while it is played: what both players do, and what D's loss truly is, every few steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course_lib.data.mixtures import GaussianMixture
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_02.game_frame import GameFrame
from course_lib.systems.modes import inference

if TYPE_CHECKING:
    from course_lib.systems.gan import GAN

SAMPLES = 20_000  # of G, from which its density is estimated
JUDGED = 4_000  # real and as many fake samples, over which the losses are averaged
CHUNK = 1_000  # rows that a network takes at once: what many make does not fit a processor's cache


class GameRecord:
    """A callback of ``fit`` that keeps a frame of the game every few steps, the present one first.

    The noise and the real samples are drawn once and stay, so that from frame to frame only the players differ.
    Losses are those of the whole distributions under the present players, not of one batch: means over 4,000 real and
    4,000 fake samples, with a standard error near 0.01 where D is unsure.

    Args:
        system: that is being trained.
        every: steps between two frames.
        frame: makes a frame of the system and the number of its steps.

    Attributes:
        frames: recorded so far.

    Raises:
        ShapeError: if ``every`` is below 1.
    """

    def __init__(self, system: GAN, every: int, frame: Callable[[GAN, int], GameFrame]) -> None:
        if every < 1:
            raise ShapeError(f"There cannot be a frame every {every} steps: give 1 or more.")
        self.every = every
        self._frame = frame
        self.frames: list[GameFrame] = []
        self._add(system, system.step)

    def __call__(self, system: GAN, step: int) -> None:
        """Record a frame if it is time to; give this to ``fit`` as ``on_step``."""
        if step % self.every == 0:
            self._add(system, step)

    def _add(self, system: GAN, step: int) -> None:
        with torch.no_grad(), inference(system.netG), inference(system.netD):
            self.frames.append(self._frame(system, step))


def record_line(
    system: GAN, mixture: GaussianMixture, grid: Tensor, every: int, width: float = 0.08, seed: int = 0
) -> GameRecord:
    """Return a recorder of a game on the line, for ``fit(..., on_step=record)``.

    p_G is estimated from 20,000 samples of G, counted on the grid and smoothed with a Gaussian. Smoothing widens a
    density: one of standard deviation s seems ``sqrt(s^2 + width^2)`` wide.

    Args:
        system: on samples of shape ``(1,)``, with ``pack`` 1.
        mixture: of the data, on the line.
        grid: ``(G,)`` ascending, evenly spaced places; it should hold nearly all of the data's mass.
        every: steps between two frames.
        width: standard deviation of the smoothing; at least the spacing of the grid.
        seed: of the noise and of the real samples.

    Raises:
        ShapeError: if the system, the mixture or the grid does not fit.
    """
    _must_fit(system, mixture, 1)
    spacing = float(grid[-1] - grid[0]) / (len(grid) - 1) if grid.dim() == 1 and len(grid) > 1 else 0.0
    if spacing <= 0 or not torch.allclose(grid.diff(), torch.full_like(grid[1:], spacing), rtol=1e-2):
        raise ShapeError("The grid must be (G,), ascending and evenly spaced: for example torch.linspace(-4, 4, 161).")
    if width < spacing:
        raise ShapeError(f"The grid's spacing {spacing:.3g} is above the width {width:.3g}: take a finer grid.")
    grid = grid.float().cpu()
    p_data = mixture.density(grid[:, None])
    smooth = torch.exp(-0.5 * ((grid[:, None] - grid) / width).square()) / (width * math.sqrt(2 * math.pi))
    noise, real = _draws(system, mixture, SAMPLES, seed)

    def frame(system: GAN, step: int) -> GameFrame:
        fake = _generated(system, noise)
        places = ((fake.flatten().cpu() - grid[0]) / spacing).round()
        inside = places[(places >= 0) & (places < len(grid))].long()
        p_g = smooth @ torch.bincount(inside, minlength=len(grid)).float() / len(fake)
        d = torch.sigmoid(system.discriminate(grid[:, None].to(system.device))).cpu()
        return GameFrame(step, *_losses(system, real, fake), d, grid=grid, p_data=p_data, p_g=p_g)

    return GameRecord(system, every, frame)


def record_plane(
    system: GAN,
    mixture: GaussianMixture,
    every: int,
    side: int = 64,
    extent: tuple[float, float, float, float] | None = None,
    points: int = 600,
    seed: int = 0,
) -> GameRecord:
    """Return a recorder of a game in the plane, for ``fit(..., on_step=record)``.

    Args:
        system: on samples of shape ``(2,)``, with ``pack`` 1.
        mixture: of the data, in the plane.
        every: steps between two frames.
        side: D is kept on ``side * side`` places, the middles of equal squares (rectangles, where the extent is one).
        extent: left, right, bottom and top of D's grid; None: the square about the means, larger by 35 %.
        points: samples of G that a frame keeps.
        seed: of the noise and of the real samples.

    Raises:
        ShapeError: if the system or the mixture does not fit.
    """
    _must_fit(system, mixture, 2)
    extent = extent or _square_about(mixture.means)
    x, y = (low + (torch.arange(side) + 0.5) * (high - low) / side for low, high in (extent[:2], extent[2:]))
    places = torch.cartesian_prod(y, x).flip(1)  # row by row from below, x the fastest
    noise, real = _draws(system, mixture, JUDGED, seed)

    def frame(system: GAN, step: int) -> GameFrame:
        fake = _generated(system, noise)
        d = torch.sigmoid(system.discriminate(places.to(system.device))).view(side, side).cpu()
        return GameFrame(step, *_losses(system, real, fake), d, points=fake[:points].cpu(), extent=extent)

    return GameRecord(system, every, frame)


def _must_fit(system: GAN, mixture: GaussianMixture, dimensions: int) -> None:
    if system.config.shape != (dimensions,) or mixture.dimensions != dimensions:
        raise ShapeError(
            f"This recorder takes samples and data of shape ({dimensions},), not {system.config.shape} and "
            f"({mixture.dimensions},): use record_line for 1 and record_plane for 2."
        )
    if system.config.pack != 1:
        raise ShapeError(f"D sees {system.config.pack} samples at once and says nothing of one: record with pack=1.")


def _draws(system: GAN, mixture: GaussianMixture, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return noise ``(count, latents)`` and real samples, both from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, system.config.latents, generator=generator)
    return noise, mixture.sample(JUDGED, generator)


def _generated(system: GAN, noise: Tensor) -> Tensor:
    return torch.cat([system.generate(rows.to(system.device)) for rows in noise.split(CHUNK)])


def _losses(system: GAN, real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Return the losses of D and of G."""
    real_logits, fake_logits = (
        torch.cat([system.discriminate(rows.to(system.device)) for rows in samples.split(CHUNK)])
        for samples in (real, fake[: len(real)])
    )
    d_loss = system.adversarial.d_loss(real_logits, fake_logits)
    return float(d_loss), float(system.adversarial.g_loss(fake_logits))


def _square_about(means: Tensor) -> tuple[float, float, float, float]:
    low, high = means.amin(dim=0), means.amax(dim=0)
    half = max(1.0, 1.35 * float((high - low).max()) / 2)
    x, y = ((low + high) / 2).tolist()
    return x - half, x + half, y - half, y + half
