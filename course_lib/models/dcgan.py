"""The networks of DCGAN, and each of its guidelines as something that can be left out.

Source: Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", section 3 (guidelines) and figure 1 (the generator at 64 pixels).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn

from course_lib.arguments import check_choice, check_count, check_input
from course_lib.errors import ShapeError

START = 4
"""Side of the smallest maps."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
}
SIZES_CHANGE_BY = ("strides", "pooling")
NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm2d, "none": lambda channels: nn.Identity()}


class _Network(nn.Module):
    def _settle(
        self,
        side: int,
        counts: dict[str, int],
        norm: str,
        activation: str,
        sizes_change_by: str,
        hidden: int,
    ) -> int:
        """Look at the settings that both networks have, and return how often the size is halved or doubled."""
        for name, count in counts.items():
            check_count(count, name)
        check_count(side, "side")
        check_count(hidden, "hidden", 0)
        check_choice(norm, "norm", NORMS)
        check_choice(activation, "activation", ACTIVATIONS)
        check_choice(sizes_change_by, "sizes_change_by", SIZES_CHANGE_BY)
        levels = round(math.log2(side / START))
        if side < 2 * START or START * 2**levels != side:
            raise ShapeError(f"side is {side}: give 8, 16, 32, 64 and so on.")
        return levels


class DCGANGenerator(_Network):
    """Latents to a picture: a map of 4 x 4, doubled by transposed convolutions of 4 x 4.

    Each doubling halves the channels; at half the picture's size there are ``base_channels`` (128 in the paper, 64 in
    its authors' code). All convolutions but the last have batch norm and ReLU; the output goes through tanh.

    Args:
        latents: numbers that go in.
        side: of the picture: 8, 16, 32, 64, ...
        image_channels: of the picture.
        base_channels: at half its size.
        norm: ``"batch"``, or ``"none"`` against the guideline.
        activation: ``"relu"``, or another against the guideline.
        sizes_change_by: ``"strides"``, or, against the guideline, ``"pooling"``: pixels are repeated before an ordinary
            convolution of 3 x 3.
        hidden: width of a fully connected layer before the first map; 0 for none, as the guideline has it.

    Raises:
        ShapeError: if a setting cannot be.
    """

    def __init__(
        self,
        latents: int = 100,
        side: int = 64,
        image_channels: int = 3,
        base_channels: int = 64,
        *,
        norm: str = "batch",
        activation: str = "relu",
        sizes_change_by: str = "strides",
        hidden: int = 0,
    ) -> None:
        super().__init__()
        counts = {"latents": latents, "image_channels": image_channels, "base_channels": base_channels}
        levels = self._settle(side, counts, norm, activation, sizes_change_by, hidden)
        self.latents, self.side = latents, side
        width = base_channels * 2 ** (levels - 1)
        bias = norm == "none"

        def doubled(before: int, after: int, bias: bool) -> list[nn.Module]:
            if sizes_change_by == "strides":
                return [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias)]
            return [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1, bias=bias)]

        dense: list[nn.Module] = [nn.Linear(latents, hidden), ACTIVATIONS[activation]()] if hidden else []
        self.dense = nn.Sequential(*dense)
        # On a single position a transposed convolution of 4 x 4 is a fully connected layer, with a map for its output.
        layers: list[nn.Module] = [nn.ConvTranspose2d(hidden or latents, width, START, bias=bias)]
        layers += [NORMS[norm](width), ACTIVATIONS[activation]()]
        for _ in range(levels - 1):
            layers += [*doubled(width, width // 2, bias), NORMS[norm](width // 2), ACTIVATIONS[activation]()]
            width //= 2
        self.body = nn.Sequential(*layers, *doubled(width, image_channels, True), nn.Tanh())
        self.apply(init_dcgan)

    def forward(self, z: Tensor) -> Tensor:
        """Map ``(N, latents)`` to pictures ``(N, image_channels, side, side)`` in (-1, 1).

        Raises:
            ShapeError: if z has another shape or type, or lies on another device.
        """
        check_input(self, z, "z")
        if z.dim() != 2 or z.shape[1] != self.latents:
            raise ShapeError(f"This generator takes (N, {self.latents}), not {tuple(z.shape)}.")
        return self.body(self.dense(z)[:, :, None, None])


class DCGANDiscriminator(_Network):
    """A picture to one logit: halved by convolutions of 4 x 4 down to 4 x 4.

    Each halving doubles the channels, from ``base_channels`` on. All but the first and the last have batch norm; the
    activation is leaky ReLU with a slope of 0.2.

    Args:
        side: of the picture: 8, 16, 32, 64, ...
        image_channels: of the picture.
        base_channels: at half its size.
        norm: ``"batch"``, or ``"none"`` against the guideline.
        activation: ``"leaky_relu"``, or another against the guideline.
        sizes_change_by: ``"strides"``, or, against the guideline, ``"pooling"``: ordinary convolutions of 3 x 3, each
            followed by the largest of 2 x 2.
        hidden: width of a fully connected layer before the logit; 0 for none, as the guideline has it.

    Raises:
        ShapeError: if a setting cannot be.
    """

    def __init__(
        self,
        side: int = 64,
        image_channels: int = 3,
        base_channels: int = 64,
        *,
        norm: str = "batch",
        activation: str = "leaky_relu",
        sizes_change_by: str = "strides",
        hidden: int = 0,
    ) -> None:
        super().__init__()
        counts = {"image_channels": image_channels, "base_channels": base_channels}
        levels = self._settle(side, counts, norm, activation, sizes_change_by, hidden)
        self.side, self.image_channels = side, image_channels
        blocks: list[nn.Module] = []
        before, width = image_channels, base_channels
        for level in range(levels):
            normed = level > 0 and norm != "none"
            if sizes_change_by == "strides":
                layers: list[nn.Module] = [nn.Conv2d(before, width, 4, 2, 1, bias=not normed)]
            else:
                layers = [nn.Conv2d(before, width, 3, padding=1, bias=not normed), nn.MaxPool2d(2)]
            blocks.append(nn.Sequential(*layers, *([NORMS[norm](width)] if normed else []), ACTIVATIONS[activation]()))
            before, width = width, 2 * width
        self.blocks = nn.ModuleList(blocks)
        last: list[nn.Module] = [nn.Conv2d(before, hidden or 1, START)]
        if hidden:
            last += [ACTIVATIONS[activation](), nn.Conv2d(hidden, 1, 1)]
        self.last = nn.Sequential(*last)
        self.apply(init_dcgan)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures ``(N, image_channels, side, side)`` in [-1, 1] to logits ``(N,)``.

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        return self.last(self._maps(x)[-1]).flatten()

    def features(self, x: Tensor) -> Tensor:
        """Return what all layers see, each map's largest value in 4 x 4 parts, ``(N, F)`` (section 5.1 of the paper).

        Args:
            x: pictures ``(N, image_channels, side, side)`` in [-1, 1].

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        import torch

        pooled = [nn.functional.adaptive_max_pool2d(one, START).flatten(1) for one in self._maps(x)]
        return torch.cat(pooled, dim=1)

    def _maps(self, x: Tensor) -> list[Tensor]:
        check_input(self, x)
        if x.dim() != 4 or x.shape[1:] != (self.image_channels, self.side, self.side):
            raise ShapeError(
                f"This discriminator takes (N, {self.image_channels}, {self.side}, {self.side}), not {tuple(x.shape)}."
            )
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps


def init_dcgan(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), those of batch norm from N(1, 0.02), as in the paper and its authors' code.

    Args:
        module: a layer; others stay as they are.
    """
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
