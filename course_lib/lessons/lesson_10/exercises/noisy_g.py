"""A G whose diversity is known on paper, for exercise 10.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tape(list[Tensor]):
    """Outputs as they are made; copies of a network write on the same tape."""

    def __deepcopy__(self, memo: dict[int, object]) -> Tape:
        return self


class NoisyG(nn.Module):
    """A G whose diversity is known: batch norm, dropout of single values, a dropout layer of rate 0, and tanh.

    Args:
        p: rate of dropout, in one layer for the left half of the picture and in another, deeper one for the right.
        variance: that batch norm divides by in eval mode.
    """

    def __init__(self, p: float, variance: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_var.fill_(variance)  # type: ignore[union-attr]
        self.norm.running_mean.fill_(0.3)  # type: ignore[union-attr]  # a value that is dropped before it is not 0
        self.dropout = nn.Dropout(p)
        self.block = nn.Sequential(nn.Identity(), nn.Dropout(p))
        self.never = nn.Dropout(0.0)
        self._drawn = Tape()  # all outputs, for the check

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to the same shape, in [-1, 1]."""
        wide = x.shape[3]
        left, right = self.norm(x).split([wide // 4, wide - wide // 4], dim=3)
        y_hat = self.never(torch.cat([self.dropout(left), self.block(right)], dim=3)).tanh()
        self._drawn.append(y_hat.detach())
        return y_hat


def known_diversity(netG: NoisyG, x: Tensor, rate: float) -> Tensor:
    """Return the expected diversity of a `NoisyG`, for pictures of shape ``(N, 3, H, W)``, as ``(N,)``.

    A value a becomes 0 with chance p, else a / (1 - p). Two draws differ with chance 2 p (1 - p), and then by
    tanh(a / (1 - p)).
    """
    with torch.no_grad():
        a = netG.norm(x)
    return 2 * rate * (1 - rate) * (a / (1 - rate)).tanh().abs().mean(dim=(1, 2, 3))
