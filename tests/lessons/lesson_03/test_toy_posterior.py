"""log p(x) - ELBO = KL(q, posterior), where all three are known, each by a way of its own."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03.toy_posterior import LinearGaussian, ToyModel

DECODERS = {
    "bent": (lambda z: 2 * torch.tanh(z) + 0.5 * z**2, 0.5),
    "two humps": (lambda z: z**2, 0.4),
    "line": (lambda z: 1.5 * z + 0.3, 0.7),
    "wave": (lambda z: torch.sin(2 * z) + 0.3 * z, 0.2),
}
QS = [(0.0, 1.0), (0.8, 0.3), (-1.3, 0.1), (0.5, 2.0), (-2.5, 0.02)]


@pytest.fixture(params=sorted(DECODERS))
def model(request):
    return ToyModel(*DECODERS[request.param])


def line():
    """Return a toy model and the same one in closed form, whose x has no offset."""
    return ToyModel(lambda z: 1.5 * z, 0.7), LinearGaussian(torch.tensor([[1.5]]).double(), 0.7)


@pytest.mark.parametrize("x", [-0.4, 0.5, 2.0])
def test_the_gap_is_what_the_bound_lacks(model, x):
    for mu, std in QS:
        lacking = model.log_evidence(x) - model.elbo(x, mu, std)
        assert model.gap(x, mu, std).item() == pytest.approx(lacking.item(), abs=1e-9, rel=1e-12)
        assert lacking > 0


def test_the_gap_against_an_integral_over_the_grid(model):
    x, mu, std = 0.7, 0.6, 0.25
    q = Normal(*torch.tensor([mu, std], dtype=torch.float64))
    log_q, posterior = q.log_prob(model.z), model.posterior(x)
    divergence = torch.trapezoid(log_q.exp() * (log_q - (model.log_joint(x) - model.log_evidence(x))), model.z)
    assert model.gap(x, mu, std).item() == pytest.approx(divergence.item(), abs=1e-8)
    exchanged = torch.trapezoid(posterior * (posterior.clamp(min=1e-300).log() - log_q), model.z)
    assert model.gap(x, mu, std).item() != pytest.approx(exchanged.item(), abs=1e-2)


def test_densities_integrate_to_one(model):
    assert torch.trapezoid(model.posterior(0.5), model.z).item() == pytest.approx(1, abs=1e-9)
    if model.noise_std == 0.4:  # z^2 has a chi-square density, known in closed form but for the noise
        x = torch.linspace(-3, 40, 3001).double()
        assert torch.trapezoid(model.log_evidence(x).exp(), x).item() == pytest.approx(1, abs=1e-4)


def test_terms_make_the_bound_and_kl_is_to_the_prior(model):
    expected, kl = model.terms(0.5, 1.2, 0.4)
    assert kl.item() == pytest.approx(kl_divergence(Normal(1.2, 0.4), Normal(0.0, 1.0)).item(), rel=1e-5)
    assert model.elbo(0.5, 1.2, 0.4).item() == pytest.approx((expected - kl).item(), abs=1e-12)
    torch.manual_seed(0)
    z = 1.2 + 0.4 * torch.randn(200_000).double()
    each = Normal(model.decoder(z), model.noise_std).log_prob(torch.tensor(0.5).double())
    assert abs(each.mean().item() - expected.item()) < 4 * each.std().item() / math.sqrt(len(z))


def test_a_line_has_the_closed_form():
    toy, closed = line()
    x = torch.tensor([-1.0, 0.2, 3.0]).double()
    torch.testing.assert_close(toy.log_evidence(x), closed.log_evidence(x[:, None]), rtol=0, atol=1e-10)
    mean, cov = closed.posterior(x[:, None])
    expected = Normal(mean, cov.sqrt()).log_prob(toy.z).exp()
    torch.testing.assert_close(toy.posterior(x), expected, rtol=0, atol=1e-9)
    mu, std = torch.tensor([0.1, -0.4, 1.0]).double(), torch.tensor([0.3, 1.0, 0.5]).double()
    torch.testing.assert_close(toy.elbo(x, mu, std), closed.elbo(x[:, None], mu[:, None], std[:, None]))
    torch.testing.assert_close(toy.gap(x, mu, std), closed.gap(x[:, None], mu[:, None], std[:, None]))


def test_the_best_q_of_a_line_is_the_posterior():
    toy, closed = line()
    mean, cov = closed.posterior(torch.tensor([[1.1]]))
    assert toy.best_q(1.1) == pytest.approx((mean.item(), cov.sqrt().item()), abs=1e-6)
    assert toy.gap(1.1, *toy.best_q(1.1)).item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("x", [-0.4, 0.5, 2.0])
def test_no_other_q_is_better(model, x):
    mu, std = model.best_q(x)
    best = model.elbo(x, mu, std)
    others = model.elbo(x, torch.linspace(-4, 4, 161)[:, None], torch.logspace(-2, 0.5, 40))
    assert others.shape == (161, 40)
    assert best >= others.max()
    assert best - others.max() < 0.05  # and the search comes near, so the two speak of the same thing
    assert model.gap(x, mu, std) >= -1e-12


def test_a_symmetric_posterior_has_two_humps_and_q_takes_the_left_one():
    model = ToyModel(*DECODERS["two humps"])
    mu, std = model.best_q(2.0)
    assert mu == pytest.approx(-math.sqrt(2), abs=0.1)
    assert model.elbo(2.0, -mu, std).item() == pytest.approx(model.elbo(2.0, mu, std).item(), abs=1e-10)
    # q has half of the mass; what is missing is at least log 2
    assert math.log(2) < model.gap(2.0, mu, std).item() < math.log(2) + 0.05


def test_shapes_broadcast():
    model = ToyModel(*DECODERS["bent"])
    x, mu, std = torch.zeros(3, 1, 1), torch.zeros(4, 1), torch.ones(5)
    assert model.elbo(x, mu, std).shape == model.gap(x, mu, std).shape == (3, 4, 5)
    assert [term.shape for term in model.terms(0.0, mu, std)] == [(4, 5), (4, 5)]
    assert model.log_joint(x).shape == model.posterior(x).shape == (3, 1, 1, 4001)
    assert model.log_evidence(0.3).shape == ()


def test_what_a_toy_model_refuses():
    with pytest.raises(ShapeError, match="noise_std above 0"):
        ToyModel(torch.tanh, 0.0)
    with pytest.raises(ShapeError, match="give a std above 0"):
        ToyModel(torch.tanh, 0.3).elbo(0.0, 0.0, -1.0)
    with pytest.raises(ShapeError, match="widen low and high"):
        ToyModel(lambda z: z, 0.1).log_evidence(50.0)
    with pytest.raises(ShapeError, match="raise cells"):
        ToyModel(lambda z: z, 0.001).log_evidence(0.5)


@pytest.fixture
def linear():
    torch.manual_seed(1)
    return LinearGaussian(torch.randn(7, 3).double(), 0.4), torch.randn(5, 7).double()


def test_evidence_and_posterior_against_torch(linear):
    model, x = linear
    cov = model.weight @ model.weight.T + 0.16 * torch.eye(7).double()
    expected = MultivariateNormal(torch.zeros(7).double(), cov).log_prob(x)
    torch.testing.assert_close(model.log_evidence(x), expected, rtol=0, atol=1e-10)
    mean, posterior_cov = model.posterior(x)
    # conditioning of the joint Gaussian of z and x
    torch.testing.assert_close(mean, (model.weight.T @ torch.linalg.solve(cov, x.T)).T)
    torch.testing.assert_close(
        posterior_cov, torch.eye(3).double() - model.weight.T @ torch.linalg.solve(cov, model.weight)
    )


def test_the_gap_in_closed_form(linear):
    model, x = linear
    mu, std = torch.randn(5, 3).double(), torch.rand(5, 3).double() + 0.1
    lacking = model.log_evidence(x) - model.elbo(x, mu, std)
    torch.testing.assert_close(model.gap(x, mu, std), lacking, rtol=1e-10, atol=1e-9)
    mean, cov = model.posterior(x)
    q = MultivariateNormal(mu, torch.diag_embed(std.square()))
    torch.testing.assert_close(model.gap(x, mu, std), kl_divergence(q, MultivariateNormal(mean, cov)))


def test_the_best_diagonal_q_leaves_the_gap_of_the_correlations(linear):
    model, x = linear
    mu, std = model.best_q(x)
    gap = model.gap(x, mu, std)
    _, cov = model.posterior(x)
    correlations = 0.5 * (model.precision.diagonal().log().sum() - torch.logdet(model.precision))
    assert gap.tolist() == pytest.approx([correlations.item()] * 5, abs=1e-9)
    assert gap.min() > 0.01
    assert (model.gap(x, mu, std * 1.05) > gap).all()
    assert (model.gap(x, mu, std / 1.05) > gap).all()
    assert (model.gap(x, mu, cov.diagonal().sqrt().expand_as(mu)) > gap).all()  # the marginal widths are too wide
    square = torch.linalg.qr(model.weight).Q
    alone = LinearGaussian(square, 0.4)
    assert alone.gap(x, *alone.best_q(x)).abs().max() < 1e-10


def test_what_a_linear_model_refuses(linear):
    model, x = linear
    with pytest.raises(ShapeError, match=r"give \(N, 7\)"):
        model.log_evidence(x[:, :3])
    with pytest.raises(ShapeError, match=r"give \(D, d\)"):
        LinearGaussian(torch.zeros(3), 1.0)
