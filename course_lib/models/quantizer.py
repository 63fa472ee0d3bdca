"""Vector quantisation: a codebook, its two ways to learn, the straight-through gradient, and how many codes are in use.

Source: van den Oord et al. 2017, "Neural Discrete Representation Learning", sections 3.1 and 3.2 and appendix A.1
(moving averages); Razavi et al. 2019, "Generating Diverse High-Fidelity Images with VQ-VAE-2", section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import check_count, check_finite, check_floats, check_number, check_tensor
from course_lib.errors import ShapeError

SEEN = 1e-6
"""A code that was used less than this, by the moving average, stays where it is."""


class Quantised(NamedTuple):
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
        kind = z.device.type if z.device.type != "meta" else "cpu"
        with torch.autocast(kind, enabled=False):  # in 16 bits the nearest may be another
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
        used = torch.zeros_like(self.counts).index_add_(0, flat, torch.ones_like(flat, dtype=self.counts.dtype))
        total = torch.zeros_like(self.sums).index_add_(0, flat, line)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for part in (used, total):  # all processes keep one codebook
                torch.distributed.all_reduce(part)
        self.counts.mul_(self.decay).add_(used, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(total, alpha=1 - self.decay)
        alive = (self.counts > SEEN)[:, None]
        self.weight.copy_(torch.where(alive, self.sums / self.counts[:, None].clamp(min=SEEN), self.weight))

    @torch.no_grad()
    def restart(self, z: Tensor, least: float, generator: torch.Generator | None = None) -> Tensor:
        """Put codes that are hardly used onto vectors drawn from a map, and return how many, a tensor with one number.

        A departure from both papers, as in Jukebox (Dhariwal et al. 2020, section 3.1).

        Args:
            z: ``(N, D, H, W)``, to draw from.
            least: a code that was chosen less often in an update, by the moving average, is put elsewhere.
            generator: of the draw, on the CPU.

        Raises:
            ShapeError: if the codes learn by gradient, z has another shape or type, or ``least`` is below 0.
        """
        if self.decay is None:
            raise ShapeError("These codes learn by gradient, and nobody counts them: give a decay.")
        self._check_map(z)
        check_finite(z, "z")
        check_number(least, "least", 0)
        dead = self.counts < least
        line = z.permute(0, 2, 3, 1).flatten(0, 2).float()
        place = "meta" if line.device.type == "meta" else "cpu"
        drawn = line[torch.randint(len(line), (self.codes,), generator=generator, device=place).to(line.device)]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.broadcast(drawn, 0)  # all processes keep one codebook
        self.weight.copy_(torch.where(dead[:, None], drawn, self.weight))
        self.sums.copy_(torch.where(dead[:, None], drawn, self.sums))
        self.counts.masked_fill_(dead, 1.0)
        return dead.sum()

    def _check_map(self, z: Tensor) -> None:
        check_tensor(z, "z", "(N, D, H, W)")
        if z.shape[1] != self.dim:
            raise ShapeError(f"z has {z.shape[1]} channels and a code has {self.dim}: they must be as many.")
        if not z.is_floating_point() or z.device != self.weight.device:
            raise ShapeError(f"z must be floats on {self.weight.device}, not {z.dtype} on {z.device}.")


def perplexity(counts: Tensor) -> Tensor:
    """Return how many codes are in use, as if all of those were used alike: the exponential of the entropy of the use.

    Args:
        counts: ``(K,)`` floats from 0 up, how often each code was chosen; not all 0.

    Returns:
        One number, from 1 to K.

    Raises:
        ShapeError: if the counts have another shape, type or range.
    """
    check_floats(counts, "counts", "(K,)")
    check_finite(counts, "counts")
    if counts.dim() != 1 or (counts.device.type == "cpu" and (counts.min() < 0 or not counts.any())):
        raise ShapeError("counts must be (K,), from 0 up and not all 0: how often each code was chosen.")
    share = counts / counts.sum()
    return torch.special.entr(share).sum().exp()
