"""Regression: one network, one fixed loss. The blurred baseline that every adversarial system is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.half import computes_in_bfloat16
from course_lib.losses.features import FeatureLoss
from course_lib.losses.perceptual import PerceptualLoss
from course_lib.losses.reconstruction import mean_absolute_error, mean_squared_error
from course_lib.models.unet import UNet
from course_lib.systems.base import System, adam
from course_lib.systems.judged import VGG_RANGE, Judge
from course_lib.systems.modes import inference

LOSSES = {"mse": mean_squared_error, "mae": mean_absolute_error}
PERCEPTUAL = "perceptual"
FEATURES = "features"
NAMES = (*LOSSES, PERCEPTUAL, FEATURES)


@dataclass(frozen=True)
class RegressionConfig:
    """What defines a regression; the U-Net fields matter only where no network is given.

    ``content_layer`` of VGG-16 is where the loss ``"perceptual"`` compares, ``feature_layers`` and ``feature_weights``
    are those of the loss ``"features"`` (see ``FeatureLoss``), ``lambda_l1`` is the weight of an L1 term beside either
    of them, and ``half_judge`` lets VGG-16 compute in bfloat16 where the device does. For other losses they mean
    nothing.

    Raises:
        ShapeError: if a number cannot be.
    """

    loss: str = "mse"
    x_channels: int = 1
    y_channels: int = 3
    base_channels: int = 32
    max_channels: int | None = 96
    levels: int = 5
    lr: float = 1e-3
    content_layer: str = "relu2_2"
    feature_layers: tuple[str, ...] = ("relu2_2", "relu4_3")
    feature_weights: tuple[float, ...] | None = None
    lambda_l1: float = 0.0
    half_judge: bool = False

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("lambda_l1",),
            counts=("x_channels", "y_channels", "base_channels", "levels"),
            or_none=("max_channels",),
        )


class Regression(System):
    """Predict the target from the condition by least squares or least absolute error, of pixels or of features.

    ``netG`` (f): the network, condition x to output f(x). No noise: the same x always gives the same output.

    Args:
        config: the loss by name (``"mse"``, ``"mae"``; ``"perceptual"``, which is the squared difference of features
            of VGG-16 at one layer, or ``"features"``, at several), the sizes of the U-Net, the learning rate.
        netG: any network from image to image; a U-Net without dropout if not given.

    Raises:
        ShapeError: if the loss is unknown.

    Source: Isola et al. 2017, section 4.2, the "L1" and "L2" baselines; Johnson et al. 2016, equation 2.
    """

    config: RegressionConfig
    paired = True

    def __init__(self, config: RegressionConfig | None = None, netG: nn.Module | None = None) -> None:
        super().__init__(config or RegressionConfig())
        if self.config.loss not in NAMES:
            raise ShapeError(f"The loss is {self.config.loss!r}: choose one of {', '.join(NAMES)}.")
        self._judge = Judge(self._loss_network)
        self._own_network = netG is not None
        self.netG = netG or UNet(
            self.config.x_channels,
            self.config.y_channels,
            base_channels=self.config.base_channels,
            max_channels=self.config.max_channels,
            levels=self.config.levels,
            dropout=0.0,  # the minimiser is one fixed picture, and noise would only hide it
        )
        self.to(memory_format=torch.channels_last)  # for conv + batch norm on a CPU: about twice as fast

    @property
    def judge(self) -> PerceptualLoss | FeatureLoss:
        """The loss of ``"perceptual"`` or ``"features"``, with VGG-16; made on first use, see ``Judge``."""
        return self._judge.on(self.device)

    def _loss_network(self) -> PerceptualLoss | FeatureLoss:
        c = self.config
        half = c.half_judge and computes_in_bfloat16(self.device)
        if c.loss == FEATURES:
            return FeatureLoss(c.feature_layers, c.feature_weights, half=half)
        return PerceptualLoss(c.content_layer, half=half)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for the one player."""
        if self.config.loss not in LOSSES:
            _ = self.judge  # training begins: what it needs is made now, not in the first step
        return {"G": adam(self.netG.parameters(), lr=self.config.lr, betas=(0.9, 0.999))}

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return a cosine from ``lr`` to 0: the last steps average out which answer each batch happened to hold."""
        return {"G": CosineAnnealingLR(optimizers["G"], T_max=max(1, total_steps))}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a random batch; the target is 64 x 64, and x is smaller where the network enlarges by a ``factor``."""
        c = self.config
        side = 64 // getattr(self.netG, "factor", 1)
        x = torch.randn(batch_size, c.x_channels, side, side, device=device)
        y = torch.randn(batch_size, c.y_channels, 64, 64, device=device)
        return Batch(index=torch.arange(batch_size), x=x, y=y)

    def check_batch(self, batch: Any) -> None:
        """Do as every system does; of a network that was given, the config does not know the channels."""
        self._must_fit(batch, channels=not self._own_network)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step on ``batch.x`` and ``batch.y``; return the loss by its name."""
        y_hat = self.netG(batch.x)
        terms = self.terms(y_hat, batch.y)
        self.optimizer_step("G", torch.stack(list(terms.values())).sum())
        return {name: term.detach() for name, term in terms.items()}

    def terms(self, y_hat: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Return the loss of outputs by its name, and beside features the weighted ``l1``, if it has a weight."""
        name = self.config.loss
        if name in LOSSES:
            return {name: LOSSES[name](y_hat, y)}
        found = {name: self.judge(y_hat.clamp(-VGG_RANGE, VGG_RANGE), y)}
        if self.config.lambda_l1:
            found["l1"] = self.config.lambda_l1 * mean_absolute_error(y_hat, y)
        return found

    @torch.no_grad()
    def translate(self, x: Tensor) -> Tensor:
        """Return f(x) in [-1, 1] for a condition ``(N, C, H, W)`` in [-1, 1], with batch norm in eval mode."""
        with inference(self.netG):
            return self.netG(x).clamp(-1, 1)
