"""Exercise 11.4: the identity loss of CycleGAN, and which generator gets which picture.

Source: Zhu et al. (2017), section 5.2, "Photo generation from paintings".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.lessons.lesson_11.exercises.two_networks import Answer, case, loss_and_gradients


def identity_loss(
    netG: torch.nn.Module, netF: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, lambda_identity: float
) -> torch.Tensor:
    """Return the weighted identity loss, which asks each generator to leave alone what needs no translation.

    Args:
        netG: the generator G, which makes pictures of the kind of y.
        netF: the generator F, which makes pictures of the kind of x.
        x: pictures of the first kind, shape (N, C, H, W), in [-1, 1].
        y: pictures of the second kind, shape (N, C, H, W), in [-1, 1]; they are no partners of x.
        lambda_identity: the weight of both terms.

    Returns:
        A scalar tensor: lambda_identity times the sum of the two mean absolute errors.
    """
    same_y = (netG(y) - y).abs().mean()  # y is already what G should make
    same_x = (netF(x) - x).abs().mean()  # and x is what F should make
    return lambda_identity * (same_y + same_x)


class Lighten(nn.Module):
    """A translator without an error between dark pictures (below 0) and bright ones (above 0).

    Args:
        sign: 1 for the way to bright pictures, -1 for the way to dark ones; a picture that is there already stays.
    """

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(sign))

    def forward(self, picture: Tensor) -> Tensor:
        """Return the picture on the wanted side of 0."""
        return self.scale * picture.abs()


def _perfect() -> Case:
    """Return a G and an F that translate rightly between pictures at -0.7 and +0.7."""
    bright = torch.full((2, 1, 3, 4), 0.7)
    return Case("a G and an F that translate without an error", Lighten(1.0), Lighten(-1.0), -bright, bright, 1.0)


def _cases() -> list[Case]:
    return [
        case("three colour pictures of each kind", (3, 3, 6, 6), 5.0),
        case("a single grey picture of each kind", (1, 1, 5, 8), 5.0),
        case("four pictures of each kind and another weight", (4, 2, 7, 4), 0.5),
        case("a weight of 0", (2, 3, 4, 4), 0.0),
        _perfect(),
    ]


Distance = Callable[[Tensor, Tensor], Tensor]
Compared = Callable[[nn.Module, nn.Module, Tensor, Tensor], tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]]


def _right(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    return (netG(y), y), (netF(x), x)


def _mean_absolute(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean()


def _with(
    compared: Callable[..., tuple[tuple[Tensor, Tensor], ...]] = _right,
    distance: Distance = _mean_absolute,
    weights: tuple[float, float] = (1, 1),
    weighted: bool = True,
) -> Answer:
    """Return a variant: what is compared, how far apart it is, and what each term counts."""

    def answer(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_identity: float) -> Tensor:
        first, second = compared(netG, netF, x, y)
        total = weights[0] * distance(*first) + weights[1] * distance(*second)
        return (lambda_identity if weighted else 1) * total

    return answer


def _lambda_on_one(first: bool) -> Answer:
    def answer(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_identity: float) -> Tensor:
        weights = (lambda_identity, 1.0) if first else (1.0, lambda_identity)
        return _with(weights=weights, weighted=False)(netG, netF, x, y, lambda_identity)

    return answer


def _compared(compared: Compared) -> tuple[Answer, ...]:
    return tuple(_with(compared, weights=w, weighted=b) for w in ((1, 1), (1, 0), (0, 1)) for b in (True, False))


IDENTITY_LOSS = Exercise(
    id="11.4",
    title="Which picture needs no translation?",
    kind="derivation to code",
    trains="the identity loss",
    minutes=10,
    level=2,
    task="""
        With paintings, the paper adds a term that asks a generator to leave a picture alone that is already of the
        kind that it makes; without it G and F are free to change the tint, day to sunset, as long as both agree. Write
        `identity_loss(netG, netF, x, y, lambda_identity)`: two mean absolute errors, one for each generator, added and
        weighted. Decide first which of x and y goes into G. One of the two choices asks G for the opposite of a
        translation; the check has a G and an F that translate without an error, and says what they pay.
    """,
    reference=identity_loss,
    cases=_cases,
    observe=loss_and_gradients,
    mistakes=(
        Mistake(
            "You give x to G and ask for x back. In the check, a G and an F without an error pay 2.8 for that, "
            "and two that do nothing pay 0: this loss forbids to translate.",
            *_compared(lambda netG, netF, x, y: ((netG(x), x), (netF(y), y))),
        ),
        Mistake(
            "You give y to G, which is right, and y to F too: F is asked to leave alone what it should translate. "
            "F makes pictures of the kind of x, so it gets x.",
            _with(lambda netG, netF, x, y: ((netG(y), y), (netF(y), y))),
        ),
        Mistake(
            "You give x to F, which is right, and x to G too: G is asked to leave alone what it should translate. "
            "G makes pictures of the kind of y, so it gets y.",
            _with(lambda netG, netF, x, y: ((netG(x), x), (netF(x), x))),
        ),
        Mistake(
            "One of the two generators gets the wrong picture: G makes y, so it gets y, and F makes x, so it gets x.",
            _with(lambda netG, netF, x, y: ((netG(y), y), (netG(x), x))),
            _with(lambda netG, netF, x, y: ((netF(y), y), (netF(x), x))),
        ),
        Mistake(
            "A generator's output is detached, so that it learns nothing from its term. Nothing is cut in this loss.",
            _with(lambda netG, netF, x, y: ((netG(y).detach(), y), (netF(x), x))),
            _with(lambda netG, netF, x, y: ((netG(y), y), (netF(x).detach(), x))),
        ),
        Mistake(
            "The sign is wrong: an optimiser makes a loss small, and G(y) should be near y.",
            _with(weights=(-1, -1)),
        ),
        Mistake(
            "You compare G(x) with y, and F(y) with x, as if x and y were a pair. "
            "The identity loss compares a picture with itself.",
            *_compared(lambda netG, netF, x, y: ((netG(x), y), (netF(y), x))),
        ),
        Mistake(
            "The right pictures go in, but you compare what comes out with the other kind, G(y) with x. "
            "G(y) should be y.",
            *_compared(lambda netG, netF, x, y: ((netG(y), x), (netF(x), y))),
        ),
        Mistake(
            "This is the cycle loss, F(G(x)) and G(F(y)). Here each picture goes through one generator.",
            _with(lambda netG, netF, x, y: ((netF(netG(x)), x), (netG(netF(y)), y))),
        ),
        Mistake(
            "The term of F is missing: F should leave x alone, |F(x) - x|.",
            _with(weights=(1, 0)),
            _with(weights=(1, 0), weighted=False),
            _with(weights=(2, 0)),
        ),
        Mistake(
            "The term of G is missing: G should leave y alone, |G(y) - y|.",
            _with(weights=(0, 1)),
            _with(weights=(0, 1), weighted=False),
            _with(weights=(0, 2)),
        ),
        Mistake(
            "You square the error. The identity loss takes the absolute value, as the cycle loss does.",
            _with(distance=lambda a, b: (a - b).square().mean()),
            _with(distance=lambda a, b: (a - b).square().mean(), weighted=False),
            _with(distance=lambda a, b: (a - b).square().sum()),
        ),
        Mistake(
            "The absolute value is missing, so that errors above and below 0 cancel.",
            _with(distance=lambda a, b: (a - b).mean()),
            _with(distance=lambda a, b: (b - a).mean()),
            _with(distance=lambda a, b: (a - b).mean().abs()),
        ),
        Mistake(
            "You add the errors of all pixels. Take their mean, over the pictures too.",
            _with(distance=lambda a, b: (a - b).abs().sum()),
            _with(distance=lambda a, b: (a - b).abs().sum(), weighted=False),
            _with(distance=lambda a, b: (a - b).abs().flatten(1).sum(dim=1).mean()),
            _with(distance=lambda a, b: (a - b).abs().flatten(1).mean(dim=1).sum()),
        ),
        Mistake(
            "The weight is missing: multiply the sum by `lambda_identity`.",
            _with(weighted=False),
            _with(weights=(0.5, 0.5), weighted=False),
        ),
        Mistake(
            "The weight is written into your code: it is an argument, `lambda_identity`.",
            lambda netG, netF, x, y, lambda_identity: identity_loss(netG, netF, x, y, 5.0),
        ),
        Mistake(
            "One term has the weight and the other has not: `lambda_identity` multiplies the sum of both.",
            _lambda_on_one(first=True),
            _lambda_on_one(first=False),
        ),
        Mistake(
            "You take half of the weighted sum. `lambda_identity` is the whole weight already: "
            'the half of "half of lambda" is in it.',
            _with(weights=(0.5, 0.5)),
        ),
    ),
    hints=(
        "What kind of picture does G make? Which of x and y is of that kind already?",
        "If G were asked for G(x) = x, which network would have a loss of 0? Would that be a translation?",
        "G gets y and should give y back; F gets x and should give x back. Each term is a mean absolute error.",
        "`(netG(y) - y).abs().mean()` is the first term. Add the one of F, and multiply the sum by `lambda_identity`.",
    ),
    why="y is already what G should make and x what F should make, so that a G and an F that translate without an "
    "error pay nothing; asked for G(x) = x and F(y) = y they would pay the distance between the two kinds.",
)
