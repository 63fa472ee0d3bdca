"""The U-Net generator of pix2pix: an encoder, a decoder, and a skip connection at every size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.arguments import check_choice, check_count, check_input, check_number
from course_lib.errors import ShapeError
from course_lib.models.norms import NORMS, check_norm


def transposed(in_channels: int, out_channels: int, *, bias: bool) -> nn.Module:
    """Return the paper's doubling: a transposed convolution, 4x4 with stride 2."""
    return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)


def resize(in_channels: int, out_channels: int, *, bias: bool) -> nn.Module:
    """Return a doubling without checkerboard: each position becomes 2 x 2 equal ones, then a convolution 3x3.

    Source: Odena et al. 2016, "Deconvolution and Checkerboard Artifacts".
    """
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
    )


def bilinear(in_channels: int, out_channels: int, *, bias: bool) -> nn.Module:
    """Return a doubling in which no place of the grid is special: lines between neighbours, then a convolution 3x3.

    After ``resize`` the four pixels of one position are equal, and a convolution sees where the next position begins:
    it can draw a pattern with a period of two pixels. Here it would have to draw against the interpolation.
    """
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias),
    )


UPSAMPLERS: dict[str, Callable[..., nn.Module]] = {"transposed": transposed, "resize": resize, "bilinear": bilinear}
"""The ways to double height and width, by name."""


WIRINGS = ("paper", "authors")
"""What the decoder takes from the encoder: see ``UNet``."""


class DownBlock(nn.Module):
    """Halve height and width: convolution 4x4 stride 2, norm, leaky ReLU 0.2.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        norm: one of ``norms.NORMS``; the paper leaves it out in the first block, and here also in the last.
        bias: whether the convolution has one.

    Raises:
        ShapeError: if there is no channel, or ``norm`` is unknown.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: str = "batch", bias: bool = False) -> None:
        super().__init__()
        check_count(in_channels, "in_channels")
        check_count(out_channels, "out_channels")
        check_norm(norm, "a block")
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        self.norm = NORMS[norm](out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)``, H and W at least 2, to ``(N, C_out, H/2, W/2)``.

        Raises:
            ShapeError: if x has another shape or type.
        """
        _check_maps(self, x, self.conv.in_channels, 2)
        return nn.functional.leaky_relu(self.norm(self.conv(x)), 0.2)


class UpBlock(nn.Module):
    """Double height and width: transposed convolution 4x4 stride 2, norm, dropout, ReLU.

    Args:
        in_channels: channels of the input, those of the skip connection included.
        out_channels: channels of the output.
        dropout: chance that a value is set to zero; dropout is the noise z of pix2pix.
        upsample: one of ``UPSAMPLERS``.
        norm: one of ``norms.NORMS``.
        bias: whether the convolution has one.

    Raises:
        ShapeError: if there is no channel, ``dropout`` is no chance below 1, or ``upsample`` or ``norm`` is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dropout: float = 0.0,
        upsample: str = "transposed",
        norm: str = "batch",
        bias: bool = False,
    ) -> None:
        super().__init__()
        check_count(in_channels, "in_channels")
        check_count(out_channels, "out_channels")
        check_number(dropout, "dropout", 0, 1, below=True)
        check_choice(upsample, "upsample", UPSAMPLERS)
        check_norm(norm, "a block")
        self.in_channels = in_channels
        self.conv = UPSAMPLERS[upsample](in_channels, out_channels, bias=bias)
        self.norm = NORMS[norm](out_channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, 2H, 2W)``.

        Raises:
            ShapeError: if x has another shape or type.
        """
        _check_maps(self, x, self.in_channels, 1)
        return nn.functional.relu(self.dropout(self.norm(self.conv(x))))


def _check_maps(network: nn.Module, x: Tensor, channels: int, least: int) -> None:
    check_input(network, x)
    if x.dim() != 4 or x.shape[1] != channels or min(x.shape[2:]) < least:
        raise ShapeError(f"x has the shape {tuple(x.shape)}: give (N, {channels}, H, W), H and W at least {least}.")


