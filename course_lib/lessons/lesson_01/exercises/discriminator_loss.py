"""Exercise 01.5: two bugs in the discriminator's step of a conditional GAN."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake


def discriminator_loss(netG: torch.nn.Module, netD: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the loss that the discriminator of a conditional GAN minimises.

    Args:
        netG: the generator; netG(x) is a fake picture, of the shape of y.
        netD: the discriminator; netD(x, y) gives logits, one a patch. The condition x comes first.
        x: condition, shape (N, Cx, H, W).
        y: real picture, shape (N, Cy, H, W).

    Returns:
        A scalar tensor: the binary cross-entropy of the real pairs (label 1) and of the fake pairs (label 0), averaged
        over both. Its gradient reaches netD only.
    """
    fake = netG(x).detach()  # D's step must not reach G
    real_logits = netD(x, y)
    fake_logits = netD(x, fake)
    real_loss = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return 0.5 * (real_loss + fake_loss)


def buggy_discriminator_loss(netG, netD, x, y):
    fake = netG(x)
    real_score = torch.sigmoid(netD(x, y))
    fake_score = torch.sigmoid(netD(x, fake))
    real_loss = F.binary_cross_entropy_with_logits(real_score, torch.ones_like(real_score))
    fake_loss = F.binary_cross_entropy_with_logits(fake_score, torch.zeros_like(fake_score))
    return 0.5 * (real_loss + fake_loss)


