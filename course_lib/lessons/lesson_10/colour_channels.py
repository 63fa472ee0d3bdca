"""Lesson 10: from grey to colour by the two channels that are missing; what the input shows stays as it is.

Grey pictures are the luma of pictures in colour. So a network has two channels to find, and need not copy the one that
it is given.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from course_lib.arguments import check_input
from course_lib.data.luma import coloured
from course_lib.errors import ShapeError


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
