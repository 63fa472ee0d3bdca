"""CycleGAN: a step against its formulas, who learns from what, the pools, the ablations, averages and resume."""

import copy
from dataclasses import replace

import pytest
import torch

from course_lib.data.containers import Batch, ImageSet, UnpairedSet
from course_lib.errors import ShapeError
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.training import fit, meta_step

SMALL = CycleGANConfig(base_channels=4, blocks=1, downs=1, d_channels=4, patch_layers=1)
PLAYERS = ("netG", "netF", "netD_y", "netD_x")
CYCLE, GAN = {"forward", "backward"}, {"g_y", "g_x", "d_y", "d_x"}


def make(**changes):
    torch.manual_seed(0)
    return CycleGAN(replace(SMALL, **changes))


def pictures(rows=2, side=12, channels=(3, 3)):
    x, y = (0.5 * torch.randn(rows, c, side, side) for c in channels)
    return Batch(index=torch.arange(rows), x=x, y=y)


def values_of(network):
    return [p.detach().clone() for p in network.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def close(one, other, tolerance=1e-6):
    return all(torch.allclose(a, b, atol=tolerance) for a, b in zip(one, other, strict=True))


def sgd(system, rate):
    """Put plain gradient descent in the place of Adam: a step then shows the size of a gradient, not only its sign."""
    system._optimizers = {
        "G": torch.optim.SGD([*system.netG.parameters(), *system.netF.parameters()], rate),
        "D": torch.optim.SGD([*system.netD_y.parameters(), *system.netD_x.parameters()], rate),
    }
    return system


def descend(networks, loss, rate):
    parameters = [p for network in networks for p in network.parameters()]
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, slope in zip(parameters, gradients, strict=True):
            parameter -= rate * slope


def by_hand(system, x, y, rate, *, half=0.5, identity_swapped=False, cycle_swapped=False):
    """Do the paper's step on copies, each network for itself and each pass by itself; return weights and losses."""
    G, F, D_Y, D_X = (copy.deepcopy(getattr(system, name)) for name in PLAYERS)
    c = system.config
    fake_y, fake_x = G(x), F(y)
    terms = {
        "g_y": c.gan_weight * (D_Y(None, fake_y) - 1).square().mean(),
        "g_x": c.gan_weight * (D_X(None, fake_x) - 1).square().mean(),
        "forward": c.lambda_forward * (F(fake_y) - x).abs().mean(),
        "backward": c.lambda_backward * (G(fake_x) - y).abs().mean(),
    }
    if cycle_swapped:  # |F(G(x)) - y| and |G(F(y)) - x|
        terms["forward"] = c.lambda_forward * (F(fake_y) - y).abs().mean()
        terms["backward"] = c.lambda_backward * (G(fake_x) - x).abs().mean()
    if c.identity:
        at_y, at_x = (x, y) if identity_swapped else (y, x)
        terms["identity_y"] = c.identity * c.lambda_backward * (G(at_y) - at_y).abs().mean()
        terms["identity_x"] = c.identity * c.lambda_forward * (F(at_x) - at_x).abs().mean()
    descend([G, F], sum(terms.values()), rate)
    for name, netD, real, fake in (("d_y", D_Y, y, fake_y), ("d_x", D_X, x, fake_x)):
        fake = fake.detach()
        loss = half * ((netD(None, real) - 1).square().mean() + netD(None, fake).square().mean())
        descend([netD], loss, rate)
        terms[name] = loss
    return [values_of(one) for one in (G, F, D_Y, D_X)], {name: float(term.detach()) for name, term in terms.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"identity": 0.5},
        {"identity": 0.25, "lambda_forward": 3.0, "lambda_backward": 7.0, "gan_weight": 2.0},
        {"upsample": "resize", "downs": 2, "identity": 0.5},
    ],
)
def test_a_step_is_what_the_formulas_say(changes):
    """All terms, both directions; and the passes that are made together equal those made apart."""
    rate, batch = 0.05, pictures()
    system = sgd(make(**changes), rate)
    weights, terms = by_hand(system, batch.x, batch.y, rate)
    wrong = [by_hand(system, batch.x, batch.y, rate, half=1.0)[0][2:]]  # of D
    players = [PLAYERS[2:]]
    for slip in ({"cycle_swapped": True}, {"identity_swapped": True} if "identity" in changes else {}):
        if slip:
            wrong.append(by_hand(system, batch.x, batch.y, rate, **slip)[0][:2])
            players.append(PLAYERS[:2])
    scalars = system.training_step(batch)
    assert {name: value.item() for name, value in scalars.items()} == pytest.approx(terms, rel=1e-4)
    for name, expected in zip(PLAYERS, weights, strict=True):
        assert close(values_of(getattr(system, name)), expected, 1e-5), name
    for names, of_slip in zip(players, wrong, strict=True):
        for name, slipped in zip(names, of_slip, strict=True):
            assert not close(values_of(getattr(system, name)), slipped, 1e-5), name


