"""VQ-VAE and VQ-VAE-2, the first phase: an autoencoder whose code is a grid of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.models.quantizer import perplexity
from course_lib.models.vqvae import QuantisedAutoencoder
from course_lib.systems.base import System, adam
from course_lib.systems.modes import inference
from course_lib.systems.schedules import linear_decay, schedule

LEVELS = {1: ("codes",), 2: ("top", "bottom")}
"""The names of the grids, by how many levels there are."""


@dataclass(frozen=True)
class VQVAEConfig:
    """Sizes of codebook and networks, how codes learn, and the optimiser's settings.

    ``codes`` is K, ``dim`` D. ``decay``: of the moving average that codes follow; None lets them learn by gradient.
    ``commitment`` is the weight beta of the commitment loss. ``restart_below``: a code that is chosen less often at a
    step, by the moving average, is put onto a vector of the encoder; 0 for never.

    Raises:
        ShapeError: if a number cannot be.
    """

    codes: int = 512
    dim: int = 64
    levels: int = 2
    image_channels: int = 3
    channels: int = 128
    inside: int = 32
    blocks: int = 2
    decay: float | None = 0.99
    commitment: float = 0.25
    restart_below: float = 0.0
    lr: float = 3e-4
    beta2: float = 0.999

    def __post_init__(self) -> None:
        counts = ("codes", "dim", "levels", "image_channels", "channels", "inside", "blocks")
        moving = () if self.decay is None else ("decay",)
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("commitment", "restart_below"),
            decays=("beta2", *moving),
            counts=counts,
        )
        if self.decay is None and self.restart_below:
            raise ShapeError("Codes that learn by gradient are not counted: leave restart_below at 0, or give a decay.")


class VQVAE(System):
    """Encode a picture as one or two grids of code numbers, decode those, and let the codes follow what chooses them.

    ``netVQ`` (encoder E, codebook e, decoder D) minimises ``|D(e) - x|^2 + beta |E(x) - sg[e]|^2``, each a mean over
    numbers, the second summed over the levels; the gradient of the first reaches E straight through the choice of
    codes. The codes follow a moving average of the vectors that chose them, or minimise ``|sg[E(x)] - e|^2``.

    Departures from VQ-VAE-2, declared: smaller networks; codes that are hardly used can be put elsewhere; the authors'
    code smooths counts, ours leaves an unused code where it is; their rate is constant, ours falls in a line over the
    second half.

    Args:
        config: sizes and settings.

    Raises:
        ShapeError: if the config is of another class, or a number cannot be.

    Source: van den Oord et al. 2017, equation 3 and appendix A.1; Razavi et al. 2019, section 3.1 and algorithm 1.
    """

    config: VQVAEConfig
    sampled_by = ()

    def __init__(self, config: VQVAEConfig | None = None) -> None:
        super().__init__(config or VQVAEConfig())
        c = self.config
        self.netVQ = QuantisedAutoencoder(
            c.codes,
            c.dim,
            c.levels,
            image_channels=c.image_channels,
            channels=c.channels,
            inside=c.inside,
            blocks=c.blocks,
            decay=c.decay,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the grids of codes: ``("codes",)``, or ``("top", "bottom")``."""
        return LEVELS[self.config.levels]

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """Return one Adam for encoder and decoder, and for the codes where they learn by gradient."""
        return {"VQ": adam(self.netVQ.parameters(), lr=self.config.lr, betas=(0.9, self.config.beta2))}

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return a constant rate for half the steps and then a line to 0."""
        return {"VQ": schedule(optimizers["VQ"], linear_decay(total_steps))}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of random pictures in [-1, 1]."""
        side = 4 * self.netVQ.factor
        images = torch.rand(batch_size, self.config.image_channels, side, side, device=device) * 2 - 1
        return Batch(index=torch.arange(batch_size), images=images)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of the networks and one of the codes; return the losses and the perplexity of each level."""
        x = batch.images
        y, found = self.netVQ(x)
        reconstruction = F.mse_loss(y.float(), x.float())
        commitment = sum((one.commitment for one in found), start=torch.zeros((), device=x.device))
        loss = reconstruction + self.config.commitment * commitment
        if self.config.decay is None:
            loss = loss + sum(one.codebook for one in found)
        self.optimizer_step("VQ", loss)
        said = {"loss": loss.detach(), "reconstruction": reconstruction.detach(), "commitment": commitment.detach()}
        for name, book, one in zip(self.names, self.netVQ.quantizers, found, strict=True):
            used = torch.zeros(book.codes, device=x.device)
            used.index_add_(0, one.codes.flatten(), torch.ones_like(one.codes.flatten(), dtype=used.dtype))
            said[f"perplexity, {name}"] = perplexity(used)
            if self.config.decay is not None:
                book.update(one.z, one.codes)
                if self.config.restart_below:
                    said[f"restarted, {name}"] = book.restart(one.z, self.config.restart_below).float()
        return said

    @torch.no_grad()
    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the codes of pictures in [-1, 1], a grid a level, the top first, ``(N, h, w)`` int64.

        Raises:
            ShapeError: if the pictures have another shape or type.
        """
        with inference(self.netVQ):
            return self.netVQ.encode(images)

    @torch.no_grad()
    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Return the pictures of some codes, ``(N, C, H, W)`` in [-1, 1].

        Args:
            codes: as ``encode`` returns them.

        Raises:
            ShapeError: if they have another shape, type or range.
        """
        with inference(self.netVQ):
            return self.netVQ.decode(codes).clamp(-1, 1)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return what is left of pictures in [-1, 1] after their codes."""
        return self.decode(self.encode(images))

    def bits(self, height: int, width: int) -> float:
        """Return how many bits the codes of a picture take where all codes cost the same: log2 K a place.

        Args:
            height: of the picture, a multiple of 4 (with two levels, of 8).
            width: of the same kind.

        Raises:
            ShapeError: if a side is none.
        """
        for name, side in (("height", height), ("width", width)):
            if asked.whole(name, side) % self.netVQ.factor:
                raise ShapeError(f"{name} is {side}: give a multiple of {self.netVQ.factor}.")
        places = sum(height * width // factor**2 for factor in ((4,) if self.config.levels == 1 else (8, 4)))
        return places * math.log2(self.config.codes)
