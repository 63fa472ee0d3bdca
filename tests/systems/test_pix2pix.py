"""pix2pix: who learns from which loss, what D sees, the paper's ablations, noise and statistics, resume."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import softplus

from course_lib.data.containers import PairedSet
from course_lib.errors import ShapeError
from course_lib.losses.features import FeatureLoss
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import meta_step

SMALL = Pix2PixConfig(base_channels=8, d_channels=8, levels=3, patch_layers=1)


@pytest.fixture
def system():
    torch.manual_seed(0)
    return Pix2Pix(SMALL)


@pytest.fixture
def batch(system):
    return system.example_batch(4, "cpu")


def make(**changes):
    torch.manual_seed(0)
    return Pix2Pix(replace(SMALL, **changes))


def values_of(network):
    return [p.detach().clone() for p in network.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


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
        system = make(lambda_l1=weight)
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


# A step, against the formulas of the paper written out.


def sgd(system, rate):
    """Put plain gradient descent in the place of Adam: a step then shows the size of a gradient, not only its sign."""
    system._optimizers = {
        "G": torch.optim.SGD(system.netG.parameters(), rate),
        "D": torch.optim.SGD(system.netD.parameters(), rate),
    }
    return system


def descend(network, loss, rate, retain_graph=False):
    gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=retain_graph)
    with torch.no_grad():
        for parameter, slope in zip(network.parameters(), gradients, strict=True):
            parameter -= rate * slope


def by_hand(system, x, y, rate, *, half=0.5, moved_d=True, sees_x=True):
    """Do the paper's step on copies: D down equation 1 halved, then G down -log D plus lambda L1."""
    netG, netD, c = copy.deepcopy(system.netG), copy.deepcopy(system.netD), system.config
    condition = x if sees_x else None
    fake = netG(x)
    d_loss = half * (softplus(-netD(condition, y)).mean() + softplus(netD(condition, fake.detach())).mean())
    old = copy.deepcopy(netD)
    descend(netD, d_loss, rate)
    judge = netD if moved_d else old
    g_loss = c.gan_weight * softplus(-judge(condition, fake)).mean() + c.lambda_l1 * (fake - y).abs().mean()
    descend(netG, g_loss, rate)
    return values_of(netG), values_of(netD), d_loss.item()


def close(one, other):
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("changes", [{}, {"gan_weight": 5.0, "lambda_l1": 7.0}, {"d_sees_x": False, "skips": False}])
def test_a_step_is_what_the_formulas_say(batch, changes):
    rate, sees_x = 0.2, changes.get("d_sees_x", True)
    system = sgd(make(dropout=0.0, **changes), rate)
    expected = by_hand(system, batch.x, batch.y, rate, sees_x=sees_x)
    full = by_hand(system, batch.x, batch.y, rate, sees_x=sees_x, half=1.0)
    early = by_hand(system, batch.x, batch.y, rate, sees_x=sees_x, moved_d=False)
    scalars = system.training_step(batch)
    assert close(values_of(system.netG), expected[0])
    assert close(values_of(system.netD), expected[1])
    assert scalars["d_loss"].item() == pytest.approx(expected[2], rel=1e-5)
    assert full[2] == pytest.approx(2 * expected[2])
    assert not close(values_of(system.netD), full[1])  # without the half
    assert not close(values_of(system.netG), early[0])  # G against the D of before its step


def test_a_missing_detach_would_be_seen(batch, monkeypatch):
    """The spy of the first test sees a D loss that reaches G: with a real slip it says so."""
    system, seen = make(), {}

    def spy(name, loss):
        system.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        seen[name] = (any(gradients(system.netG)), any(gradients(system.netD)))

    monkeypatch.setattr(system, "optimizer_step", spy)
    monkeypatch.setattr(torch.Tensor, "detach", lambda tensor: tensor)
    with pytest.raises(RuntimeError, match="requires grad"):  # from item(): nothing is detached now
        system.training_step(batch)["d_loss"].numpy()
    assert seen["D"] == (True, True)
    assert seen["G"] == (True, False)


