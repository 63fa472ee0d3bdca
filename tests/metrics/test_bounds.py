"""Bounds against a VAE whose log p(x), posterior and codes are known."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from course_lib import metrics
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03.toy_posterior import LinearGaussian
from course_lib.losses.elbo import bernoulli_nll, gaussian_nll, kl_diagonal_gaussian
from course_lib.metrics.bounds import (
    active_units,
    aggregate_draws,
    aggregate_figures,
    elbo_figures,
    importance_bound,
    kl_of_latents,
    log_mixture,
)
from course_lib.systems.conditional_vae import ConditionalVAE, ConditionalVAEConfig
from course_lib.systems.vae import VAE, VAEConfig

STD = 0.5


class Encoder(nn.Module):
    """mu is linear in x, and logvar the same for every x."""

    def __init__(self, weight: Tensor, std: Tensor) -> None:
        super().__init__()
        self.mu = nn.Linear(784, len(weight), bias=False)
        self.mu.weight = nn.Parameter(weight.float())
        self.log_std = nn.Parameter(std.float().log())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mu = self.mu(images.flatten(1))
        return mu, (2 * self.log_std).expand_as(mu)


class LinearVAE(VAE):
    """Decoder W z and pixels N(W z, STD^2), so that log p(x) is known; q is the best diagonal one, widened."""

    def __init__(self, weight: Tensor, widened: float = 1.0) -> None:
        super().__init__(VAEConfig(width=2, latents=weight.shape[1]))
        self.known = LinearGaussian(weight, STD)
        gain = torch.linalg.solve(self.known.precision, self.known.weight.T / STD**2)
        self.netE = Encoder(gain, widened * self.known.precision.diagonal().rsqrt())
        linear = nn.Linear(weight.shape[1], 784, bias=False)
        linear.weight = nn.Parameter(weight)
        self.netG = nn.Sequential(linear, nn.Unflatten(1, (1, 28, 28)))

    def negative_log_likelihood(self, logits: Tensor, x: Tensor) -> Tensor:
        return gaussian_nll(logits, x, STD)

    def q(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.netE(self.pixels(images))
        return mu.detach(), (0.5 * logvar.detach()).exp()

    def log_p(self, images: Tensor) -> Tensor:
        return self.known.log_evidence(self.pixels(images).flatten(1))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.fixture
def weight() -> Tensor:
    return 0.05 * torch.randn(784, 3, generator=torch.Generator().manual_seed(3))


def prior_system(latents: int = 4) -> VAE:
    """Return a VAE whose encodings are the prior for every picture."""
    system = VAE(VAEConfig(width=8, latents=latents))
    with torch.no_grad():
        for layer in (system.netE.mu, system.netE.logvar):
            layer.weight.zero_()
            layer.bias.zero_()
    return system


def with_codes(system: VAE, mu: Tensor, logvar: float) -> tuple[VAE, Tensor]:
    """Return the system and pictures whose encodings are ``mu``: the first d pixels hold the code."""
    latents = mu.shape[1]
    weight = torch.zeros(latents, 784)
    weight[range(latents), range(latents)] = 100.0
    system.netE = Encoder(weight, torch.full((latents,), math.exp(logvar / 2)))
    x = torch.zeros(len(mu), 784)
    x[:, :latents] = mu / 100
    return system, x.view(-1, 1, 28, 28) * 2 - 1


def test_the_bound_where_it_is_known(images: Tensor, weight: Tensor) -> None:
    """One draw a picture scatters about the exact bound; the KL is exact."""
    system = LinearVAE(weight, widened=1.5)
    expected, kl = system.known.terms(system.pixels(images).flatten(1), *system.q(images))
    many = [elbo_figures(system, images, seed=seed) for seed in range(40)]
    found = torch.tensor([one["reconstruction"] for one in many])
    assert found.mean().item() == pytest.approx(-expected.mean().item(), abs=4 * found.std().item() / math.sqrt(40))
    assert found.std() > 0
    for one in many[:3]:
        assert one["KL"] == pytest.approx(kl.mean().item(), rel=1e-5)
        assert one["negative ELBO"] == pytest.approx(one["reconstruction"] + one["KL"])


def test_bounds_rise_to_log_p(weight: Tensor) -> None:
    images = torch.rand(400, 1, 28, 28) * 2 - 1
    system = LinearVAE(weight, widened=2.0)
    truth = system.log_p(images).mean().item()
    elbo = system.known.elbo(system.pixels(images).flatten(1), *system.q(images)).mean().item()
    ten = importance_bound(system, images, samples=10).mean().item()
    many = importance_bound(system, images, samples=500).mean().item()
    assert elbo + 0.5 < ten < many - 0.05  # each step is many standard errors wide
    assert many < truth + 0.02
    assert many == pytest.approx(truth, abs=0.03)


def test_weights_are_constant_where_q_is_the_posterior(images: Tensor, weight: Tensor) -> None:
    """With orthogonal columns the posterior is diagonal: every draw alone gives log p(x), and so does the ELBO."""
    system = LinearVAE(torch.linalg.qr(weight).Q)
    truth = system.log_p(images)
    for samples in (1, 5):
        torch.testing.assert_close(importance_bound(system, images, samples), truth, rtol=0, atol=2e-3)


@pytest.mark.parametrize("likelihood", ["soft", "binary"])
def test_one_sample_is_the_elbo_of_the_same_draw(images: Tensor, likelihood: str) -> None:
    system = VAE(VAEConfig(width=8, latents=4, likelihood=likelihood)).eval()
    found = importance_bound(system, images, samples=1, seed=11)
    x = system.pixels(images, torch.Generator().manual_seed(12))
    with torch.no_grad():
        mu, logvar = system.netE(x)
        noise = torch.randn(40, 4, generator=torch.Generator().manual_seed(11))
        z = mu + torch.exp(0.5 * logvar) * noise
        normal = torch.distributions.Normal
        ratio = normal(0.0, 1.0).log_prob(z) - normal(mu, torch.exp(0.5 * logvar)).log_prob(z)
        nll = bernoulli_nll(system.netG(z), x)
        torch.testing.assert_close(found.float(), ratio.sum(dim=1) - nll)
        figures = elbo_figures(system, images, seed=11)
        assert figures["reconstruction"] == pytest.approx(nll.mean().item(), rel=1e-6)
        assert figures["KL"] == pytest.approx(kl_diagonal_gaussian(mu, logvar).mean().item(), rel=1e-5)


def test_the_mean_is_of_weights_and_not_of_their_logarithms(images: Tensor, weight: Tensor) -> None:
    """K draws by log-mean-exp of the single draws, which are those of the same seed."""
    system = LinearVAE(weight, widened=2.0)
    found = importance_bound(system, images[:2], samples=3, seed=4)
    x = system.pixels(images[:2])
    mu, std = system.q(images[:2])
    generator = torch.Generator().manual_seed(4)
    weights = []
    for _ in range(3):
        z = mu + std * torch.randn(2, 3, generator=generator)
        ratio = torch.distributions.Normal(0.0, 1.0).log_prob(z) - torch.distributions.Normal(mu, std).log_prob(z)
        weights.append(ratio.sum(dim=1) - gaussian_nll(system.netG(z).detach(), x, STD))
    each = torch.stack(weights).double()
    torch.testing.assert_close(found, torch.logsumexp(each, 0) - math.log(3), rtol=0, atol=2e-3)
    assert (found > each.mean(dim=0) + 0.01).all()


@pytest.mark.parametrize("likelihood", ["soft", "binary"])
def test_figures_depend_on_the_seed_and_not_on_the_batch(images: Tensor, likelihood: str) -> None:
    system = VAE(VAEConfig(width=8, latents=4, likelihood=likelihood))
    figures = elbo_figures(system, images)
    assert elbo_figures(system, images, batch_size=7) == pytest.approx(figures, rel=1e-5)
    torch.manual_seed(99)
    assert elbo_figures(system, images) == figures
    assert elbo_figures(system, images, seed=1)["reconstruction"] != figures["reconstruction"]
    whole = importance_bound(system, images, samples=4)
    near = {"rtol": 1e-5, "atol": 1e-4}  # float32 sums of 784 pixels, in another order
    torch.testing.assert_close(importance_bound(system, images, samples=4, chunk=9), whole, **near)
    few = importance_bound(system, images[:5], samples=4)
    torch.testing.assert_close(importance_bound(system, images, samples=4, count=5), few, **near)


def test_bytes_and_floats_are_the_same_pictures(images: Tensor) -> None:
    system = VAE(VAEConfig(width=8, latents=4))
    stored = ((images + 1) * 127.5).round().to(torch.uint8)
    assert elbo_figures(system, stored) == pytest.approx(elbo_figures(system, stored.float() / 127.5 - 1), rel=1e-5)


def test_measuring_changes_neither_the_system_nor_the_random_state(images: Tensor) -> None:
    system = VAE(VAEConfig(width=8, latents=4, likelihood="binary")).train()
    before = torch.get_rng_state()
    elbo_figures(system, images)
    importance_bound(system, images, samples=2)
    aggregate_figures(system, images, draws=10)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in system.modules())


def test_latents_by_hand() -> None:
    """Codes +-1 in the first latent, +-0.05 in the second (variance 0.0025), 0 and width 1 in the third."""
    signs = torch.tensor([1.0, -1.0]).repeat(20)[:, None]
    system, pictures = with_codes(VAE(VAEConfig(width=8, latents=3)), signs * torch.tensor([1.0, 0.05, 0.0]), 0.0)
    assert kl_of_latents(system, pictures).tolist() == pytest.approx([0.5, 0.00125, 0.0], abs=1e-5)
    assert active_units(system, pictures).tolist() == [True, False, False]
    assert active_units(system, pictures, threshold=0.001).tolist() == [True, True, False]
    assert int(active_units(system, pictures).sum()) == 1


def test_a_shifted_latent_is_not_active_though_it_costs(images: Tensor) -> None:
    system = prior_system()
    with torch.no_grad():
        system.netE.mu.bias[0] = 3.0
    assert kl_of_latents(system, images).tolist() == pytest.approx([4.5, 0, 0, 0], abs=1e-6)
    assert not active_units(system, images).any()
    found = aggregate_figures(system, images, draws=50)
    assert found["mutual information"] == pytest.approx(0, abs=1e-9)
    assert found["aggregate KL"] == pytest.approx(4.5, abs=1e-5)


def test_encodings_that_are_the_prior_say_nothing(images: Tensor) -> None:
    found = aggregate_figures(prior_system(), images, draws=100)
    assert found["log N"] == pytest.approx(math.log(40))
    assert [found[name] for name in ("KL", "aggregate KL", "mutual information", "standard error")] == pytest.approx(
        [0] * 4, abs=1e-9
    )


def test_codes_far_apart_say_all() -> None:
    """Each z belongs to one picture: I = log N, and no estimate can be larger."""
    mu = 4 * torch.stack([torch.arange(16.0), torch.zeros(16)], dim=1)
    system, pictures = with_codes(VAE(VAEConfig(width=8, latents=2)), mu, math.log(0.01))
    found = aggregate_figures(system, pictures, draws=200)
    assert found["mutual information"] == pytest.approx(math.log(16), abs=1e-6)
    assert found["mutual information"] <= found["log N"] + 1e-9
    assert found["aggregate KL"] == pytest.approx(found["KL"] - math.log(16), abs=1e-6)


def test_the_aggregate_kl_against_quadrature() -> None:
    """Two overlapping humps in one latent: the mixture's KL to the prior by an integral."""
    mu = torch.tensor([[0.8], [-0.8]])
    system, pictures = with_codes(VAE(VAEConfig(width=8, latents=1)), mu, math.log(0.25))
    z = torch.linspace(-9, 9, 4001).double()
    normal = torch.distributions.Normal
    log_q = torch.stack([normal(0.8, 0.5).log_prob(z), normal(-0.8, 0.5).log_prob(z)]).logsumexp(0) - math.log(2)
    exact = torch.trapezoid(log_q.exp() * (log_q - normal(0.0, 1.0).log_prob(z)), z).item()
    torch.testing.assert_close(
        log_mixture(z[:, None], mu.double(), torch.full((2, 1), math.log(0.25)).double()), log_q, rtol=0, atol=1e-5
    )
    found = aggregate_figures(system, pictures, draws=20_000)
    assert 0 < found["standard error"] < 0.01
    assert found["aggregate KL"] == pytest.approx(exact, abs=4 * found["standard error"])
    assert found["KL"] == pytest.approx(found["aggregate KL"] + found["mutual information"])
    assert found["mutual information"] > 0.1


