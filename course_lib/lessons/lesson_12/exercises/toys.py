"""Small networks that stand in for the transform network and for VGG-16 in the exercises of lesson 12."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ToyTransform(nn.Module):
    """A transform network from a picture to one of the same size in [-1, 1], pixel by pixel.

    Args:
        norm: whether batch norm follows the mixing of channels.
    """

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1, bias=not norm)
        self.norm = nn.BatchNorm2d(3) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to the same shape."""
        return torch.tanh(self.norm(self.mix(x)))


class ToyVGG(nn.Module):
    """A loss network of one convolution and a smooth bend; its weights are registered parameters, as torchvision's are.

    Its head takes no part in the features, as the classifier of VGG-16 takes none.

    Args:
        channels: C of the features.
        norm: whether batch norm precedes the bend, as in torchvision's ``vgg16_bn``.
        frozen: whether the weights are told that they need no gradient.
    """

    def __init__(self, channels: int = 4, norm: bool = False, frozen: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.head = nn.Linear(channels, 2)  # the classifier, which features do not pass through
        self.eval().requires_grad_(not frozen)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to features ``(N, channels, H, W)``, all above 0."""
        return nn.functional.softplus(self.norm(self.conv(images)))
