"""The GAN of 2014: a step against its formulas, who learns from what, packing, sampling, and D against D*."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import logsigmoid

from course_lib.data.containers import Batch
from course_lib.data.mixtures import GaussianMixture, ring
from course_lib.errors import ShapeError
from course_lib.losses.game import best_discriminator, game_value
from course_lib.systems.gan import GAN, GANConfig
from course_lib.training import fit, meta_step

SMALL = GANConfig(g_hidden=(16, 16), d_hidden=(16, 16))
SCALARS = {"d_loss", "g_loss", "d_real", "d_fake"}


def make(**changes):
    torch.manual_seed(0)
    return GAN(replace(SMALL, **changes))


def points(count=12):
    return Batch(index=torch.arange(count), images=torch.randn(count, 2))


def values_of(network):
    return [p.detach().clone() for p in network.parameters()]


def grads_of(network):
    return [None if p.grad is None else p.grad.clone() for p in network.parameters()]


def same(one, other):
    return all((a is None and b is None) or torch.equal(a, b) for a, b in zip(one, other, strict=True))


def descend(network, loss, rate):
    """Take one step of plain gradient descent, by hand."""
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    with torch.no_grad():
        for parameter, slope in zip(network.parameters(), gradients, strict=True):
            parameter -= rate * slope


def by_hand(system, y, rate, saturating, fresh_noise=True, moved_d=True):
    """Do the step of the paper on copies of the two networks and return their weights and losses."""
    netG, netD, pack = copy.deepcopy(system.netG), copy.deepcopy(system.netD), system.config.pack

    def d(samples):
        return netD(torch.stack([samples[i::pack] for i in range(pack)], dim=1).flatten(1))

    z = torch.randn(len(y), 2)
    d_loss = -logsigmoid(d(y)).mean() - logsigmoid(-d(netG(z))).mean()
    old = copy.deepcopy(netD)
    descend(netD, d_loss, rate)
    new, netD = netD, netD if moved_d else old
    logits = d(netG(torch.randn(len(y), 2) if fresh_noise else z))
    g_loss = logsigmoid(-logits).mean() if saturating else -logsigmoid(logits).mean()
    descend(netG, g_loss, rate)
    return values_of(netG), values_of(new), d_loss.item(), g_loss.item()


def close(one, other):
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("loss", ["saturating", "non-saturating"])
@pytest.mark.parametrize("pack", [1, 3])
def test_a_step_is_what_the_formulas_say(loss, pack):
    """With plain gradient descent in the place of Adam a step shows the size of a gradient, not only its sign."""
    rate = 0.5
    system = make(loss=loss, pack=pack)
    system._optimizers = {
        "G": torch.optim.SGD(system.netG.parameters(), rate),
        "D": torch.optim.SGD(system.netD.parameters(), rate),
    }
    batch, before = points(), copy.deepcopy(system)
    expected = []
    for wrong in ({}, {"fresh_noise": False}, {"moved_d": False}):
        torch.manual_seed(7)
        expected.append(by_hand(before, batch.images, rate, loss == "saturating", **wrong))
    torch.manual_seed(7)
    expected.append(by_hand(before, batch.images, rate, loss != "saturating"))
    torch.manual_seed(7)
    scalars = system.training_step(batch)

    (right_g, right_d, d_loss, g_loss), *wrong = expected
    assert close(values_of(system.netG), right_g)
    assert close(values_of(system.netD), right_d)
    assert scalars["d_loss"].item() == pytest.approx(d_loss, rel=1e-5)
    assert scalars["g_loss"].item() == pytest.approx(g_loss, rel=1e-5)
    for wrong_g, *_ in wrong:
        assert not close(values_of(system.netG), wrong_g)


@pytest.mark.parametrize("loss", ["saturating", "non-saturating"])
def test_each_step_moves_its_own_player_and_leaves_no_gradient_in_the_other(loss, monkeypatch):
    system = make(loss=loss)
    original, order = system.optimizer_step, []

    def spy(name, value):
        own, other = (system.netD, system.netG) if name == "D" else (system.netG, system.netD)
        weights, gradients, own_weights = values_of(other), grads_of(other), values_of(own)
        original(name, value)
        assert same(values_of(other), weights)
        assert same(grads_of(other), gradients)
        assert not same(values_of(own), own_weights)
        order.append((name, all(g is None for g in gradients)))

    monkeypatch.setattr(system, "optimizer_step", spy)
    system.training_step(points())
    assert order == [("D", True), ("G", False)]  # before D's step G has no gradient at all
    assert all(p.requires_grad for p in system.parameters())


def test_with_a_silent_d_the_losses_are_those_of_the_theory():
    """Logits of 0: D says 1/2 and pays log 4; G gets log 2, or -log 2 where its loss saturates."""
    for loss, expected in (("non-saturating", math.log(2)), ("saturating", -math.log(2))):
        system = make(loss=loss, d_lr=0.0)
        with torch.no_grad():
            system.netD[-1].weight.zero_(), system.netD[-1].bias.zero_()
        scalars = system.training_step(points())
        assert set(scalars) == SCALARS
        assert scalars["d_loss"].item() == pytest.approx(math.log(4), rel=1e-6)
        assert scalars["g_loss"].item() == pytest.approx(expected, rel=1e-6)
        assert scalars["d_real"].item() == scalars["d_fake"].item() == pytest.approx(0.5)


def test_d_says_how_real_the_two_batches_are():
    system = make(d_lr=0.0)
    with torch.no_grad():
        system.netD[-1].weight.zero_(), system.netD[-1].bias.fill_(math.log(3))
    scalars = system.training_step(points())
    assert scalars["d_real"].item() == scalars["d_fake"].item() == pytest.approx(0.75)


@pytest.mark.parametrize(("rows", "pack", "logits"), [(12, 1, 12), (12, 2, 6), (12, 4, 3), (11, 4, 2), (5, 5, 1)])
def test_pack_gives_one_logit_for_neighbours(rows, pack, logits):
    system = make(pack=pack)
    samples = torch.randn(rows, 2)
    found = system.discriminate(samples)
    assert found.shape == (logits,)
    for number in range(logits):
        neighbours = samples[number * pack : (number + 1) * pack]
        assert found[number].item() == pytest.approx(system.netD(neighbours.reshape(1, -1)).item(), abs=1e-6)


def test_pack_sees_which_samples_go_together():
    system = make(pack=2)
    samples = torch.randn(6, 2)
    together = system.discriminate(samples)
    pairs = samples.reshape(3, 2, 2)
    assert torch.allclose(system.discriminate(pairs.flip(0).reshape(6, 2)), together.flip(0), atol=1e-6)
    assert not torch.allclose(system.discriminate(samples[[0, 2, 1, 3, 4, 5]])[:2], together[:2], atol=1e-4)
    logits = system.discriminate(samples.requires_grad_())
    logits[1].backward()
    assert samples.grad.abs().sum(dim=1).bool().tolist() == [False, False, True, True, False, False]


def test_pictures_have_their_shape_and_range():
    system = make(shape=(1, 4, 5), latents=3, image=True, pack=2)
    pictures = system.sample(6)
    assert pictures.shape == (6, 1, 4, 5)
    assert pictures.abs().max() < 1
    assert system.discriminate(pictures).shape == (3,)
    assert [layer.in_features for layer in (system.netG[0], system.netD[0])] == [3, 40]
    with torch.no_grad():
        system.netG[-1].bias.fill_(1.5)
        system.netG[-1].weight.zero_()
    assert system.sample(1).flatten().tolist() == pytest.approx([math.tanh(1.5)] * 20)
    points_only = make()
    with torch.no_grad():
        points_only.netG[-1].bias.fill_(1.5)
        points_only.netG[-1].weight.zero_()
    assert points_only.sample(1).tolist() == [[1.5, 1.5]]


def test_samples_follow_the_generator_and_leave_torch_s_own_alone():
    system = make()
    state = torch.get_rng_state()
    one, again, other = (system.sample(5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(system.sample(5), system.sample(5))
    assert not one.requires_grad
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    assert torch.equal(one, system.netG(z))


def test_samples_come_from_the_average_where_there_is_one():
    system = make()
    average = copy.deepcopy(system.netG).eval()
    with torch.no_grad():
        average[-1].bias += 5
    plain = system.sample(4, torch.Generator().manual_seed(1))
    system.averages["netG"] = average
    averaged = system.sample(4, torch.Generator().manual_seed(1))
    assert torch.allclose(averaged, plain + 5, atol=1e-5)
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    assert torch.equal(system.generate(z), plain)  # training goes on with the network itself


def test_batch_norm_is_in_eval_mode_for_samples_only():
    system = make(g_batch_norm=True)
    for _ in range(3):
        system.training_step(points())
    statistics = [buffer.clone() for buffer in system.netG.buffers()]
    z = torch.randn(8, 2)
    many, few = system.sample(z), system.sample(z[:2])
    assert torch.allclose(many[:2], few, atol=1e-6)  # a sample does not depend on its neighbours
    assert same(list(system.netG.buffers()), statistics)
    assert all(module.training for module in system.modules())  # the mode is put back
    assert not torch.allclose(system.generate(z)[:2], system.generate(z[:2]), atol=1e-3)  # as it is in training


def test_the_average_is_kept_by_fit_where_asked_for():
    options = {"steps": 3, "batch_size": 4, "progress": False, "device": "cpu"}
    system = make()
    fit(system, ring().points(rows=16), **options)
    assert system.averages == {}
    fit(system, ring().points(rows=16), ema_decay=0.9, ema_ramp=0.0, **options)
    assert set(system.averages) == {"netG"}
    assert not same(values_of(system.averages["netG"]), values_of(system.netG))


def test_schedule_is_flat_and_falls_to_zero_at_the_end():
    system = make(decay=0.4)
    schedules = system.configure_schedules(system.optimizers, 10)
    assert set(schedules) == {"G", "D"}
    rates = []
    for _ in range(10):
        rates.append(system.optimizers["D"].param_groups[0]["lr"])
        for one in system.optimizers.values():
            one.step()
        for one in schedules.values():
            one.step()
    assert rates == pytest.approx([1e-3] * 7 + [7.5e-4, 5e-4, 2.5e-4])
    assert system.optimizers["G"].param_groups[0]["lr"] == pytest.approx(0)
    assert make().configure_schedules(make().optimizers, 10) == {}


def test_optimisers_have_the_rates_of_the_config():
    optimizers = make(lr=1e-4, d_lr=4e-4, beta1=0.2).optimizers
    found = {name: (group["lr"], group["betas"]) for name, o in optimizers.items() for group in o.param_groups}
    assert found == {"G": (1e-4, (0.2, 0.999)), "D": (4e-4, (0.2, 0.999))}


@pytest.mark.parametrize("changes", [{}, {"pack": 2, "d_dropout": 0.3, "g_batch_norm": True, "shape": (1, 4, 4)}])
def test_step_makes_no_tensor_on_the_wrong_device(changes):
    assert set(meta_step(make(**changes), batch_size=4)) == SCALARS


def test_unknown_loss():
    with pytest.raises(ShapeError, match="'logistic': choose one of saturating, non-saturating"):
        GAN(GANConfig(loss="logistic"))


@pytest.mark.parametrize("stop_at", [3, 6, 8])
def test_resumed_run_has_the_same_bits(same_bits_after_resume, stop_at):
    config = replace(SMALL, pack=2, d_dropout=0.2, g_batch_norm=True, decay=0.5)
    settings = {"batch_size": 4, "ema_decay": 0.9, "ema_ramp": 0.0}
    same_bits_after_resume(lambda: GAN(config), ring().points(rows=26), steps=11, stop_at=stop_at, **settings)


def test_it_learns_where_the_data_is():
    torch.manual_seed(0)
    system = GAN(GANConfig(shape=(1,), latents=1, g_hidden=(16,), d_hidden=(16,), lr=5e-3, d_lr=5e-3))
    data = GaussianMixture("hump", torch.tensor([[3.0]]), 0.5)
    assert abs(system.sample(1000).mean().item() - 3) > 1.5
    for _ in range(400):
        system.training_step(Batch(index=torch.arange(64), images=data.sample(64)))
    assert system.sample(1000).mean().item() == pytest.approx(3, abs=0.8)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_d_comes_close_to_the_best_one_when_g_stays(seed):
    """G(z) = 1 + 1.2 z has a known density and no steps of its own; every step of D has fresh samples."""
    torch.manual_seed(seed)
    steps, batch = 600, 1024
    p = GaussianMixture("p", torch.tensor([[-1.0]]), 0.7)
    q = GaussianMixture("q", torch.tensor([[1.0]]), 1.2)
    sizes = {"shape": (1,), "latents": 1, "g_hidden": (), "d_hidden": (64, 64)}
    system = GAN(GANConfig(**sizes, d_activation="silu", d_lr=1e-2, decay=1.0))
    with torch.no_grad():
        system.netG[-1].weight.fill_(1.2)
        system.netG[-1].bias.fill_(1.0)
    schedule = system.configure_schedules(system.optimizers, steps)["D"]
    for _ in range(steps):
        with torch.no_grad():
            fake = system.generate(system.noise(batch))
        loss = system.adversarial.d_loss(system.discriminate(p.sample(batch)), system.discriminate(fake))
        system.optimizer_step("D", loss)
        schedule.step()

    x = torch.linspace(-6, 7, 1301, dtype=torch.float64)
    densities = p.density(x[:, None]), q.density(x[:, None])
    with torch.no_grad():
        d = torch.sigmoid(system.discriminate(x.float()[:, None])).double()
    best = best_discriminator(*densities)
    has_mass = sum(densities) / 2 > 0.02
    assert (d - best).abs()[has_mass].max() < 0.03
    assert (d - best_discriminator(*reversed(densities))).abs()[has_mass].max() > 0.5
    at_d, most = (game_value(value, *densities, 0.01).item() for value in (d, best))
    assert most - 1e-3 < at_d <= most
