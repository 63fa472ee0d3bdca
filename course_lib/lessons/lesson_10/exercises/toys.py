"""Small networks for the checks of lesson 10: a D that judges pairs, and a G."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from course_lib.errors import ExerciseError


def _one_channel(picture: Tensor) -> Tensor:
    """Return one channel for a picture with any number of them, in which the first counts most."""
    return picture[:, :1] + 0.5 * picture[:, -1:]


class ToyD(nn.Module):
    """A D of a pair (x, y) with any number of channels: one logit for each patch of 2 x 2 pixels.

    Args:
        scale: factor of all logits; a large one makes a D that is utterly sure.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.tensor([1.5, -2.0, 3.0]))
        self.bias = nn.Parameter(torch.tensor([0.3, -0.2]))

    def forward(self, x: Tensor | None = None, y: Tensor | None = None) -> Tensor:
        """Return the logits ``(N, 1, H / 2, W / 2)`` of a pair of pictures ``(N, C, H, W)``."""
        if not isinstance(x, Tensor) or not isinstance(y, Tensor):
            raise ExerciseError(
                "D was called without a second picture or without a condition. It judges a pair: "
                "call it as `netD(x, y)`, the condition first, then the picture to be judged."
            )
        first, second = _one_channel(x), _one_channel(y)
        both = self.weight[0] * first + self.weight[1] * second + self.weight[2] * first * second
        return self.scale * (2 * avg_pool2d((both + self.bias[0]).tanh(), 2) + self.bias[1])


class ToyG(nn.Module):
    """A G from x to a picture of the same size in [-1, 1], pixel by pixel.

    Args:
        x_channels: channels of the condition.
        y_channels: channels of the output.
    """

    def __init__(self, x_channels: int = 1, y_channels: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(y_channels, x_channels))
        self.bias = nn.Parameter(torch.zeros(y_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, x_channels, H, W)`` to ``(N, y_channels, H, W)``."""
        return (torch.einsum("nchw,kc->nkhw", x, self.weight) + self.bias).tanh()


def gradient(parameters: list[nn.Parameter]) -> Tensor:
    """Return the gradients that lie in some weights as one vector; 0 where there is none."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
