"""A latent grid of codes: vector quantisation, and the autoencoders of VQ-VAE (one level) and VQ-VAE-2 (two).

Source: van den Oord et al. 2017, "Neural Discrete Representation Learning", sections 3.1 and 3.2 and appendix A.1
(moving averages); Razavi et al. 2019, "Generating Diverse High-Fidelity Images with VQ-VAE-2", section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import check_count, check_finite, check_input, check_number, check_tensor
from course_lib.errors import ShapeError

SEEN = 1e-6
"""A code that was used less than this, by the moving average, stays where it is."""


@dataclass(frozen=True)
class Quantised:
    """What quantising gave.

    Args:
        codes: ``(N, H, W)`` int64, the number of the nearest code at each place.
        z_q: ``(N, D, H, W)``, those codes; its gradient goes on to z as if nothing had happened (straight-through).
        z: ``(N, D, H, W)``, what was quantised, without a graph.
        commitment: how far z is from its codes, mean square; its gradient moves z alone.
        codebook: the same number; its gradient moves the codes alone.
    """

    codes: Tensor
    z_q: Tensor
    z: Tensor
    commitment: Tensor
    codebook: Tensor


class VectorQuantizer(nn.Module):
    """A codebook: each vector of a map is replaced by the nearest of K codes.

    The codes learn in one of two ways: by the gradient of the codebook loss, or as a moving average of the vectors that
    chose them, which is a slow k-means. Departure from the authors' code: there counts are smoothed, so that nothing is
    divided by 0; here a code that nobody chooses stays where it is.

    Args:
        codes: K.
        dim: D, length of a code.
        decay: of the moving average, in [0, 1); with 0 one update is one step of k-means. None: by gradient.

    Raises:
        ShapeError: if a number cannot be.
    """

    def __init__(self, codes: int, dim: int, decay: float | None = 0.99) -> None:
        check_count(codes, "codes")
        check_count(dim, "dim")
        if decay is not None:
            check_number(decay, "decay", 0, 1)
            if decay == 1:
                raise ShapeError("decay is 1, with which no code would ever move: give a smaller one, such as 0.99.")
        super().__init__()
        self.codes, self.dim, self.decay = codes, dim, decay
        start = torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes)
        self.weight: Tensor
        self.counts: Tensor
        self.sums: Tensor
        if decay is None:
            self.weight = nn.Parameter(start)
        else:
            self.register_buffer("weight", start)
            self.register_buffer("counts", torch.ones(codes))  # as if each had been chosen once, where it is
            self.register_buffer("sums", start.clone())

    def forward(self, z: Tensor) -> Quantised:
        """Quantise a map ``(N, D, H, W)``.

        Raises:
            ShapeError: if z has another shape or type, or lies on another device.
        """
        self._check_map(z)
        codes = self._nearest(z)
        chosen = self._look_up(codes)
        return Quantised(
            codes,
            z + (chosen - z).detach(),
            z.detach(),
            F.mse_loss(z, chosen.detach()),
            F.mse_loss(chosen, z.detach()),
        )

    def nearest(self, z: Tensor) -> Tensor:
        """Return the number of the nearest code at each place, ``(N, H, W)`` int64.

        Args:
            z: ``(N, D, H, W)``.

        Raises:
            ShapeError: if z has another shape or type, holds NaN, or lies on another device.
        """
        self._check_map(z)
        check_finite(z, "z")
        return self._nearest(z)

    def _nearest(self, z: Tensor) -> Tensor:
        line = z.detach().permute(0, 2, 3, 1).flatten(0, 2).float()
        weight = self.weight.detach()
        with torch.autocast(z.device.type, enabled=False):  # in 16 bits the nearest may be another
            distance = weight.square().sum(1) - 2 * line @ weight.T  # without |z|^2, which is the same for all codes
        return distance.argmin(1).view(z.shape[0], *z.shape[2:])

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the codes by their numbers, ``(N, D, H, W)``.

        Args:
            codes: ``(N, H, W)`` int64, 0 to K - 1.

        Raises:
            ShapeError: if they have another shape, type or range, or lie on another device.
        """
        check_tensor(codes, "codes", "(N, H, W)")
        if codes.dtype != torch.int64 or codes.device != self.weight.device:
            raise ShapeError(f"codes must be int64 on {self.weight.device}, not {codes.dtype} on {codes.device}.")
        if codes.numel() and codes.device.type != "meta" and not 0 <= int(codes.min()) <= int(codes.max()) < self.codes:
            raise ShapeError(f"codes must lie between 0 and {self.codes - 1}.")
        return self._look_up(codes)

    def _look_up(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.weight).permute(0, 3, 1, 2)

    @torch.no_grad()
    def update(self, z: Tensor, codes: Tensor) -> None:
        """Move each code towards the mean of the vectors that chose it (van den Oord et al. 2017, appendix A.1).

        Args:
            z: ``(N, D, H, W)``.
            codes: ``(N, H, W)`` int64, what each place has chosen.

        Raises:
            ShapeError: if the codes learn by gradient, or a shape or type is another.
        """
        if self.decay is None:
            raise ShapeError("These codes learn by gradient: give a decay to let them follow a moving average.")
        self._check_map(z)
        check_finite(z, "z")
        self.look_up(codes)
        if z.shape[:1] + z.shape[2:] != codes.shape:
            raise ShapeError(f"z is {tuple(z.shape)} and codes are {tuple(codes.shape)}: one code for each place.")
        line, flat = z.permute(0, 2, 3, 1).flatten(0, 2).float(), codes.flatten()
        used = torch.bincount(flat, minlength=self.codes).to(self.counts.dtype)
        total = torch.zeros_like(self.sums).index_add_(0, flat, line)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for part in (used, total):  # all processes keep one codebook
                torch.distributed.all_reduce(part)
        self.counts.mul_(self.decay).add_(used, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(total, alpha=1 - self.decay)
        alive = (self.counts > SEEN)[:, None]
        self.weight.copy_(torch.where(alive, self.sums / self.counts[:, None].clamp(min=SEEN), self.weight))

    @torch.no_grad()
    def restart(self, z: Tensor, least: float, generator: torch.Generator | None = None) -> int:
        """Put codes that are hardly used onto vectors drawn from a map, and return how many.

        A departure from both papers, as in Jukebox (Dhariwal et al. 2020, section 3.1).

        Args:
            z: ``(N, D, H, W)``, to draw from.
            least: a code that was chosen less often in an update, by the moving average, is put elsewhere.
            generator: of the draw.

        Raises:
            ShapeError: if the codes learn by gradient, z has another shape or type, or ``least`` is below 0.
        """
        if self.decay is None:
            raise ShapeError("These codes learn by gradient, and nobody counts them: give a decay.")
        self._check_map(z)
        check_finite(z, "z")
        check_number(least, "least", 0)
        dead = (self.counts < least).nonzero().flatten()
        line = z.permute(0, 2, 3, 1).flatten(0, 2).float()
        drawn = torch.randint(len(line), (len(dead),), generator=generator).to(line.device)
        self.weight[dead] = line[drawn]
        self.counts[dead] = 1.0
        self.sums[dead] = line[drawn]
        return len(dead)

    def _check_map(self, z: Tensor) -> None:
        check_tensor(z, "z", "(N, D, H, W)")
        if z.shape[1] != self.dim:
            raise ShapeError(f"z has {z.shape[1]} channels and a code has {self.dim}: they must be as many.")
        if not z.is_floating_point() or z.device != self.weight.device:
            raise ShapeError(f"z must be floats on {self.weight.device}, not {z.dtype} on {z.device}.")


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


class VQVAE(nn.Module):
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
