"""Exercise 03.3: two bugs where a latent code is drawn.

Source: Kingma and Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import differences
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake


def draw_latent(mu: torch.Tensor, logvar: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return a code drawn from N(mu, diag(exp(logvar))), through which gradients reach mu and logvar.

    Args:
        mu: float32, shape (N, d), the means.
        logvar: float32, shape (N, d), the logarithms of the variances.
        noise: float32, shape (N, d), drawn from N(0, I); the only source of chance.

    Returns:
        Shape (N, d): the code z, differentiable with respect to mu and logvar.
    """
    std = (0.5 * logvar).exp()  # the root of the variance
    return mu + std * noise


def buggy_draw_latent(mu, logvar, noise):
    std = logvar.exp()
    with torch.no_grad():
        shift = std * noise
    return mu + shift


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(1)

    def case(label: str, n: int, d: int) -> Case:
        mu, logvar, noise = (torch.randn((n, d), generator=draw) for _ in range(3))
        return Case(label, mu, 1.5 * logvar - 0.5, noise)

    mu, noise = torch.randn((4, 3), generator=draw), torch.randn((4, 3), generator=draw)
    return [
        case("three pictures with five latents", 3, 5),
        case("one picture with two latents", 1, 2),
        case("six pictures with one latent", 6, 1),
        Case("variances of 1", mu, torch.zeros(4, 3), noise),
        Case(
            "variances from next to nothing to huge",
            torch.zeros(2, 3),
            torch.tensor([[-30.0, -14.0, -1.0], [8.0, 15.0, 25.0]]),
            noise[:2],
        ),
        Case("small variances", mu[:2], torch.full((2, 3), -4.0), noise[2:]),
    ]


REPEATS, Z = "whether the same noise gives the same z", "z"
MU_GRADIENT, LOGVAR_GRADIENT = "the gradient in mu", "the gradient in logvar"


def _observe(answer: Callable[..., object], mu: Tensor, logvar: Tensor, noise: Tensor) -> object:
    """Look at the code, at whether it depends on the noise given alone, and at the gradients in mu and logvar.

    Where the answer draws noise of its own, what depends on that noise is replaced by NaN: it is different each time.
    """
    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    same_noise = noise.clone()
    z = answer(*leaves, noise)
    if z is None:
        raise ExerciseError(NOTHING)
    if not isinstance(z, Tensor) or z.shape != mu.shape:
        shown = f"a tensor of shape {tuple(z.shape)}" if isinstance(z, Tensor) else f"a {type(z).__name__}"
        raise ExerciseError(f"Return one tensor z of the shape of mu, here {tuple(mu.shape)}; yours is {shown}.")
    again = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]  # also where the first call changed its own
    repeats = not differences(answer(*again, same_noise), z.detach())
    gradients = [torch.zeros_like(leaf) for leaf in leaves]
    if z.requires_grad:
        weights = torch.linspace(1, 2, z.numel()).view(z.shape)
        found = torch.autograd.grad((z * weights).sum(), leaves, allow_unused=True)
        gradients = [zero if grad is None else grad for zero, grad in zip(gradients, found, strict=True)]
    if not repeats:
        z = torch.full_like(mu, torch.nan)
        gradients[1] = z if gradients[1].any() else gradients[1]
    return {REPEATS: repeats, Z: z, MU_GRADIENT: gradients[0], LOGVAR_GRADIENT: gradients[1]}


