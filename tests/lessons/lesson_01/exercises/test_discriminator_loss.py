"""Exercise 01.5: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.discriminator_loss import buggy_discriminator_loss, discriminator_loss


def _no_grad(netG, netD, x, y):
    with torch.no_grad():
        fake = netG(x)
    real, generated = netD(x, y), netD(x, fake)
    return (F.softplus(-real).mean() + F.softplus(generated).mean()) / 2


def _one_call(netG, netD, x, y):
    logits = netD(torch.cat([x, x]), torch.cat([y, netG(x).detach()]))
    labels = torch.zeros_like(logits)
    labels[: len(x)] = 1
    return F.binary_cross_entropy_with_logits(logits, labels)


def _probabilities(netG, netD, x, y):
    real, fake = torch.sigmoid(netD(x, y)), torch.sigmoid(netD(x, netG(x).detach()))
    return -0.5 * (real.log().mean() + (1 - fake).log().mean())


def _criterion(netG, netD, x, y):
    criterion = torch.nn.BCEWithLogitsLoss()
    real, fake = netD(x, y), netD(x, netG(x).detach())
    return 0.5 * criterion(real, torch.ones_like(real)) + 0.5 * criterion(fake, torch.zeros_like(fake))


@pytest.mark.parametrize("answer", [_no_grad, _one_call, _criterion])
def test_discriminator_loss_right(answer: Any) -> None:
    assert judge(find("01.5"), answer) == ""


def test_the_log_of_a_sigmoid_is_refused_where_netd_is_sure() -> None:
    assert "rounded to 0" in judge(find("01.5"), _probabilities)


def _frozen_g(netG, netD, x, y):
    netG.requires_grad_(False)
    return discriminator_loss(netG, netD, x, y)


def _steps_itself(netG, netD, x, y):
    loss = discriminator_loss(netG, netD, x, y)
    loss.backward()
    return loss


def _all_without_gradient(netG, netD, x, y):
    with torch.no_grad():
        return discriminator_loss(netG, netD, x, y)


def _detached_logits(netG, netD, x, y):
    real, fake = netD(x, y), netD(x, netG(x)).detach()
    bce = F.binary_cross_entropy_with_logits
    return 0.5 * (bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake)))


def _hinge(netG, netD, x, y):
    return 0.5 * (F.relu(1 - netD(x, y)).mean() + F.relu(1 + netD(x, netG(x).detach())).mean())


@pytest.mark.parametrize(
    "answer, message",
    [
        (buggy_discriminator_loss, "This loss still reaches netG"),
        (_frozen_g, "leaves `requires_grad` of `netG.body.weight` off"),
        (_steps_itself, "without calling `backward()`"),
        (_all_without_gradient, "No gradient reaches netD"),
        (_detached_logits, "netD learns nothing from the fakes"),
        (_hinge, "the loss: expected "),
        (lambda netG, netD, x, y: (netD(x, y).mean(), netD(x, netG(x)).mean()), "yours is a tuple"),
        (lambda netG, netD, x, y: netD(x, y), "yours is a tensor of shape (3, 1, 3, 3)"),
        (lambda netG, netD, x, y: discriminator_loss(netG, netD, x, y).item(), "yours is a float"),
        (lambda netG, netD, x, y: netD(x, y).mean() * 0 + 0.7, "whatever the input is"),
        (lambda netG, netD, x, y: discriminator_loss(netG, netD, x, x), "expected input"),
        (lambda netG, netD, x, y: print(end=""), "returned nothing (None): is a `return` missing?"),
        (lambda x, y: 0, "The function should take (netG, netD, x, y), but yours takes (x, y)."),
    ],
)
def test_discriminator_loss_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("01.5", answer)
    assert message in str(caught.value)


def test_one_bug_repaired_leaves_the_other_to_be_named() -> None:
    def detached(netG, netD, x, y):
        return buggy_discriminator_loss(lambda condition: netG(condition).detach(), netD, x, y)

    def logits(netG, netD, x, y):
        real, fake = netD(x, y), netD(x, netG(x))
        bce = F.binary_cross_entropy_with_logits
        return 0.5 * (bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake)))

    assert "go through a sigmoid" in judge(find("01.5"), detached)
    assert "still reaches netG" in judge(find("01.5"), logits)


def test_the_symptoms_in_the_task_are_true() -> None:
    """The buggy loss cannot fall below 0.503 and gives G a gradient; the right one falls to 0 and gives none."""

    class Perfect(torch.nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return 60 * y.mean(dim=(1, 2, 3), keepdim=True)  # real is 1, fake is -1

    class Black(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.tensor(-1.0))

        def forward(self, x: Tensor) -> Tensor:
            return self.level.expand_as(x)

    x = y = torch.ones(2, 1, 4, 4)
    netG = Black()
    stuck = buggy_discriminator_loss(netG, Perfect(), x, y)
    assert stuck.item() == pytest.approx((np.log(1 + 1 / np.e) + np.log(2)) / 2, abs=1e-6)
    assert stuck.item() == pytest.approx(0.503, abs=5e-4)
    assert stuck.requires_grad
    right = discriminator_loss(netG, Perfect(), x, y)
    assert right.item() < 1e-6
    assert not right.requires_grad


def test_the_given_code_runs_in_a_notebook() -> None:
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(find("01.5").given, names)
    assert judge(find("01.5"), names["buggy_discriminator_loss"]).startswith("This loss still reaches netG")