def test_draws_of_the_aggregate_have_its_mean_and_variance() -> None:
    mu = torch.tensor([[2.0, 0.0], [-2.0, 1.0]])
    system, pictures = with_codes(VAE(VAEConfig(width=8, latents=2)), mu, math.log(0.25))
    z = aggregate_draws(system, pictures, 20_000)
    assert z.shape == (20_000, 2)
    assert z.mean(dim=0).tolist() == pytest.approx([0, 0.5], abs=0.06)
    assert z.var(dim=0).tolist() == pytest.approx([4.25, 0.5], rel=0.05)  # between the codes, and within each
    assert torch.equal(z, aggregate_draws(system, pictures, 20_000))


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (torch.zeros(2, 3, 28, 28), "C = 1"),
        (torch.full((2, 1, 28, 28), 9.0), r"must lie in \[-1, 1\]"),
        (torch.zeros(2, 28, 28, dtype=torch.uint8), "must have the shape"),
        (torch.zeros(2, 3, 28, 28, dtype=torch.uint8), "C = 1"),
        (torch.zeros(0, 1, 28, 28), "holds no picture"),
    ],
)
def test_pictures_that_do_not_fit(pictures: Tensor, words: str) -> None:
    for measure in (elbo_figures, importance_bound, kl_of_latents, active_units, aggregate_figures):
        with pytest.raises(ShapeError, match=words):
            measure(prior_system(), pictures)


