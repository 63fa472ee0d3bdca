"""The variational autoencoder: an encoder, a decoder, and one bound that trains both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib import asked
from course_lib.arguments import check_floats, check_tensor
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.losses.elbo import bernoulli_nll, gaussian_nll, kl_diagonal_gaussian, reparameterise
from course_lib.models.vae import ConvDecoder, ConvEncoder, DenseDecoder, DenseEncoder
from course_lib.systems.base import System, adam
from course_lib.systems.modes import inference
from course_lib.systems.schedules import linear_decay, schedule

LIKELIHOODS = ("soft", "binary", "gaussian")
ARCHITECTURES: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "dense": (DenseEncoder, DenseDecoder),
    "conv": (ConvEncoder, ConvDecoder),
}


@dataclass(frozen=True)
class VAEConfig:
    """Sizes, the weight of the KL term, what a pixel is, and the optimiser's settings.

    ``width`` is the hidden layer of the dense networks or the channels of the convolutional ones. ``likelihood``:
    ``"soft"`` compares grey pixels with a Bernoulli's chance (the usual example; no proper likelihood), ``"binary"``
    draws each pixel black or white anew at every step, ``"gaussian"`` has a fixed ``std``.

    Raises:
        ShapeError: if a number cannot be.
    """

    architecture: str = "dense"
    width: int = 400
    latents: int = 20
    beta: float = 1.0
    likelihood: str = "soft"
    std: float = 0.1
    lr: float = 4e-3
    beta2: float = 0.99

    def __post_init__(self) -> None:
        asked.fields(self, above_0=("std", "lr"), from_0=("beta",), decays=("beta2",), counts=("width", "latents"))


class VAE(System):
    """Encode a picture as a Gaussian over latents, decode a draw of it, and keep that Gaussian near the prior.

    ``netE`` (q(z | x), E): picture to mean and log variance. ``netG`` (p(x | z), the decoder): latents to logits.
    Both minimise ``E[-log p(x | z)] + beta * KL(q(z | x) || N(0, I))``, summed over the pixels and the latents of a
    picture, averaged over the batch. With beta = 1 this is the negative evidence lower bound (ELBO).

    Args:
        config: sizes, ``beta``, likelihood and rate.

    Raises:
        ShapeError: if the architecture or the likelihood is unknown.

    Source: Kingma & Welling 2014, equation 10 with L = 1; beta: Higgins et al., beta-VAE, 2017, equation 4.
    """

    config: VAEConfig
    one_size = True

    def __init__(self, config: VAEConfig | None = None) -> None:
        super().__init__(config or VAEConfig())
        c = self.config
        if c.architecture not in tuple(ARCHITECTURES):
            raise ShapeError(f"The architecture is {c.architecture!r}: choose one of {', '.join(ARCHITECTURES)}.")
        if c.likelihood not in LIKELIHOODS:
            raise ShapeError(f"The likelihood is {c.likelihood!r}: choose one of {', '.join(LIKELIHOODS)}.")
        encoder, decoder = ARCHITECTURES[c.architecture]
        self.netE = encoder(c.width, c.latents)
        self.netG = decoder(c.width, c.latents)

    def start_at_mean(self, images: Tensor) -> VAE:
        """Let the decoder begin at the mean picture, whatever z is, and return the system.

        Only the output layer's bias changes: the first epochs need not learn what all pictures share.

        Args:
            images: the training pictures, ``(N, 1, 28, 28)`` uint8.

        Raises:
            ShapeError: if they are of another shape or kind.
        """
        check_tensor(images, "images", "(N, 1, 28, 28)")
        if images.dtype != torch.uint8:
            raise ShapeError(f"images is {images.dtype}: give bytes (uint8), as a set holds them in set.images.")
        mean = images.float().mean(dim=0).div(255).clamp(0.01, 0.99)
        last = next(
            layer for layer in reversed(list(self.netG.children())) if isinstance(layer, (nn.Linear, nn.Conv2d))
        )
        assert last.bias is not None
        each = mean.flatten() if last.bias.numel() == mean.numel() else mean.mean().reshape(1)
        with torch.no_grad():
            last.bias.copy_(torch.logit(each))
        return self

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return one Adam for both networks: they play on the same side."""
        return {"EG": adam(self.parameters(), lr=self.config.lr, betas=(0.9, self.config.beta2))}

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return a constant rate for half the steps and then a line to 0."""
        return {"EG": schedule(optimizers["EG"], linear_decay(total_steps))}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of random pictures in [-1, 1]."""
        images = torch.rand(batch_size, 1, 28, 28, device=device) * 2 - 1
        return Batch(index=torch.arange(batch_size), images=images)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step on the negative bound; return it and its two terms, in nats a picture."""
        x = self.pixels(batch.images)
        mu, logvar = self.netE(x)
        logits = self.netG(reparameterise(mu, logvar))
        nll = self.negative_log_likelihood(logits, x).mean()  # a sum over the pixels, a mean over the batch
        kl = kl_diagonal_gaussian(mu, logvar).mean()  # a sum over the latents, a mean over the batch
        self.optimizer_step("EG", nll + self.config.beta * kl)
        return {"loss": (nll + self.config.beta * kl).detach(), "reconstruction": nll.detach(), "kl": kl.detach()}

    def pixels(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return what the likelihood sees of pictures in [-1, 1]: greys in [0, 1], or black and white drawn from them.

        Args:
            images: ``(N, 1, 28, 28)`` in [-1, 1].
            generator: of the draw; torch's own if not given.
        """
        x = images.add(1).mul_(0.5)
        return torch.bernoulli(x, generator=generator) if self.config.likelihood == "binary" else x

    def negative_log_likelihood(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return ``-log p(x | z)`` of each picture in nats, ``(N,)``, from the decoder's output; x in [0, 1]."""
        if self.config.likelihood == "gaussian":
            return gaussian_nll(torch.sigmoid(logits), x, self.config.std)
        return bernoulli_nll(logits, x)

    @torch.no_grad()
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z | x), ``(N, latents)`` each, for pictures in [-1, 1]."""
        with inference(self.netE):
            return self.netE(self.pixels(images))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture of p(x | z) in [-1, 1], ``(N, 1, 28, 28)``, for latents ``(N, latents)``.

        Raises:
            ShapeError: if z is of another shape.
        """
        check_floats(z, "z", f"(N, {self.config.latents})", empty=True)
        with inference(self.netG):
            return 2 * torch.sigmoid(self.netG(z)) - 1

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return the decoded means of q(z | x) for pictures in [-1, 1]."""
        return self.decode(self.encode(images)[0])

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self.decode(z)