def test_d_collects_no_gradient_while_g_learns(system, batch):
    system.training_step(batch)
    before = [p.grad.clone() for p in system.netD.parameters()]
    original = system.optimizer_step

    def only_g(name, loss):
        if name == "G":
            system.netD.zero_grad(set_to_none=True)
            original(name, loss)

    system.optimizer_step = only_g
    system.training_step(batch)
    assert len(before) == len([p for p in system.netD.parameters() if p.grad is None])
    assert all(p.requires_grad for p in system.parameters())


# The rows of the paper's ablation.


def test_l1_alone_makes_no_step_of_d(batch, monkeypatch):
    system = make(gan_weight=0.0)
    monkeypatch.setattr(system.netD, "forward", lambda *_: pytest.fail("D was asked"))
    before = values_of(system.netD)
    scalars = system.training_step(batch)
    assert set(scalars) == {"l1"}
    assert same(values_of(system.netD), before)
    assert set(meta_step(system)) == {"l1"}


@pytest.mark.parametrize("lambda_l1", [1.0, 100.0])
def test_l1_alone_is_weighted_all_the_same(batch, lambda_l1):
    system = sgd(make(gan_weight=0.0, lambda_l1=lambda_l1, dropout=0.0), 0.01)
    netG = copy.deepcopy(system.netG)
    loss = (netG(batch.x) - batch.y).abs().mean()
    descend(netG, lambda_l1 * loss, 0.01)
    assert system.training_step(batch)["l1"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert close(values_of(system.netG), values_of(netG))


@pytest.mark.parametrize("gan_weight", [0.0, 1.0])
def test_a_term_by_features_is_added_with_its_weight(gan_weight):
    changes = {"gan_weight": gan_weight, "lambda_l1": 2.0, "feature_layers": ("relu1_1", "relu2_1")}
    plain, judged = make(**changes), make(**changes, lambda_features=3.0)
    batch = plain.example_batch(2, "cpu")
    batch = batch.with_columns(y=batch.y.clamp(-1, 1))
    with torch.no_grad():
        torch.manual_seed(1)
        expected = FeatureLoss(changes["feature_layers"])(plain.netG(batch.x), batch.y).item()
    seen = {}
    for name, system in (("plain", make(**changes)), ("judged", judged)):
        step = system.optimizer_step
        system.optimizer_step = lambda player, loss, name=name, step=step: (
            seen.setdefault((name, player), loss.item()),
            step(player, loss),
        )
        torch.manual_seed(1)
        found = system.training_step(batch)
        assert ("features" in found) == (name == "judged")
    assert found["features"].item() == pytest.approx(expected, rel=1e-4)
    assert seen["judged", "G"] - seen["plain", "G"] == pytest.approx(3 * expected, rel=1e-3)
    assert not any("vgg" in key for key in judged.state_dict())


def test_the_adversarial_term_alone_does_not_look_at_y(batch):
    """With lambda 0, and D as it was, another y changes nothing for G: y reaches G by D and the L1 term only (E8)."""
    other = batch.with_columns(y=batch.y.flip(0) * 0.5)
    ends = {}
    for weight in (0.0, 100.0):
        for name, one in (("this", batch), ("other", other)):
            system = make(lambda_l1=weight, d_lr=0.0, d_norm="spectral")
            system.training_step(one)
            ends[weight, name] = values_of(system.netG)
    assert same(ends[0.0, "this"], ends[0.0, "other"])
    assert not same(ends[100.0, "this"], ends[100.0, "other"])


def test_without_the_condition_d_cannot_tell_a_shuffled_pair(batch):
    system = make(d_sees_x=False).eval()
    assert system.netD.x_channels == 0
    assert system.netD.body[0].in_channels == SMALL.y_channels
    with torch.no_grad():
        assert torch.equal(system.netD(batch.x, batch.y), system.netD(batch.x.roll(1, 0), batch.y))
        assert not torch.equal(system.netD(batch.x, batch.y), system.netD(batch.x, batch.y.roll(1, 0)))
    assert set(meta_step(system)) == {"d_loss", "g_adversarial", "l1", "d_real", "d_fake"}


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (3, 70), (5, 286)])
def test_each_patch_size_of_the_paper_takes_a_step(layers, side):
    from course_lib.models.patchgan import receptive_field

    system = make(patch_layers=layers, d_channels=4)
    assert receptive_field(system.netD) == side
    assert "d_loss" in meta_step(system)


