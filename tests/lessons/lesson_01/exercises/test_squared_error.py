"""Exercise 01.4: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.squared_error import squared_error


def _loops(output, target):
    total = 0.0
    for a, b in zip(output, target, strict=True):
        total = total + ((a - b) ** 2).sum()
    return total / len(output)


@pytest.mark.parametrize(
    "answer",
    [
        _loops,
        lambda output, target: F.mse_loss(output, target, reduction="sum") / output.shape[0],
        lambda output, target: F.mse_loss(output, target) * output[0].numel(),
        lambda output, target: (output - target).flatten(1).pow(2).sum(1).mean(),
        lambda output, target: torch.einsum("nchw,nchw->", output - target, output - target) / len(output),
        lambda output, target: torch.linalg.vector_norm((output - target).flatten(1), dim=1).square().mean(),
    ],
)
def test_squared_error_right(answer: Any) -> None:
    exercise = find("01.4")
    message = judge(exercise, answer)
    assert message == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda output, target: squared_error(output, target).item(), "Return the tensor, without `.item()`"),
        (lambda output, target: squared_error(output.detach(), target), "No gradient can flow back"),
        (lambda output, target: squared_error(output, target).view(1), "expected a scalar (shape ()), got shape (1,)"),
        (lambda output, target: 0.5 * squared_error(output, target), "your result is 0.5 times the right one"),
        (lambda output, target: output.sum() * 0 + 1, "Your function returns this whatever the input is."),
        (lambda output, target: F.smooth_l1_loss(output, target), "the loss: expected "),
        (lambda output, target: (output - target) ** 2, "expected a scalar (shape ()), got shape (4, 3, 2, 3)"),
        (lambda output, target: (squared_error(output, target),), "expected a torch tensor, got "),
        (lambda output, target: print(end=""), "returned nothing (None): is a `return` missing?"),
        (lambda output, target: output.numpy(), "stopped with RuntimeError: Can't call numpy() on Tensor"),
    ],
)
def test_squared_error_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("01.4", answer)
    assert message in str(caught.value)
