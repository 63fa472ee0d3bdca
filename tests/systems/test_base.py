from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.errors import ShapeError, TrainingError
from course_lib.systems.base import System, adam
from course_lib.systems.gan import GAN, GANConfig


@dataclass(frozen=True)
class Config:
    lr: float = 0.1


class Two(System):
    """Two players that share one input."""

    ema_networks = ("netG",)

    def __init__(self) -> None:
        super().__init__(Config())
        self.netG, self.netD = nn.Linear(2, 2), nn.Linear(2, 1)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "G": torch.optim.SGD(self.netG.parameters(), self.config.lr),
            "D": torch.optim.SGD(self.netD.parameters(), self.config.lr),
        }


def test_a_step_moves_its_own_player_only_and_by_the_gradient() -> None:
    torch.manual_seed(0)
    system, x = Two(), torch.randn(5, 2)
    before = {k: v.clone() for k, v in system.state_dict().items()}
    system.optimizer_step("G", system.netD(system.netG(x)).mean())
    after = system.state_dict()
    gradient = torch.outer(before["netD.weight"][0], x.mean(0))
    torch.testing.assert_close(after["netG.weight"], before["netG.weight"] - 0.1 * gradient)
    assert torch.equal(after["netD.weight"], before["netD.weight"])


def test_gradients_of_another_players_loss_are_cleared_first() -> None:
    torch.manual_seed(0)
    system, x = Two(), torch.randn(5, 2)
    weight = system.netD.weight.detach().clone()
    system.optimizer_step("G", 100 * system.netD(system.netG(x)).mean())  # leaves a gradient in D
    assert system.netD.weight.grad is not None
    system.optimizer_step("D", system.netD(x).mean())
    torch.testing.assert_close(system.netD.weight, weight - 0.1 * x.mean(0, keepdim=True))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_touches_no_weight(bad: float) -> None:
    system = Two()
    system.step = 11
    before = {k: v.clone() for k, v in system.state_dict().items()}
    with pytest.raises(TrainingError, match=rf"The loss of D became {bad} at step 12: lower the learning rate"):
        system.optimizer_step("D", system.netD(torch.ones(1, 2)).sum() * bad)
    assert all(torch.equal(before[k], v) for k, v in system.state_dict().items())


def test_averages_move_along_but_are_no_part_of_the_state() -> None:
    system = Two()
    assert system.averaged("netG") is system.netG
    names = list(system.state_dict())
    system.averages = {"netG": nn.Linear(2, 2)}
    assert list(system.state_dict()) == names
    assert len(list(system.parameters())) == 4
    assert system.averaged("netG") is system.averages["netG"]
    system.double()
    assert system.averages["netG"].weight.dtype == torch.float64
    system.to("meta")
    assert system.averages["netG"].weight.device.type == "meta"
    assert system.device.type == "meta"


def test_adam_is_fused_where_it_can_be_and_equals_the_plain_one() -> None:
    torch.manual_seed(0)
    fused, plain = nn.Linear(3, 3), nn.Linear(3, 3)
    plain.load_state_dict(fused.state_dict())
    ours = adam((p for p in fused.parameters()), 1e-2, (0.5, 0.9))
    assert ours.param_groups[0]["fused"]
    assert ours.param_groups[0]["betas"] == (0.5, 0.9)
    theirs = torch.optim.Adam(plain.parameters(), 1e-2, (0.5, 0.9))
    for network, optimizer in ((fused, ours), (plain, theirs)):
        for k in range(5):
            optimizer.zero_grad()
            network(torch.full((1, 3), 1.0 + k)).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(fused.weight, plain.weight)
    assert not adam(nn.Linear(2, 2, device="meta").parameters(), 1e-2).param_groups[0]["fused"]


def test_missing_methods_are_named() -> None:
    class Empty(System):
        pass

    empty: Any = Empty(Config())
    for call in (lambda: empty.training_step(None), empty.configure_optimizers, lambda: empty.example_batch(1, "cpu")):
        with pytest.raises(NotImplementedError, match="Empty must define"):
            call()
    assert empty.get_pools() == {}
    assert empty.configure_schedules({}, 1) == {}


# What the writer of a system may get wrong.


def test_what_is_no_step_of_an_optimiser_has_a_sentence() -> None:
    system = Two()
    player = next(iter(system.optimizers))
    loss = sum(p.sum() for p in system.parameters())
    with pytest.raises(TrainingError, match=f"Two has no optimiser '{player}x': choose one of G, D"):
        system.optimizer_step(f"{player}x", loss)
    for wrong, words in ((torch.ones(2), r"has the shape \(2,\)"), (loss.detach(), "has no graph")):
        with pytest.raises(ShapeError, match=f"The loss of {player} {words}: give one number"):
            system.optimizer_step(player, wrong)
    for every in (0, 2.5, True):
        with pytest.raises(ShapeError, match=r"every is .*: give a whole number of at least 1"):
            system.due(every)
    with pytest.raises(ShapeError, match=r"count is -1: give a whole number of at least 0"):
        GAN(GANConfig(g_hidden=(4,), d_hidden=(4,))).latents(-1)


def test_optimisers_and_scalars_come_by_name() -> None:
    class Bare(Two):
        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    with pytest.raises(TrainingError, match=r"configure_optimizers\(\) of Bare returned of type SGD: return the opt"):
        _ = Bare().optimizers
