"""Luma and the two channels of colour: pictures taken apart into what grey shows and what it does not.

Y = 0.299 R + 0.587 G + 0.114 B is the luma; B - Y and R - Y, scaled, are the colour.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_floats
from course_lib.data.pixels import LUMA

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


def luma(images: Tensor) -> Tensor:
    """Return pictures without their colour: 0.299 R + 0.587 G + 0.114 B, rounded.

    Args:
        images: (N, 3, H, W), bytes.

    Returns:
        (N, 1, H, W), bytes.
    """
    weights = torch.tensor(LUMA).view(1, 3, 1, 1)
    grey = torch.cat([(part.float() * weights).sum(1, keepdim=True) for part in images.split(256)])
    return grey.round().clamp(0, 255).to(torch.uint8)