def test_identity_feeds_y_to_g_and_x_to_f():
    """A G that leaves y as it is, and nothing else, pays nothing for ``identity_y``; F likewise for x."""
    system, batch = make(identity=0.5, gan_weight=0.0), pictures()

    class OnlyOwn(torch.nn.Module):
        def __init__(self, own):
            super().__init__()
            self.own, self.scale = own, torch.nn.Parameter(torch.ones(()))

        def forward(self, images):
            known = torch.stack([(image == self.own).flatten(1).all(1).any() for image in images])
            return self.scale * torch.where(known.view(-1, 1, 1, 1), images, images + 1)

    system.netG, system.netF = OnlyOwn(batch.y), OnlyOwn(batch.x)
    scalars = system.training_step(batch)
    assert scalars["identity_y"].item() == scalars["identity_x"].item() == 0


def test_batched_passes_equal_separate_ones():
    system, batch = make(), pictures(rows=3)
    with torch.no_grad():
        both = system.netG(torch.cat([batch.x, batch.y]))
        assert torch.allclose(both, torch.cat([system.netG(batch.x), system.netG(batch.y)]), atol=1e-5)
        logits = system.netD_y(None, torch.cat([batch.y, batch.x]))
        apart = torch.cat([system.netD_y(None, batch.y), system.netD_y(None, batch.x)])
        assert torch.allclose(logits, apart, atol=1e-5)


def test_each_optimiser_moves_its_own_players(monkeypatch):
    system = make(identity=0.5)
    original, order = system.optimizer_step, []

    def spy(name, loss):
        own = PLAYERS[:2] if name == "G" else PLAYERS[2:]
        before = {player: values_of(getattr(system, player)) for player in PLAYERS}
        system.zero_grad(set_to_none=True)
        original(name, loss)
        for player in PLAYERS:
            network = getattr(system, player)
            assert same(values_of(network), before[player]) == (player not in own), player
            # no gradient reaches the others: neither D from G's step, nor G from D's
            assert all((p.grad is None) == (player not in own) for p in network.parameters()), player
        order.append(name)

    monkeypatch.setattr(system, "optimizer_step", spy)
    system.training_step(pictures())
    assert order == ["G", "D"]
    assert all(p.requires_grad for p in system.parameters())


def test_the_cycle_reaches_both_generators():
    """|F(G(x)) - x| is a loss of G too: a detach between them would leave G without it."""
    system, batch = make(gan_weight=0.0, lambda_backward=0.0), pictures()
    before = values_of(system.netG), values_of(system.netF)
    system.training_step(batch)
    assert not same(values_of(system.netG), before[0])
    assert not same(values_of(system.netF), before[1])


# The pools.


def test_d_learns_from_the_pool_and_the_pool_holds_detached_fakes(monkeypatch):
    system, judged = make(pool=2), []
    old = torch.full((2, 3, 12, 12), 0.3)
    batch = pictures()
    system.training_step(batch)
    assert {name: len(pool) for name, pool in system.get_pools().items()} == {"fake_y": 2, "fake_x": 2}
    assert not any(image.requires_grad for pool in system.pools.values() for image in pool.images)
    for pool in system.pools.values():
        pool.images = list(old)
    monkeypatch.setattr("course_lib.systems.image_pool.random.random", lambda: 0.1)  # below 1/2: exchange
    for netD in (system.netD_y, system.netD_x):
        netD.register_forward_pre_hook(lambda _, arguments: judged.append(arguments[1].detach().clone()))
    fakes = [system.netG(batch.x).detach(), system.netF(batch.y).detach()]
    system.training_step(batch)
    assert torch.allclose(judged[0], fakes[0], atol=1e-6)  # G's step: the fakes of now
    assert torch.allclose(judged[1], fakes[1], atol=1e-6)
    assert torch.equal(judged[2][:2], batch.y)  # D's step: real ones, and fakes of before
    assert torch.equal(judged[3][:2], batch.x)
    for both in judged[2:]:
        came_out = [any(torch.equal(image, one) for one in old) for image in both[2:]]
        assert any(came_out)  # the first goes out for certain; the second may meet the place that was just filled
    held = system.pools["fake_y"].images
    assert any(torch.allclose(image, fake, atol=1e-6) for image in held for fake in fakes[0])