def _with_std(std: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda mu, logvar, noise: mu + std(logvar) * noise


def _no_grad(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        return draw_latent(mu, logvar, noise)


def _std(logvar: Tensor) -> Tensor:
    return (0.5 * logvar).exp()


DRAW_LATENT = Exercise(
    id="03.3",
    title="Two bugs where the code is drawn",
    kind="bug to find",
    trains="drawing a code so that a gradient passes",
    minutes=15,
    level=2,
    task="""
        `buggy_draw_latent` should draw z from q(z|x) so that the reconstruction error can train the encoder, `netE`,
        through z. It runs without an error. Two things are seen. First, after `backward()` of the reconstruction error
        alone, mu has a gradient and logvar has none; in training nothing but the KL term moves logvar, and it settles
        at 0 for every picture. Second, many draws with mu = 0 and logvar = -2 have a standard deviation of 0.14, but q
        has 0.37 there. Each has its own cause. Find both, and write the repaired `draw_latent(mu, logvar, noise)`,
        which uses the noise that it is given and draws none.
    """,
    reference=draw_latent,
    given=inspect.getsource(buggy_draw_latent),
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "z does not depend on the noise, so that the encoder's variance has no effect on it. "
            "A code is drawn, not only its mean or its mean plus one standard deviation.",
            lambda mu, logvar, noise: mu,
            lambda mu, logvar, noise: mu + _std(logvar),
            lambda mu, logvar, noise: mu + logvar.exp(),
        ),
        Mistake(
            "The noise is added as it is: z then has variance 1 for every picture. It has to be scaled first.",
            lambda mu, logvar, noise: mu + noise,
        ),
        Mistake(
            "z is spread about 0 and not about mu: the mean is missing.",
            lambda mu, logvar, noise: _std(logvar) * noise,
            lambda mu, logvar, noise: logvar.exp() * noise,
        ),
        Mistake(
            "No gradient reaches mu or logvar: z is cut off from both. Look for `torch.no_grad`, `.detach()`, "
            "`.data`, or a sampler such as `torch.normal`, which gives no gradient.",
            _no_grad,
            lambda mu, logvar, noise: torch.normal(mu, _std(logvar)),
            lambda mu, logvar, noise: torch.distributions.Normal(mu, _std(logvar)).sample(),
        ),
        Mistake(
            "No gradient reaches mu: the reconstruction cannot say where the code should lie. "
            "mu must enter z with its past.",
            lambda mu, logvar, noise: mu.detach() + _std(logvar) * noise,
        ),
        Mistake(
            "No gradient reaches logvar: the reconstruction cannot ask for a narrower q. "
            "Only the noise is constant; what it is multiplied by must keep its past.",
            lambda mu, logvar, noise: mu + _std(logvar).detach() * noise,
        ),
        Mistake(
            "You draw noise of your own, so that the same call gives another z each time. "
            "Take the `noise` that the function is given.",
            lambda mu, logvar, noise: mu + _std(logvar) * torch.randn_like(mu),
        ),
        Mistake(
            "The noise is multiplied by exp(logvar), which is the variance. "
            "The spread of a scaled number is the standard deviation.",
            _with_std(torch.exp),
        ),
        Mistake(
            "The half stands outside of the exponential: it belongs to the exponent. "
            "At logvar = 0 the standard deviation is 1.",
            _with_std(lambda logvar: 0.5 * logvar.exp()),
        ),
        Mistake(
            "You used logvar, or half of it, as the standard deviation. It is a logarithm, and may be negative.",
            _with_std(lambda logvar: logvar),
            _with_std(lambda logvar: 0.5 * logvar),
            _with_std(torch.abs),
        ),
        Mistake(
            "You took the root of logvar. It is the logarithm of the variance, not the variance.",
            _with_std(torch.sqrt),
            _with_std(lambda logvar: logvar.abs().sqrt()),
        ),
        Mistake(
            "The exponent is not right: it should undo the logarithm and take a root. "
            "At logvar = log 4 the standard deviation is 2.",
            _with_std(lambda logvar: (2 * logvar).exp()),
            _with_std(lambda logvar: (-0.5 * logvar).exp()),
            _with_std(lambda logvar: (-logvar).exp()),
        ),
        Mistake(
            "mu and the standard deviation are exchanged: you scale the noise by mu. "
            "One of the two says where z lies, the other how far it spreads.",
            lambda mu, logvar, noise: mu * noise + _std(logvar),
            lambda mu, logvar, noise: mu * noise + logvar.exp(),
            lambda mu, logvar, noise: mu * noise + logvar,
        ),
        Mistake(
            "The mean is scaled as well. Only the noise is multiplied by the standard deviation.",
            lambda mu, logvar, noise: (mu + noise) * _std(logvar),
            lambda mu, logvar, noise: (mu + noise) * logvar.exp(),
        ),
        Mistake(
            "You subtract the noise. That has the same distribution, but the check gives you the noise and adds it.",
            lambda mu, logvar, noise: mu - _std(logvar) * noise,
        ),
        Mistake(
            "All pictures share the noise of the first row: each has its own.",
            lambda mu, logvar, noise: mu + _std(logvar) * noise[:1],
        ),
        Mistake(
            "You normalise the noise first. It is drawn from N(0, I) already: use it as it is.",
            lambda mu, logvar, noise: mu + _std(logvar) * (noise - noise.mean()) / noise.std(),
            lambda mu, logvar, noise: mu + _std(logvar) * noise / noise.std(),
        ),
        Mistake(
            "The values are right, and the gradient in logvar is that of another function: do not let it go straight "
            "through, and do not add what is taken away at once.",
            lambda mu, logvar, noise: mu + (_std(logvar).detach() + logvar - logvar.detach()) * noise,
            whole=True,
        ),
        Mistake(
            "softplus makes a standard deviation of a number, but not of logvar, the logarithm of the variance.",
            _with_std(torch.nn.functional.softplus),
            _with_std(lambda logvar: torch.nn.functional.softplus(logvar).sqrt()),
        ),
    ),
    hints=(
        "Take the two symptoms one by one. Where does logvar enter, and what happens to its gradient from there on?",
        "`torch.no_grad()` cuts every path that is computed inside it. The noise is a constant anyway: "
        "it needs no protection.",
        "logvar is the logarithm of the *variance*. The noise has standard deviation 1; by what must it be multiplied? "
        "At logvar = 0 both answers agree: the `no_grad` bug, which lets logvar settle there, hides the other.",
        "Without the `with`, and with `std = (0.5 * logvar).exp()`.",
    ),
    why="the chance comes in from outside, so that z is a differentiable function of mu and logvar, "
    "and half of logvar is the logarithm of the standard deviation.",
)
