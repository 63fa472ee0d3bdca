"""The image transform network of fast style transfer: one forward pass paints a picture, of any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.arguments import check_choice, check_count, check_floats, check_input
from course_lib.errors import ShapeError
from course_lib.models.norms import ConditionalInstanceNorm, check_style

UPSAMPLERS = ("nearest", "bilinear")
"""How a doubling makes new pixels."""


class StyledConv(nn.Module):
    """Reflect the border, convolve, normalise with the scale and shift of the style, and (where asked) ReLU.

    The convolution has no bias, since the mean that the norm takes away would take it along.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side of the kernel, odd.
        stride: of the convolution; 2 halves height and width, rounded up.
        relu: whether negative values become 0 at the end.
        styles: number of scales and shifts.

    Raises:
        ShapeError: if a number is below 1, or the kernel even.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, relu: bool = True, styles: int = 1
    ) -> None:
        super().__init__()
        for count, name in ((in_channels, "in_channels"), (out_channels, "out_channels"), (stride, "stride")):
            check_count(count, name)
        check_count(kernel, "kernel")
        if kernel % 2 == 0:
            raise ShapeError(f"kernel is {kernel}: give an odd side, which has a middle.")
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, bias=False)
        self.norm = ConditionalInstanceNorm(out_channels, styles)
        self.relu = relu

    def forward(self, x: Tensor, style: int | Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)``, H and W above half the kernel, to ``(N, C_out, H / stride, W / stride)``.

        Raises:
            ShapeError: if x has another shape or type, or the style does not fit.
        """
        check_input(self, x)
        channels, least = self.conv.in_channels, self.conv.kernel_size[0] // 2 + 1
        if x.dim() != 4 or x.shape[1] != channels or min(x.shape[2:]) < least:
            raise ShapeError(f"x has the shape {tuple(x.shape)}: give (N, {channels}, H, W), H and W at least {least}.")
        x = self.norm(self.conv(self.pad(x)), style)
        return F.relu(x) if self.relu else x


class StyledResidualBlock(nn.Module):
    """Add to the input what two 3x3 convolutions make of it; no ReLU after the sum.

    Args:
        channels: of input and output.
        styles: number of scales and shifts.

    Raises:
        ShapeError: if there is no channel or style.

    Source: Johnson et al. 2016, supplementary material, section 1, after Gross and Wilber.
    """

    def __init__(self, channels: int, styles: int = 1) -> None:
        super().__init__()
        self.first = StyledConv(channels, channels, 3, styles=styles)
        self.second = StyledConv(channels, channels, 3, relu=False, styles=styles)

    def forward(self, x: Tensor, style: int | Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape.

        Raises:
            ShapeError: if x has another shape or type, or the style does not fit.
        """
        return x + self.second(self.first(x, style), style)