def test_without_a_pool_d_judges_the_fakes_of_now():
    system = make(pool=0)
    system.training_step(pictures())
    assert [len(pool) for pool in system.pools.values()] == [0, 0]


def test_there_are_two_pools_of_fifty():
    assert [pool.size for pool in CycleGAN(SMALL).pools.values()] == [50, 50]


# The ablation.


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({}, CYCLE | GAN),
        ({"identity": 0.5}, CYCLE | GAN | {"identity_y", "identity_x"}),
        ({"lambda_forward": 0.0, "lambda_backward": 0.0}, GAN),
        ({"lambda_backward": 0.0}, GAN | {"forward"}),
        ({"lambda_forward": 0.0}, GAN | {"backward"}),
        ({"gan_weight": 0.0}, CYCLE),
        ({"x_channels": 1}, CYCLE | GAN),
        ({"loss": "non-saturating"}, CYCLE | GAN),
    ],
)
def test_weights_of_0_switch_terms_off_and_no_device_is_mixed(changes, terms):
    system = make(**changes)
    assert set(meta_step(system)) == terms
    batch = pictures(channels=(system.config.x_channels, 3))
    assert set(system.training_step(batch)) == terms


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, {"netG": 2, "netF": 2, "netD_y": 2, "netD_x": 2}),
        ({"identity": 0.5}, {"netG": 2, "netF": 2, "netD_y": 2, "netD_x": 2}),
        ({"lambda_forward": 0.0}, {"netG": 2, "netF": 1, "netD_y": 2, "netD_x": 2}),
        ({"lambda_backward": 0.0}, {"netG": 1, "netF": 2, "netD_y": 2, "netD_x": 2}),
        ({"lambda_forward": 0.0, "lambda_backward": 0.0}, {"netG": 1, "netF": 1, "netD_y": 2, "netD_x": 2}),
        ({"gan_weight": 0.0}, {"netG": 2, "netF": 2, "netD_y": 0, "netD_x": 0}),
    ],
)
def test_what_is_switched_off_is_not_computed(changes, passes):
    system, counted = make(**changes), dict.fromkeys(PLAYERS, 0)

    def count(name):
        def hook(*_):
            counted[name] += 1

        return hook

    for name in PLAYERS:
        getattr(system, name).register_forward_pre_hook(count(name))
    system.training_step(pictures())
    assert counted == passes


def test_the_cycle_alone_leaves_d_and_the_pools_untouched():
    system = make(gan_weight=0.0)
    before = values_of(system.netD_y) + values_of(system.netD_x)
    system.training_step(pictures())
    assert same(values_of(system.netD_y) + values_of(system.netD_x), before)
    assert all(p.grad is None for p in system.netD_y.parameters())
    assert [len(pool) for pool in system.pools.values()] == [0, 0]


def test_losses_at_marked_places():
    """D silenced to 1/2 pays 1/4 (half of 1/2) and G 1/4; G and F silenced to 0 pay lambda times the mean of |x|."""
    system, batch = make(d_lr=0.0), pictures()
    with torch.no_grad():
        for netD in (system.netD_y, system.netD_x):
            netD.body[-1].weight.zero_(), netD.body[-1].bias.fill_(0.5)
        for network in (system.netG, system.netF):
            network.body[-1].weight.zero_(), network.body[-1].bias.zero_()
    scalars = {name: value.item() for name, value in system.training_step(batch).items()}
    assert [scalars[name] for name in ("g_y", "g_x", "d_y", "d_x")] == pytest.approx([0.25] * 4)
    assert scalars["forward"] == pytest.approx(10 * batch.x.abs().mean().item(), rel=1e-5)
    assert scalars["backward"] == pytest.approx(10 * batch.y.abs().mean().item(), rel=1e-5)


