"""The terms of the bound: against Monte Carlo, against quadrature, against torch's distributions, and far out."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from course_lib.errors import ShapeError
from course_lib.losses.elbo import (
    bernoulli_nll,
    gaussian_nll,
    kl_diagonal_gaussian,
    kl_each_latent,
    reparameterise,
)


def double(*values):
    return torch.tensor([values], dtype=torch.float64)


@pytest.mark.parametrize(
    ("mu", "logvar", "expected"),
    [
        (0.0, 0.0, 0.0),
        (3.0, 0.0, 4.5),
        (0.0, math.log(4), 1.5 - math.log(2)),
        (-1.0, math.log(0.25), math.log(2) + 0.125),
    ],
)
def test_kl_by_hand(mu, logvar, expected):
    """Half of mu^2 + s^2 - 1 - log s^2."""
    assert kl_each_latent(double(mu), double(logvar)).item() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("mu", "std"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.0), (0.2, 0.9)])
def test_kl_lies_within_the_error_bar_of_a_monte_carlo_estimate(mu, std):
    q, p = Normal(double(mu), double(std)), Normal(double(0.0), double(1.0))
    torch.manual_seed(0)
    z = q.sample((200_000,))
    each = (q.log_prob(z) - p.log_prob(z)).flatten()
    error = each.std().item() / math.sqrt(len(each))
    closed = kl_diagonal_gaussian(double(mu), 2 * double(std).log()).item()
    assert abs(each.mean().item() - closed) <= 4 * error + 1e-12
    if std != 1:  # the bar is narrow enough to tell a KL with the arguments exchanged
        exchanged = math.log(std) + (1 + mu**2) / (2 * std**2) - 0.5
        assert abs(each.mean().item() - exchanged) > 4 * error


@pytest.mark.parametrize(("mu", "std"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.0), (0.2, 0.9)])
def test_kl_against_quadrature(mu, std):
    z = torch.linspace(mu - 12 * std, mu + 12 * std, 4001, dtype=torch.float64)
    q, p = Normal(double(mu), double(std)), Normal(double(0.0), double(1.0))
    log_q, log_p = q.log_prob(z[:, None]).flatten(), p.log_prob(z[:, None]).flatten()
    integral = torch.trapezoid(log_q.exp() * (log_q - log_p), z).item()
    assert kl_each_latent(double(mu), 2 * double(std).log()).item() == pytest.approx(integral, abs=1e-10)


@pytest.mark.parametrize("logvar", [1e-2, 1e-3, -1e-3, -1e-4])
def test_float32_keeps_its_digits_near_the_prior(logvar):
    """KL is about logvar^2 / 4; written as exp(logvar) - 1 - logvar it would drown in rounding."""
    x = torch.tensor([[logvar]])
    exact = kl_each_latent(torch.zeros(1, 1).double(), x.double()).item()
    assert exact == pytest.approx(x.double().item() ** 2 / 4, rel=5e-3)
    assert kl_each_latent(torch.zeros(1, 1), x).item() == pytest.approx(exact, rel=2e-3)


def test_kl_and_its_gradient_are_finite_from_minus_80_to_80():
    logvar = torch.linspace(-80, 80, 161)[:, None].requires_grad_()
    kl = kl_diagonal_gaussian(torch.zeros_like(logvar), logvar)
    kl.sum().backward()
    assert torch.isfinite(kl).all()
    assert torch.isfinite(logvar.grad).all()
    assert (kl >= 0).all()
    assert kl[0].item() == pytest.approx(39.5)  # (80 - 1) / 2


def test_kl_is_summed_over_latents_not_over_pictures():
    mu, logvar = torch.randn(5, 3), torch.randn(5, 3)
    each = kl_each_latent(mu, logvar)
    assert each.shape == (5, 3)
    torch.testing.assert_close(kl_diagonal_gaussian(mu, logvar), each[:, 0] + each[:, 1] + each[:, 2])
    with pytest.raises(ShapeError, match="must have the same shape"):
        kl_diagonal_gaussian(mu, logvar[:, :1])


def test_bernoulli_against_torch():
    logits = 5 * torch.randn(4, 1, 6, 6, dtype=torch.float64)
    target = torch.bernoulli(torch.full_like(logits, 0.4))
    expected = -Bernoulli(logits=logits).log_prob(target).sum(dim=(1, 2, 3))
    torch.testing.assert_close(bernoulli_nll(logits, target), expected)


def test_a_grey_pixel_is_a_cross_entropy():
    logits, target = torch.tensor([[0.7, -1.2]]).double(), torch.tensor([[0.25, 0.6]]).double()
    chance = torch.sigmoid(logits)
    expected = -(target * chance.log() + (1 - target) * (1 - chance).log()).sum()
    assert bernoulli_nll(logits, target).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("logit", [1e4, -1e4])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_bernoulli_is_finite_far_out(logit, target):
    logits = torch.full((2, 3), logit, requires_grad=True)
    nll = bernoulli_nll(logits, torch.full((2, 3), target))
    nll.sum().backward()
    wrong = abs(float(logit > 0) - target)
    assert nll.tolist() == pytest.approx([3 * 1e4 * wrong] * 2)
    assert logits.grad.flatten().tolist() == pytest.approx([float(logit > 0) - target] * 6)


@pytest.mark.parametrize("std", [0.1, 1.0, 2.5, torch.tensor(0.3)])
def test_gaussian_against_torch(std):
    mean, target = torch.randn(2, 4, 1, 6, 6, dtype=torch.float64)
    expected = -Normal(mean, torch.as_tensor(std, dtype=torch.float64)).log_prob(target).sum(dim=(1, 2, 3))
    torch.testing.assert_close(gaussian_nll(mean, target, std), expected)


def test_reparameterise_gives_a_gradient_to_both():
    """z = mu + exp(logvar / 2) noise: dz/dmu is 1 and dz/dlogvar is std * noise / 2."""
    mu = torch.randn(6, 4).requires_grad_()
    logvar = torch.randn(6, 4).requires_grad_()
    z = reparameterise(mu, logvar, torch.Generator().manual_seed(3))
    noise = torch.empty(6, 4).normal_(generator=torch.Generator().manual_seed(3))
    std = torch.exp(0.5 * logvar.detach())
    torch.testing.assert_close(z.detach(), mu.detach() + std * noise)
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones(6, 4))
    torch.testing.assert_close(logvar.grad, 0.5 * std * noise)


def test_draws_have_the_asked_mean_and_width():
    z = reparameterise(torch.full((100_000, 1), 2.0), torch.full((100_000, 1), math.log(0.09)))
    assert z.mean().item() == pytest.approx(2.0, abs=4 * 0.3 / math.sqrt(100_000))
    assert z.std().item() == pytest.approx(0.3, rel=4 / math.sqrt(200_000))
