"""Two pairs of G and F for exercise 11.6: one that shows what it keeps, and one that hides it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Translate = Callable[[Tensor], Tensor]


def smooth(pictures: Tensor) -> Tensor:
    """Return pictures whose blocks of 2 x 2 pixels have the mean of the block each."""
    return F.interpolate(F.avg_pool2d(pictures, 2), scale_factor=2)


def honest_pair() -> tuple[Translate, Translate]:
    """Return a G that darkens (0.8 x, and slightly too bright) and the F that undoes it; noise comes back 1.25-fold."""
    return (lambda x: 0.8 * x + 0.02), (lambda y: y / 0.8)


def cheating_pair(amplitude: float = 0.01) -> tuple[Translate, Translate]:
    """Return a G that smooths x and hides the lost detail in a faint pattern, and the F that reads the pattern."""

    def forward(x: Tensor) -> Tensor:
        return 0.5 * smooth(x) + amplitude * (x - smooth(x))

    def back(y: Tensor) -> Tensor:
        coarse = smooth(y)
        return (2 * coarse + (y - coarse) / amplitude).clamp(-1, 1)

    return forward, back


def checks(shape: tuple[int, int, int, int], draw: torch.Generator) -> Tensor:
    """Return pictures of fine detail alone: each block of 2 x 2 pixels has two at -1 and two at 1, at random places."""
    n, c, h, w = shape
    order = torch.rand((n, c, h // 2, w // 2, 4), generator=draw).argsort(dim=4)
    blocks = torch.where(order < 2, -1.0, 1.0).reshape(n, c, h // 2, w // 2, 2, 2)
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(shape)
