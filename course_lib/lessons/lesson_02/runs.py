"""Lesson 02: a fully connected GAN on Fashion-MNIST, and mode collapse on mixtures of Gaussians."""

from __future__ import annotations

from typing import Any

from course_lib import data
from course_lib.data.mixtures import GaussianMixture, PointSet, grid, ring
from course_lib.lessons.lesson_02.held_out import garment_figures, mixture_figures
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.settings import constant_average
from course_lib.systems.gan import GAN, GANConfig

MIXTURES = {"ring": ring, "grid": grid}

GARMENTS = GANConfig(
    shape=(1, 28, 28),
    image=True,
    latents=64,
    g_hidden=(256, 512, 1024),
    g_batch_norm=True,
    d_hidden=(1024, 512, 256),
    d_dropout=0.3,
    lr=2e-4,
    d_lr=4e-4,
    decay=0.5,
)


def garments() -> data.ImageSet:
    """Return the 60,000 published training pictures of Fashion-MNIST, validation included."""
    return data.fashion_mnist("train+validation")


def points_of(mixture: GaussianMixture) -> PointSet:
    """Return 50,000 draws of a mixture to train on."""
    return mixture.points(50_000, seed=0)


def _collapse_run(name: str, d_lr: float, about: str) -> Run:
    mixture = MIXTURES[name.split("_")[0]]()

    def system() -> GAN:
        return GAN(GANConfig(g_hidden=(256, 256), d_hidden=(256, 256), lr=1e-3, d_lr=d_lr, decay=0.5))

    def measure(trained: Any, split: str) -> dict[str, float]:
        return mixture_figures(trained, mixture)  # the density is known: there is no split to hold out

    return Run(
        f"lesson_02/{name}",
        about,
        system,
        lambda: points_of(mixture),
        RunSizes(smoke_epochs=1, cpu_epochs=30, gpu_epochs=120, batch_size=256),
        measure=measure,
    )


LIMITS = "They draw grey garments of 28 x 28 pixels, or points in a plane."
"""What the networks of this lesson must not be used for; the model card says it."""

RUNS = (
    Run(
        "lesson_02/garments",
        "A fully connected GAN on Fashion-MNIST.",
        lambda: GAN(GARMENTS),
        garments,
        RunSizes(smoke_epochs=1, cpu_epochs=40, gpu_epochs=200, batch_size=128),
        settings=constant_average(0.999),
        splits=("test",),
        measure=garment_figures,
    ),
    _collapse_run("ring_slow", 1e-4, "Eight Gaussians on a ring; D learns at a tenth of G's rate and cannot follow."),
    _collapse_run("ring_fast", 3e-3, "Eight Gaussians on a ring; the remedy: D learns at three times G's rate."),
    _collapse_run("grid_slow", 1e-4, "25 Gaussians on a grid; D learns at a tenth of G's rate and cannot follow."),
    _collapse_run("grid_fast", 3e-3, "25 Gaussians on a grid; the remedy: D learns at three times G's rate."),
)