def test_no_draws_are_refused(images: Tensor) -> None:
    with pytest.raises(ShapeError, match="samples is 0"):
        importance_bound(prior_system(), images, samples=0)
    with pytest.raises(ShapeError, match="at least 2"):
        aggregate_figures(prior_system(), images, draws=1)


def test_names_are_exported() -> None:
    here = SimpleNamespace(**globals())
    for name in ("elbo_figures", "importance_bound", "kl_of_latents", "active_units", "aggregate_figures"):
        assert getattr(metrics, name) is getattr(here, name)
    assert metrics.aggregate_draws is aggregate_draws


def test_a_conditional_network_is_told_the_classes_batch_by_batch() -> None:
    torch.manual_seed(0)
    system = ConditionalVAE(ConditionalVAEConfig(width=8, latents=3, classes=4))
    pictures = torch.rand(10, 1, 28, 28) * 2 - 1
    labels = torch.arange(10) % 4
    found = elbo_figures(system, pictures, labels=labels)
    assert elbo_figures(system, pictures, batch_size=3, labels=labels) == pytest.approx(found)
    with torch.no_grad():
        mu, logvar = system.netE((pictures + 1) / 2, labels)
        z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))
        nll = bernoulli_nll(system.netG(z, labels), (pictures + 1) / 2).mean()
    assert found["KL"] == pytest.approx(kl_diagonal_gaussian(mu, logvar).mean().item(), rel=1e-5)
    assert found["reconstruction"] == pytest.approx(nll.item(), rel=1e-5)
    assert elbo_figures(system, pictures, labels=labels.flip(0)) != pytest.approx(found)
    assert len(kl_of_latents(system, pictures, labels=labels)) == 3
    assert len(active_units(system, pictures, labels=labels)) == 3


def test_classes_where_none_belong_and_none_where_they_do() -> None:
    pictures, labels = torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64)
    conditional = ConditionalVAE(ConditionalVAEConfig(width=8, latents=3, classes=4))
    with pytest.raises(ShapeError, match="A ConditionalVAE must be told the classes: give labels="):
        elbo_figures(conditional, pictures)
    with pytest.raises(ShapeError, match="A VAE knows no classes: leave labels out"):
        elbo_figures(prior_system(), pictures, labels=labels)
    with pytest.raises(ShapeError, match="give one for each of the 4 pictures"):
        elbo_figures(conditional, pictures, labels=labels[:3])
