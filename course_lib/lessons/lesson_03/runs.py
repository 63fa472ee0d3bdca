"""Lesson 03: variational autoencoders on Fashion-MNIST and on digits, and what the weight of the KL term does."""

from __future__ import annotations

from collections.abc import Callable

from course_lib import data
from course_lib.lessons.lesson_03.held_out import bound_figures, conditional_figures, drawn_classes
from course_lib.runs.base import Run, RunSizes
from course_lib.systems.conditional_vae import ConditionalVAE, ConditionalVAEConfig
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.training import Settings

BETAS = (0.1, 0.5, 1.0, 2.0, 5.0, 20.0)
"""Weights of the KL term for which a run is bundled."""


def garments(split: str = "train+validation") -> data.ImageSet:
    """Return pictures of Fashion-MNIST, by default the 60,000 published for training."""
    return data.fashion_mnist(split)


def digits(split: str = "train+validation") -> data.ImageSet:
    """Return digits of the sample of MNIST, by default the 4,000 for training and validation."""
    return data.mnist(split)


def _run(
    name: str,
    about: str,
    config: VAEConfig,
    dataset: Callable[..., data.ImageSet] = garments,
    epochs: int = 40,
    batch_size: int = 256,
) -> Run:
    return Run(
        f"lesson_03/{name}",
        about,
        lambda: VAE(config).start_at_mean(dataset().images),
        dataset,
        RunSizes(smoke_epochs=1, cpu_epochs=epochs, gpu_epochs=10 * epochs, batch_size=batch_size),
        inference=("netE", "netG"),
        settings=Settings(matmul="medium"),
        measure=lambda system, split: bound_figures(system, dataset(split).images),
        splits=("test",),
    )


# Two remedies against latents that nobody uses. With the second, twenty latents have 5 nats for nothing, a third of
# what the usual code takes.
REMEDIES = {
    "conditional": ("the plain bound", ConditionalVAEConfig()),
    "conditional_warm": (
        "the weight of the KL term rises over the first half of the steps",
        ConditionalVAEConfig(warm_up=0.5),
    ),
    "conditional_free": ("each latent has a quarter of a nat for nothing", ConditionalVAEConfig(free=0.25)),
}
"""Conditional VAEs: what each is, and its settings."""


def _conditional(name: str, about: str, config: ConditionalVAEConfig) -> Run:
    return Run(
        f"lesson_03/{name}",
        f"A conditional VAE, told the class of each garment: {about}.",
        lambda: ConditionalVAE(config),
        garments,
        RunSizes(smoke_epochs=1, cpu_epochs=40, gpu_epochs=400, batch_size=256),
        inference=("netE", "netG"),
        settings=Settings(matmul="medium"),
        measure=conditional_figures,
        splits=("test",),
        pictures=None if name == "conditional" else drawn_classes,
        bundled=1 if name == "conditional" else 0,
    )


LIMITS = (
    "They know grey garments, or 4,000 digits, of 28 x 28 pixels, and say little of\n"
    "  other pictures. With grey pixels as soft targets the negative ELBO bounds the mean log likelihood of\n"
    "  black and white pictures drawn from the greys, and none of grey pictures."
)
"""What the networks of this lesson must not be used for; the model card says it."""

RUNS = (
    _run("garments", "The network of the notes, 784-400-20, on Fashion-MNIST.", VAEConfig()),
    _run("digits", "The same network on 4,000 digits.", VAEConfig(lr=1e-3), digits, epochs=60, batch_size=64),
    _run(
        "binary",
        "The same network on Fashion-MNIST with pixels drawn black or white anew at every step.",
        VAEConfig(likelihood="binary"),
    ),
    _run("plane", "Two latents, to see all of them at once.", VAEConfig(latents=2)),
    _run("conv", "Convolutions instead of dense layers.", VAEConfig(architecture="conv", width=16, lr=2e-3), epochs=30),
    *(
        _run(f"beta_{beta:g}", f"Half as wide, with the KL term weighted by {beta:g}.", VAEConfig(width=200, beta=beta))
        for beta in BETAS
    ),
    *(_conditional(name, about, config) for name, (about, config) in REMEDIES.items()),
)
