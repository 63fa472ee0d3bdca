"""Exercise 11.2: the cycle loss of CycleGAN.

Source: Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (2017), equation 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.lessons.lesson_11.exercises.two_networks import Answer, case, loss_and_gradients


def cycle_loss(
    netG: torch.nn.Module, netF: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, lambda_cycle: float
) -> torch.Tensor:
    """Return the weighted cycle loss, which trains both generators.

    Args:
        netG: the generator G, from x to y.
        netF: the generator F, from y back to x.
        x: pictures of the first kind, shape (N, C, H, W), in [-1, 1].
        y: pictures of the second kind, shape (N, C, H, W), in [-1, 1]; they are no partners of x.
        lambda_cycle: the weight of both directions, 10 in the paper.

    Returns:
        A scalar tensor: lambda_cycle times the sum of the forward and the backward error, each a mean absolute error.
    """
    forward = (netF(netG(x)) - x).abs().mean()  # x to y and back
    backward = (netG(netF(y)) - y).abs().mean()  # y to x and back
    return lambda_cycle * (forward + backward)


def _cases() -> list[Case]:
    return [
        case("three colour pictures of each kind", (3, 3, 6, 6), 10.0),
        case("a single grey picture of each kind", (1, 1, 5, 8), 10.0),
        case("four pictures of each kind and another weight", (4, 2, 7, 4), 0.5),
        case("a weight of 0", (2, 3, 4, 4), 0.0),
    ]


Distance = Callable[[Tensor, Tensor], Tensor]
Direction = Callable[[nn.Module, nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


def _mean_absolute(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean()


def _there_and_back(go: nn.Module, back: nn.Module, start: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    return back(go(start)), start


def _with(
    compared: Direction = _there_and_back,
    distance: Distance = _mean_absolute,
    weights: tuple[float, float] = (1, 1),
    weighted: bool = True,
) -> Answer:
    """Return a variant: what is compared, how far apart it is, and what each direction counts."""

    def answer(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_cycle: float) -> Tensor:
        forward = distance(*compared(netG, netF, x, y))
        backward = distance(*compared(netF, netG, y, x))
        return (lambda_cycle if weighted else 1) * (weights[0] * forward + weights[1] * backward)

    return answer


def _compared(compared: Direction) -> tuple[Answer, ...]:
    """Return the variants that compare other pictures: in both directions, in the first or the second alone."""

    def half(which: int) -> Answer:
        def answer(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_cycle: float) -> Tensor:
            first = (compared if which == 0 else _there_and_back)(netG, netF, x, y)
            second = (compared if which == 1 else _there_and_back)(netF, netG, y, x)
            return lambda_cycle * (_mean_absolute(*first) + _mean_absolute(*second))

        return answer

    return _with(compared), half(0), half(1)


def _frozen_on_the_way_back(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_cycle: float) -> Tensor:
    def still(network: nn.Module, picture: Tensor) -> Tensor:
        return torch.func.functional_call(
            network, {name: p.detach() for name, p in network.named_parameters()}, picture
        )

    forward = _mean_absolute(still(netF, netG(x)), x)
    return lambda_cycle * (forward + _mean_absolute(still(netG, netF(y)), y))


def _lambda_on_one(first: bool) -> Answer:
    def answer(netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, lambda_cycle: float) -> Tensor:
        weights = (lambda_cycle, 1.0) if first else (1.0, lambda_cycle)
        return _with(weights=weights, weighted=False)(netG, netF, x, y, lambda_cycle)

    return answer


CYCLE_LOSS = Exercise(
    id="11.2",
    title="There and back",
    kind="derivation to code",
    trains="cycle consistency",
    minutes=10,
    level=1,
    task="""
        Nobody knows the partner of x, so G(x) cannot be compared with it. What can be compared is x with what comes
        back: F must be able to tell from G(x) which x it was, and G from F(y) which y. Write
        `cycle_loss(netG, netF, x, y, lambda_cycle)`: the mean absolute error of the way from x to y and back, plus that
        of the way from y to x and back, both times the weight. The loss trains both generators, each on both ways.
    """,
    reference=cycle_loss,
    cases=_cases,
    observe=loss_and_gradients,
    mistakes=(
        Mistake(
            "The two generators work in the wrong order: you compare G(F(x)) with x. "
            "G takes an x and F takes a y, so x must go through G first.",
            *_compared(lambda go, back, start, other: (go(back(start)), start)),
        ),
        Mistake(
            "You compare what came back with a picture of the other kind, F(G(x)) with y. "
            "x and y are no pair; the picture that came back belongs beside the one that set out.",
            *_compared(lambda go, back, start, other: (back(go(start)), other)),
        ),
        Mistake(
            "You compare after one translation, G(x) with x. That asks G to change nothing; "
            "translate back with F before you compare.",
            *_compared(lambda go, back, start, other: (go(start), start)),
        ),
        Mistake(
            "You compare G(x) with y, as if the two were a pair. There are no pairs here: the loss of pix2pix "
            "cannot be had.",
            *_compared(lambda go, back, start, other: (go(start), other)),
        ),
        Mistake(
            "You translate twice with the same generator, G(G(x)). The way back is that of the other one.",
            *_compared(lambda go, back, start, other: (go(go(start)), start)),
        ),
        Mistake(
            "You compare what came back with the translation, F(G(x)) with G(x). "
            "The picture that must come back is x, where the way began.",
            *_compared(lambda go, back, start, other: (back(go(start)), go(start))),
        ),
        Mistake(
            "Only the way from x to y and back is there. Without the other, nothing keeps two pictures y apart: "
            "add |G(F(y)) - y|.",
            _with(weights=(1, 0)),
            _with(weights=(1, 0), weighted=False),
            _with(weights=(2, 0)),
        ),
        Mistake(
            "Only the way from y to x and back is there. Without the other, nothing keeps two pictures x apart: "
            "add |F(G(x)) - x|.",
            _with(weights=(0, 1)),
            _with(weights=(0, 1), weighted=False),
            _with(weights=(0, 2)),
        ),
        Mistake(
            "You square the error. The cycle loss takes the absolute value, which blurs less.",
            _with(distance=lambda a, b: (a - b).square().mean()),
            _with(distance=lambda a, b: (a - b).square().mean(), weighted=False),
            _with(distance=lambda a, b: (a - b).square().mean().sqrt()),
        ),
        Mistake(
            "The absolute value is missing: errors above and below 0 cancel, "
            "and a picture that is too bright in one half and too dark in the other costs nothing.",
            _with(distance=lambda a, b: (a - b).mean()),
            _with(distance=lambda a, b: (b - a).mean()),
            _with(distance=lambda a, b: (a - b).mean().abs()),
            _with(distance=lambda a, b: (a.mean() - b.mean()).abs()),
        ),
        Mistake(
            "You add the errors of all pixels. Take their mean, over the pictures too: with a sum, "
            "lambda would mean something else at each size.",
            _with(distance=lambda a, b: (a - b).abs().sum()),
            _with(distance=lambda a, b: (a - b).abs().flatten(1).sum(dim=1).mean()),
            _with(distance=lambda a, b: (a - b).abs().flatten(1).mean(dim=1).sum()),
        ),
        Mistake(
            "The weight is missing: multiply the sum by `lambda_cycle`.",
            _with(weighted=False),
            _with(weights=(0.5, 0.5), weighted=False),
        ),
        Mistake(
            "The weight is written into your code: it is an argument, `lambda_cycle`.",
            lambda netG, netF, x, y, lambda_cycle: cycle_loss(netG, netF, x, y, 10.0),
        ),
        Mistake(
            "One direction has the weight and the other has not: `lambda_cycle` multiplies the sum of both.",
            _lambda_on_one(first=True),
            _lambda_on_one(first=False),
        ),
        Mistake(
            "The sign is wrong, of the whole or of one direction: an optimiser makes a loss small, and both ways back "
            "should be near.",
            _with(weights=(-1, -1)),
            _with(weights=(1, -1)),
            _with(weights=(-1, 1)),
        ),
        Mistake(
            "The generator of the way back stands still: the value is right, but it never learns to undo the other. "
            "Nothing is frozen in this loss.",
            _frozen_on_the_way_back,
        ),
        Mistake(
            "You averaged the two directions. Add them: each has the full weight.",
            _with(weights=(0.5, 0.5)),
        ),
        Mistake(
            "You cut the way in the middle, with `.detach()` or `no_grad`: the value is right, but G learns nothing "
            "from F(G(x)), nor F from G(F(y)). The first translation must keep its past.",
            *_compared(lambda go, back, start, other: (back(go(start).detach()), start)),
        ),
    ),
    hints=(
        "Follow one picture. Which generator can take an x, and which kind of picture does it make? "
        "Which generator can take that one, and with what should the result agree?",
        "A cycle ends where it began: F(G(x)) is an x again, and G(F(y)) is a y again.",
        "`(netF(netG(x)) - x).abs().mean()` is the first half. The second is the same with the roles exchanged.",
        "Add both halves and multiply the sum by `lambda_cycle`. Nothing is detached: "
        "G must learn to leave in G(x) what F needs.",
    ),
    why="each way ends where it began, so that a picture is its own right answer, and the gradient goes through "
    "both generators on both ways.",
)
