"""The conditional GAN's step: who learns from which loss, and what D sees."""

import math

import pytest
import torch

from course_lib.systems.conditional_gan import ConditionalGAN, ConditionalGANConfig
from course_lib.training import meta_step

SMALL = ConditionalGANConfig(base_channels=8, d_channels=8, levels=3, patch_layers=1)


@pytest.fixture
def system():
    torch.manual_seed(0)
    return ConditionalGAN(SMALL)


@pytest.fixture
def batch(system):
    return system.example_batch(4, "cpu")


def gradients(network):
    return [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]


def test_each_loss_reaches_its_own_player_only(system, batch, monkeypatch):
    seen = {}

    def spy(name, loss):
        for network in (system.netG, system.netD):
            network.zero_grad(set_to_none=True)
        loss.backward()
        seen[name] = (any(gradients(system.netG)), any(gradients(system.netD)))

    monkeypatch.setattr(system, "optimizer_step", spy)
    system.training_step(batch)
    assert seen == {"D": (False, True), "G": (True, False)}


def test_both_players_move(system, batch):
    before = {name: p.clone() for name, p in system.named_parameters()}
    system.training_step(batch)
    moved = {name.split(".")[0] for name, p in system.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"netG", "netD"}


def test_losses_are_those_of_the_paper(system, batch):
    """With D silenced its logits are 0: D's halved loss is log 2, G's adversarial loss too, and D says 1/2."""
    with torch.no_grad():
        system.netD.body[-1].weight.zero_()
    scalars = system.training_step(batch)
    assert scalars["d_loss"].item() == pytest.approx(math.log(2), abs=1e-6)
    assert scalars["d_real"].item() == scalars["d_fake"].item() == pytest.approx(0.5)
    # G moves after D: D's bias has taken one step of at most about lr
    assert scalars["g_adversarial"].item() == pytest.approx(math.log(2), abs=1e-2)


def test_d_sees_the_condition(system, batch):
    system.eval()
    with torch.no_grad():
        true_pair = system.netD(batch.x, batch.y)
        shuffled = system.netD(batch.x.roll(1, 0), batch.y)
    assert not torch.allclose(true_pair, shuffled)


def test_noise_is_dropout_at_inference(system, batch):
    assert not torch.equal(system.translate(batch.x), system.translate(batch.x))
    assert torch.equal(system.translate(batch.x, noise=False), system.translate(batch.x, noise=False))


def test_l1_weight_counts(batch):
    def generator_after_one_step(weight):
        torch.manual_seed(0)
        system = ConditionalGAN(ConditionalGANConfig(**{**SMALL.__dict__, "lambda_l1": weight}))
        system.training_step(batch)
        return system.netG.last.weight

    assert not torch.equal(generator_after_one_step(0.0), generator_after_one_step(100.0))


def test_schedule_is_flat_then_falls_to_zero(system):
    schedules = system.configure_schedules(system.optimizers, 10)
    rates = []
    for _ in range(10):
        rates.append(system.optimizers["G"].param_groups[0]["lr"])
        for one in system.optimizers.values():
            one.step()
        for one in schedules.values():
            one.step()
    assert rates[:6] == [pytest.approx(2e-4)] * 6
    assert rates[8] == pytest.approx(2e-4 * 0.4)
    assert system.optimizers["D"].param_groups[0]["lr"] == pytest.approx(0)


def test_l1_falls_on_a_few_pictures(system, batch):
    first = system.training_step(batch)["l1"].item()
    for _ in range(12):
        last = system.training_step(batch)["l1"].item()
    assert last < first


def test_step_makes_no_tensor_on_the_wrong_device(system):
    assert set(meta_step(system)) == {"d_loss", "g_adversarial", "l1", "d_real", "d_fake"}
