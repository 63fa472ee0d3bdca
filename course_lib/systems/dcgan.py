"""DCGAN: the game of 2014 with convolutions, on the guidelines that made it train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.models.dcgan import DCGANDiscriminator, DCGANGenerator
from course_lib.systems.gan import TwoPlayers
from course_lib.systems.modes import frozen, inference


@dataclass(frozen=True)
class DCGANConfig:
    """Sizes of the picture and the players, the guidelines, the loss, and the optimisers' settings.

    The guidelines are the defaults: ``sizes_change_by="strides"`` and not ``"pooling"``, ``norm="batch"``, no
    ``hidden`` fully connected layer, ``g_activation="relu"``, ``d_activation="leaky_relu"``. ``base_channels`` and
    ``d_channels``: at half the picture's size. ``decay`` is the share of the steps, at the end, over which the rates
    fall to 0.

    Raises:
        ShapeError: if a number cannot be.
    """

    side: int = 64
    image_channels: int = 3
    latents: int = 100
    base_channels: int = 64
    d_channels: int = 64
    norm: str = "batch"
    sizes_change_by: str = "strides"
    hidden: int = 0
    g_activation: str = "relu"
    d_activation: str = "leaky_relu"
    loss: str = "non-saturating"
    lr: float = 2e-4
    d_lr: float = 2e-4
    beta1: float = 0.5
    decay: float = 0.0

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("d_lr",),
            decays=("beta1",),
            shares=("decay",),
            counts=("side", "image_channels", "latents", "base_channels", "d_channels"),
            counts_from_0=("hidden",),
        )


class DCGAN(TwoPlayers):
    """Draw pictures that D cannot tell from the data.

    ``netG`` (G): noise z to a picture G(z). ``netD`` (D): a picture to one logit, is it real?
    D minimises ``-E[log D(y)] - E[log(1 - D(G(z)))]``, G the loss of the config's name on D(G(z)). Both steps are taken
    on the same G(z), as in the common implementations. D sees real and generated pictures in batches of their own,
    which its batch norm needs.

    Departures, declared: z is normal instead of uniform; an average of G is kept where ``fit`` is asked to.

    Args:
        config: sizes, guidelines, loss and rates.

    Raises:
        ShapeError: if the config is of another class, or a setting cannot be.

    Source: Radford, Metz and Chintala 2016, sections 3 and 4.
    """

    config: DCGANConfig
    netG: DCGANGenerator
    netD: DCGANDiscriminator

    def __init__(self, config: DCGANConfig | None = None) -> None:
        super().__init__(config or DCGANConfig())
        c = self.config
        guidelines: dict[str, Any] = {"norm": c.norm, "sizes_change_by": c.sizes_change_by, "hidden": c.hidden}
        self.netG = DCGANGenerator(
            c.latents, c.side, c.image_channels, c.base_channels, activation=c.g_activation, **guidelines
        )
        self.netD = DCGANDiscriminator(c.side, c.image_channels, c.d_channels, activation=c.d_activation, **guidelines)

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of random pictures in [-1, 1]."""
        c = self.config
        images = torch.rand(batch_size, c.image_channels, c.side, c.side, device=device) * 2 - 1
        return Batch(index=torch.arange(batch_size), images=images)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of D, then one of G; return both losses and what D says of real and generated pictures."""
        y = batch.images
        fake = self.netG(torch.randn(len(y), self.config.latents, device=y.device))

        # D: the fakes are cut off from their past, so that this loss cannot reach G.
        real_logits, fake_logits = self.netD(y), self.netD(fake.detach())
        d_loss = self.adversarial.d_loss(real_logits, fake_logits)
        self.optimizer_step("D", d_loss)

        # G: D has just moved and now stays; the gradient passes through it to G.
        with frozen(self.netD):
            g_logits = self.netD(fake)
            compared = self.netD(y) if self.adversarial.needs_real else None
            g_loss = self.adversarial.g_loss(g_logits, compared)
            self.optimizer_step("G", g_loss)

        return {
            "d_loss": d_loss.detach(),
            "g_loss": g_loss.detach(),
            "d_real": torch.sigmoid(real_logits.detach()).mean(),
            "d_fake": torch.sigmoid(fake_logits.detach()).mean(),
        }

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return what D sees in pictures in [-1, 1], ``(N, F)``: each layer's largest values in 4 x 4 parts.

        Raises:
            ShapeError: if the pictures have another shape or type.
        """
        with inference(self.netD):
            return self.netD.features(images)

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self.averaged("netG")(z)
