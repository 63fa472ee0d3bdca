"""The generative adversarial network of 2014: two fully connected players, on points or on small pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.losses.adversarial import LOSSES
from course_lib.models.mlp import MLP
from course_lib.systems.base import System, adam
from course_lib.systems.modes import frozen
from course_lib.systems.schedules import linear_decay, schedule


@dataclass(frozen=True)
class GANConfig:
    """Shape of a sample, sizes of the players, the loss, and the optimisers' settings.

    ``pack`` is the number of samples that D sees at once (1: the ordinary game). ``noise`` is the standard deviation,
    at the start, of noise added to all that D sees; it falls to 0 in a line over the run. ``image`` squashes G's output
    to (-1, 1). ``decay`` is the share of the steps, at the end, over which the rates fall to 0. With ``d_lr=0`` D stays
    as it is.

    Raises:
        ShapeError: if a number cannot be.
    """

    shape: tuple[int, ...] = (2,)
    latents: int = 2
    g_hidden: tuple[int, ...] = (128, 128)
    d_hidden: tuple[int, ...] = (128, 128)
    g_activation: str = "relu"
    d_activation: str = "leaky_relu"
    g_batch_norm: bool = False
    d_dropout: float = 0.0
    image: bool = False
    loss: str = "non-saturating"
    pack: int = 1
    noise: float = 0.0
    lr: float = 1e-3
    d_lr: float = 1e-3
    beta1: float = 0.5
    decay: float = 0.0

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("d_lr", "noise"),
            decays=("beta1", "d_dropout"),
            shares=("decay",),
            counts=("shape", "latents", "g_hidden", "d_hidden", "pack"),
        )


class TwoPlayers(System):
    """What games of a G and a D without a condition share: the loss by its name, and an optimiser each.

    Args:
        config: with ``loss``, ``lr``, ``d_lr``, ``beta1`` and ``decay``.

    Raises:
        ShapeError: if the config is of another class, or the loss is unknown.
    """

    netG: nn.Module
    netD: nn.Module
    ema_networks = ("netG",)  # kept only where fit() is asked to: ema_decay
    one_size = True

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.loss not in tuple(LOSSES):
            raise ShapeError(f"The loss is {config.loss!r}: choose one of {', '.join(LOSSES)}.")
        self.adversarial = LOSSES[config.loss]

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for each player."""
        betas = (self.config.beta1, 0.999)
        return {
            "G": adam(self.netG.parameters(), lr=self.config.lr, betas=betas),
            "D": adam(self.netD.parameters(), lr=self.config.d_lr, betas=betas),
        }

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return, for both players, a constant rate and at the end, over ``decay`` of the steps, a line to 0."""
        if not self.config.decay:
            return {}
        return {name: schedule(one, linear_decay(total_steps, self.config.decay)) for name, one in optimizers.items()}


class GAN(TwoPlayers):
    """Draw samples that D cannot tell from the data.

    ``netG`` (G): noise z to a sample G(z). ``netD`` (D): ``pack`` samples to one logit: are they real?
    D minimises ``-E[log D(y)] - E[log(1 - D(G(z)))]``; G minimises the loss of the config's name on D(G(z)).
    Departures, declared: Adam instead of momentum, leaky ReLU instead of maxout in D, z normal instead of uniform;
    D sees ``pack`` samples at once where the config says so (Lin et al. 2018).

    Args:
        config: sizes, loss and rates.

    Raises:
        ShapeError: if the loss is unknown.

    Source: Goodfellow et al. 2014, algorithm 1 with k = 1.
    """

    config: GANConfig

    def __init__(self, config: GANConfig | None = None) -> None:
        super().__init__(config or GANConfig())
        c = self.config
        values = math.prod(c.shape)
        self.netG = MLP(c.latents, values, c.g_hidden, c.g_activation, batch_norm=c.g_batch_norm)
        self.netD = MLP(c.pack * values, 1, c.d_hidden, c.d_activation, dropout=c.d_dropout)

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of noise in the shape of the samples."""
        images = torch.randn(batch_size, *self.config.shape, device=device)
        return Batch(index=torch.arange(batch_size), images=images)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of D, then one of G; return both losses and what D says of real and fake samples."""
        y = batch.images

        # D: the fakes are made without a graph, so that this loss cannot reach G.
        with torch.no_grad():
            fake = self.generate(self.noise(len(y)))
        real_logits, fake_logits = self.discriminate(y), self.discriminate(fake)
        d_loss = self.adversarial.d_loss(real_logits, fake_logits)
        self.optimizer_step("D", d_loss)

        # G: fresh noise, and a D that has just moved and now stays; the gradient passes through it to G.
        with frozen(self.netD):
            g_logits = self.discriminate(self.generate(self.noise(len(y))))
            compared = self.discriminate(y) if self.adversarial.needs_real else None
            g_loss = self.adversarial.g_loss(g_logits, compared)
            self.optimizer_step("G", g_loss)

        return {
            "d_loss": d_loss.detach(),
            "g_loss": g_loss.detach(),
            "d_real": torch.sigmoid(real_logits.detach()).mean(),
            "d_fake": torch.sigmoid(fake_logits.detach()).mean(),
        }

    def noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return z ~ N(0, I), ``(count, latents)``, drawn on the device; with a generator as ``latents`` draws."""
        if generator is not None:
            return self.latents(count, generator)
        return torch.randn(count, self.config.latents, device=self.device)

    def generate(self, z: Tensor) -> Tensor:
        """Return G(z), ``(N, *shape)``, with the network that is being trained, in the mode it is in."""
        return self._shaped(self.netG(z))

    def discriminate(self, samples: Tensor) -> Tensor:
        """Return D's logits, ``(N // pack,)``: neighbours in the batch are judged together."""
        flat = samples.flatten(1)
        if self.training and self.config.noise:
            left = max(0.0, 1 - self.step / max(1, self.total_steps))  # real and fake are blurred alike, less and less
            flat = flat + self.config.noise * left * torch.randn_like(flat)
        rows = len(flat) - len(flat) % self.config.pack
        if not rows:
            raise ShapeError(f"{len(flat)} samples make no pack of {self.config.pack}: use a larger batch.")
        return self.netD(flat[:rows].reshape(rows // self.config.pack, -1)).squeeze(1)

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self._shaped(self.averaged("netG")(z))

    def _shaped(self, values: Tensor) -> Tensor:
        samples = values.unflatten(1, self.config.shape)
        return torch.tanh(samples) if self.config.image else samples
