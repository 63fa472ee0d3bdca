"""The networks of the authors' PyTorch code, written anew from their layout: plain torch, with their names of weights.

What each test compares with: numbered layers, one block inside the other, activations that work in place.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

BATCH = nn.BatchNorm2d
INSTANCE = functools.partial(nn.InstanceNorm2d, affine=False, track_running_stats=False)
TRACKED = functools.partial(nn.InstanceNorm2d, affine=False, track_running_stats=True)
NONE = nn.Identity


class Numbered(nn.Module):
    """Layers numbered from 0 in ``model``; ``how`` says what becomes of the input beside their output."""

    def __init__(self, *layers: nn.Module, how: str = "chain") -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        y = self.model(x)  # the first layer of an inner block changes x in place
        return y if self.how == "chain" else torch.cat([y, x] if self.how == "up first" else [x, y], dim=1)


class Around(nn.Module):
    """A network that holds the outermost block as ``model``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Block(nn.Module):
    """The residual block."""

    def __init__(self, width: int, norm, bias: bool, dropout: bool) -> None:
        super().__init__()

        def half() -> list[nn.Module]:
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]

        noise = [nn.Dropout(0.5)] if dropout else []
        self.conv_block = nn.Sequential(*half(), nn.ReLU(True), *noise, *half())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def has_bias(norm) -> bool:
    return isinstance(norm, functools.partial)


def unet(levels, norm=BATCH, *, dropout=False, width=2, inputs=3, outputs=3, how="skip first", bias=None):
    """Return ``unet_256`` with 8 levels, ``unet_128`` with 7; ``bias`` for those of the first months, which had all."""
    bias = has_bias(norm) if bias is None else bias
    widths = [width * min(2**level, 8) for level in range(levels)]
    inside: nn.Module | None = None
    for level in reversed(range(levels)):
        taken, given = (widths[level - 1], widths[level - 1]) if level else (inputs, outputs)
        down = nn.Conv2d(taken, widths[level], 4, 2, 1, bias=bias)
        joined = widths[level] * (1 if inside is None else 2)
        up = nn.ConvTranspose2d(joined, given, 4, 2, 1, bias=bias or level == 0)
        layers: list[nn.Module] = [nn.LeakyReLU(0.2, True)] if level else []
        layers.append(down)
        if inside is not None:
            layers += [norm(widths[level]), inside] if level else [inside]
        layers += [nn.ReLU(True), up, norm(given) if level else nn.Tanh()]
        if dropout and 4 <= level < levels - 1:
            layers.append(nn.Dropout(0.5))
        inside = Numbered(*layers, how=how if level else "chain")
    return Around(inside)


def resnet(blocks, norm=INSTANCE, *, dropout=False, width=2, inputs=3, outputs=3):
    """Return ``resnet_9blocks`` or ``resnet_6blocks``."""
    bias, w = has_bias(norm), width
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, w, 7, bias=bias), norm(w), nn.ReLU(True)]
    for wide in (w, 2 * w):
        layers += [nn.Conv2d(wide, 2 * wide, 3, 2, 1, bias=bias), norm(2 * wide), nn.ReLU(True)]
    layers += [Block(4 * w, norm, bias, dropout) for _ in range(blocks)]
    for wide in (4 * w, 2 * w):
        up = nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=bias)
        layers += [up, norm(wide // 2), nn.ReLU(True)]
    return Numbered(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, outputs, 7), nn.Tanh())


def patchgan(layers, norm=BATCH, *, width=2, inputs=6):
    """Return their discriminator with so many halvings."""
    chain: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    before = width
    for number in range(1, layers + 1):
        after = width * min(2**number, 8)
        stride = 2 if number < layers else 1
        conv = nn.Conv2d(before, after, 4, stride, 1, bias=has_bias(norm))
        chain += [conv, norm(after), nn.LeakyReLU(0.2, True)]
        before = after
    return Numbered(*chain, nn.Conv2d(before, 1, 4, 1, 1))


class PixelGAN(nn.Module):
    """Their discriminator of single pixels."""

    def __init__(self, norm=BATCH, *, width=2, inputs=6) -> None:
        super().__init__()
        bias = has_bias(norm)
        self.net = nn.Sequential(
            nn.Conv2d(inputs, width, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm(2 * width),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@torch.no_grad()
def stirred(network: nn.Module) -> nn.Module:
    """Draw all weights and statistics at random, so that none of them is what a new network has, and return it."""
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1:
            tensor.normal_(0.0, 0.3)
        else:  # so large that signals arrive at the other end
            tensor.normal_(0.0, 1.5 / tensor[0].numel() ** 0.5)
    return network