class UNet(nn.Module):
    """The generator G of pix2pix: ``levels`` halvings, as many doublings, and skip connections.

    With the default arguments this is the paper's network for 256 x 256 pictures: 54,413,955 parameters.
    Departure, declared: the innermost encoder block has no batch norm. At 256 pixels it holds a single
    position, where normalising a batch of one gives zero whatever the input; the authors' own code does the same.

    The paper and the authors' code differ in two places, and both can be had:

    - ``wiring="paper"``: the decoder takes the encoder's outputs as the leaky ReLU left them, as the text has it.
      ``wiring="authors"``: it takes them through one more ReLU, the innermost output too, so that nothing negative
      passes a skip connection. In their code the decoder's ReLU stands after the joining and acts on both halves
      (and the encoder's leaky ReLU works in place, so that the skip carries its output). Without skip connections
      the innermost ReLU is the only difference. No weight depends on it. Measured: three seeds each of
      ``lesson_10/outline_both`` and ``lesson_10/outline_authors`` on the validation split give L1 0.257 ± 0.001 and
      0.258 ± 0.005, VGG-KID 1.43 ± 0.07 and 1.41 ± 0.08, sharpness 0.91 ± 0.01 and 0.91 ± 0.03: not separated.
    - Dropout is in the first three decoder blocks, as in the paper and in the authors' Lua code; their PyTorch code
      leaves out the first: ``dropout_start=1``, and ``dropout_blocks`` 3 for 256 pixels, 2 for 128.

    Args:
        in_channels: channels of the condition x.
        out_channels: channels of the output.
        base_channels: channels after the first convolution; they double at each level.
        levels: how often the size is halved; height and width must be divisible by ``2**levels``.
        max_channels: where the doubling stops; ``None`` means ``8 * base_channels``, as in the paper.
        dropout: chance of dropout in some of the decoder blocks.
        dropout_blocks: in how many of them; three in the paper.
        dropout_start: the number of the first of them, counted from 0, the innermost.
        skips: whether the decoder also takes the encoder's outputs. Without them this is the encoder-decoder that the
            paper compares with: all that G knows of x passes through the innermost positions.
        upsample: how the decoder doubles: ``"transposed"`` convolutions as in the paper, or ``"resize"``.
        wiring: ``"paper"`` or ``"authors"``, see above.
        norm: ``"batch"`` as in the paper, ``"instance"``, ``"affine instance"`` or ``"none"``.
        bias: whether every convolution has a bias, or the last alone; ``None`` as in the authors' code: every one with
            instance norm, else the last alone.

    Raises:
        ShapeError: if there are fewer than two levels, no channels, dropout is no chance below 1 or starts before the
            first block, or ``upsample``, ``wiring`` or ``norm`` is unknown.

    Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section 6.1.1.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        *,
        base_channels: int = 64,
        levels: int = 8,
        max_channels: int | None = None,
        dropout: float = 0.5,
        dropout_blocks: int = 3,
        dropout_start: int = 0,
        skips: bool = True,
        upsample: str = "transposed",
        wiring: str = "paper",
        norm: str = "batch",
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        for count, name in (
            (in_channels, "in_channels"),
            (out_channels, "out_channels"),
            (base_channels, "base_channels"),
            *(() if max_channels is None else ((max_channels, "max_channels"),)),
        ):
            check_count(count, name)
        check_count(levels, "levels", 2)
        check_count(dropout_blocks, "dropout_blocks", 0)
        check_count(dropout_start, "dropout_start", 0)
        check_number(dropout, "dropout", 0, 1, below=True)
        check_choice(upsample, "upsample", UPSAMPLERS)
        check_choice(wiring, "wiring", WIRINGS)
        check_norm(norm, "a U-Net")
        bias = "instance" in norm if bias is None else bias
        top = max_channels or 8 * base_channels
        widths = [min(base_channels * 2**level, top) for level in range(levels)]
        self.in_channels, self.out_channels, self.widths = in_channels, out_channels, widths
        self.levels = levels
        self.skips, self.upsample, self.wiring, self.norm = skips, upsample, wiring, norm
        self.multiple = self.smallest = 2**levels
        further = 1 if upsample == "bilinear" else 0  # which reads the neighbours, too
        self.reach = (3 + further) * (self.multiple - 1)  # by way of the innermost position and its neighbour
        self.down = nn.ModuleList(
            DownBlock(before, after, norm=norm if 0 < level < levels - 1 else "none", bias=bias)
            for level, (before, after) in enumerate(zip([in_channels, *widths[:-1]], widths, strict=True))
        )
        self.up = nn.ModuleList()
        for step, level in enumerate(range(levels - 1, 0, -1)):
            # every block but the innermost also takes the encoder's output of its own size
            before = widths[level] * (2 if skips and step else 1)
            chance = dropout if 0 <= step - dropout_start < dropout_blocks else 0.0
            self.up.append(UpBlock(before, widths[level - 1], dropout=chance, upsample=upsample, norm=norm, bias=bias))
        self.last = UPSAMPLERS[upsample](widths[0] * (2 if skips else 1), out_channels, bias=True)
        self.apply(init_pix2pix)

    def forward(self, x: Tensor) -> Tensor:
        """Translate a batch.

        Args:
            x: condition, ``(N, in_channels, H, W)`` in [-1, 1].

        Returns:
            ``(N, out_channels, H, W)`` in (-1, 1), through tanh.

        Raises:
            ShapeError: if the channels, the size, the type or the device do not fit.
        """
        check_input(self, x)
        size = 2**self.levels
        if x.dim() != 4 or x.shape[1] != self.in_channels or x.shape[2] % size or x.shape[3] % size:
            raise ShapeError(
                f"This U-Net takes (N, {self.in_channels}, H, W) with H and W divisible by {size}, "
                f"not {tuple(x.shape)}."
            )
        encoded = []
        for block in self.down:
            x = block(x)
            encoded.append(x)
        if self.wiring == "authors":  # relu(join(a, b)) is join(relu(a), relu(b)), and UpBlock has done its own
            encoded = [nn.functional.relu(one) for one in encoded]
        x = encoded.pop()  # the innermost output goes straight on
        for block in self.up:
            x = block(x)
            if self.skips:
                x = torch.cat([x, encoded.pop()], dim=1)
        return torch.tanh(self.last(x))


def unet_256(in_channels: int = 3, out_channels: int = 3) -> UNet:
    """Return the paper's generator for 256 x 256 pictures: 54,413,955 parameters for 3 to 3 channels."""
    return UNet(in_channels, out_channels, base_channels=64, levels=8)


def init_pix2pix(module: nn.Module) -> None:
    """Draw weights as the paper does: convolutions from N(0, 0.02), batch norm scales from N(1, 0.02).

    Source: Isola et al. 2017, section 6.2; the scale of batch norm follows the authors' code.
    """
    if getattr(module, "weight", None) is not None and module.weight.is_meta:
        return  # without content; and torch would import its whole compiler to draw none
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
