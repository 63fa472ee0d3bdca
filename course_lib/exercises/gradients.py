"""How an exercise that asks for a loss is looked at: its value, and the gradient that it sends back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
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


RESULT = "the result"


def result_and_gradients(
    found: object, leaves: dict[str, Tensor], shape: torch.Size, where: str, look: bool = True
) -> dict[str, object]:
    """Return what an answer has computed from leaves, and the gradient that it sends back to each of them.

    Args:
        found: what the answer returned.
        leaves: the tensors that it was given and that ask for a gradient, by name.
        shape: the right shape of the result; the gradients of another one are NaN.
        where: what the gradient should reach, for the message: "the features".
        look: whether the gradients are looked at; else they are 0.

    Returns:
        ``{"the result": ..., "its gradient in mu": ...}``, with 0 where the result does not depend on a leaf.

    Raises:
        ExerciseError: if the answer returned no tensor, or one without gradient.
    """
    if found is None:
        raise ExerciseError(NOTHING)
    if not isinstance(found, Tensor):
        raise ExerciseError(f"Return a torch tensor of shape {tuple(shape)}; yours is {describe(found)}.")
    if not found.requires_grad:
        raise ExerciseError(
            f"No gradient can flow back from your result to {where}. "
            "Compute with torch alone, without `detach`, `no_grad` or NumPy."
        )
    gradients: list[Tensor | None] = [None] * len(leaves)
    if found.shape != shape:
        gradients = [torch.full_like(leaf, torch.nan) for leaf in leaves.values()]
    elif look:
        each = torch.linspace(1, 2, found.numel()).view(shape).cos()  # a plain sum has no slope behind a norm
        gradients = list(torch.autograd.grad((found * each).sum(), list(leaves.values()), allow_unused=True))
    pairs = zip(leaves.items(), gradients, strict=True)
    told: dict[str, object] = {
        f"its gradient in {name}": torch.zeros_like(leaf) if g is None else g for (name, leaf), g in pairs
    }
    return {RESULT: found} | told