def test_the_default_is_the_papers():
    with torch.device("meta"):
        system = CycleGAN()
    counts = [sum(p.numel() for p in getattr(system, name).parameters()) for name in PLAYERS]
    assert counts == [11_378_179, 11_378_179, 2_764_737, 2_764_737]
    c = system.config
    assert (c.loss, c.lambda_forward, c.lambda_backward, c.identity, c.pool) == ("least-squares", 10, 10, 0, 50)
    for one in system.optimizers.values():
        assert (one.param_groups[0]["lr"], one.param_groups[0]["betas"]) == (2e-4, (0.5, 0.999))
    owned = {name: sum(p.numel() for p in one.param_groups[0]["params"]) for name, one in system.optimizers.items()}
    assert owned == {"G": 2 * 11_378_179, "D": 2 * 2_764_737}


def test_all_rates_are_flat_and_then_fall_to_zero():
    system, rates = make(), []
    schedules = system.configure_schedules(system.optimizers, 10)
    for _ in range(10):
        rates.append([one.param_groups[0]["lr"] for one in system.optimizers.values()])
        for one in (*system.optimizers.values(), *schedules.values()):
            one.step()
    assert rates[:6] == [pytest.approx([2e-4, 2e-4])] * 6
    assert rates[8] == pytest.approx([8e-5, 8e-5])
    assert [one.param_groups[0]["lr"] for one in system.optimizers.values()] == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": "logistic"}, "'logistic': choose one of saturating, non-saturating, least-squares"),
        ({"gan_weight": 0.0, "lambda_forward": 0.0, "lambda_backward": 0.0}, "nothing to learn from"),
        ({"identity": 0.5, "lambda_forward": 0.0, "lambda_backward": 0.0}, "a share of lambda"),
        ({"identity": 0.5, "x_channels": 1}, "same number of channels"),
        ({"blocks": 0}, "blocks is 0"),
        ({"upsample": "shuffle"}, "transposed, resize, bilinear"),
    ],
)
def test_what_cannot_be_is_refused(changes, words):
    with pytest.raises(ShapeError, match=words):
        make(**changes)


# Learning, inference, resume.


def test_losses_fall_on_eight_pictures():
    system, batch = make(lr=2e-3, d_lr=2e-3, base_channels=8), pictures(rows=8)
    history = [system.training_step(batch) for _ in range(40)]
    for name in ("forward", "backward", "d_y", "d_x"):
        early, late = (sum(one[name].item() for one in part) / 5 for part in (history[:5], history[-5:]))
        assert late < 0.9 * early, name


def test_translations_go_each_its_way_and_use_the_averages():
    system, batch = make(), pictures()
    assert torch.equal(system.translate(batch.x), system.netG(batch.x))
    assert torch.equal(system.translate_back(batch.y), system.netF(batch.y))
    assert not torch.equal(system.translate(batch.x), system.translate_back(batch.x))
    assert not system.translate(batch.x).requires_grad
    assert all(module.training for module in system.modules())
    for name, tone in (("netG", 0.5), ("netF", -0.5)):
        average = copy.deepcopy(getattr(system, name))
        with torch.no_grad():
            average.body[-1].weight.zero_(), average.body[-1].bias.fill_(tone)
        system.averages[name] = average
    expected = torch.full_like(batch.x, 0.5).tanh()
    assert torch.allclose(system.translate(batch.x), expected)
    assert torch.allclose(system.translate_back(batch.y), -expected)


def few():
    generator = torch.Generator().manual_seed(1)
    images = [torch.randint(0, 256, (rows, 3, 8, 8), generator=generator, dtype=torch.uint8) for rows in (7, 5)]
    return UnpairedSet(*(ImageSet(name, "train", one) for name, one in zip("ab", images, strict=True)))


def test_averages_of_both_generators_are_kept_where_asked_for():
    system = make()
    fit(system, few(), steps=3, batch_size=2, ema_decay=0.9, ema_ramp=0.0, progress=False, device="cpu")
    assert set(system.averages) == {"netG", "netF"}
    assert not same(values_of(system.averages["netF"]), values_of(system.netF))


@pytest.mark.parametrize("changes", [{"identity": 0.5}, {"gan_weight": 0.0}])
@pytest.mark.parametrize("stop_at", [1, 4, 6])
def test_resumed_run_has_the_same_bits(same_bits_after_resume, stop_at, changes):
    settings = {"batch_size": 2, "ema_decay": 0.9, "ema_ramp": 0.0}
    held = same_bits_after_resume(
        lambda: CycleGAN(replace(SMALL, pool=3, **changes)), few(), steps=9, stop_at=stop_at, **settings
    )
    assert any("pools/fake_y" in path for path in held)
