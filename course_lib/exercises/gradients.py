"""How an exercise that asks for a loss is looked at: its value, and the gradient that it sends back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING


def loss_and_gradient(answer: Callable[..., object], leaf: Tensor, *others: Tensor, where: str) -> dict[str, object]:
    """Return an answer's loss and its gradient in the first input.

    Args:
        answer: the learner's loss.
        leaf: its first input, whose gradient is wanted.
        others: its other inputs.
        where: what the gradient should reach, for the message: "the output".

    Returns:
        ``{"the loss": ..., "its gradient": ...}``; the gradient is 0 where the loss does not depend on the input.

    Raises:
        ExerciseError: if the answer returned nothing, a Python number, or a loss without gradient.
    """
    leaf = leaf.clone().requires_grad_()
    loss = answer(leaf, *others)
    if loss is None:
        raise ExerciseError(NOTHING)
    if isinstance(loss, float):
        raise ExerciseError(
            "The loss is a Python number. Return the tensor, without `.item()` or `float()`: "
            "a number has no gradient to train with."
        )
    if not isinstance(loss, Tensor):
        return {"the loss": loss, "its gradient": None}
    if not loss.requires_grad:
        raise ExerciseError(
            f"No gradient can flow back from your loss to {where}. "
            "Compute with torch alone, without `detach`, `no_grad` or NumPy."
        )
    gradient = torch.autograd.grad(loss.sum(), leaf, allow_unused=True)[0]
    return {"the loss": loss, "its gradient": torch.zeros_like(leaf) if gradient is None else gradient}
