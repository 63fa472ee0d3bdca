"""SRResNet: super-resolution by residual blocks at low resolution and pixel shuffling at the end."""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.arguments import check_count, check_input
from course_lib.errors import ShapeError


class ResidualBlock(nn.Module):
    """Add to the input what two 3x3 convolutions with batch norm make of it.

    Args:
        channels: of input and output.

    Raises:
        ShapeError: if there is no channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        check_count(channels, "channels")
        self.channels = channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape.

        Raises:
            ShapeError: if x has another shape or type.
        """
        check_input(self, x)
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ShapeError(f"This block takes (N, {self.channels}, H, W), not {tuple(x.shape)}.")
        return x + self.body(x)


class SRResNet(nn.Module):
    """Enlarge a picture by 4 (or 2): the network of SRGAN, here trained by a pixel loss.

    With the default arguments this is the paper's network: 16 residual blocks of 64 channels, then
    sub-pixel convolutions, each of which doubles the size.
    Departure, declared: the output goes through no tanh, as in the paper's text; it is clamped to [-1, 1] only when
    a picture is made from it.

    Args:
        channels: channels of the body.
        blocks: number of residual blocks.
        factor: 2 or 4.
        skip: add the output to the bicubically enlarged input, and start from exactly that. The network then only
            learns what interpolation misses, which takes far fewer steps (Kim et al. 2016, VDSR, section 3).

    Raises:
        ShapeError: if the factor is another, or there is no channel or no block.

    Source: Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a GAN", figure 4.
    """

    def __init__(self, *, channels: int = 64, blocks: int = 16, factor: int = 4, skip: bool = False) -> None:
        super().__init__()
        check_count(channels, "channels")
        check_count(blocks, "blocks")
        if factor not in (2, 4):
            raise ShapeError(f"SRResNet enlarges by 2 or by 4, not by {factor}.")
        self.in_channels, self.multiple, self.smallest = 3, 1, 1
        self.factor = factor
        self.reach = 4 + 2 * blocks + 1 + 4  # of the head, the blocks, the body's end and the tail
        self.skip = skip
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        doubling = [
            layer
            for _ in range(factor // 2)
            for layer in (nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
        ]
        self.tail = nn.Sequential(*doubling, nn.Conv2d(channels, 3, 9, padding=4))
        if skip:
            for parameter in self.tail[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge ``(N, 3, H, W)`` in [-1, 1] to ``(N, 3, factor * H, factor * W)``, about [-1, 1] (not clamped).

        Raises:
            ShapeError: if ``x`` has not three channels, or is of another type or on another device.
        """
        check_input(self, x)
        if x.dim() != 4 or x.shape[1] != 3:
            raise ShapeError(f"SRResNet takes (N, 3, H, W), not {tuple(x.shape)}.")
        features = self.head(x)
        output = self.tail(features + self.body(features))
        if self.skip:
            output = output + nn.functional.interpolate(x, scale_factor=self.factor, mode="bicubic")
        return output