class TinyG(nn.Module):
    """A small generator without normalisation and dropout, so that its output depends on x alone."""

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(x_channels, y_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a picture of shape (N, y_channels, H, W)."""
        return torch.tanh(2 * self.body(x))


class ModalG(TinyG):
    """The same, but brighter in training mode: where dropout is the noise, a G in eval mode is another G."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a picture of shape (N, y_channels, H, W)."""
        return super().forward(x) + 0.5 * self.training


class TinyD(nn.Module):
    """A small discriminator of pairs, whose logits are large enough to tell the losses apart.

    Args:
        scale: factor of the logits; a large one makes a D that is utterly sure.
    """

    def __init__(self, x_channels: int, y_channels: int, scale: float = 4.0) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(x_channels + y_channels, 6, 3, stride=2, padding=1)
        self.last = nn.Conv2d(6, 1, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return logits of shape (N, 1, H / 2 - 1, W / 2 - 1)."""
        return (
            self.scale * self.last(F.leaky_relu(self.first(torch.cat([x, y], dim=1)), 0.2)) + 0.7 + 0.3 * self.training
        )


def _cases() -> list[Case]:
    def case(label: str, count: int, x_channels: int, y_channels: int, height: int, width: int) -> Case:
        x = torch.rand(count, x_channels, height, width) * 2 - 1
        y = torch.rand(count, y_channels, height, width) * 2 - 1
        return Case(label, TinyG(x_channels, y_channels), TinyD(x_channels, y_channels), x, y)

    return [
        case("three outlines and colour pictures", 3, 1, 3, 8, 8),
        case("one pair", 1, 3, 3, 6, 10),
        case("pictures that are not square", 2, 1, 3, 12, 8),
        case("five pairs of equal channels", 5, 2, 2, 8, 6),
        _case_of(ModalG(1, 3), TinyD(1, 3), "a netG with noise"),
        _case_of(ModalG(1, 3).eval().requires_grad_(False), TinyD(1, 3).eval(), "a frozen netG, and both in eval mode"),
        _case_of(TinyG(1, 3), TinyD(1, 3, scale=1500.0), "a netD that is utterly sure"),
    ]


def _case_of(netG: nn.Module, netD: nn.Module, label: str) -> Case:
    x, y = torch.rand(3, 1, 8, 8) * 2 - 1, torch.rand(3, 3, 8, 8) * 2 - 1
    return Case(label, netG, netD, x, y)


LOSS, G_GRADIENT, D_GRADIENT = "the loss", "whether netG gets a gradient", "the gradient in netD"


def _gradients(net: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def _observe(answer: Callable[..., object], netG: nn.Module, netD: nn.Module, x: Tensor, y: Tensor) -> object:
    """Look at the loss and at where its gradient goes."""
    parameters = [*netG.parameters(), *netD.parameters()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)  # as an earlier step may leave them
    loss = answer(netG, netD, x, y)
    if loss is None:
        raise ExerciseError(NOTHING)
    if not isinstance(loss, Tensor) or loss.ndim:
        shown = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ExerciseError(f"Return one scalar tensor, the average of the real and the fake half; yours is {shown}.")
    for parameter in parameters:
        if parameter.grad is None or not parameter.grad.any():
            raise ExerciseError("Your loss clears gradients that others have left: the training loop does that.")
        if (parameter.grad != 1).any():
            raise ExerciseError("Return the loss without calling `backward()`: the training loop does that.")
    for parameter in parameters:
        parameter.grad = None
    if not loss.requires_grad:
        raise ExerciseError(
            "No gradient reaches netD, so that it cannot learn. Only the fake picture is cut off from its past; "
            "netD itself must run with gradients."
        )
    loss.backward()
    into_d = _gradients(netD)
    return {
        LOSS: loss,
        G_GRADIENT: any(bool(gradient.any()) for gradient in _gradients(netG)),
        D_GRADIENT: torch.cat([gradient.flatten() for gradient in into_d]) if into_d else torch.zeros(0),
    }


# The slips that can be built into the right function, each with its message; those in one group exclude each other.
_SLIPS: dict[str, tuple[str, str]] = {
    "attached": (
        "fake",
        "This loss still reaches netG: it would train G to be found out. Cut the fake off with `.detach()` "
        "(or make it under `torch.no_grad()`) before netD sees it.",
    ),
    "sigmoid": (
        "score",
        "netD's logits go through a sigmoid before `binary_cross_entropy_with_logits`, which applies one itself. "
        "Give it the logits as they are.",
    ),
    "swapped labels": (
        "label",
        "The labels are the wrong way round: a real pair has label 1, a fake pair label 0.",
    ),
    "all real": (
        "label",
        "You gave the fake pairs the label 1. That is what G wants D to say; in D's own loss their label is 0.",
    ),
    "no condition": (
        "pair",
        "netD does not see the condition: give it the true x with both pictures, not zeros. "
        "A picture may look real and still not fit its x.",
    ),
    "fake without condition": (
        "pair",
        "netD sees x with the real picture only. With the fake it must see the same x, "
        "or it tells the two apart by the condition.",
    ),
    "arguments exchanged": (
        "pair",
        "You call netD with the picture first. It takes the condition first: `netD(x, y)` and `netD(x, fake)`.",
    ),
    "sum": (
        "half",
        "You added the two halves. The loss of this lesson is their mean, as in pix2pix.",
    ),
    "real only": ("half", "The fake half is missing: D must also learn to say 0 to fake pairs."),
    "fake only": ("half", "The real half is missing: D must also learn to say 1 to real pairs."),
    "nothing of fakes": (
        "cut",
        "netD learns nothing from the fakes: no gradient of that half reaches its weights. "
        "Cut before netD, at the picture, not behind it.",
    ),
    "nothing of reals": (
        "cut",
        "netD learns nothing from the real pictures: no gradient of that half reaches its weights. "
        "Only the fake picture is cut off.",
    ),
    "one sigmoid": (
        "score",
        "One half goes through a sigmoid before `binary_cross_entropy_with_logits`, which applies one itself. "
        "Give it the logits as they are, in both halves.",
    ),
    "unsure": (
        "form",
        "Where netD is utterly sure, the log of a sigmoid is the log of a number that was rounded to 0: infinity, or "
        "where torch stops it, 100. Give the logits to `binary_cross_entropy_with_logits`, so that nothing is rounded.",
    ),
    "squares": (
        "loss",
        "This is the least-squares loss. Here D's loss is the binary cross-entropy, "
        "`F.binary_cross_entropy_with_logits`.",
    ),
}


def _with(*slips: str) -> Callable[[nn.Module, nn.Module, Tensor, Tensor], Tensor]:
    def answer(netG: nn.Module, netD: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        fake = netG(x) if "attached" in slips else netG(x).detach()
        real_x = torch.zeros_like(x) if "no condition" in slips else x
        fake_x = torch.zeros_like(x) if {"no condition", "fake without condition"} & set(slips) else x
        exchanged = "arguments exchanged" in slips
        real = netD(y, real_x) if exchanged else netD(real_x, y)
        fake = netD(fake, fake_x) if exchanged else netD(fake_x, fake)
        fake = fake.detach() if "nothing of fakes" in slips else fake
        real = real.detach() if "nothing of reals" in slips else real
        if "sigmoid" in slips or "sigmoid of the real" in slips:
            real = torch.sigmoid(real)
        if "sigmoid" in slips or "one sigmoid" in slips:
            fake = torch.sigmoid(fake)
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        real_label, fake_label = (zeros, ones) if "swapped labels" in slips else (ones, zeros)
        fake_label = ones if "all real" in slips else fake_label
        if "unsure" in slips:
            return -0.5 * (torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean())
        loss = F.mse_loss if "squares" in slips else F.binary_cross_entropy_with_logits
        halves = loss(real, real_label), loss(fake, fake_label)
        if "real only" in slips or "fake only" in slips:
            return halves[0] if "real only" in slips else halves[1]
        return halves[0] + halves[1] if "sum" in slips else 0.5 * (halves[0] + halves[1])

    return answer


def _mistakes() -> tuple[Mistake, ...]:
    """Return each slip, alone and together with those that often go with it; the first in the list is named."""
    answers: dict[str, list[Callable[..., Tensor]]] = {slip: [_with(slip)] for slip in _SLIPS}
    for one, other in itertools.combinations(list(_SLIPS)[1:], 2):  # a leak to G is seen whatever else is wrong
        if "unsure" in (one, other):  # a form of the whole loss, which goes with none
            continue
        if {one, other} & {"sigmoid", "sum"} and _SLIPS[one][0] != _SLIPS[other][0]:
            answers[one].append(_with(one, other))
    answers["one sigmoid"].append(_with("sigmoid of the real"))
    return tuple(Mistake(_SLIPS[slip][1], *variants) for slip, variants in answers.items())


DISCRIMINATOR_LOSS = Exercise(
    id="01.5",
    title="Two bugs in the discriminator's step",
    kind="bug to find",
    trains="labels and graphs in the step of D",
    minutes=15,
    level=2,
    task="""
        `buggy_discriminator_loss` runs without an error, and a GAN trained with it learns badly. Two things are seen
        in the log: after `loss.backward()` the *generator* has gradients, and the loss never falls below about 0.50,
        even when netD tells real from fake perfectly. Each has its own cause. Find both, and write the repaired
        `discriminator_loss(netG, netD, x, y)`.
    """,
    reference=discriminator_loss,
    given=inspect.getsource(buggy_discriminator_loss),
    cases=_cases,
    observe=_observe,
    mistakes=_mistakes(),
    hints=(
        "Take the two symptoms one by one. By which path can a gradient of this loss reach netG?",
        "What comes out of netD are logits, any real number. What range has a sigmoid of them, and what does "
        "`binary_cross_entropy_with_logits` do with the number that it is given?",
        "With scores between 0 and 1 taken for logits, the best that D can do is (log(1 + 1/e) + log 2) / 2 = 0.503.",
        "`netG(x).detach()` has the same pixels and no past. The two `torch.sigmoid` have to go.",
    ),
    why="the detached fake keeps D's step away from G, and the loss gets logits because it applies the sigmoid itself.",
)
