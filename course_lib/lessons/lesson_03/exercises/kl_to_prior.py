"""Exercise 03.2: the KL divergence from a diagonal Gaussian to the prior, in closed form.

Source: Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import result_and_gradients


def kl_to_prior(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Return KL(q || p) for each row, with q = N(mu, diag(exp(logvar))) and the prior p = N(0, I).

    Args:
        mu: float32, shape (N, d), the means of the d latents of each picture.
        logvar: float32, shape (N, d), the logarithms of their variances, from -120 to 80.

    Returns:
        Shape (N,), in nats, summed over the latents; finite for these logvar.
    """
    kl_of_each_latent = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
    return kl_of_each_latent.sum(dim=1)


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def case(label: str, n: int, d: int) -> Case:
        mu = 1.5 * torch.randn((n, d), generator=draw)
        return Case(label, mu, 1.2 * torch.randn((n, d), generator=draw) - 0.7)

    prior = torch.zeros(2, 3)
    extreme = torch.tensor([[0.0, 80.0, -1.0], [-120.0, -0.5, 2.0], [1.0, -2.0, -120.0], [30.0, 0.5, -30.0]])
    return [
        case("four pictures with three latents", 4, 3),
        case("one picture with twenty latents", 1, 20),
        case("five pictures with one latent", 5, 1),
        case("two pictures with seven latents", 2, 7),
        Case("means far from 0, variances of 1", torch.tensor([[-3.0, 2.0], [0.5, -0.25]]), torch.zeros(2, 2)),
        Case("q equal to the prior", prior, prior.clone()),
        Case("very large and very small variances", torch.randn((4, 3), generator=draw), extreme),
    ]


SAMPLED = (
    "Two calls with the same inputs differ: you sampled, and a mean over samples is a Monte Carlo estimate. "
    "A KL between two distributions with a formula needs no draw."
)

REFUSED = (
    "A distribution of torch refuses a standard deviation of 0, to which exp(logvar) is rounded at logvar = -120. "
    "Write the closed form yourself: it needs logvar as it is."
)

WHERE = "mu and logvar"


def _observe(answer: Callable[..., object], mu: Tensor, logvar: Tensor) -> object:
    """Look at the result and at its gradients, and require that it is the same each time.

    Where logvar is extreme, right forms differ in the rounding of their gradients, which are not looked at then.
    """
    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    try:
        result, again = answer(*leaves), answer(mu.clone().requires_grad_(), logvar.clone().requires_grad_())
    except ValueError as error:
        if "distribution" not in str(error):
            raise
        raise ExerciseError(REFUSED) from error
    if isinstance(result, Tensor) and isinstance(again, Tensor):
        same = result.shape == again.shape and torch.allclose(result, again, equal_nan=True)
        if not same:
            raise ExerciseError(SAMPLED)
    look = bool(logvar.abs().max() < 20)
    return result_and_gradients(result, dict(zip(("mu", "logvar"), leaves, strict=True)), mu.shape[:1], WHERE, look)


Term = Callable[[Tensor, Tensor], Tensor]


def _term(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the right KL of each latent, (N, d)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def _of(mean: Term, variance: Term, log_variance: Term, constant: float = 1.0) -> Term:
    """Return the KL of each latent with other parts in the closed form."""
    return lambda mu, logvar: 0.5 * (mean(mu, logvar) + variance(mu, logvar) - constant - log_variance(mu, logvar))


def _summed(*terms: Term) -> list[Term]:
    """Return answers that sum such terms over the latents."""

    def answer(term: Term) -> Term:
        return lambda mu, logvar: term(mu, logvar).sum(dim=1)

    return [answer(term) for term in terms]


def _reduced(reduce: Callable[[Tensor], Tensor]) -> list[Term]:
    """Return a wrong reduction of the right terms, and of terms with one of the commonest slips."""

    def answer(factor: float) -> Term:
        return lambda mu, logvar: reduce(factor * _term(mu, logvar))

    return [answer(factor) for factor in (1.0, -1.0, 2.0, -2.0)]


def _by_distributions(mu: Tensor, logvar: Tensor) -> Tensor:
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp(), validate_args=False)
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))


