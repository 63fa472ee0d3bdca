"""Exercise 02.3: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_02.exercises.generator_loss import buggy_generator_loss, generator_loss
from course_lib.losses.adversarial import NonSaturating


def _bce(logits, labels, **options):
    return F.binary_cross_entropy_with_logits(logits, labels, **options)


@pytest.mark.parametrize(
    "answer",
    [
        NonSaturating().g_loss,
        lambda fake_logits: F.softplus(-fake_logits).mean(),
        lambda fake_logits: -F.logsigmoid(fake_logits).mean(),
        lambda fake_logits: torch.nn.BCEWithLogitsLoss()(fake_logits, torch.ones_like(fake_logits)),
        lambda fake_logits: torch.logaddexp(torch.zeros_like(fake_logits), -fake_logits).mean(),
        lambda fake_logits: _bce(fake_logits, torch.ones_like(fake_logits), reduction="sum") / fake_logits.numel(),
    ],
)
def test_generator_loss_right(answer: Any) -> None:
    assert judge(find("02.3"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (buggy_generator_loss, "The direction is wrong"),
        (lambda fake_logits: generator_loss(fake_logits).item(), "Return the tensor, without `.item()`"),
        (lambda fake_logits: generator_loss(fake_logits.detach()), "No gradient can flow back"),
        (lambda fake_logits: generator_loss(fake_logits).view(1), "expected a scalar (shape ()), got shape (1,)"),
        (lambda fake_logits: 0.5 * generator_loss(fake_logits), "your result is 0.5 times the right one"),
        (lambda fake_logits: (generator_loss(fake_logits),), "expected a torch tensor, got "),
        (lambda fake_logits: 0 * fake_logits.sum() + 0.7, "whatever the input is"),
        (lambda fake_logits: F.relu(1 - fake_logits).mean(), "The loss is cut off at 0, or at a straight line"),
        (lambda fake_logits: F.softplus(2 - fake_logits).mean(), "the loss: expected "),
        (lambda fake_logits: print(end=""), "returned nothing (None): is a `return` missing?"),
        (lambda fake_logits: fake_logits.numpy(), "stopped with RuntimeError: Can't call numpy() on Tensor"),
    ],
)
def test_generator_loss_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("02.3", answer)
    assert message in str(caught.value)


def test_one_bug_repaired_leaves_the_other_to_be_named() -> None:
    assert "The direction is wrong" in judge(find("02.3"), lambda fake_logits: F.logsigmoid(fake_logits).mean())
    assert "through a sigmoid twice" in judge(find("02.3"), lambda fake_logits: -buggy_generator_loss(fake_logits))


def test_the_symptoms_in_the_task_are_true() -> None:
    """The buggy loss stays between -log 2 and log sigmoid(1) and pushes the logits down; the right one does neither."""
    logits = torch.linspace(-50, 50, 101)
    each = torch.stack([buggy_generator_loss(logit.view(1)) for logit in logits])
    assert each.min().item() == pytest.approx(-math.log(2), abs=1e-6)
    assert each.max().item() == pytest.approx(-math.log(1 + math.exp(-1)), abs=1e-6)
    assert each.min() > -0.70
    assert each.max() < -0.31
    for loss, sign in ((buggy_generator_loss, -1), (generator_loss, 1)):
        leaf = torch.linspace(-6, 6, 25).requires_grad_()
        loss(leaf).backward()
        assert (-sign * leaf.grad > 0).all()  # a step of descent moves the logits against the gradient
    assert generator_loss(torch.tensor([-50.0])).item() == pytest.approx(50)


def test_generator_loss_and_its_slope_are_exact_at_any_logit() -> None:
    logits = torch.tensor([-1e4, -30.0, 0.0, 2.0, 1e4]).requires_grad_()
    loss = generator_loss(logits)
    loss.backward()
    expected = (1e4 + 30 + math.log(2) + math.log(1 + math.exp(-2)) + 0) / 5
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    slope = torch.tensor([-1.0, -1.0, -0.5, -1 / (1 + math.exp(2)), 0.0]) / 5  # (D - 1) / N
    assert torch.allclose(logits.grad, slope, atol=1e-7)


def test_the_given_code_runs_in_a_notebook() -> None:
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(find("02.3").given, names)
    assert judge(find("02.3"), names["buggy_generator_loss"]).startswith("The direction is wrong")


@pytest.mark.parametrize(
    "answer",
    [
        lambda fake_logits: F.binary_cross_entropy(torch.sigmoid(fake_logits), torch.ones_like(fake_logits)),
        lambda fake_logits: torch.nn.BCELoss()(torch.sigmoid(fake_logits), torch.ones_like(fake_logits)),
        lambda fake_logits: -(torch.sigmoid(fake_logits) + 1e-8).log().mean(),
    ],
)
def test_a_logarithm_that_is_cut_off_is_named_whoever_cut_it(answer: Any) -> None:
    message = judge(find("02.3"), answer)
    assert message.startswith("Your loss stops growing where D is sure")
    assert "by a small number of yours or by `F.binary_cross_entropy`" in message
