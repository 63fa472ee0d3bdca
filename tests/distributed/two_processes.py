"""Run by torchrun: train a small system in one of two processes and write down weights and gradients.

Usage: torchrun --nproc-per-node 2 two_processes.py OUTPUT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.systems.base import System, adam
from course_lib.systems.image_pool import ImagePool
from course_lib.training import fit

STEPS, ROWS, BATCH = 5, 36, 8


@dataclass(frozen=True)
class Config:
    kind: str


class Pair(System):
    """G and D in the manner of the course: detached fake, frozen D, and (kind "norm") batch norm in both."""

    ema_networks = ("netG",)

    def __init__(self, kind: str) -> None:
        super().__init__(Config(kind))
        torch.manual_seed(0)

        def norm() -> nn.Module:
            return nn.BatchNorm1d(6) if kind == "norm" else nn.Identity()

        self.netG = nn.Sequential(nn.Linear(3, 6), norm(), nn.Tanh(), nn.Linear(6, 3))
        self.netD = nn.ModuleDict({"one": nn.Sequential(nn.Linear(3, 6), norm(), nn.Tanh(), nn.Linear(6, 1))})
        self.pool = ImagePool(4)
        self.rows: list[int] = []
        self.noise: list[float] = []
        self.gradients: dict[str, Tensor] = {}

    def get_pools(self) -> dict[str, ImagePool]:
        return {"pool": self.pool}

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.netG.parameters(), 1e-2), "D": torch.optim.SGD(self.netD.parameters(), 0.1)}

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        x, y, netD = batch["x"], batch["y"], self.netD["one"]
        self.rows += batch["index"].tolist()
        self.noise.append(float(torch.rand(())))
        self.pool.query(x.view(-1, 3, 1, 1))
        fake = self.netG(x)
        loss_d = F.softplus(-netD(y)).mean() + F.softplus(netD(fake.detach())).mean()
        self.optimizer_step("D", loss_d)
        self.keep("D", self.netD)
        for p in netD.parameters():
            p.requires_grad_(False)
        loss_g = F.softplus(-netD(fake)).mean() + F.l1_loss(fake, y)
        for p in netD.parameters():
            p.requires_grad_(True)
        self.optimizer_step("G", loss_g)
        self.keep("G", self.netG)
        return {"G": loss_g.detach(), "D": loss_d.detach()}

    def keep(self, name: str, network: nn.Module) -> None:
        if self.step == 0:
            for i, p in enumerate(network.parameters()):
                self.gradients[f"gradient.{name}.{i}"] = p.grad.clone()


class Rows:
    """Pairs of vectors with the interface of the course's data sets."""

    name = "rows"

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x, self.y = torch.randn(2, ROWS, 3, generator=generator)

    def __len__(self) -> int:
        return ROWS

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int:
        return ROWS // batch_size if drop_last else -(-ROWS // batch_size)

    def batches(
        self, batch_size: int, *, generator: torch.Generator, skip: int, drop_last: bool, **_: Any
    ) -> Iterator[Any]:
        order = torch.randperm(ROWS, generator=generator)
        for k in range(skip, self.num_batches(batch_size, drop_last)):
            index = order[k * batch_size : (k + 1) * batch_size]
            yield {"x": self.x[index], "y": self.y[index], "index": index}


def train(kind: str, output: Path, rank: int) -> None:
    """Train, stopping and resuming once on the way, and write what this process has."""
    torch.set_num_threads(1)
    options: dict[str, Any] = {
        "batch_size": BATCH, "device": "cpu", "progress": False, "ema_decay": 0.5, "checkpoint": output / kind,
    }  # fmt: skip
    first = Pair(kind)
    fit(first, Rows(), steps=3, **options)
    system = Pair(kind)
    history = fit(system, Rows(), steps=STEPS, **options)
    tensors = {**system.state_dict(), **first.gradients}
    tensors |= {f"average.{k}": v for k, v in system.averages["netG"].state_dict().items()}
    tensors["rows"] = torch.tensor(first.rows + system.rows)
    tensors["noise"] = torch.tensor(first.noise + system.noise)
    tensors["loss"] = torch.tensor(history["G"])
    limit = 0.0 if rank else None  # only process 1 is late: both must stop, or one would wait for ever
    late = fit(Pair(kind), Rows(), **options | {"steps": STEPS, "checkpoint": None, "time_limit": limit})
    tensors["late"] = torch.tensor(len(late))
    tensors["pool"] = torch.stack(system.pool.images)
    save_file({k: v.contiguous() for k, v in tensors.items()}, output / f"{kind}-rank{rank}.safetensors")


if __name__ == "__main__":
    for kind in ("plain", "norm"):
        train(kind, Path(sys.argv[1]), int(os.environ.get("RANK", "0")))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