def _backwards_by_distributions(mu: Tensor, logvar: Tensor) -> Tensor:
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp(), validate_args=False)
    return torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), q)


def _square(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu.square()


def _exp(mu: Tensor, logvar: Tensor) -> Tensor:
    return logvar.exp()


def _log(mu: Tensor, logvar: Tensor) -> Tensor:
    return logvar


KL_TO_PRIOR = Exercise(
    id="03.2",
    title="From the encoder's outputs to the KL term",
    kind="derivation to code",
    trains="a KL divergence in closed form",
    minutes=15,
    level=1,
    task=r"""
        In this lesson $x$ is a picture and $z$ its latent code; $E$ (`netE`) is the encoder and $G$ (`netG`) the
        decoder. For a picture $x$ the encoder returns `mu` and `logvar`. They describe
        $q(z \mid x) = \mathcal{N}(\mu, \operatorname{diag}(e^{\text{logvar}}))$. The bound contains
        $\mathrm{KL}(q(z \mid x) \,\Vert\, p(z)) = \mathbb{E}_{q} \left[ \log q(z \mid x) - \log p(z) \right]$ with the
        prior $p(z) = \mathcal{N}(0, I)$, the same for every $x$. Both are distributions with a formula, so no sample is
        needed: work out the expectation and turn the result into code. `kl_to_prior(mu, logvar)` returns one number for
        each row, in nats. It must stay finite in float32 for every logvar from -120 to 80.
    """,
    reference=kl_to_prior,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "You averaged over the latents. Independent latents add up their divergences, so that more latents can "
            "cost more: sum over dimension 1.",
            *_reduced(lambda terms: terms.mean(dim=1)),
        ),
        Mistake(
            "You put the whole batch into one number. Return one number for each row; the loss averages them later.",
            *_reduced(lambda terms: terms.sum()),
            *_reduced(lambda terms: terms.mean()),
            *_reduced(lambda terms: terms.sum(dim=1).mean()),
        ),
        Mistake(
            "You summed over the batch and kept the latents. The latents of one picture are along dimension 1.",
            *_reduced(lambda terms: terms.sum(dim=0)),
            *_reduced(lambda terms: terms.mean(dim=0)),
        ),
        Mistake(
            "You returned one number for each latent. Sum them over the latents of each picture.",
            *_reduced(lambda terms: terms),
        ),
        Mistake(
            "The sign is wrong: a KL divergence is never negative. "
            "The bound subtracts it, but this function returns the divergence itself.",
            *_summed(lambda mu, logvar: -_term(mu, logvar), lambda mu, logvar: -2 * _term(mu, logvar)),
        ),
        Mistake(
            "Your result is twice the right one. Look at the factor in the exponent of a Gaussian density.",
            *_summed(lambda mu, logvar: 2 * _term(mu, logvar)),
        ),
        Mistake(
            "The constant 1 is subtracted once. Every latent has one: subtract it before you sum.",
            lambda mu, logvar: 0.5 * ((mu.square() + logvar.exp() - logvar).sum(dim=1) - 1),
        ),
        Mistake(
            "The half belongs to all terms. You gave it to the mean, or to the variance, alone.",
            *_summed(
                lambda mu, logvar: 0.5 * mu.square() + logvar.exp() - 1 - logvar,
                lambda mu, logvar: mu.square() + 0.5 * (logvar.exp() - 1 - logvar),
                lambda mu, logvar: 0.5 * (mu.square() + logvar.exp()) - 1 - logvar,
            ),
        ),
        Mistake(
            "You took logvar for the logarithm of the standard deviation. It is that of the variance: "
            "look at the exponent and at the factor before the logarithm again.",
            *_summed(
                _of(_square, lambda mu, logvar: (2 * logvar).exp(), lambda mu, logvar: 2 * logvar),
                _of(_square, lambda mu, logvar: logvar.exp().square(), lambda mu, logvar: 2 * logvar),
                _of(_square, lambda mu, logvar: (2 * logvar).exp(), _log),
            ),
        ),
        Mistake(
            "You used logvar itself as the standard deviation or as the variance. It is a logarithm, and may be "
            "negative: go back to the variance first.",
            *_summed(
                _of(_square, lambda mu, logvar: logvar.square(), lambda mu, logvar: logvar.square().log()),
                _of(_square, lambda mu, logvar: logvar.square(), lambda mu, logvar: 2 * logvar.log()),
                _of(_square, lambda mu, logvar: logvar, lambda mu, logvar: logvar.log()),
                _of(_square, lambda mu, logvar: logvar.square(), _log),
                _of(_square, lambda mu, logvar: logvar, lambda mu, logvar: 0.0 * logvar),
            ),
        ),
        Mistake(
            "Your result mixes variance and standard deviation. "
            "Write down, for each term, which of the two it holds: both terms can be had from logvar.",
            *_summed(
                _of(_square, lambda mu, logvar: (0.5 * logvar).exp(), _log),
                _of(_square, lambda mu, logvar: (0.5 * logvar).exp(), lambda mu, logvar: 0.5 * logvar),
                _of(_square, _exp, lambda mu, logvar: 0.5 * logvar),
                _of(_square, _exp, lambda mu, logvar: 2 * logvar),
            ),
        ),
        Mistake(
            "This is the divergence in the other direction, KL(p || q). The expectation is taken under q, "
            "the encoder's distribution.",
            *_summed(
                lambda mu, logvar: 0.5 * ((1 + mu.square()) * (-logvar).exp() - 1 + logvar),
                lambda mu, logvar: 0.5 * ((1 + mu.square()) / logvar.exp() - 1 + logvar),
                _backwards_by_distributions,
            ),
        ),
        Mistake(
            "The mean enters without its square, but codes at 3 and at -3 cost the same, and far more than at 1. "
            "Look at the expectation of z squared under q.",
            *_summed(_of(lambda mu, logvar: mu, _exp, _log), _of(lambda mu, logvar: mu.abs(), _exp, _log)),
        ),
        Mistake(
            "The mean does not enter at all. A code far from 0 must cost something even if its variance is 1.",
            *_summed(_of(lambda mu, logvar: 0 * mu, _exp, _log)),
        ),
        Mistake(
            "The logarithm of the variance enters with the wrong sign. "
            "A very narrow q must cost much: look at what your result does as logvar falls.",
            *_summed(_of(_square, _exp, lambda mu, logvar: -logvar)),
        ),
        Mistake(
            "The value is right, but mu or logvar is cut off by a `detach`: "
            "the KL term trains the encoder through both.",
            *_summed(
                lambda mu, logvar: _term(mu.detach(), logvar),
                lambda mu, logvar: _term(mu, logvar.detach()),
                lambda mu, logvar: 0.5 * (mu.square() + logvar.exp().detach() - 1 - logvar),
                lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - logvar.detach()),
            ),
            whole=True,
        ),
        Mistake(
            "Where q equals the prior, at mu = 0 and logvar = 0, the divergence is 0. "
            "Yours is not: a constant is missing or has the wrong sign.",
            *_summed(_of(_square, _exp, _log, constant=0.0), _of(_square, _exp, _log, constant=-1.0)),
        ),
        Mistake(
            "At logvar = -120 your variance is rounded to 0 in float32, and its logarithm is minus infinity. "
            "You have that logarithm already: do not compute it again.",
            *_summed(
                _of(_square, _exp, lambda mu, logvar: logvar.exp().log()),
                _of(_square, _exp, lambda mu, logvar: (0.5 * logvar).exp().square().log()),
                _by_distributions,
            ),
        ),
    ),
    hints=(
        "The latents are independent under q and under p, so that the divergence is a sum over the latents. "
        "Solve it for one latent.",
        "For one latent with variance v, log q - log p is half of `z**2 - (z - mu)**2 / v - log(v)`: the factors "
        "with pi cancel. Take the expectation under q, term by term.",
        "Under q the expectation of `(z - mu)**2` is v, and that of `z**2` is `mu**2 + v`. "
        "With v = exp(logvar), no logarithm is left to compute.",
        "Half of `mu**2 + logvar.exp() - 1 - logvar`, summed over `dim=1`.",
    ),
    why="under q the expectation of z squared is mu squared plus the variance, "
    "and what is left needs the logarithm of the variance only as the encoder gives it.",
)
