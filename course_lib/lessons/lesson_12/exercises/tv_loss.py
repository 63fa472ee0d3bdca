"""Exercise 12.4: total variation, which asks neighbouring pixels to be alike.

Source: Mahendran and Vedaldi, Understanding Deep Image Representations by Inverting Them (2015), section 3, with
beta = 2; Johnson, Alahi and Fei-Fei (2016), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import loss_and_gradient


def tv_loss(images: torch.Tensor) -> torch.Tensor:
    """Return the total variation of pictures, squared and averaged.

    Args:
        images: float32, shape (N, C, H, W), in [-1, 1].

    Returns:
        A scalar tensor: the squared differences of all pixels that touch, above each other and side by side, summed,
        and divided by the number of values N C H W.
    """
    down = images[:, :, 1:] - images[:, :, :-1]  # (N, C, H - 1, W): the last row has nothing below it
    across = images[:, :, :, 1:] - images[:, :, :, :-1]  # (N, C, H, W - 1)
    return (down.square().sum() + across.square().sum()) / images.numel()


def _cases() -> list[Case]:
    ramp = torch.linspace(-1, 1, 9).expand(1, 1, 4, 9)
    board = (torch.arange(6).view(6, 1) + torch.arange(4)) % 2 * 2.0 - 1
    return [
        Case("two noisy pictures", 2 * torch.rand(2, 3, 5, 7) - 1),
        Case("a ramp from black on the left to white on the right", ramp.clone()),
        Case("a chessboard", board.view(1, 1, 6, 4)),
        Case("three pictures of one column", 2 * torch.rand(3, 2, 6, 1) - 1),
        Case("two pictures of one row", 2 * torch.rand(2, 1, 1, 5) - 1),
        Case("a picture of one colour", torch.full((1, 3, 3, 5), 0.4)),
    ]


def _observe(answer: Callable[[Tensor], object], images: Tensor) -> object:
    """Return the loss and its gradient in the pixels."""
    return loss_and_gradient(answer, images, where="the pixels")


Answer = Callable[[Tensor], Tensor]


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    return images.diff(dim=2), images.diff(dim=3)


def _of(
    cost: Callable[[Tensor], Tensor] = torch.square, steps: Callable[[Tensor], tuple[Tensor, ...]] = _steps
) -> Answer:
    """Return the variant with another cost of a difference, or other differences."""
    return lambda images: sum((cost(step).sum() for step in steps(images)), images.new_zeros(())) / images.numel()


def _scaled(factor: Callable[[Tensor], float]) -> Answer:
    return lambda images: tv_loss(images) * factor(images)


def _cropped(images: Tensor) -> tuple[Tensor, Tensor]:
    down, across = _steps(images)
    return down[:, :, :, :-1], across[:, :, :-1]


def _length(images: Tensor) -> Tensor:
    down, across = _cropped(images)
    return (down.square() + across.square()).sqrt().sum() / images.numel()


def _wrapped(images: Tensor) -> tuple[Tensor, Tensor]:
    return images - images.roll(1, dims=2), images - images.roll(1, dims=3)


def _padded(images: Tensor) -> tuple[Tensor, ...]:
    wide = torch.nn.functional.pad(images, (1, 1, 1, 1))
    return wide[:, :, :, 1:-1].diff(dim=2), wide[:, :, 1:-1].diff(dim=3)


def _padded_on_one_side(images: Tensor) -> tuple[Tensor, ...]:
    wide = torch.nn.functional.pad(images, (0, 1, 0, 1))
    return wide[:, :, :, :-1].diff(dim=2), wide[:, :, :-1].diff(dim=3)


TV_LOSS = Exercise(
    id="12.4",
    title="Neighbours should agree",
    kind="derivation to code",
    trains="total variation",
    minutes=10,
    level=1,
    task="""
        A gradient that comes through VGG-16 leaves fine noise in the pixels, and total variation charges for it. Write
        `tv_loss(images)`: the squared difference of any two pixels that touch, above each other and side by side,
        channel by channel, all summed and divided by the number of values N C H W. A side of a picture may be a single
        pixel long. The left border of a picture does not touch its right one, nor the upper one the lower. Before you
        run the check, work out what a chessboard of -1 and 1 pays, and which picture pays nothing.
    """,
    reference=tv_loss,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "The border is wrapped: `roll` puts the last column beside the first, and a ramp pays for a jump that "
            "nobody sees.",
            _of(steps=_wrapped),
            _of(steps=lambda images: (_wrapped(images)[0], _steps(images)[1])),
            _of(steps=lambda images: (_steps(images)[0], _wrapped(images)[1])),
        ),
        Mistake(
            "The border is padded with 0, so that a picture of one colour pays for its frame: "
            "a pixel at the border has no neighbour outside.",
            _of(steps=_padded),
            _of(steps=_padded_on_one_side),
        ),
        Mistake(
            "You compare each pixel with the one below it alone: stripes from top to bottom cost nothing then.",
            _of(steps=lambda images: _steps(images)[:1]),
        ),
        Mistake(
            "You compare each pixel with the one beside it alone: stripes from left to right cost nothing then.",
            _of(steps=lambda images: _steps(images)[1:]),
        ),
        Mistake(
            "You took the absolute value: that form of total variation has a slope that jumps at 0, "
            "and here the difference is squared.",
            _of(torch.abs),
        ),
        Mistake(
            "You took absolute values, and a mean for each direction: here the differences are squared, "
            "and one divisor, N C H W, serves both directions.",
            lambda images: sum(step.abs().mean() for step in _steps(images)),
            lambda images: sum(step.abs().mean() for step in _steps(images)) / 2,
        ),
        Mistake(
            "You took the length of the gradient, with a square root over both directions: here the squares are summed "
            "as they are, and every pair counts, in the last row and column too.",
            _length,
            lambda images: (tv_loss(images) * images.numel()).sqrt() / images.numel(),
            lambda images: tv_loss(images).sqrt(),
        ),
        Mistake(
            "You cut both directions to the same shape, and lose pairs in the last row and the last column: "
            "sum each direction by itself.",
            _of(steps=_cropped),
            lambda images: _of(steps=_cropped)(images) * images.numel() / max(_cropped(images)[0].numel(), 1),
            lambda images: sum(step.square().mean() for step in _cropped(images)),
        ),
        Mistake(
            "Each direction is divided by the number of its own pairs: a narrow picture then pays more for one "
            "direction, and one of a single column has no pair to divide by; there is one divisor for both.",
            lambda images: sum(step.square().mean() for step in _steps(images)),
            lambda images: sum(step.square().mean() for step in _steps(images)) / 2,
            lambda images: torch.cat([step.flatten() for step in _steps(images)]).square().mean(),
        ),
        Mistake(
            "You averaged the two directions: add them.",
            _scaled(lambda images: 0.5),
        ),
        Mistake(
            "Your sum is not divided by all of N, C, H and W: a larger picture or batch then pays more for the same "
            "noise.",
            _scaled(lambda images: images.numel()),
            _scaled(lambda images: images[0].numel()),
            _scaled(lambda images: images.shape[1]),
            _scaled(lambda images: len(images)),
            _scaled(lambda images: images.shape[0] * images.shape[1]),
            _scaled(lambda images: images.shape[2] * images.shape[3]),
        ),
        Mistake(
            "The differences keep their signs, so that they cancel: the sum along a row is only its last pixel less "
            "its first.",
            _of(lambda step: step),
            lambda images: sum((step.sum().square() for step in _steps(images)), images.new_zeros(())) / images.numel(),
        ),
        Mistake(
            "You compare channels or pictures with one another: the axes of a neighbour are the last two of "
            "(N, C, H, W).",
            _of(steps=lambda images: (images.diff(dim=1), images.diff(dim=2))),
            _of(steps=lambda images: (images.diff(dim=1), images.diff(dim=2), images.diff(dim=3))),
            _of(steps=lambda images: (images.diff(dim=0), images.diff(dim=1))),
            _of(steps=lambda images: (images.diff(dim=1),)),
        ),
        Mistake(
            "You compare pixels that are two apart: a chessboard of single pixels, the noise that is meant, "
            "costs nothing then.",
            _of(steps=lambda images: (images[:, :, 2:] - images[:, :, :-2], images[..., 2:] - images[..., :-2])),
        ),
        Mistake(
            "You count every pair twice: once from each side.",
            _scaled(lambda images: 2.0),
        ),
        Mistake(
            "You summed or averaged the channels before you compared: each channel pays for itself.",
            lambda images: _of()(images.sum(dim=1, keepdim=True)) / images.shape[1],
            lambda images: _of()(images.mean(dim=1, keepdim=True)),
            lambda images: _of()(images.mean(dim=1, keepdim=True)) / images.shape[1],
        ),
        Mistake(
            "You took second differences: a straight ramp costs nothing there, while each of its steps counts here.",
            _of(steps=lambda images: (images.diff(n=2, dim=2), images.diff(n=2, dim=3))),
        ),
        Mistake(
            "You measure how far pixels are from their mean: that is contrast, which does not know who touches whom.",
            lambda images: (images - images.mean(dim=(2, 3), keepdim=True)).square().mean(),
            lambda images: images.var(correction=0),
        ),
        Mistake(
            "Pixels that touch at a corner are counted too: only those above each other and side by side are meant.",
            _of(steps=lambda images: (*_steps(images), images[..., 1:, 1:] - images[..., :-1, :-1])),
            _of(
                steps=lambda images: (
                    *_steps(images),
                    images[:, :, 1:, 1:] - images[:, :, :-1, :-1],
                    images[:, :, 1:, :-1] - images[:, :, :-1, 1:],
                )
            ),
            _of(steps=lambda images: (images[:, :, 1:, 1:] - images[:, :, :-1, :-1],)),
        ),
    ),
    hints=(
        "Slices shifted by one pixel give all pairs at once: all rows but the first, less all rows but the last. "
        "How many pairs has a column of H pixels?",
        "Do the same along the last axis. The two results differ in shape, so square and sum each by itself before you "
        "add them.",
        "`images[:, :, 1:] - images[:, :, :-1]` is one direction. The two sums of squares are added, and "
        "`images.numel()` divides both.",
    ),
    why="only a picture of one colour pays nothing, and a chessboard pays most; the divisor keeps the weight of the "
    "term the same for pictures of every size, but for their border.",
)
