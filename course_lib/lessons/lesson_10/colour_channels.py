"""Lesson 10: from grey to colour by the two channels that are missing; what the input shows stays as it is.

A picture has one channel of luma, Y = 0.299 R + 0.587 G + 0.114 B, and two of colour: B - Y and R - Y, scaled. Grey
pictures are the first one. So a network has two channels to find, and need not copy the one that it is given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.arguments import check_alike, check_floats, check_input
from course_lib.data.pixels import LUMA
from course_lib.errors import ShapeError

RED, GREEN, BLUE = LUMA


def colour_channels(images: Tensor) -> Tensor:
    """Return the two channels of colour, Cb = (B - Y) / 1.772 and Cr = (R - Y) / 1.402.

    Args:
        images: (N, 3, H, W) floats in [-1, 1].

    Returns:
        (N, 2, H, W) in [-1, 1]; 0 where there is no colour.

    Raises:
        ShapeError: if the pictures have another shape or type.

    Source: ITU-T T.871 (JFIF), section 7; the range is twice that of the source, as that of the pictures is.
    """
    check_floats(images, "images", "(N, 3, H, W)")
    red, green, blue = images.unbind(1)
    y = RED * red + GREEN * green + BLUE * blue
    return torch.stack([(blue - y) / (2 - 2 * BLUE), (red - y) / (2 - 2 * RED)], dim=1)


def coloured(grey: Tensor, colour: Tensor) -> Tensor:
    """Return the picture of this luma and these channels of colour; ``colour_channels`` the other way round.

    Args:
        grey: (N, 1, H, W) floats in [-1, 1].
        colour: (N, 2, H, W), Cb and Cr.

    Returns:
        (N, 3, H, W). Its luma is ``grey`` to the bit of rounding. Colours that no screen shows leave [-1, 1].

    Raises:
        ShapeError: if a shape, type or device does not fit.
    """
    check_floats(grey, "grey", "(N, 1, H, W)")
    check_floats(colour, "colour", "(N, 2, H, W)")
    check_alike(grey[:, 0], colour[:, 0], ("grey", "colour"))
    y, (cb, cr) = grey[:, 0], colour.unbind(1)
    red, blue = y + (2 - 2 * RED) * cr, y + (2 - 2 * BLUE) * cb
    return torch.stack([red, (y - RED * red - BLUE * blue) / GREEN, blue], dim=1)


class KeepsLuma(nn.Module):
    """A network from grey pictures to their colour channels, as one from grey pictures to pictures in colour.

    Args:
        network: takes (N, 1, H, W) in [-1, 1] and returns (N, 2, H, W), Cb and Cr in [-1, 1]; it says its channels.

    Raises:
        ShapeError: if its channels are others.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        found = getattr(network, "in_channels", None), getattr(network, "out_channels", None)
        if found != (1, 2):
            raise ShapeError(f"KeepsLuma takes a network of 1 to 2 channels, not {found[0]} to {found[1]}.")
        self.network = network
        self.in_channels, self.out_channels = 1, 3

    def __getattr__(self, name: str) -> Any:
        """Say of sizes what the network within says: ``multiple``, ``smallest``, ``reach``, ``levels``, ``skips``."""
        if name in ("multiple", "smallest", "grid", "reach", "levels", "widths", "skips"):
            return getattr(self.network, name)
        return super().__getattr__(name)

    def forward(self, x: Tensor) -> Tensor:
        """Return the picture in colour, (N, 3, H, W): in [-1, 1] in eval mode, and in training as it comes.

        While it trains nothing is cut off: a colour beyond what a screen shows would lose its gradient.

        Raises:
            ShapeError: see the network.
        """
        check_input(self, x)
        picture = coloured(x, self.network(x))
        return picture if self.training else picture.clamp(-1, 1)
