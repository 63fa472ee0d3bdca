"""Exercise 11.1: the least-squares losses of D and G, as CycleGAN uses them.

Source: Mao et al., Least Squares Generative Adversarial Networks (2017), equation 9; Zhu et al. (2017), section 4.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake


def least_squares_losses(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the least-squares losses of both players, D's halved.

    Args:
        real_logits: float32, D's logits of real pictures, one a patch; any real numbers.
        fake_logits: float32, D's logits of G's outputs, one a patch; there may be more or fewer than real ones.

    Returns:
        A dict of two scalar tensors: "d", half the sum of D's mean error for real and for fake logits, and "g", the
        mean error that G minimises.
    """
    real_error = (real_logits - 1).square().mean()  # D wants to say 1 here
    fake_error = fake_logits.square().mean()  # and 0 here
    return {
        "d": 0.5 * (real_error + fake_error),
        "g": (fake_logits - 1).square().mean(),  # G wants D to say 1
    }


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def logits(*shape: int) -> Tensor:
        return 2 * torch.randn(shape, generator=draw) + 0.4

    return [
        Case("four real and six fake logits", logits(4), logits(6)),
        Case("logits of patches", logits(2, 1, 3, 5), logits(2, 1, 3, 5)),
        Case("a single logit each", logits(1), logits(1, 1)),
        Case("more real than fake logits", logits(5, 1), logits(2, 1)),
        Case("logits far from 1 and 0", torch.tensor([9.0, 7.5, 8.0]), torch.tensor([-8.0, -9.5])),
        Case("a D that has reached its targets", torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 3, 3)),
    ]


D_REAL, D_FAKE = "the gradient of d in the real logits", "the gradient of d in the fake logits"
G_REAL, G_FAKE = "the gradient of g in the real logits", "the gradient of g in the fake logits"


def _observe(answer: Callable[..., object], real_logits: Tensor, fake_logits: Tensor) -> object:
    """Look at both losses and at what each sends back to the logits."""
    leaves = [real_logits.clone().requires_grad_(), fake_logits.clone().requires_grad_()]
    found = answer(*leaves)
    if found is None:
        raise ExerciseError(NOTHING)
    if not isinstance(found, dict) or not {"d", "g"} <= set(found):
        raise ExerciseError('Return a dict of both losses, {"d": ..., "g": ...}.')
    for key in ("d", "g"):
        loss = found[key]
        if not isinstance(loss, Tensor):
            raise ExerciseError(f'"{key}" is no tensor. Return a tensor: a number has no gradient to train with.')
        if not loss.requires_grad:
            raise ExerciseError(
                f'No gradient flows back from "{key}" to the logits. Compute with torch alone, without `detach`, '
                "`no_grad` or NumPy."
            )
    result = {"d": found["d"], "g": found["g"]}
    for loss, names in ((found["d"], (D_REAL, D_FAKE)), (found["g"], (G_REAL, G_FAKE))):
        gradients = torch.autograd.grad(loss.sum(), leaves, retain_graph=True, allow_unused=True)
        for name, leaf, gradient in zip(names, leaves, gradients, strict=True):
            result[name] = torch.zeros_like(leaf) if gradient is None else gradient
    return result


Loss = Callable[[Tensor, Tensor], Tensor]
Answer = Callable[[Tensor, Tensor], dict[str, Tensor]]