def test_the_default_is_the_papers():
    with torch.device("meta"):
        system = Pix2Pix()
    counts = [sum(p.numel() for p in net.parameters()) for net in (system.netG, system.netD)]
    assert counts == [54_413_955, 2_768_705]
    c = system.config
    assert (c.lambda_l1, c.gan_weight, c.lr, c.d_lr, c.beta1, c.dropout, c.d_norm) == (
        100,
        1,
        2e-4,
        2e-4,
        0.5,
        0.5,
        "batch",
    )
    groups = {name: one.param_groups[0] for name, one in system.optimizers.items()}
    assert {name: (group["lr"], group["betas"]) for name, group in groups.items()} == {
        "G": (2e-4, (0.5, 0.999)),
        "D": (2e-4, (0.5, 0.999)),
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gan_weight": 0.0, "lambda_l1": 0.0}, "both 0, so G has nothing to learn from"),
        ({"levels": 1}, "levels is 1"),
        ({"upsample": "shuffle"}, "transposed, resize, bilinear"),
        ({"d_norm": "layer"}, "batch, instance, spectral"),
    ],
)
def test_what_cannot_be_is_refused(changes, words):
    with pytest.raises(ShapeError, match=words):
        make(**changes)


# Inference.


def test_noise_and_batch_statistics_at_inference(system, batch):
    """As in the paper both are as in training; without noise and with running statistics a picture stands alone."""
    for _ in range(3):
        system.training_step(batch)
    buffers = [b.clone() for b in system.netG.buffers()]
    torch.manual_seed(3)
    with torch.no_grad():
        in_training = copy.deepcopy(system.netG)(batch.x)
    torch.manual_seed(3)
    assert torch.allclose(system.translate(batch.x, batch_statistics=True), in_training, atol=1e-6)
    torch.manual_seed(3)
    assert not torch.allclose(system.translate(batch.x), in_training, atol=1e-3)
    alone = {flag: system.translate(batch.x[:1], noise=False, batch_statistics=flag) for flag in (False, True)}
    together = {flag: system.translate(batch.x, noise=False, batch_statistics=flag)[:1] for flag in (False, True)}
    assert torch.allclose(alone[False], together[False], atol=1e-5)
    assert not torch.allclose(alone[True], together[True], atol=1e-3)
    assert same(list(system.netG.buffers()), buffers)
    assert all(module.training for module in system.modules())
    assert not in_training.requires_grad
    assert not system.translate(batch.x).requires_grad


def test_translation_uses_the_average_where_there_is_one(system, batch):
    average = copy.deepcopy(system.netG)
    with torch.no_grad():
        average.last.weight.zero_(), average.last.bias.fill_(0.5)
    system.averages["netG"] = average
    assert torch.allclose(system.translate(batch.x), torch.tensor(0.5).tanh().expand_as(batch.y))


# Resume.


def few_pairs():
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randint(0, 256, (9, c, 16, 16), generator=generator, dtype=torch.uint8) for c in (1, 3))
    return PairedSet("few", "train", x, y)


@pytest.mark.parametrize("changes", [{}, {"gan_weight": 0.0}, {"d_norm": "spectral", "upsample": "resize"}])
@pytest.mark.parametrize("stop_at", [2, 5])
def test_resumed_run_has_the_same_bits(same_bits_after_resume, stop_at, changes):
    settings = {"batch_size": 2, "ema_decay": 0.9}
    same_bits_after_resume(
        lambda: Pix2Pix(replace(SMALL, x_channels=1, **changes)), few_pairs(), steps=7, stop_at=stop_at, **settings
    )
