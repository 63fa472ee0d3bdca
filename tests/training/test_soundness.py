"""NaN is kept nowhere: not in buffers after a spoilt step, and not in a checkpoint, whatever of the state holds it."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib.errors import TrainingError
from course_lib.training import fit, loop, read_checkpoint

QUICK: dict[str, Any] = {"batch_size": 5, "progress": False, "device": "cpu"}


def spoilt_at(toys: Any, step: int, what: str = "x", rows: int = 26) -> Any:
    """Return data of ``toys.Duel`` in which all rows are NaN in the batch of one step."""

    class Spoilt(toys.Pairs):
        def batches(self, *args: Any, **options: Any) -> Any:
            for number, batch in enumerate(super().batches(*args, **options), start=options.get("skip", 0) + 1):
                yield batch | {what: batch[what] * math.nan} if number == step else batch

    data = toys.duel_data(rows)
    return Spoilt(data.x, data.y)


def finite(tensors: Any) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in tensors if t.is_floating_point())


def test_a_spoilt_batch_leaves_no_trace_in_running_means_or_averages(toys: Any, tmp_path: Path) -> None:
    """Batch norm takes NaN into its running means in the forward pass, before any loss is known."""
    system, states = toys.Duel(), []
    options: dict[str, Any] = {"ema_decay": 0.9, "checkpoint": tmp_path, **QUICK}
    with pytest.raises(TrainingError, match="The data hold NaN or infinity, in 'x' of the batch of step 3: repair"):
        fit(
            system, spoilt_at(toys, 3), steps=5, on_step=lambda now, _: states.append(copy.deepcopy(now.state_dict())),
            **options,
        )  # fmt: skip
    assert finite(system.state_dict().values())
    assert finite(system.averages["netG"].state_dict().values())
    buffers = dict(system.named_buffers())
    assert all(torch.equal(value, states[1][name]) for name, value in buffers.items())
    assert int(buffers["netG.1.num_batches_tracked"]) == 2
    fit(system, toys.duel_data(), steps=5, **{**options, "resume": False})
    assert finite(read_checkpoint(tmp_path)["system"].values())


def test_a_fault_of_the_system_is_not_blamed_on_the_data(toys: Any) -> None:
    class Diverges(toys.Duel):
        def training_step(self, batch: Any) -> Any:
            return super().training_step({"x": batch["x"] * (math.nan if self.step == 2 else 1.0), "y": batch["y"]})

    system = Diverges()
    with pytest.raises(TrainingError, match="The loss of D became nan at step 3"):
        fit(system, toys.duel_data(), steps=5, **QUICK)
    assert finite(buffer for _, buffer in system.named_buffers())


def spoil(tensor: Tensor, value: float = math.nan) -> None:
    tensor[(0,) * tensor.dim()] = value


class Spoiler:
    """Spoils one piece of the state after step 3, as a step on a GPU may."""

    def __init__(self, piece: str, value: float = math.nan) -> None:
        self.piece, self.value = piece, value

    @torch.no_grad()
    def __call__(self, system: Any, step: int) -> None:
        if step != 3:
            return
        state = system.state_dict()
        tensors: dict[str, Tensor] = {
            "weight": state["netD.0.weight"],
            "running mean": state["netG.1.running_mean"],
            "own buffer": system.seen,
            "average": system.averages["netG"][0].weight,
            "average's running mean": system.averages["netG"][1].running_mean,
            "moment": next(iter(system.optimizers["G"].state.values()))["exp_avg_sq"],
            "momentum": next(iter(system.optimizers["D"].state.values()))["momentum_buffer"],
            "pool": system.pool.images[0],
        }
        spoil(tensors[self.piece], self.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("piece", "words"),
    [
        ("weight", "weights netD.0.weight"),
        ("running mean", "weights netG.1.running_mean"),
        ("own buffer", "weights seen"),
        ("average", "averages netG.0.weight"),
        ("average's running mean", "averages netG.1.running_mean"),
        ("moment", "moments of optimiser G"),
        ("momentum", "moments of optimiser D"),
        ("pool", "earlier fakes of pool fakes"),
    ],
)
def test_nothing_spoilt_is_saved(toys: Any, tmp_path: Path, piece: str, words: str, value: float) -> None:
    options: dict[str, Any] = {"steps": 3, "ema_decay": 0.9, **QUICK}
    with pytest.raises(TrainingError, match=f"The {words} hold NaN or infinity after step 3: lower the learning rate"):
        fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path, save_every=1, on_step=Spoiler(piece, value), **options)
    assert read_checkpoint(tmp_path)["position"]["step"] == 2


def test_what_is_left_is_looked_at_without_a_checkpoint_too(toys: Any) -> None:
    options: dict[str, Any] = {"steps": 3, "ema_decay": 0.9, **QUICK}
    for piece in ("weight", "running mean", "average"):
        with pytest.raises(TrainingError, match=r"hold NaN or infinity after step 3: .* build the system anew"):
            fit(toys.Duel(), toys.duel_data(), on_step=Spoiler(piece), **options)


@pytest.mark.parametrize("name", ["netG.0.weight", "netG.1.running_mean"])
def test_a_system_that_is_spoilt_before_is_refused(toys: Any, tmp_path: Path, name: str) -> None:
    system = toys.Duel()
    with torch.no_grad():
        spoil(system.state_dict()[name])
    with pytest.raises(TrainingError, match=f"The weights {name} of Duel hold NaN or infinity before step 1"):
        fit(system, toys.duel_data(), steps=2, **QUICK)
    fit(toys.Duel(), toys.duel_data(), steps=2, checkpoint=tmp_path, **QUICK)
    fit(system, toys.duel_data(), steps=3, checkpoint=tmp_path, **QUICK)  # a checkpoint replaces what was spoilt
    assert finite(system.state_dict().values())


def test_whole_numbers_and_infinite_masks_are_no_fault(toys: Any, tmp_path: Path) -> None:
    class Masked(toys.Line):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 1))
            self.net.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
            self.register_buffer("count", torch.tensor(7))

    options: dict[str, Any] = {"steps": 3, "ema_decay": 0.5, "checkpoint": tmp_path, **QUICK}
    fit(Masked(), toys.line_data(), **options)
    fit(Masked(), toys.line_data(), **{**options, "steps": 4})
    assert read_checkpoint(tmp_path)["position"]["step"] == 4


def test_infinite_gradients_of_16_bit_training_lower_the_scale_and_stop_nothing(toys: Any) -> None:
    """They are multiplied by a large number, and a step that overflows is left out."""
    from course_lib.systems.base import System

    system = toys.Line()
    assert (system._scaled, System(config={})._scaled) == (False, False)
    system._scaled = True
    loss = system.net(torch.ones(2, 4)).sum() + (system.net.weight * 0).sum().sqrt()
    system.optimizers["net"] = torch.optim.SGD(system.net.parameters(), 0.0)
    system.optimizer_step("net", loss)  # the scaler would look at the gradients and leave the step out
    system = toys.Line()
    with pytest.raises(TrainingError, match="The gradient of net became nan at step 1"):
        system.optimizer_step("net", system.net(torch.ones(2, 4)).sum() + (system.net.weight * 0).sum().sqrt())


def test_on_a_device_that_is_read_every_few_steps_spoilt_buffers_are_not_saved(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "READ_EVERY", {"cpu": 10})
    with pytest.raises(TrainingError, match=r"weights netG\.1.running_mean hold NaN or infinity after step 4"):
        fit(
            toys.Duel(), toys.duel_data(), steps=9, ema_decay=0.9, save_every=2, checkpoint=tmp_path,
            on_step=Spoiler("running mean"), **QUICK,
        )  # fmt: skip
    assert read_checkpoint(tmp_path)["position"]["step"] == 2
