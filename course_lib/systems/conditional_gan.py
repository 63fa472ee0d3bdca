"""A first conditional GAN for pictures: a U-Net, a PatchGAN that sees the condition, and an L1 term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib.data.containers import Batch
from course_lib.losses.adversarial import NonSaturating
from course_lib.losses.reconstruction import mean_absolute_error
from course_lib.models.patchgan import PatchGAN
from course_lib.models.unet import UNet
from course_lib.systems.base import System, adam, constant_then_linear
from course_lib.systems.modes import frozen, inference


@dataclass(frozen=True)
class ConditionalGANConfig:
    """Sizes, the weight of the L1 term, and the optimisers' settings (the paper's: 2e-4 for both, 0.5)."""

    x_channels: int = 1
    y_channels: int = 3
    base_channels: int = 32
    max_channels: int | None = 96
    levels: int = 5
    dropout: float = 0.5
    dropout_blocks: int = 3
    patch_layers: int = 3
    d_channels: int = 32
    d_norm: str = "batch"
    lambda_l1: float = 100.0
    lr: float = 2e-4
    d_lr: float = 2e-4
    beta1: float = 0.5


class ConditionalGAN(System):
    """Translate x to a picture that D cannot tell from a real answer to x.

    ``netG`` (G): U-Net, x and dropout noise z to G(x, z). ``netD`` (D): PatchGAN, the pair (x, y) to one logit a patch.
    G minimises ``-E[log D(x, G(x, z))] + lambda * E[|y - G(x, z)|]``;
    D minimises ``(-E[log D(x, y)] - E[log(1 - D(x, G(x, z)))]) / 2``.
    Departures, declared: the mean of the L1 term is over pixels and channels, as in the authors' code; at inference
    batch norm uses the running statistics (the authors use those of the test batch, of size one).

    Args:
        config: sizes, the weight ``lambda_l1``, and the optimisers' settings.

    Source: Isola et al. 2017, equations 1 to 4; the halved D loss is in section 3.3.
    """

    config: ConditionalGANConfig
    adversarial = NonSaturating()
    ema_networks = ("netG",)  # kept only where fit() is asked to: ema_decay

    def __init__(self, config: ConditionalGANConfig | None = None) -> None:
        super().__init__(config or ConditionalGANConfig())
        c = self.config
        self.netG = UNet(
            c.x_channels,
            c.y_channels,
            base_channels=c.base_channels,
            max_channels=c.max_channels,
            levels=c.levels,
            dropout=c.dropout,
            dropout_blocks=c.dropout_blocks,
        )
        self.netD = PatchGAN(
            c.x_channels, c.y_channels, base_channels=c.d_channels, layers=c.patch_layers, norm=c.d_norm
        )
        self.to(memory_format=torch.channels_last)  # for conv + batch norm on a CPU: about twice as fast

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for each player."""
        betas = (self.config.beta1, 0.999)
        return {
            "G": adam(self.netG.parameters(), lr=self.config.lr, betas=betas),
            "D": adam(self.netD.parameters(), lr=self.config.d_lr, betas=betas),
        }

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return, for both players, a constant rate for half the steps and then a line to 0 (as the authors' code)."""
        return {name: constant_then_linear(one, total_steps) for name, one in optimizers.items()}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a random batch of the right channels, 64 x 64."""
        c = self.config
        x = torch.randn(batch_size, c.x_channels, 64, 64, device=device)
        y = torch.randn(batch_size, c.y_channels, 64, 64, device=device)
        return Batch(index=torch.arange(batch_size), x=x, y=y)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of D, then one of G; return the losses and what D says of real and fake pictures."""
        x, y = batch.x, batch.y
        fake = self.netG(x)

        # D: the fake is detached, so that this loss cannot reach G; half the loss slows D down, as in the paper.
        real_logits = self.netD(x, y)
        fake_logits = self.netD(x, fake.detach())
        d_loss = 0.5 * self.adversarial.d_loss(real_logits, fake_logits)
        self.optimizer_step("D", d_loss)

        # G: D has just moved and stays fixed now; its weights collect no gradient, but the picture does.
        with frozen(self.netD):
            g_adversarial = self.adversarial.g_loss(self.netD(x, fake))
        l1 = mean_absolute_error(fake, y)
        g_loss = g_adversarial + self.config.lambda_l1 * l1
        self.optimizer_step("G", g_loss)

        return {
            "d_loss": d_loss.detach(),
            "g_adversarial": g_adversarial.detach(),
            "l1": l1.detach(),
            "d_real": torch.sigmoid(real_logits.detach()).mean(),
            "d_fake": torch.sigmoid(fake_logits.detach()).mean(),
        }

    @torch.no_grad()
    def translate(self, x: Tensor, *, noise: bool = True) -> Tensor:
        """Return G(x, z) in [-1, 1] for a condition ``(N, C, H, W)`` in [-1, 1].

        Args:
            x: condition.
            noise: draw z, that is keep dropout on; ``False`` gives the mean network, the same output each time.
        """
        network = self.averaged("netG")
        with inference(network, dropout=noise):
            return network(x)
