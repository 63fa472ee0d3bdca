"""Of an earlier training a system keeps its weights and nothing else: the same seed gives the same bits again."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import small_systems
import torch
from torch import Tensor, nn

from course_lib.data import ImageSet, UnpairedSet
from course_lib.errors import TrainingError
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.training import fit
from course_lib.training.checkpoints import CheckpointFolder

QUICK: dict[str, Any] = {"progress": False, "device": "cpu"}


def side(seed: int, size: int = 16) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (6, 3, size, size), generator=generator, dtype=torch.uint8)
    return ImageSet(name="toy", split="train", images=images)


def unpaired(size: int = 16) -> UnpairedSet:
    return UnpairedSet(side(1, size), side(2, size))


def cyclegan() -> CycleGAN:
    return CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=1, pool=3, lr=0.01))


def end_of(folder: Path) -> dict[str, Any]:
    stored = CheckpointFolder(folder).load()
    assert stored is not None
    return small_systems.leaves(stored)


def differ(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return sorted({*a, *b} - {path for path in a if path in b and a[path] == b[path]})


def used(system: System, dataset: Any, **settings: Any) -> System:
    """Return the system after a training, and steps by hand after that, with the weights it had before."""
    weights = copy.deepcopy(system.state_dict())
    fit(system, dataset, **{**settings, "steps": 4, "seed": 11}, **QUICK)
    system.train()
    system.training_step(next(dataset.batches(4, generator=torch.Generator().manual_seed(9))))
    for network, averaged in system.averages.items():  # as if someone had set the weights back by hand
        assert averaged is not getattr(system, network)
    with torch.no_grad():
        for name, tensor in system.state_dict().items():
            tensor.copy_(weights[name])
    return system


@pytest.mark.parametrize("name", ["clip", "gp", "r1", "coder"])
def test_a_used_system_gives_the_bits_of_a_new_one(name: str, tmp_path: Path) -> None:
    build, dataset, settings = small_systems.TOYS[name]
    averaged = {"ema_decay": 0.9, "ema_ramp": 0.5} if build().ema_networks else {}
    settings = {**settings, **averaged, "seed": 3}
    torch.manual_seed(5)
    new = build()
    old = used(copy.deepcopy(new), dataset(), **settings)
    fit(new, dataset(), checkpoint=tmp_path / "new", **settings, **QUICK)
    fit(old, dataset(), checkpoint=tmp_path / "old", **settings, **QUICK)
    assert differ(end_of(tmp_path / "new"), end_of(tmp_path / "old")) == []


def test_d_does_not_see_the_fakes_of_an_earlier_training(toys: Any, tmp_path: Path) -> None:
    torch.manual_seed(5)
    for new, dataset in ((toys.Duel(), toys.duel_data()), (cyclegan(), unpaired())):
        folder = tmp_path / type(new).__name__
        settings: dict[str, Any] = {"steps": 6, "batch_size": 3, "seed": 3}
        old = used(copy.deepcopy(new), dataset, **settings)
        assert any(len(pool) for pool in old.get_pools().values())
        fit(new, dataset, checkpoint=folder / "new", **settings, **QUICK)
        fit(old, dataset, checkpoint=folder / "old", **settings, **QUICK)
        assert differ(end_of(folder / "new"), end_of(folder / "old")) == []
        assert any("/pools/" in path for path in end_of(folder / "new"))


def test_a_second_training_may_have_pictures_of_another_size() -> None:
    system = cyclegan()
    fit(system, unpaired(16), steps=3, batch_size=3, **QUICK)
    fit(system, unpaired(24), steps=3, batch_size=3, **QUICK)
    assert {tuple(image.shape) for image in system.pools["fake_y"].images} == {(3, 24, 24)}


def test_fine_tuning_keeps_weights_and_lets_go_of_the_rest(toys: Any) -> None:
    system = toys.Line()
    fit(system, toys.line_data(), steps=9, batch_size=5, ema_decay=0.9, **QUICK)
    system.card = {"minutes": 3}
    system.optimizer_step("net", system.net(torch.ones(2, 4)).sum())
    before = copy.deepcopy(system.state_dict())
    seen: list[dict[str, Any]] = []

    class Look(type(system)):  # type: ignore[misc]
        def training_step(self, batch: Any) -> dict[str, Tensor]:
            seen.append(
                {
                    "step": (self.step, self.stage_step),
                    "total": self.total_steps,
                    "averages": dict(self.averages),
                    "moments": len(self.optimizers["net"].state),
                    "grads": [p.grad for p in self.parameters()],
                    "card": "card" in vars(self),
                    "same": all(torch.equal(v, before[k]) for k, v in self.state_dict().items()),
                }
            )
            return super().training_step(batch)

    system.__class__ = Look
    fit(system, toys.line_data(), steps=1, batch_size=5, **QUICK)
    assert seen == [
        {
            "step": (0, 0),
            "total": 1,
            "averages": {},
            "moments": 0,
            "grads": [None, None],
            "card": False,
            "same": True,
        }
    ]


def test_weights_that_are_loaded_are_those_that_infer(toys: Any) -> None:
    system = toys.Line()
    other = copy.deepcopy(system.state_dict())
    fit(system, toys.line_data(), steps=9, batch_size=5, ema_decay=0.9, **QUICK)
    assert system.averaged("net") is not system.net
    system.load_state_dict(other)
    assert system.averaged("net") is system.net


def test_the_average_of_a_resumed_run_is_there(toys: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 5, "ema_decay": 0.9, "checkpoint": tmp_path, **QUICK}
    fit(toys.Line(), toys.line_data(), steps=4, **options)
    system, inside = toys.Line(), []
    fit(system, toys.line_data(), steps=5, on_step=lambda now, _: inside.append(now.averaged("net")), **options)
    assert inside == [system.averages["net"]]


def test_a_call_that_is_refused_leaves_the_system_alone(toys: Any, tmp_path: Path) -> None:
    fit(toys.Line(), toys.line_data(), steps=4, batch_size=5, checkpoint=tmp_path, **QUICK)
    system = toys.Line()
    fit(system, toys.line_data(), steps=9, batch_size=5, ema_decay=0.9, **QUICK)
    system.card = {}
    average, step = system.averages["net"], system.step
    with pytest.raises(TrainingError, match="batch_size = 5 and this run has 6"):
        fit(system, toys.line_data(), steps=9, batch_size=6, checkpoint=tmp_path, **QUICK)
    assert (system.averages["net"], system.step, system.training) == (average, step, False)
    assert system.card == {}


def test_a_checkpoint_of_other_shapes_changes_no_weight(toys: Any, tmp_path: Path) -> None:
    class Two(toys.Line):
        def __init__(self, inputs: int) -> None:
            super().__init__()
            self.net = nn.ModuleDict({"same": nn.Linear(4, 1), "other": nn.Linear(inputs, 1)})

        def loss(self, batch: Any) -> Tensor:
            return (self.net["same"](batch["x"]) - batch["y"]).square().mean()

    options: dict[str, Any] = {"batch_size": 5, "checkpoint": tmp_path, **QUICK}
    fit(Two(2), toys.line_data(), steps=4, **options)
    system = Two(3)
    before = copy.deepcopy(system.state_dict())
    with pytest.raises(TrainingError, match=r"does not fit these networks .*net\.other\.weight is \(1, 2\) there"):
        fit(system, toys.line_data(), steps=5, **options)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())


def test_the_current_cuda_device_is_put_back(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fabric makes the device that it trains on current; here a step does, on a machine that has none."""
    current = [0]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[0])
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: current.__setitem__(0, number))
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: torch.zeros(1))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state: None)
    inside: list[int] = []

    def step(system: Any, number: int) -> None:
        current[0] = 1
        inside.append(torch.cuda.current_device())

    fit(toys.Line(), toys.line_data(), steps=1, batch_size=5, on_step=step, **QUICK)
    assert (inside, current) == ([1], [0])


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_a_training_inside_a_block_without_gradients_is_the_same(toys: Any, around: Any) -> None:
    torch.manual_seed(1)
    plain = toys.Duel()
    inside = copy.deepcopy(plain)
    fit(plain, toys.duel_data(), steps=3, batch_size=5, **QUICK)
    with around():
        fit(inside, toys.duel_data(), steps=3, batch_size=5, **QUICK)
        assert not torch.is_grad_enabled()
    assert all(torch.equal(v, inside.state_dict()[k]) for k, v in plain.state_dict().items())
