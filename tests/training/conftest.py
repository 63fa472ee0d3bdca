"""Small systems and a small data set that use every feature of the training loop."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.systems.base import System, adam
from course_lib.systems.image_pool import ImagePool
from course_lib.systems.schedules import linear_decay, schedule, warmup


@dataclass(frozen=True)
class LineConfig:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)


class Line(System):
    """Linear regression."""

    ema_networks = ("net",)

    def __init__(self, config: LineConfig | None = None, inputs: int = 4) -> None:
        super().__init__(config or LineConfig())
        self.net = nn.Linear(inputs, 1)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"net": adam(self.net.parameters(), self.config.lr, self.config.betas)}

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return F.mse_loss(self.net(batch["x"]), batch["y"])

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = self.loss(batch)
        self.optimizer_step("net", loss)
        return {"mse": loss.detach()}

    def example_batch(self, batch_size: int, device: torch.device | str) -> dict[str, Tensor]:
        return {"x": torch.randn(batch_size, 4, device=device), "y": torch.randn(batch_size, 1, device=device)}


@dataclass(frozen=True)
class DuelConfig:
    lr: float = 0.01


class Duel(System):
    """A two-player system with batch norm, dropout, noise of three kinds, a pool, an average and two schedules.

    Convolutions are channels_last, as in the systems of the course.
    """

    ema_networks = ("netG",)

    def __init__(self, config: DuelConfig | None = None) -> None:
        super().__init__(config or DuelConfig())
        self.netG = nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Dropout(0.3), nn.Conv2d(6, 2, 3, padding=1)
        )
        self.netD = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(5, 1, 3, padding=1))
        self.register_buffer("seen", torch.zeros(()))
        self.pool = ImagePool(6)
        self.to(memory_format=torch.channels_last)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "G": adam(self.netG.parameters(), self.config.lr, (0.5, 0.999)),
            "D": torch.optim.SGD(self.netD.parameters(), self.config.lr, momentum=0.9),
        }

    def configure_schedules(self, optimizers: Any, total_steps: int) -> Any:
        return {
            "G": schedule(optimizers["G"], warmup(5, linear_decay(total_steps))),
            "D": torch.optim.lr_scheduler.CosineAnnealingLR(optimizers["D"], total_steps),
        }

    def get_pools(self) -> dict[str, ImagePool]:
        return {"fakes": self.pool}

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        x, y = batch["x"], batch["y"]
        fake = self.netG(x + 0.1 * torch.randn_like(x))
        old = self.pool.query(fake)
        label = 1.0 - 0.1 * random.random() - 0.1 * float(np.random.rand())
        real_logits, fake_logits = self.netD(y), self.netD(old)
        loss_d = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, label))
        loss_d = loss_d + F.softplus(fake_logits).mean()
        self.optimizer_step("D", loss_d)
        for p in self.netD.parameters():
            p.requires_grad_(False)
        loss_g = F.softplus(-self.netD(fake)).mean() + F.l1_loss(fake, y)
        for p in self.netD.parameters():
            p.requires_grad_(True)
        self.optimizer_step("G", loss_g)
        self.seen += len(x)
        scalars = {"G": loss_g.detach(), "D": loss_d.detach()}
        return scalars | ({"third": loss_d.detach()} if self.step % 3 == 0 else {})

    def example_batch(self, batch_size: int, device: torch.device | str) -> dict[str, Tensor]:
        return {name: torch.randn(batch_size, 2, 4, 4, device=device) for name in ("x", "y")}


class Pairs:
    """Rows of x and y with the rule of ``course_lib.data``: an epoch's chance is drawn when the epoch starts."""

    def __init__(self, x: Tensor, y: Tensor, name: str = "toy") -> None:
        self.x, self.y, self.name = x, y, name

    def __len__(self) -> int:
        return len(self.x)

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def batches(
        self,
        batch_size: int,
        device: Any = "cpu",
        generator: torch.Generator | None = None,
        flip: bool = False,
        shuffle: bool = True,
        drop_last: bool = False,
        skip: int = 0,
    ) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(len(self), generator=generator) if shuffle else torch.arange(len(self))
        sign = 1.0 - 2.0 * (torch.rand(len(self), generator=generator) < 0.5).float() * flip
        for number in range(skip, self.num_batches(batch_size, drop_last)):
            index = order[number * batch_size : (number + 1) * batch_size]
            factor = sign[index].view(-1, *[1] * (self.x.dim() - 1))
            yield {"x": (self.x[index] * factor).to(device), "y": (self.y[index] * factor).to(device), "index": index}


def line_data(rows: int = 50) -> Pairs:
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(1))
    return Pairs(x, x @ torch.tensor([[1.0], [-2.0], [3.0], [0.5]]), name="line")


def duel_data(rows: int = 26) -> Pairs:
    generator = torch.Generator().manual_seed(2)
    return Pairs(torch.randn(rows, 2, 4, 4, generator=generator), torch.randn(rows, 2, 4, 4, generator=generator))


@pytest.fixture(scope="module")
def toys() -> Iterator[SimpleNamespace]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield SimpleNamespace(
        Line=Line, LineConfig=LineConfig, Duel=Duel, DuelConfig=DuelConfig, Pairs=Pairs,
        line_data=line_data, duel_data=duel_data,
    )  # fmt: skip
    torch.set_num_threads(threads)
