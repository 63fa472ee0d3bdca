"""What the loop carries for the systems to come, each by a small one: resume, meta device, precision, inference."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import small_systems as toys
import torch
from torch import nn

from course_lib.errors import ShapeError, TrainingError
from course_lib.systems.base import System
from course_lib.training import Stage, fit, meta_step
from course_lib.training.checkpoints import CheckpointFolder

every_toy = pytest.mark.parametrize("name", list(toys.TOYS))
QUICK: dict[str, Any] = {"progress": False, "device": "cpu"}


def train(name: str, folder: Path, stop_at: int | None = None, weights: int = 5, **options: Any) -> System:
    build, dataset, settings = toys.TOYS[name]

    def stop(system: System, step: int) -> None:
        if step == stop_at:
            raise KeyboardInterrupt

    torch.manual_seed(weights)
    system = build()
    averaged = {"ema_decay": 0.9, "ema_ramp": 0.5} if system.ema_networks else {}
    fit(system, dataset(), checkpoint=folder, on_step=stop, **QUICK, **{**settings, **averaged, "seed": 3, **options})
    return system


def stored(folder: Path) -> dict[str, Any]:
    found = CheckpointFolder(folder).load()
    assert found is not None
    return toys.leaves(found)


@every_toy
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_run_resumed_at_any_step_has_the_same_bits(name: str, precision: str, tmp_path: Path) -> None:
    """For the growing system: in each stage, and just before and after each growth (steps 7 and 9 end stages)."""
    train(name, tmp_path / "whole", precision=precision)
    whole = stored(tmp_path / "whole")
    for stop_at in (1, 4, 6, 7, 8, 9, 10, 12) if name == "growing" else (4, 5):
        parts = tmp_path / f"stopped at {stop_at}"
        train(name, parts, stop_at=stop_at, precision=precision)
        assert any(stored(parts).get(path) != value for path, value in whole.items())
        train(name, parts, weights=99, precision=precision)
        resumed = stored(parts)
        assert resumed.keys() == whole.keys()
        assert [path for path, value in whole.items() if resumed[path] != value] == []


@every_toy
def test_a_step_on_the_meta_device(name: str) -> None:
    meta_step(toys.TOYS[name][0]())


def test_a_grown_system_steps_on_the_meta_device() -> None:
    meta_step(toys.Growing().at_stage(2))


# --- gradients of inputs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_the_gradient_of_an_input_is_right_in_every_precision(precision: str) -> None:
    """Of D(x) = w . x it is w; the penalty (|w| - 1)^2 then takes w to a norm of 1, through the second derivative."""

    class Slope(System):
        def __init__(self) -> None:
            super().__init__({})
            self.netD = nn.Linear(4, 1, bias=False)
            with torch.no_grad():
                self.netD.weight.copy_(torch.tensor([[2.0, 0.0, -1.0, 0.5]]))
            self.seen: list[torch.Tensor] = []

        def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
            return {"D": torch.optim.SGD(self.netD.parameters(), 0.1)}

        def training_step(self, batch: Any) -> dict[str, torch.Tensor]:
            x = batch.images.flatten(1).requires_grad_()
            gradient = self.input_gradient(self.netD(x), x)
            self.seen.append(gradient.detach())
            loss = toys.gradient_penalty(gradient)
            self.optimizer_step("D", loss)
            return {"penalty": loss.detach()}

    system = Slope()
    history = fit(system, toys.pictures(2), steps=60, batch_size=4, precision=precision, **QUICK)
    expected = torch.tensor([[2.0, 0.0, -1.0, 0.5]]).expand(4, -1)
    torch.testing.assert_close(system.seen[0], expected)
    assert system.seen[0].dtype == torch.float32
    assert history["penalty"][-1] < 1e-3 < history["penalty"][0]
    assert float(system.netD.weight.detach().norm()) == pytest.approx(1.0, abs=0.03)


def test_a_gradient_needs_inputs_that_ask_for_one_and_networks_that_are_not_compiled() -> None:
    system = toys.Critic()
    x = torch.zeros(2, 6)
    with pytest.raises(ShapeError, match="requires_grad_"):
        system.input_gradient(system.netD(x), x)

    from course_lib.training.devices import _gradient

    with pytest.raises(TrainingError, match="pass compile=False"):
        _gradient(True, x, x)


def test_a_gradient_is_clipped_to_its_norm_over_all_parameters() -> None:
    system = toys.Critic(toys.CriticConfig("clip"))
    system.optimizers["D"] = torch.optim.SGD(system.netD.parameters(), 1.0)
    before = copy.deepcopy(list(system.netD.parameters()))
    system.optimizer_step("D", 1e4 * system.netD(torch.ones(3, 6)).sum(), clip_norm=0.5)
    moved = torch.cat([(a - b).detach().flatten() for a, b in zip(before, system.netD.parameters(), strict=True)])
    assert float(moved.norm()) == pytest.approx(0.5, rel=1e-4)


def test_clipping_in_16_bit_sees_the_gradient_and_not_its_scale() -> None:
    """The scale of 16-bit training is 65,536 at first: a norm below the limit must not be cut."""

    class Line(System):
        def __init__(self) -> None:
            super().__init__({})
            self.net = nn.Linear(4, 1)

        def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
            return {"net": torch.optim.SGD(self.net.parameters(), 0.1)}

        def training_step(self, batch: Any) -> dict[str, torch.Tensor]:
            loss = self.net(batch.images.flatten(1)).square().mean()
            self.optimizer_step("net", loss, clip_norm=100.0)
            return {"loss": loss.detach()}

    ends = []
    for precision in ("32-true", "16-mixed"):
        torch.manual_seed(0)
        system = Line()
        fit(system, toys.pictures(2), steps=3, batch_size=4, precision=precision, **QUICK)
        ends.append(system.net.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=2e-2, atol=2e-3)


def test_several_steps_of_d_a_lazy_penalty_and_bounds_on_weights(tmp_path: Path) -> None:
    build, dataset, settings = toys.TOYS["r1"]
    history = fit(build(), dataset(), **settings, **QUICK)
    assert history.series("g_loss")[0] == [1, 3, 5, 7, 9]
    assert history.series("penalty")[0] == [1, 4, 7]
    clipped = train("clip", tmp_path)
    assert max(float(p.detach().abs().max()) for p in clipped.netD.parameters()) <= 0.0500001


# --- growth ----------------------------------------------------------------------------------------------------------


def test_optimisers_and_averages_know_old_and_new_layers() -> None:
    torch.manual_seed(0)
    system, seen = toys.Growing(), {}

    def look(now: System, step: int) -> None:
        seen[step] = {
            "first": system.averages["netG"].first.weight.clone(),
            "names": [name for name, _ in system.averages["netG"].named_parameters()],
            "moments": len(system.optimizers["G"].state),
            "age": int(system.optimizers["G"].state[next(iter(system.netG.parameters()))]["step"]),
            "fade": (system.stage, system.stage_step, system.stage_steps),
        }

    history = fit(system, toys.growing_stages(), ema_decay=0.9, ema_ramp=0.0, on_step=look, **QUICK)
    assert [len(seen[step]["names"]) for step in (7, 8, 10)] == [4, 6, 8]
    assert [seen[step]["moments"] for step in (7, 8, 10)] == [4, 6, 8]
    assert [seen[step]["age"] for step in (7, 8, 10)] == [7, 8, 10]
    assert seen[8]["fade"] == (1, 1, 2)
    expected = 0.9 * seen[7]["first"] + 0.1 * system.netG.first.weight
    assert not torch.allclose(expected, seen[8]["first"])  # the weights went on since step 8
    assert torch.allclose(seen[7]["first"], seen[8]["first"], atol=0.02)  # and the average did not start anew
    assert len(history) == 7 + 2 + 7
    assert history.epoch[6:10] == [1, 2, 2, 3]
    assert history["fade"][7:9] == [0.5, 1.0]
    z = system.latents(3, torch.Generator().manual_seed(0))
    assert system.sample(z).shape == (3, 1, 16, 16)
    assert torch.equal(system.sample(z), system.sample(3, generator=torch.Generator().manual_seed(0)))


def test_a_growing_system_is_built_anew_for_a_new_run() -> None:
    system = toys.Growing().at_stage(1)
    with pytest.raises(TrainingError, match="build it anew"):
        fit(system, toys.growing_stages(), **QUICK)
    with pytest.raises(TrainingError, match="build it anew"):
        system.at_stage(0)


def test_stages_are_refused_where_nothing_grows_or_lengths_stand_twice() -> None:
    with pytest.raises(TrainingError, match="does not grow"):
        fit(toys.Coder(), [Stage(toys.pictures(4), 4, steps=1)] * 2, **QUICK)
    with pytest.raises(TrainingError, match="steps belongs to the stages"):
        fit(toys.Growing(), toys.growing_stages(), steps=3, **QUICK)
    with pytest.raises(TrainingError, match="list of stages"):
        fit(toys.Growing(), [toys.pictures(4)], **QUICK)
    with pytest.raises(TrainingError, match="either epochs or steps"):
        Stage(toys.pictures(4), 4)
    for length in ({"steps": 0}, {"epochs": -1.0}, {"steps": -2}):
        with pytest.raises(TrainingError, match="at least one step"):
            Stage(toys.pictures(4), 4, **length)


@pytest.mark.parametrize("how", ["network", "layer"])
def test_a_network_that_is_exchanged_in_fit_is_an_error(how: str) -> None:
    system = toys.Coder()

    def exchange(now: Any, step: int) -> None:
        if how == "network":
            now.netE = nn.Conv2d(1, 4, 2, stride=2)
        else:
            now.netE.weight = nn.Parameter(torch.zeros(4, 1, 2, 2))

    with pytest.raises(TrainingError, match=r"netE of Coder was exchanged.*grow"):
        fit(system, toys.pictures(4), steps=3, batch_size=4, on_step=exchange, **QUICK)
    assert type(system.netE) is nn.Conv2d


# --- inference -------------------------------------------------------------------------------------------------------


def test_the_same_z_and_condition_give_the_same_sample_by_the_average(tmp_path: Path) -> None:
    system = train("gp", tmp_path)
    z, labels = system.latents(4), torch.tensor([0, 1, 1, 0])
    first = system.sample(z, condition=labels)
    assert torch.equal(first, system.sample(z, condition=labels))
    system.averages = {}
    assert not torch.equal(first, system.sample(z, condition=labels))
    drawn = [system.sample(condition=labels, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*drawn)
    assert not system.training


def test_what_cannot_be_sampled_says_so() -> None:
    system = toys.Critic()
    with pytest.raises(TrainingError, match=r"sample\(16\)"):
        system.sample()
    with pytest.raises(ShapeError, match="neither latents nor a number"):
        system.sample("many", condition=torch.zeros(1).long())
    with pytest.raises(TrainingError, match="Coder has no latents"):
        toys.Coder().sample(3)
