"""Exercise 02.3: two bugs in the generator's loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import loss_and_gradient


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """Return the non-saturating loss that the generator minimises.

    Args:
        fake_logits: float32, any shape, D's logits of the generator's outputs; any real numbers, up to 10000 and more.

    Returns:
        A scalar tensor: -log D(G(z)) in nats, averaged over all logits.
    """
    real = torch.ones_like(fake_logits)  # what G wants D to say
    return F.binary_cross_entropy_with_logits(fake_logits, real)


def buggy_generator_loss(fake_logits):
    score = torch.sigmoid(fake_logits)
    real = torch.ones_like(score)
    loss = F.binary_cross_entropy_with_logits(score, real)  # -log D(G(z))
    return -loss  # "G maximises -log D(G(z))", and an optimiser minimises


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def logits(*shape: int) -> Tensor:
        return 3 * torch.randn(shape, generator=draw) - 1

    return [
        Case("six logits", logits(6)),
        Case("a single logit", torch.tensor([0.4])),
        Case("logits of shape (N, 1)", logits(5, 1)),
        Case("logits of patches", logits(2, 1, 3, 4)),
        Case("a D that is rather sure", torch.tensor([-21.0, -17.0, -25.0, 14.0])),
        Case("a D that is utterly sure", torch.tensor([-1e4, 1e4, 0.3])),
    ]


def _observe(answer: Callable[..., object], fake_logits: Tensor) -> object:
    """Look at the loss and at the gradient that reaches the logits."""
    return loss_and_gradient(answer, fake_logits, where="the logits, so that G cannot learn")


def _bce(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _guarded(small: float) -> tuple[Callable[[Tensor], Tensor], ...]:
    return (
        lambda logits: -(torch.sigmoid(logits) + small).log().mean(),
        lambda logits: -torch.sigmoid(logits).clamp(min=small).log().mean(),
        lambda logits: -torch.sigmoid(logits).clamp(small, 1 - small).log().mean(),
    )


GENERATOR_LOSS = Exercise(
    id="02.3",
    title="Two bugs in the generator's loss",
    kind="bug to find",
    trains="signs and labels in the loss of G",
    minutes=10,
    level=2,
    task="""
        `buggy_generator_loss` was written after a note that reads "train G by maximising -log D(G(z))". It runs without
        an error, and a GAN trained with it learns nothing. Two things are seen in the log: with each step of G the
        logits of its outputs *fall*, and the loss is never outside of -0.70 and -0.31, whatever D says. Each has its
        own cause. Find both, and write the repaired non-saturating loss `generator_loss(fake_logits)`, averaged over
        all logits. It must also hold when D is utterly sure: a logit of -10000 is no reason for infinity.
    """,
    reference=generator_loss,
    given=inspect.getsource(buggy_generator_loss),
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "The direction is wrong: minimising this makes D surer that the outputs are fake. "
            "Ask which way D(G(z)) should go, and what -log D does as it goes there.",
            lambda logits: -_bce(logits, 1),
            buggy_generator_loss,
            lambda logits: torch.sigmoid(logits).log().mean(),
            lambda logits: F.logsigmoid(logits).sum(),
        ),
        Mistake(
            "The logits pass through a sigmoid twice: a score between 0 and 1 is taken for a logit. "
            "`binary_cross_entropy_with_logits` applies a sigmoid itself.",
            lambda logits: _bce(torch.sigmoid(logits), 1),
            lambda logits: -torch.sigmoid(torch.sigmoid(logits)).log().mean(),
            lambda logits: _bce(torch.sigmoid(logits), 1) * logits.numel(),
        ),
        Mistake(
            "This is the saturating form, log(1 - D(G(z))). Its direction is right, "
            "but its gradient in the logit vanishes just where D is sure of the fake and G has most to learn.",
            lambda logits: -F.softplus(logits).mean(),
            lambda logits: (1 - torch.sigmoid(logits)).log().mean(),
            lambda logits: -F.softplus(logits).sum(),
        ),
        Mistake(
            "This is D's own loss for fakes, with the label 0. G wants D to give its outputs the other label.",
            lambda logits: _bce(logits, 0),
            lambda logits: -(1 - torch.sigmoid(logits)).log().mean(),
            lambda logits: _bce(torch.sigmoid(logits), 0),
            lambda logits: _bce(logits, 0) * logits.numel(),
        ),
        Mistake(
            "At a logit of -10000 your loss is infinite: a sigmoid is rounded to 0 there, and exp(10000) is beyond all "
            "floats. Use a function of torch that takes the logit itself, and compute neither.",
            lambda logits: -torch.sigmoid(logits).log().mean(),
            lambda logits: (1 + torch.exp(-logits)).log().mean(),
            lambda logits: torch.exp(-logits).log1p().mean(),
            lambda logits: -torch.sigmoid(logits).log().sum(),
        ),
        Mistake(
            "Your loss stops growing where D is sure, and G gets no gradient there: the logarithm of D is cut off, "
            "by a small number of yours or by `F.binary_cross_entropy`, which stops at -100. Work on the logit.",
            lambda logits: F.binary_cross_entropy(torch.sigmoid(logits), torch.ones_like(logits)),
            *(variant for small in (1e-8, 1e-6, 1e-12, 1e-7, 1e-10, 1e-5) for variant in _guarded(small)),
        ),
        Mistake(
            "You added the logits' losses, so that a larger batch means larger steps. "
            "Average over all logits, those of patches too.",
            lambda logits: F.softplus(-logits).sum(),
            lambda logits: F.softplus(-logits).reshape(len(logits), -1).sum(dim=1).mean(),
        ),
        Mistake(
            "You returned one loss a logit. Average them, so that a single number is left.",
            lambda logits: F.softplus(-logits),
        ),
        Mistake(
            "You averaged first and took the logarithm then. "
            "Each output has its own -log D; the average is taken over these.",
            lambda logits: -torch.sigmoid(logits).mean().log(),
            lambda logits: F.softplus(-logits.mean()),
        ),
        Mistake(
            "The logarithm of D is missing: you averaged the logits or D itself. The loss is -log D(G(z)).",
            lambda logits: -logits.mean(),
            lambda logits: -torch.sigmoid(logits).mean(),
            lambda logits: (1 - torch.sigmoid(logits)).mean(),
        ),
        Mistake(
            "This is the least-squares loss. Here G's loss is -log D(G(z)), with D the sigmoid of the logit.",
            lambda logits: (logits - 1).square().mean(),
            lambda logits: 0.5 * (logits - 1).square().mean(),
            lambda logits: (torch.sigmoid(logits) - 1).square().mean(),
        ),
        Mistake(
            "The loss is cut off at 0, or at a straight line: -log D never reaches 0, and has a gradient wherever D is "
            "not certain.",
            lambda logits: F.relu(-logits).mean(),
            lambda logits: F.relu(1 - logits).mean(),
        ),
        Mistake(
            "The label is smoothed, 0.9 or so. G's loss is -log D itself: its label is 1.",
            lambda logits: _bce(logits, 0.9),
            lambda logits: _bce(logits, 0.95),
        ),
        Mistake(
            "Far out a part of the loss is detached or clamped: the value is right there, and no gradient flows.",
            lambda logits: torch.where(
                logits < -80, -logits.detach(), torch.log1p(torch.exp(-logits.clamp(min=-80)))
            ).mean(),
            whole=True,
        ),
    ),
    hints=(
        "Take the two symptoms one by one. G wants D to take its outputs for real: should D(G(z)) rise or fall? "
        "And does -log D rise or fall with it?",
        "What range has a sigmoid of any real number, and what does `binary_cross_entropy_with_logits` make of numbers "
        "from that range? Compute its values at both ends.",
        "G *minimises* -log D(G(z)): the note has the wrong direction, and the minus sign has to go. "
        "The logits go into the loss as they are.",
        "With l the logit, -log D is `F.softplus(-l)`, and `F.binary_cross_entropy_with_logits(l, ones)` is the same. "
        "Both stay exact at any logit.",
    ),
    why="minimising -log D(G(z)) raises D(G(z)), its slope in the logit is D - 1 and so largest where D is sure of "
    "the fake, and the loss gets logits because it applies the sigmoid itself.",
)