class TransformNet(nn.Module):
    """The image transform network f_W of Johnson et al.: down by 4, residual blocks, up by 4; one style or several.

    With the default arguments it is the paper's network for style transfer: convolutions of 32, 64 and 128 channels,
    five residual blocks, 64 and 32 channels: 1,677,635 parameters.
    Departures, declared: instance norm in the place of batch norm (Ulyanov et al. 2016), with one scale and shift for
    each style where there are several (Dumoulin et al. 2017); every convolution reflects the border, where the paper
    pads by zeros, reflects the input once and crops inside the blocks; doubling by nearest neighbours and a
    convolution in the place of a stride of 1/2, which leaves a checkerboard; convolutions before a norm have no bias
    (1,600 numbers that the norm takes away again).
    The tanh is scaled, as in the paper, and reaches a little beyond black and white (-1 and 1). Where it ended there,
    places that are once white could never leave it again, as the slope of tanh is 0 at its ends.

    Args:
        base_channels: channels after the first convolution; they double at each halving of the size.
        blocks: number of residual blocks.
        styles: how many styles the network paints in.
        upsample: how the two doublings make new pixels, ``"nearest"`` or ``"bilinear"``.

    Raises:
        ShapeError: if there is no channel, block or style, or ``upsample`` is unknown.

    Source: Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
        section 3.1 and table 1 of the supplementary material.
    """

    smallest = 5  # the first convolution reflects a border of 4
    """The least height and width of a picture."""
    output_scale = 1.2
    """The largest absolute value of the output."""
    in_channels = 3
    multiple = 1
    grid = 4  # two halvings: a part of a picture is painted like the whole if it begins at a multiple of 4

    def __init__(self, base_channels: int = 32, blocks: int = 5, styles: int = 1, upsample: str = "nearest") -> None:
        super().__init__()
        check_choice(upsample, "upsample", UPSAMPLERS)
        self.upsample = upsample
        for what, count in (("base_channels", base_channels), ("blocks", blocks), ("styles", styles)):
            check_count(count, what)
        self.styles = styles
        self.reach = 8 + 2 * blocks * 4 + 9  # 4 of each end, 2 of each block in the pixels of its place, and between
        self.reach += 6 * (upsample == "bilinear")  # a neighbour at a quarter of the size, and one at a half
        c = base_channels
        self.first = StyledConv(3, c, 9, styles=styles)
        self.downs = nn.ModuleList(StyledConv(before, 2 * before, 3, stride=2, styles=styles) for before in (c, 2 * c))
        self.blocks = nn.ModuleList(StyledResidualBlock(4 * c, styles) for _ in range(blocks))
        self.ups = nn.ModuleList(StyledConv(before, before // 2, 3, styles=styles) for before in (4 * c, 2 * c))
        self.last = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(c, 3, 9))

    def forward(self, x: Tensor, style: int | Tensor | None = None) -> Tensor:
        """Paint a batch.

        Args:
            x: ``(N, 3, H, W)`` in [-1, 1], of any size from 5 pixels on.
            style: the number of a style; or ``(N,)`` int64, one for each picture; or ``(N, styles)`` float, weights
                that mix scales and shifts. It may be left out where there is only one.

        Returns:
            ``(N, 3, H, W)`` in (-output_scale, output_scale), through tanh; clamp it to see it.

        Raises:
            ShapeError: if the shape, the type, the device or the style does not fit.
        """
        check_input(self, x)
        if x.dim() != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.smallest:
            raise ShapeError(
                f"This network takes (N, 3, H, W) with H and W of at least {self.smallest}, not {tuple(x.shape)}."
            )
        style = check_style(style, self.styles, len(x))
        x = self.first(x, style)
        sizes = []
        for down in self.downs:
            sizes.append(x.shape[2:])
            x = down(x, style)
        for block in self.blocks:
            x = block(x, style)
        for up in self.ups:
            x = up(doubled(x, sizes.pop(), self.upsample), style)
        return self.output_scale * torch.tanh(self.last(x))


def doubled(x: Tensor, size: Sequence[int], upsample: str = "nearest") -> Tensor:
    """Double height and width of ``(N, C, H, W)``, and cut to the size that was halved to H, W.

    Args:
        x: half the size, rounded up.
        size: height and width wanted: ``2 H`` or ``2 H - 1``, and so for W.
        upsample: ``"nearest"`` repeats every pixel; ``"bilinear"`` mixes each with its neighbours.

    Raises:
        ShapeError: if x has another shape, the size is another, or ``upsample`` is unknown.
    """
    check_choice(upsample, "upsample", UPSAMPLERS)
    check_floats(x, "x", empty=True)
    if x.dim() != 4 or any(side not in (2 * half, 2 * half - 1) for side, half in zip(size, x.shape[2:], strict=True)):
        raise ShapeError(
            f"x {tuple(x.shape)} does not double to {tuple(size)}: give (N, C, H, W) and a size 2 H or 2 H - 1."
        )
    return F.interpolate(x, scale_factor=2, mode=upsample)[:, :, : size[0], : size[1]]
