"""Exercise 01.4: which dimensions are summed and which are averaged."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import loss_and_gradient


def squared_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the squared error of an image, averaged over the batch.

    Args:
        output: float32, shape (N, C, H, W).
        target: float32, the same shape.

    Returns:
        A scalar tensor: the sum over channels and pixels of one image, averaged over the N images.
    """
    error_of_each_image = (output - target).square().sum(dim=(1, 2, 3))
    return error_of_each_image.mean()


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def pair(label: str, *shape: int) -> Case:
        output = torch.rand(shape, generator=draw) * 2 - 1
        return Case(label, output, torch.rand(shape, generator=draw) * 2 - 1)

    same = torch.rand((2, 3, 2, 2), generator=draw)
    return [
        pair("a batch of four small images", 4, 3, 2, 3),
        pair("a single image", 1, 3, 5, 4),
        pair("grey-scale images", 3, 1, 4, 6),
        pair("images of one pixel", 5, 2, 1, 1),
        Case("an output beyond black and white", 3 * same - 1.5, -same),
        Case("an output that equals its target", same, same.clone()),
    ]


def _observe(answer: object, output: Tensor, target: Tensor) -> dict[str, object]:
    """Look at the loss and at the gradient that reaches the output: a loss must let it through."""
    assert callable(answer)
    return loss_and_gradient(answer, output, target, where="the output")


SQUARED_ERROR = Exercise(
    id="01.4",
    title="Sum over the pixels, average over the batch",
    kind="derivation to code",
    trains="what is summed, and what is averaged",
    minutes=10,
    level=1,
    task=r"""
        In formulas the squared error of a picture is $\lVert \hat y - y \rVert^2$, a sum over all channels and pixels;
        the expectation over the data becomes an average over the batch:
        $\frac1N \sum_{n=1}^{N} \lVert \hat y_n - y_n \rVert^2$.
        Write `squared_error(output, target)`, which returns this as a scalar tensor. (A library's mean squared error
        averages over the pixels too. That only rescales the loss, but it matters as soon as a second loss is added.)
    """,
    reference=squared_error,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "You averaged over the batch and the pixels; the formula sums over the pixels and averages over the batch.",
            lambda output, target: (output - target).square().mean(),
        ),
        Mistake(
            "You summed over the batch too; the formula sums over the pixels and averages over the batch.",
            lambda output, target: (output - target).square().sum(),
        ),
        Mistake(
            "You have it the wrong way round: you averaged over the pixels and summed over the batch.",
            lambda output, target: (output - target).square().mean(dim=(1, 2, 3)).sum(),
        ),
        Mistake(
            "You summed over height and width, but averaged over the channels. Sum over the channels too.",
            lambda output, target: (output - target).square().sum(dim=(2, 3)).mean(),
        ),
        Mistake(
            "You took the root, which gives the distance; the formula has the squared distance.",
            lambda output, target: ((output - target).square().sum(dim=(1, 2, 3)) + 1e-20).sqrt().mean(),
            lambda output, target: (output - target).square().sum(dim=(1, 2, 3)).sqrt().mean(),
            lambda output, target: (output - target).square().sum().sqrt(),
            lambda output, target: torch.linalg.vector_norm(output - target, dim=(1, 2, 3)).mean(),
            lambda output, target: torch.linalg.vector_norm(output - target),
        ),
        Mistake(
            "You summed absolute values: that is the absolute error. Square the differences.",
            lambda output, target: (output - target).abs().sum(dim=(1, 2, 3)).mean(),
            lambda output, target: (output - target).abs().mean(),
        ),
        Mistake(
            "You squared the sum of the differences, in which errors of opposite sign cancel. Square first, then sum.",
            lambda output, target: (output - target).sum(dim=(1, 2, 3)).square().mean(),
        ),
        Mistake(
            "You returned one number for each image. Average them over the batch, so that a single number is left.",
            lambda output, target: (output - target).square().sum(dim=(1, 2, 3)),
        ),
        Mistake(
            "You summed over everything and divided by the channels. Divide by the number of images, N.",
            lambda output, target: (output - target).square().sum() / output.shape[1],
        ),
        Mistake(
            "This is a smooth L1 loss, which is a straight line for large errors. Square all of them.",
            lambda output, target: (
                2 * torch.nn.functional.smooth_l1_loss(output, target, reduction="sum") / len(output)
            ),
            lambda output, target: torch.nn.functional.smooth_l1_loss(output, target, reduction="sum") / len(output),
        ),
        Mistake(
            "One of the two factors of the square is cut off from the graph: the value is right, and the gradient is "
            "half of what it should be.",
            lambda output, target: ((output - target).detach() * (output - target)).sum(dim=(1, 2, 3)).mean(),
            whole=True,
        ),
        Mistake(
            "The output is cut off at black and white before it is compared. An error beyond them counts too, and "
            "needs its gradient.",
            lambda output, target: (output.clamp(-1, 1) - target).square().sum(dim=(1, 2, 3)).mean(),
        ),
    ),
    hints=(
        "The tensor of squared differences has four dimensions (N, C, H, W). Which of them belong to one image?",
        "Do it in two steps: first one number for each image, then one number for the batch.",
        "`.sum(dim=(1, 2, 3))` adds up channels, height and width and leaves shape (N,).",
    ),
    why="dimensions 1, 2 and 3 belong to one image and are summed, dimension 0 is the batch and is averaged.",
)
