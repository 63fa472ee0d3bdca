"""The generator of CycleGAN: down, residual blocks, up; the border is reflected."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.arguments import check_choice, check_count, check_input, check_number
from course_lib.errors import ShapeError
from course_lib.models.norms import NORMS, check_norm
from course_lib.models.unet import UPSAMPLERS, init_pix2pix


class ReflectedResidualBlock(nn.Module):
    """Add to the input what two 3x3 convolutions with a norm make of it; the border is reflected.

    Args:
        channels: of input and output.
        dropout: chance of dropout between the two; 0 puts no layer there.
        norm: one of ``norms.NORMS``.
        bias: whether the convolutions have one.

    Raises:
        ShapeError: if there is no channel, ``dropout`` is no chance below 1, or ``norm`` is unknown.
    """

    def __init__(self, channels: int, *, dropout: float = 0.0, norm: str = "instance", bias: bool = True) -> None:
        super().__init__()
        check_count(channels, "channels")
        check_number(dropout, "dropout", 0, 1, below=True)
        check_norm(norm, "a block")
        self.channels = channels
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            NORMS[norm](channels),
            nn.ReLU(),
            *([nn.Dropout(dropout)] if dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            NORMS[norm](channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)``, H and W at least 2, to the same shape.

        Raises:
            ShapeError: if x has another shape or type.
        """
        check_input(self, x)
        if x.dim() != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < 2:
            raise ShapeError(
                f"This block takes (N, {self.channels}, H, W) with H and W of at least 2, not {tuple(x.shape)}."
            )
        return x + self.body(x)


class ResNetGenerator(nn.Module):
    """The generators G and F of CycleGAN: c7s1-64, d128, d256, nine R256, u128, u64, c7s1-3.

    With the default arguments this is the paper's network for 256 x 256 pictures: 11,378,179 parameters. The 7 x 7
    convolutions and the residual blocks reflect the border; where the size changes it is padded by zeros, as in the
    authors' code.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: channels after the first convolution; they double at each halving of the size.
        blocks: number of residual blocks; the paper has 6 for 128 pixels and 9 for 256.
        downs: how often the size is halved before the residual blocks: 2 in the paper. Fewer keep more places.
        upsample: how the size is doubled again: ``"transposed"`` convolutions (3x3, stride 2) as in the paper, or
            ``"resize"``, without checkerboard, or ``"bilinear"``, which also keeps a finer grid out, see ``unet``.
        norm: ``"instance"`` as in the paper, ``"batch"``, ``"affine instance"`` or ``"none"``. CycleGAN's own step
            takes instance norm; others serve pix2pix, which the authors' code also trains with this network.
        dropout: chance of dropout inside the residual blocks; the paper has none.
        bias: whether every convolution has a bias, or the last alone; ``None`` as in the authors' code: every one with
            instance norm, else the last alone.

    Raises:
        ShapeError: if there is no channel or no block, ``downs`` is negative, ``dropout`` is no chance below 1, or
            ``upsample`` or ``norm`` is unknown.

    Source: Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        appendix 7.2, after Johnson et al. 2016.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        *,
        base_channels: int = 64,
        blocks: int = 9,
        downs: int = 2,
        upsample: str = "transposed",
        norm: str = "instance",
        dropout: float = 0.0,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        for count, name in (
            (in_channels, "in_channels"),
            (out_channels, "out_channels"),
            (base_channels, "base_channels"),
            (blocks, "blocks"),
        ):
            check_count(count, name)
        check_count(downs, "downs", 0)
        check_number(dropout, "dropout", 0, 1, below=True)
        check_choice(upsample, "upsample", UPSAMPLERS)
        check_norm(norm, "a generator")
        bias = "instance" in norm if bias is None else bias
        self.in_channels, self.out_channels = in_channels, out_channels
        self.blocks, self.downs, self.upsample, self.norm, self.dropout = blocks, downs, upsample, norm, dropout
        self.multiple = 2**downs
        self.smallest = max(4, 2 * self.multiple)  # a border of 3 is reflected outside, and one of 1 inside
        # 3 of each end, 2 of each block in the pixels of its place, and of the halvings and doublings between
        further = 1 if upsample == "bilinear" else 0  # which reads the neighbours, too
        self.reach = 6 + 2 * blocks * self.multiple + (3 + further) * (self.multiple - 1)
        width = base_channels
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7, bias=bias)]
        layers += [NORMS[norm](width), nn.ReLU()]
        for _ in range(downs):
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias), NORMS[norm](2 * width)]
            layers += [nn.ReLU()]
            width *= 2
        layers += [ReflectedResidualBlock(width, dropout=dropout, norm=norm, bias=bias) for _ in range(blocks)]
        for _ in range(downs):
            if upsample == "transposed":
                double: nn.Module = nn.ConvTranspose2d(
                    width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=bias
                )
            else:
                double = UPSAMPLERS[upsample](width, width // 2, bias=bias)
            width //= 2
            layers += [double, NORMS[norm](width), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7)]
        self.body = nn.Sequential(*layers)
        self.apply(init_pix2pix)

    def forward(self, x: Tensor) -> Tensor:
        """Translate ``(N, in_channels, H, W)`` in [-1, 1] to ``(N, out_channels, H, W)`` in (-1, 1), through tanh.

        Raises:
            ShapeError: if the channels, the size, the type or the device do not fit.
        """
        check_input(self, x)
        fits = x.dim() == 4 and x.shape[1] == self.in_channels
        if not fits or any(side % self.multiple or side < self.smallest for side in x.shape[2:]):
            raise ShapeError(
                f"This generator takes (N, {self.in_channels}, H, W) with H and W divisible by {self.multiple} "
                f"and at least {self.smallest}, not {tuple(x.shape)}."
            )
        return torch.tanh(self.body(x))


def resnet_9blocks(in_channels: int = 3, out_channels: int = 3) -> ResNetGenerator:
    """Return the paper's generator for 256 x 256 pictures: 11,378,179 parameters for 3 to 3 channels."""
    return ResNetGenerator(in_channels, out_channels)