def _with(d: Loss | None = None, g: Loss | None = None) -> Answer:
    """Return a variant with another loss of D, of G, or of both."""

    def answer(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        right = least_squares_losses(real, fake)
        return {"d": d(real, fake) if d else right["d"], "g": g(real, fake) if g else right["g"]}

    return answer


def _pair(d: Loss, g: Loss) -> tuple[Answer, ...]:
    """Return the variants with both losses wrong, with D's alone, and with G's alone."""
    return _with(d, g), _with(d=d), _with(g=g)


def _squares(logits: Tensor, mark: float) -> Tensor:
    return (logits - mark).square().mean()


def _d(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (_squares(real, 1) + _squares(fake, 0))


def _g(real: Tensor, fake: Tensor) -> Tensor:
    return _squares(fake, 1)


def _sigmoid(loss: Loss) -> Loss:
    return lambda real, fake: loss(torch.sigmoid(real), torch.sigmoid(fake))


def _times(factor: float, loss: Loss) -> Loss:
    return lambda real, fake: factor * loss(real, fake)


def _log_d(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _by(measure: Callable[[Tensor], Tensor], half: float = 0.5) -> tuple[Answer, ...]:
    """Return the variants with another measure of the errors, in D, in G and in both."""
    return _pair(
        lambda real, fake: half * (measure(real - 1) + measure(fake)),
        lambda real, fake: measure(fake - 1),
    )


LEAST_SQUARES = Exercise(
    id="11.1",
    title="Squares in place of logarithms",
    kind="derivation to code",
    trains="the game with squares",
    minutes=10,
    level=1,
    task=r"""
        CycleGAN's adversarial loss is often announced as least squares and then written with logarithms. Written out,
        with $D$ for the logits themselves: $D$ minimises
        $\frac12 \left( E[(D(y) - 1)^2] + E[D(G(x))^2] \right)$ (the paper halves it), and $G$ minimises
        $E[(D(G(x)) - 1)^2]$. Write `least_squares_losses(real_logits, fake_logits)`, which returns both in a dict,
        `"d"` and `"g"`. Each expectation is a mean over its own logits, those of patches too. Before you run the check,
        differentiate $G$'s loss, and $\log(1 - \sigma(l))$ of the old game, in the logit $l$ of a fake: what is left of
        each where $D$ is sure of the fake?
    """,
    reference=least_squares_losses,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "A sigmoid has been applied. Least squares compares the logit itself with 1 and 0; behind a sigmoid the "
            "gradient in the logit vanishes where D is sure, which the squares are there to avoid.",
            *_pair(_sigmoid(_d), _sigmoid(_g)),
            _with(_times(2, _sigmoid(_d)), _sigmoid(_g)),
            _with(_times(2, _sigmoid(_d))),
        ),
        Mistake(
            "This is the logarithmic form. In a fake's logit l, log(1 - sigmoid(l)) has the slope -sigmoid(l), "
            "near 0 where D is sure of the fake; (l - 1)^2 has 2 (l - 1), which is -2 or steeper there.",
            *_pair(_log_d, lambda real, fake: -F.softplus(fake).mean()),
            *_pair(_times(0.5, _log_d), lambda real, fake: -F.softplus(fake).mean()),
            _with(_log_d, lambda real, fake: F.softplus(-fake).mean()),
            _with(_times(0.5, _log_d), lambda real, fake: F.softplus(-fake).mean()),
        ),
        Mistake(
            "This is the logarithm that does not saturate, -log sigmoid(l). Its slope is sigmoid(l) - 1: never more "
            "than 1 in size, and almost none far beyond the mark, where the squares pull back.",
            _with(g=lambda real, fake: F.softplus(-fake).mean()),
        ),
        Mistake(
            "Only one of D's two terms is halved. The half belongs to their sum.",
            _with(lambda real, fake: 0.5 * _squares(real, 1) + _squares(fake, 0)),
            _with(lambda real, fake: _squares(real, 1) + 0.5 * _squares(fake, 0)),
        ),
        Mistake(
            "D's marks are exchanged: you pull real logits to 0 and fake ones to 1. D says 1 to what is real.",
            _with(lambda real, fake: 0.5 * (_squares(real, 0) + _squares(fake, 1))),
            _with(
                lambda real, fake: 0.5 * (_squares(real, 0) + _squares(fake, 1)), lambda real, fake: _squares(fake, 0)
            ),
            _with(lambda real, fake: _squares(real, 0) + _squares(fake, 1)),
        ),
        Mistake(
            "You pull fake logits to -1. D's marks are not -1 and 1 here: "
            "read in the formula what D(G(x)) is compared with.",
            _with(lambda real, fake: 0.5 * (_squares(real, 1) + _squares(fake, -1))),
            _with(lambda real, fake: _squares(real, 1) + _squares(fake, -1)),
        ),
        Mistake(
            "G's target is 0 in your loss, which is D's own target for a fake: G would train to be found out. "
            "G wants D to say 1.",
            _with(g=lambda real, fake: _squares(fake, 0)),
            _with(g=lambda real, fake: 0.5 * _squares(fake, 0)),
            _with(_times(2, _d), lambda real, fake: _squares(fake, 0)),
        ),
        Mistake(
            "G's loss is the negative of D's. Its direction is right only for logits above 0: "
            "below, G would make itself more fake, and the loss has no lowest value.",
            _with(g=lambda real, fake: -_squares(fake, 0)),
            _with(g=lambda real, fake: -0.5 * _squares(fake, 0)),
            _with(g=lambda real, fake: -_d(real, fake)),
            _with(g=lambda real, fake: -2 * _d(real, fake)),
        ),
        Mistake(
            "D's loss is not halved: the paper halves it.",
            _with(_times(2, _d)),
        ),
        Mistake(
            "D's loss is halved twice: a mean over both halves is the half already.",
            _with(_times(0.5, _d)),
        ),
        Mistake(
            "You halve G's loss as well. In CycleGAN only D's has the factor 1/2.",
            _with(g=_times(0.5, _g)),
        ),
        Mistake(
            "You took one mean over all of D's logits together. Where there are more fakes than real ones, they count "
            "more: take the mean of each kind first.",
            _with(lambda real, fake: torch.cat([(real - 1).flatten(), fake.flatten()]).square().mean()),
            _with(lambda real, fake: torch.cat([(real - 1).flatten(), fake.flatten()]).square().mean() / 2),
        ),
        Mistake(
            "D's loss has only one of its halves. D must learn both: 1 for what is real, 0 for what is fake.",
            *(_with(lambda real, fake, f=f: f * _squares(real, 1)) for f in (1, 0.5)),  # type: ignore[misc]
            *(_with(lambda real, fake, f=f: f * _squares(fake, 0)) for f in (1, 0.5)),  # type: ignore[misc]
        ),
        Mistake(
            "G's loss has a part of the real logits. G cannot change what D says to real pictures.",
            _with(g=lambda real, fake: _squares(real, 1) + _squares(fake, 1)),
            _with(g=lambda real, fake: _squares(real, 0) + _squares(fake, 1)),
            _with(g=lambda real, fake: 0.5 * (_squares(real, 0) + _squares(fake, 1))),
            _with(g=lambda real, fake: 0.5 * (_squares(real, 1) + _squares(fake, 1))),
        ),
        Mistake(
            'The two losses are exchanged in the dict: "d" is what D minimises, and "g" what G minimises.',
            lambda real, fake: {"d": _g(real, fake), "g": _d(real, fake)},
            lambda real, fake: {"d": _g(real, fake), "g": 2 * _d(real, fake)},
        ),
        Mistake(
            "G's loss is computed from the real logits, on which G has no influence. Ask what D says of its outputs.",
            _with(g=lambda real, fake: _squares(real, 1)),
            _with(g=lambda real, fake: _squares(real, 0)),
        ),
        Mistake(
            "The marks are 1 and 0 themselves here: you smooth them, to 0.9 or so, which is another loss.",
            _with(lambda real, fake: 0.5 * (_squares(real, 0.9) + _squares(fake, 0))),
        ),
        Mistake(
            "Logits are bent or cut off before they are squared, by tanh, clamp or ReLU: beyond the mark the squares "
            "must go on to pull back.",
            _with(g=lambda real, fake: _g(real, fake.tanh())),
            _with(g=lambda real, fake: (1 - fake).relu().square().mean()),
        ),
        Mistake(
            "You took absolute values. Here the errors are squared.",
            *_by(lambda error: error.abs().mean()),
        ),
        Mistake(
            "You added the errors of all logits. Average them, those of patches too.",
            *_by(lambda error: error.square().sum()),
            *_by(lambda error: error.square().flatten(1).sum(dim=1).mean() if error.ndim > 1 else error.square().sum()),
        ),
        Mistake(
            "You averaged the logits first and squared then. Each logit has its own error; "
            "errors above and below the mark must not cancel.",
            *_by(lambda error: error.mean().square()),
        ),
        Mistake(
            "You return one error a logit. Average them, so that each loss is a single number.",
            _with(g=lambda real, fake: (fake - 1).square()),
        ),
        Mistake(
            "The fake logits are cut off in D's loss. It is the fake *picture* that D's step detaches; "
            "the logits must lead back to D, or it never learns what is fake.",
            _with(lambda real, fake: _d(real, fake.detach())),
        ),
    ),
    hints=(
        "Which number should D say to a real picture, and which to a fake one? Which number does G want to hear?",
        "The logits are compared with 1 or 0 as they are: square the difference and take the mean.",
        "D has two means, `(real_logits - 1).square().mean()` and `fake_logits.square().mean()`. Add them, and halve.",
        'G has one: `(fake_logits - 1).square().mean()`, without a half. Return `{"d": ..., "g": ...}`.',
    ),
    why="in a fake's logit l the gradient of G's loss is 2 (l - 1), which is -2 where D is sure of the fake (l = 0) "
    "and steeper below, while that of log(1 - sigmoid(l)) is -sigmoid(l), which tends to 0 as D gets sure.",
)
