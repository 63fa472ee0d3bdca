"""Train the small systems of ``tests/small_systems.py`` in one process or several; started by ``test_carried.py``.

python carried.py FOLDER          writes what each process has at the end into FOLDER
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import small_systems as toys
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from course_lib.systems.base import System
from course_lib.training import fit

TESTS = Path(__file__).resolve().parents[1]


def module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


columns = module("carried_columns", TESTS / "data" / "test_columns.py")


class Walkers(System):
    """A system on ragged scenes: it learns their mean, and writes down which whole scenes this process saw."""

    def __init__(self) -> None:
        super().__init__({})
        self.net = nn.Linear(2, 1)
        self.seen: list[int] = []
        self.broken = 0

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"net": torch.optim.SGD(self.net.parameters(), 0.01)}

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        for place, row in enumerate(batch.index.tolist()):
            self.broken += not columns.whole(batch.scene.scene(place), row)
            self.seen.append(row)
        loss = (
            self.net(torch.stack([batch.scene.scene(k)[:, 1].mean(dim=0) for k in range(len(batch))])).square().mean()
        )
        self.optimizer_step("net", loss)
        return {"loss": loss.detach()}


def train(kind: str, folder: Path) -> dict[str, Tensor]:
    """Train, stopped once on the way and resumed, and return all weights and averages."""
    options: dict[str, Any] = {"device": "cpu", "progress": False, "checkpoint": folder / kind, "seed": 2}
    if kind == "walkers":
        torch.manual_seed(0)
        system = Walkers()
        fit(system, columns.scenes(), batch_size=4, epochs=1, **options)
        found = {"seen": torch.tensor(system.seen), "broken": torch.tensor(system.broken)}
        return {**system.state_dict(), **found}
    averaged = {"ema_decay": 0.9, "ema_ramp": 0.5}

    def build() -> tuple[System, Any, dict[str, Any]]:
        torch.manual_seed(0)
        if kind == "growing":
            stages = [toys.Stage(toys.pictures(side), 4, steps=3) for side in (4, 8)]
            return toys.Growing(), stages, averaged
        system = toys.Critic(toys.CriticConfig("r1", still=True) if kind == "still" else toys.CriticConfig(kind))
        return system, toys.pictures(2), averaged | {"batch_size": 4, "steps": 6}

    system, dataset, settings = build()
    fit(system, dataset, time_limit=0.0, **settings, **options)  # one step, and on from there
    system, dataset, settings = build()
    fit(system, dataset, **settings, **options)
    averages = {f"average.{name}": value for name, value in system.averages["netG"].state_dict().items()}
    return {**system.state_dict(), **averages}


if __name__ == "__main__":
    torch.set_num_threads(1)
    output, rank = Path(sys.argv[1]), int(os.environ.get("RANK", "0"))
    for kind in ("gp", "still", "clip", "growing", "walkers"):
        tensors = train(kind, output)
        save_file(
            {name: value.contiguous() for name, value in tensors.items()}, output / f"{kind}-rank{rank}.safetensors"
        )
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
