"""The conditional VAE: encoder and decoder are told the class, so that z holds what the class does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError, TrainingError
from course_lib.losses.elbo import free_bits, kl_each_latent, reparameterise
from course_lib.models.conditional_vae import ConditionalDecoder, ConditionalEncoder
from course_lib.systems.modes import inference
from course_lib.systems.vae import VAE, VAEConfig


@dataclass(frozen=True)
class ConditionalVAEConfig(VAEConfig):
    """What a dense VAE has, how many classes there are, and two remedies against posterior collapse.

    ``warm_up`` is the share of the steps over which the weight of the KL term rises from 0 to ``beta`` in a line, and
    ``free`` the nats that each latent has for nothing, see ``free_bits``. Both are 0: the plain bound.

    Raises:
        ShapeError: if a number cannot be.
    """

    classes: int = 10
    warm_up: float = 0.0
    free: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        asked.fields(self, counts=("classes",), shares=("warm_up",), from_0=("free",))


class ConditionalVAE(VAE):
    """Encode a picture given its class, decode a draw of the code given the class.

    ``netE`` (q(z | x, c)): picture and class to mean and log variance. ``netG`` (p(x | z, c)): latents and class to
    logits. Both minimise ``E[-log p(x | z, c)] + beta * KL(q(z | x, c) || N(0, I))``, which bounds -log p(x | c).
    Departure, declared: the prior of z does not depend on the class, as in Kingma et al. 2014; Sohn et al. 2015 train
    a network for it.

    Args:
        config: sizes, classes, ``beta``, likelihood, rate, and the remedies.

    Raises:
        ShapeError: if the likelihood is unknown, or another architecture than ``"dense"`` is asked for.

    Source: Sohn et al. 2015, equation 4; free bits: Kingma et al. 2016, equation 15; warm-up: Bowman et al. 2016,
        section 3.1, where the weight rises along a sigmoid.
    """

    config: ConditionalVAEConfig

    def __init__(self, config: ConditionalVAEConfig | None = None) -> None:
        super().__init__(config or ConditionalVAEConfig())
        c = self.config
        if c.architecture != "dense":
            raise ShapeError(f"The architecture is {c.architecture!r}: the conditional VAE is dense.")
        self.netE = ConditionalEncoder(c.width, c.latents, c.classes)
        self.netG = ConditionalDecoder(c.width, c.latents, c.classes)

    def start_at_mean(self, images: Tensor) -> ConditionalVAE:
        """Refuse: the mean picture of all classes is no start here.

        Raises:
            TrainingError: always.
        """
        raise TrainingError("A conditional VAE has a mean picture for each class: leave start_at_mean out.")

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of random pictures in [-1, 1] with their classes."""
        labels = torch.arange(batch_size, device=device) % self.config.classes
        return super().example_batch(batch_size, device).with_columns(labels=labels)

    @property
    def kl_weight(self) -> float:
        """The weight of the KL term at this step: from near 0 to ``beta`` over ``warm_up``."""
        rising = self.config.warm_up * (self.total_steps or 0)
        return self.config.beta * (min(1.0, (self.step + 1) / rising) if rising >= 1 else 1.0)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step; return the negative bound and its two terms in nats a picture, and what is paid for the KL."""
        x, labels = self.pixels(batch.images), batch.labels
        mu, logvar = self.netE(x, labels)
        logits = self.netG(reparameterise(mu, logvar), labels)
        nll = self.negative_log_likelihood(logits, x).mean()
        kl = kl_each_latent(mu, logvar)
        paid = self.kl_weight * free_bits(kl, self.config.free)
        self.optimizer_step("EG", nll + paid)
        said = {"reconstruction": nll, "kl": kl.sum(dim=1).mean(), "paid": paid}
        said["loss"] = nll + self.config.beta * said["kl"]  # the bound, whatever the remedies charge
        return {name: value.detach() for name, value in said.items()}

    @torch.no_grad()
    def encode(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z | x, c), ``(N, latents)`` each, for pictures in [-1, 1] and classes.

        Raises:
            TrainingError: if the classes are missing.
        """
        with inference(self.netE):
            return self.netE(self.pixels(images), _needed(labels, "encode(images, labels)"))

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the mean picture of p(x | z, c) in [-1, 1], ``(N, 1, 28, 28)``, for latents and classes.

        Raises:
            TrainingError: if the classes are missing.
        """
        with inference(self.netG):
            return 2 * torch.sigmoid(self.netG(z, _needed(labels, "decode(z, labels)"))) - 1

    def reconstruct(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the decoded means of q(z | x, c) for pictures in [-1, 1] and their classes."""
        return self.decode(self.encode(images, labels)[0], labels)

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self.decode(z, _needed(condition, "sample(condition=labels)"))


def _needed(labels: Tensor | None, call: str) -> Tensor:
    if labels is None:
        raise TrainingError(f"A conditional VAE must be told the classes: call {call}.")
    return labels
