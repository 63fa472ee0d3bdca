"""pix2pix: a generator that sees x, a discriminator that sees the pair, and an L1 term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError, TrainingError
from course_lib.half import computes_in_bfloat16
from course_lib.losses.adversarial import NonSaturating
from course_lib.losses.features import FeatureLoss
from course_lib.losses.reconstruction import mean_absolute_error
from course_lib.models.patchgan import PatchGAN
from course_lib.models.unet import UNet
from course_lib.systems.base import System, adam
from course_lib.systems.judged import Judge
from course_lib.systems.modes import check_generator, drawn_from, frozen, inference
from course_lib.systems.schedules import linear_decay, schedule


@dataclass(frozen=True)
class Pix2PixConfig:
    """Sizes, the weights of the two terms, and the optimisers' settings. The default is the paper's, for 256 pixels.

    ``gan_weight=0`` is the paper's "L1", ``lambda_l1=0`` its "cGAN", ``d_sees_x=False`` its "GAN + L1", and
    ``skips=False`` its encoder-decoder. ``patch_layers`` 0, 1, 3 and 5 are patches of 1, 16, 70 and 286 pixels.
    ``wiring="authors"`` with ``dropout_start=1`` is the U-Net of the authors' PyTorch code, see ``UNet``.
    ``lambda_features`` is the weight of a third term that the paper has not, see ``FeatureLoss``; it is taken at
    ``feature_layers`` of VGG-16, which computes in bfloat16 if ``half_judge`` and the device does.

    Raises:
        ShapeError: if a number cannot be.
    """

    x_channels: int = 3
    y_channels: int = 3
    base_channels: int = 64
    max_channels: int | None = None
    levels: int = 8
    skips: bool = True
    upsample: str = "transposed"
    dropout: float = 0.5
    dropout_blocks: int = 3
    dropout_start: int = 0
    wiring: str = "paper"
    patch_layers: int = 3
    d_channels: int = 64
    d_norm: str = "batch"
    d_sees_x: bool = True
    gan_weight: float = 1.0
    lambda_l1: float = 100.0
    lambda_features: float = 0.0
    feature_layers: tuple[str, ...] = ("relu2_2", "relu3_3")
    half_judge: bool = False
    lr: float = 2e-4
    d_lr: float = 2e-4
    beta1: float = 0.5

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("d_lr", "gan_weight", "lambda_l1", "lambda_features"),
            decays=("beta1", "dropout"),
            counts=("x_channels", "y_channels", "base_channels", "levels", "d_channels"),
            counts_from_0=("dropout_blocks", "dropout_start", "patch_layers"),
            or_none=("max_channels",),
        )


def generator(config: Pix2PixConfig) -> UNet:
    """Return the generator of these settings, untrained."""
    return UNet(
        config.x_channels,
        config.y_channels,
        base_channels=config.base_channels,
        max_channels=config.max_channels,
        levels=config.levels,
        dropout=config.dropout,
        dropout_blocks=config.dropout_blocks,
        dropout_start=config.dropout_start,
        wiring=config.wiring,
        skips=config.skips,
        upsample=config.upsample,
    )


def config_of(netG: nn.Module) -> Pix2PixConfig:
    """Return the default settings with the sizes of a generator: channels, and levels where it is a U-Net.

    Args:
        netG: has ``in_channels`` and ``out_channels``.
    """
    sizes: dict[str, Any] = {"x_channels": netG.in_channels, "y_channels": netG.out_channels}
    if isinstance(netG, UNet):
        sizes |= {"base_channels": netG.widths[0], "levels": netG.levels}
    else:
        sizes |= {"levels": 6}  # of no U-Net: the size of the example batch, 64 pixels
    return Pix2PixConfig(**sizes)


class Pix2Pix(System):
    """Translate x to a picture that D cannot tell from a real answer to x.

    ``netG`` (G): U-Net, x and dropout noise z to G(x, z). ``netD`` (D): PatchGAN, the pair (x, y) to one logit a patch.
    G minimises ``-E[log D(x, G(x, z))] + lambda * E[|y - G(x, z)|]``;
    D minimises ``(-E[log D(x, y)] - E[log(1 - D(x, G(x, z)))]) / 2``.
    Departures from the paper, declared: the mean of the L1 term is over pixels and channels, and the learning rate
    falls over the second half of the steps (the paper names no fall), both as in the authors' PyTorch code; at
    inference batch norm uses its running statistics unless ``translate`` is told otherwise (the paper uses those of
    the test batch, which holds one picture).
    Departures from that code, declared: the U-Net's skip connections and dropout are where the paper has them (both can
    be had as in the code, see ``UNet``); the rate falls at every step, there once an epoch. The order is the same: D
    first, then G against the D that has just moved; in the older Lua code G takes D's judgement of before that step.

    Args:
        config: sizes, the weights of the terms, and the optimisers' settings; with a network but no config, the default
            of the network's sizes.
        netG: a network from x to y to go on from, with its ``in_channels`` and ``out_channels``, for example one that
            ``load_authors_generator`` returned; else a new U-Net. What the config says of a U-Net's inside is not read
            then.

    Raises:
        ShapeError: if both terms of G's loss have weight 0, or the network has other channels than the config.

    Source: Isola et al. 2017, equations 1 to 4; the halved D loss is in section 3.3.
    """

    config: Pix2PixConfig
    adversarial = NonSaturating()
    ema_networks = ("netG",)  # kept only where fit() is asked to: ema_decay
    noisy = True
    paired = True

    def __init__(self, config: Pix2PixConfig | None = None, netG: nn.Module | None = None) -> None:
        self.check_config(config or Pix2PixConfig())
        if netG is not None:
            check_generator("netG", netG, (config.x_channels, config.y_channels) if config else None)
        super().__init__(config or (Pix2PixConfig() if netG is None else config_of(netG)))
        c = self.config
        if not (c.gan_weight or c.lambda_l1 or c.lambda_features):
            raise ShapeError("gan_weight and lambda_l1 are both 0, so G has nothing to learn from: set one of them.")
        self._judge = Judge(self._feature_loss)
        self.netG = generator(c) if netG is None else netG
        self.netD = PatchGAN(
            c.x_channels if c.d_sees_x else 0,
            c.y_channels,
            base_channels=c.d_channels,
            layers=c.patch_layers,
            norm=c.d_norm,
        )
        self.to(memory_format=torch.channels_last)  # for conv + batch norm on a CPU: about twice as fast

    def _feature_loss(self) -> FeatureLoss:
        c = self.config
        return FeatureLoss(c.feature_layers, half=c.half_judge and computes_in_bfloat16(self.device))

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for each player."""
        if self.config.lambda_features:
            self._judge.on(self.device)  # training begins: what it needs is made now, not in the first step
        betas = (self.config.beta1, 0.999)
        return {
            "G": adam(self.netG.parameters(), lr=self.config.lr, betas=betas),
            "D": adam(self.netD.parameters(), lr=self.config.d_lr, betas=betas),
        }

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return, for both players, a constant rate for half the steps and then a line to 0, see ``linear_decay``."""
        return {name: schedule(one, linear_decay(total_steps)) for name, one in optimizers.items()}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a random batch of the right channels: 64 x 64, or larger where the U-Net or D needs it."""
        c = self.config
        side = max(64, 2**c.levels, 4 * 2**c.patch_layers)
        x = torch.randn(batch_size, c.x_channels, side, side, device=device)
        y = torch.randn(batch_size, c.y_channels, side, side, device=device)
        return Batch(index=torch.arange(batch_size), x=x, y=y)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of D, then one of G; return the losses and what D says of real and fake pictures."""
        x, y = batch.x, batch.y
        fake = self.netG(x)
        l1 = mean_absolute_error(fake, y)
        near = {"l1": l1} | self._by_features(fake, y)  # the paper has L1 alone
        tie = self.config.lambda_l1 * l1 + self.config.lambda_features * near.get("features", 0.0)
        if not self.config.gan_weight:  # the paper's "L1" row: there is no second player
            self.optimizer_step("G", tie)
            return _detached(near)

        # D: the fake is detached, so that this loss cannot reach G; the loss is halved, as in the paper.
        real_logits = self.netD(x, y)
        fake_logits = self.netD(x, fake.detach())
        d_loss = 0.5 * self.adversarial.d_loss(real_logits, fake_logits)
        self.optimizer_step("D", d_loss)

        # G: D has just moved and stays fixed now; its weights collect no gradient, but the picture does.
        with frozen(self.netD):
            g_adversarial = self.adversarial.g_loss(self.netD(x, fake))
        self.optimizer_step("G", self.config.gan_weight * g_adversarial + tie)

        said = {"d_real": torch.sigmoid(real_logits).mean(), "d_fake": torch.sigmoid(fake_logits).mean()}
        return _detached({"d_loss": d_loss, "g_adversarial": g_adversarial} | near | said)

    def _by_features(self, fake: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Return the distance by features by its name, or nothing, without VGG-16, if it has no weight."""
        return {"features": self._judge.on(self.device)(fake, y)} if self.config.lambda_features else {}

    @torch.no_grad()
    def translate(
        self,
        x: Tensor,
        *,
        noise: bool = True,
        batch_statistics: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return G(x, z) in [-1, 1] for a condition ``(N, C, H, W)`` in [-1, 1].

        Args:
            x: condition.
            noise: draw z, that is keep dropout on; ``False`` gives the mean network, the same output each time.
            batch_statistics: let batch norm use mean and variance of this very batch, as the paper does. With noise
                and one picture a batch this is what the authors' test script does by default; with its ``--eval``
                neither is on: ``noise=False``.
            generator: on the CPU, of the dropout: in the same state it gives the same output; torch's own if not given.
        """
        network = self.averaged("netG")
        with inference(network, dropout=noise, batch_statistics=batch_statistics), drawn_from(generator):
            return network(x)

    def sample(self, z: Any = None, generator: torch.Generator | None = None, *, condition: Any = None) -> Tensor:
        """Return ``translate(condition)``: z is in the dropout, so that it is drawn here and cannot be given.

        Raises:
            TrainingError: if z is given, or no condition.
        """
        if z is not None or condition is None:
            raise TrainingError(
                "z is pix2pix's dropout: call sample(condition=x), with a generator for the same z again."
            )
        return self.translate(condition, generator=generator)


def _detached(scalars: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in scalars.items()}
