"""The autoencoders of VQ-VAE (one level of codes) and VQ-VAE-2 (two): a latent grid of whole numbers.

Source: van den Oord et al. 2017, "Neural Discrete Representation Learning", section 4.1; Razavi et al. 2019,
"Generating Diverse High-Fidelity Images with VQ-VAE-2", section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.arguments import check_count, check_finite, check_input, check_tensor
from course_lib.errors import ShapeError
from course_lib.models.quantizer import Quantised, VectorQuantizer


class ResidualStack(nn.Sequential):
    """Blocks that add to their input what ReLU, a convolution of 3, ReLU and one of 1 make of it; then a ReLU.

    Args:
        channels: of input and output.
        inside: between the two convolutions.
        blocks: how many.

    Raises:
        ShapeError: if a number is below 1.
    """

    def __init__(self, channels: int, inside: int, blocks: int) -> None:
        for name, value in (("channels", channels), ("inside", inside), ("blocks", blocks)):
            check_count(value, name)
        super().__init__(*(_Block(channels, inside) for _ in range(blocks)), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, channels, H, W)`` to the same shape.

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        check_tensor(x, "x", "(N, C, H, W)")
        check_input(self, x)
        return super().forward(x)


class _Block(nn.Module):
    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, inside, 3, padding=1), nn.ReLU(), nn.Conv2d(inside, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class QuantisedAutoencoder(nn.Module):
    """The autoencoder with one or two levels of codes.

    One level: the picture is halved twice, quantised, and decoded. Two levels: what was halved twice (the bottom) is
    halved once more (the top), which is quantised first; the bottom is quantised knowing the top, and the decoder sees
    both. At 64 pixels the top has 8 x 8 codes and the bottom 16 x 16.

    Args:
        codes: K, of each codebook.
        dim: D, length of a code.
        levels: 1 or 2.
        image_channels: of the picture.
        channels: inside.
        inside: of the residual blocks.
        blocks: residual blocks of each encoder and decoder.
        decay: see ``VectorQuantizer``.

    Raises:
        ShapeError: if a number cannot be.
    """

    def __init__(
        self,
        codes: int = 512,
        dim: int = 64,
        levels: int = 2,
        *,
        image_channels: int = 3,
        channels: int = 128,
        inside: int = 32,
        blocks: int = 2,
        decay: float | None = 0.99,
    ) -> None:
        check_count(levels, "levels")
        if levels > 2:
            raise ShapeError(f"levels is {levels}: give 1 or 2.")
        check_count(channels, "channels", 2)
        super().__init__()
        self.levels, self.image_channels, self.factor = levels, image_channels, 4 * levels
        stack = (channels, inside, blocks)
        self.encode_bottom = nn.Sequential(
            nn.Conv2d(image_channels, channels // 2, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            ResidualStack(*stack),
        )
        self.to_bottom = nn.Conv2d(channels + (dim if levels == 2 else 0), dim, 1)
        self.bottom = VectorQuantizer(codes, dim, decay)
        self.decoder = nn.Sequential(
            nn.Conv2d(levels * dim, channels, 3, padding=1),
            ResidualStack(*stack),
            nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels // 2, image_channels, 4, 2, 1),
        )
        if levels == 2:
            self.encode_top = nn.Sequential(
                nn.Conv2d(channels, channels, 4, 2, 1),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1),
                ResidualStack(*stack),
            )
            self.to_top = nn.Conv2d(channels, dim, 1)
            self.top = VectorQuantizer(codes, dim, decay)
            self.decode_top = nn.Sequential(
                nn.Conv2d(dim, channels, 3, padding=1),
                ResidualStack(*stack),
                nn.ConvTranspose2d(channels, dim, 4, 2, 1),
            )
            self.enlarge_top = nn.ConvTranspose2d(dim, dim, 4, 2, 1)

    @property
    def quantizers(self) -> tuple[VectorQuantizer, ...]:
        """The codebooks, the top one first."""
        return (self.top, self.bottom) if self.levels == 2 else (self.bottom,)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Quantised, ...]]:
        """Return the reconstruction and what each level's quantising gave, the top first.

        Args:
            x: ``(N, image_channels, H, W)`` in [-1, 1]; H and W multiples of 4, with two levels of 8.

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        found = self._quantise(x)
        return self._decode([one.z_q for one in found]), found

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the codes of pictures, the top first: ``(N, H / 8, W / 8)`` and ``(N, H / 4, W / 4)``, int64.

        Args:
            x: ``(N, image_channels, H, W)`` in [-1, 1].

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        found = self._quantise(x)
        check_finite(x, "x")  # or NaN would become code 0
        return tuple(one.codes for one in found)

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Return the pictures of some codes, ``(N, image_channels, H, W)``.

        Args:
            codes: a grid a level, the top first, as ``encode`` gives them.

        Raises:
            ShapeError: if there are more or fewer levels, or their sizes do not belong together.
        """
        if not isinstance(codes, (tuple, list)) or len(codes) != self.levels:
            raise ShapeError(f"codes are a tuple of {self.levels}: a grid for each level, the top first.")
        looked_up = [quantizer.look_up(grid) for quantizer, grid in zip(self.quantizers, codes, strict=True)]
        if self.levels == 2:
            (rows, *small), (others, *large) = codes[0].shape, codes[1].shape
            if rows != others or [2 * side for side in small] != large:
                raise ShapeError(
                    f"The codes are {tuple(codes[0].shape)} and {tuple(codes[1].shape)}: "
                    "the second grid has as many rows and twice the size of the first."
                )
        return self._decode(looked_up)

    def _quantise(self, x: Tensor) -> tuple[Quantised, ...]:
        check_tensor(x, "x", "(N, C, H, W)")
        check_input(self, x)
        if x.shape[1] != self.image_channels or x.shape[2] % self.factor or x.shape[3] % self.factor:
            raise ShapeError(
                f"x is {tuple(x.shape)}: give {self.image_channels} channels, "
                f"and sides that are multiples of {self.factor}."
            )
        bottom = self.encode_bottom(x)
        if self.levels == 1:
            return (self.bottom(self.to_bottom(bottom)),)
        top = self.top(self.to_top(self.encode_top(bottom)))
        known = self.decode_top(top.z_q)
        return top, self.bottom(self.to_bottom(torch.cat([known, bottom], dim=1)))

    def _decode(self, z_q: Sequence[Tensor]) -> Tensor:
        if self.levels == 1:
            return self.decoder(z_q[0])
        return self.decoder(torch.cat([self.enlarge_top(z_q[0]), z_q[1]], dim=1))
