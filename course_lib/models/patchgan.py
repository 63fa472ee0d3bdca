"""The PatchGAN discriminator of pix2pix: it judges every patch of a picture by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from course_lib.arguments import check_choice, check_count, check_input, check_network
from course_lib.errors import ShapeError
from course_lib.models.norms import InstanceNorm
from course_lib.models.unet import init_pix2pix


class PatchGAN(nn.Module):
    """The discriminator D of pix2pix: a convolutional network whose outputs each see one patch.

    ``layers=3`` is the paper's 70 x 70 PatchGAN: C64-C128-C256-C512 and a convolution to one channel,
    2,768,705 parameters for 3 + 3 input channels. ``layers=1`` sees 16 x 16, ``layers=5`` sees 286 x 286, and
    ``layers=0`` is the 1 x 1 PixelGAN.
    Biases are where the authors' PyTorch code has them: in the first and the last convolution, and with instance norm
    in all. Departures, declared: that code leaves the bias out of the last convolution of the PixelGAN under batch
    norm; the paper ends D in a sigmoid, which is in the losses here.

    Args:
        x_channels: channels of the condition; 0 makes an unconditional discriminator.
        y_channels: channels of the picture to be judged.
        base_channels: channels after the first convolution.
        layers: number of stride-2 convolutions.
        norm: ``"batch"`` as in the paper; ``"instance"`` as in CycleGAN (2,764,737 parameters for 3 channels); or
            ``"spectral"``: every convolution is divided by its largest singular value, which keeps D smooth (Miyato et
            al. 2018, lesson 06).

    Raises:
        ShapeError: if ``norm`` is none of these, or a number is below 1 (``x_channels`` and ``layers``: below 0).

    Source: Isola et al. 2017, section 6.1.2.
    """

    def __init__(
        self,
        x_channels: int = 3,
        y_channels: int = 3,
        *,
        base_channels: int = 64,
        layers: int = 3,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        check_choice(norm, "The norm of a PatchGAN", ("batch", "instance", "spectral"))
        check_count(x_channels, "x_channels", 0)
        check_count(y_channels, "y_channels")
        check_count(base_channels, "base_channels")
        check_count(layers, "layers", 0)
        self.x_channels = x_channels
        self.y_channels = y_channels
        self.smallest = 3 * 2**layers if layers else 1  # two more convolutions 4x4 take one position each
        channels = x_channels + y_channels
        kernel = 4 if layers else 1
        padding = 1 if layers else 0
        strides = [2] * layers + [1] if layers else [1, 1]
        blocks: list[nn.Module] = []
        for number, stride in enumerate(strides):
            width = base_channels * min(2**number, 8)
            first = number == 0  # the paper does not normalise the first block
            blocks.append(
                nn.Conv2d(channels, width, kernel, stride=stride, padding=padding, bias=first or norm != "batch")
            )
            if not first and norm != "spectral":
                blocks.append(nn.BatchNorm2d(width) if norm == "batch" else InstanceNorm())
            blocks.append(nn.LeakyReLU(0.2))
            channels = width
        blocks.append(nn.Conv2d(channels, 1, kernel, stride=1, padding=padding))
        self.body = nn.Sequential(*blocks)
        self.apply(init_pix2pix)
        if norm == "spectral":
            for block in self.body:
                if isinstance(block, nn.Conv2d):
                    spectral_norm(block)

    def forward(self, x: Tensor | None, y: Tensor) -> Tensor:
        """Judge a batch of pairs.

        Args:
            x: condition, ``(N, x_channels, H, W)`` in [-1, 1]; not looked at if ``x_channels`` is 0, and may be None.
            y: picture, ``(N, y_channels, H, W)`` in [-1, 1].

        Returns:
            One logit a patch, ``(N, 1, H', W')``. There is no sigmoid: the losses take logits.

        Raises:
            ShapeError: if the channels, sizes, types or devices of the pair do not fit, or the picture is too small for
                one logit.
        """
        check_input(self, y, "y")
        if self.x_channels and x is not None:
            check_input(self, x, "x")
        if y.dim() != 4 or (self.x_channels and x is not None and x.dim() != 4):
            raise ShapeError("D takes batches of pictures (N, C, H, W): add the batch axis with x[None].")
        if self.x_channels == 0:
            pair = y
        elif x is None or x.shape[0] != y.shape[0] or x.shape[2:] != y.shape[2:]:
            shape = None if x is None else tuple(x.shape)
            raise ShapeError(
                f"D needs a condition of the same number and size as the picture: x {shape}, y {tuple(y.shape)}."
            )
        else:
            pair = torch.cat([x, y], dim=1)
        if pair.shape[1] != self.x_channels + self.y_channels:
            raise ShapeError(
                f"D takes {self.x_channels} + {self.y_channels} channels, and was given {pair.shape[1]} in all."
            )
        if min(pair.shape[2:]) < self.smallest:
            raise ShapeError(
                f"D judges pictures of at least {self.smallest} x {self.smallest}, not {tuple(pair.shape[2:])}: "
                "give it fewer layers."
            )
        return self.body(pair)


PATCH_LAYERS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
"""Side of the patch that one output sees, in pixels: the number of stride-2 convolutions that gives it."""


def receptive_field(network: nn.Module) -> int:
    """Return the side, in pixels, of the patch that one output of a chain of convolutions sees.

    Walks from the output to the input: before a convolution with kernel k and stride s, a patch of r
    positions becomes one of ``(r - 1) * s + k``.

    Args:
        network: a module whose convolutions act one after another, in the order of ``network.modules()``.

    Raises:
        ShapeError: if it is no network, or has no convolution.

    Source: Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", equation 1.
    """
    check_network(network)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if not convolutions:
        raise ShapeError("This network has no convolution, so that each output sees all: give one that has.")
    size = 1
    for conv in reversed(convolutions):
        size = (size - 1) * conv.stride[0] + conv.dilation[0] * (conv.kernel_size[0] - 1) + 1
    return size
