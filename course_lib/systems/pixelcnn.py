"""The second phase of VQ-VAE: a gated PixelCNN that learns which grids of codes occur, and draws new ones."""

from __future__ import annotations

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
from course_lib.models.pixelcnn import GatedPixelCNN, UpperLevel
from course_lib.models.pixelcnn_sampling import draw_codes
from course_lib.systems.base import System, adam
from course_lib.systems.modes import inference
from course_lib.systems.schedules import linear_decay, schedule
from course_lib.systems.vqvae import LEVELS


@dataclass(frozen=True)
class PixelCNNConfig:
    """Sizes of grids and networks, what conditions them, and the optimiser's settings.

    ``codes`` is K. ``side``: of the first grid (the top one of two; the bottom one has twice that side). ``classes``:
    how many labels there are, 0 for none. ``attention_every``: after how many blocks of the first grid's network an
    attention stands, 0 for none; the second grid's has none. ``context``: channels of what the bottom sees of the top.

    Raises:
        ShapeError: if a number cannot be.
    """

    codes: int = 512
    levels: int = 2
    side: int = 8
    channels: int = 64
    blocks: int = 8
    kernel_size: int = 3
    classes: int = 0
    attention_every: int = 0
    heads: int = 4
    context: int = 64
    dropout: float = 0.0
    lr: float = 1e-3
    beta2: float = 0.99

    def __post_init__(self) -> None:
        counts = ("codes", "levels", "side", "channels", "blocks", "kernel_size", "heads", "context")
        asked.fields(
            self,
            above_0=("lr",),
            decays=("beta2", "dropout"),
            counts=counts,
            counts_from_0=("classes", "attention_every"),
        )
        if self.levels not in LEVELS:
            raise ShapeError(f"levels of PixelCNNConfig is {self.levels}: give 1 or 2.")


class PixelCNN(System):
    """Give each code its probability given those before it, the class, and, at the bottom, the whole top grid.

    ``netT``: p(top | class), or with one level p(codes | class). ``netB``: p(bottom | top, class), with ``netC``,
    which makes a map of the top grid. Each minimises the mean of -log p over its places. The two losses share no
    weight, so that training both at once is the same as one after the other.

    Departure from VQ-VAE-2, declared: smaller networks, fewer attentions, no dropout by default; pixels of small
    pictures can be learned as well, as codes of one level.

    Args:
        config: sizes and settings.

    Raises:
        ShapeError: if the config is of another class, or a number cannot be.

    Source: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders"; Razavi et al. 2019,
        section 3.2 and algorithm 2.
    """

    config: PixelCNNConfig
    sampled_by = ()

    def __init__(self, config: PixelCNNConfig | None = None) -> None:
        super().__init__(config or PixelCNNConfig())
        c = self.config
        attention: dict[str, Any] = {"side": c.side, "attention_every": c.attention_every, "heads": c.heads}
        sizes = (c.codes, c.channels, c.blocks, c.kernel_size)
        self.netT = GatedPixelCNN(*sizes, classes=c.classes, dropout=c.dropout, **attention)
        if c.levels == 2:
            self.netC = UpperLevel(c.codes, c.context)
            self.netB = GatedPixelCNN(*sizes, classes=c.classes, dropout=c.dropout, context=c.context)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the grids, which are columns of the training set: ``("codes",)``, or ``("top", "bottom")``."""
        return LEVELS[self.config.levels]

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """Return one Adam for each grid."""
        parts = {"T": list(self.netT.parameters())}
        if self.config.levels == 2:
            parts["B"] = [*self.netC.parameters(), *self.netB.parameters()]
        return {name: adam(part, lr=self.config.lr, betas=(0.9, self.config.beta2)) for name, part in parts.items()}

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return a constant rate for half the steps and then a line to 0."""
        return {name: schedule(one, linear_decay(total_steps)) for name, one in optimizers.items()}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of codes 0, with classes where there are some."""
        sides = [self.config.side * 2**number for number in range(self.config.levels)]
        columns = {
            name: torch.zeros(batch_size, side, side, dtype=torch.int64, device=device)
            for name, side in zip(self.names, sides, strict=True)
        }
        if self.config.classes:
            columns["labels"] = torch.arange(batch_size, device=device) % self.config.classes
        return Batch(index=torch.arange(batch_size), **columns)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of each grid's network; return the mean of -log p of a code, in nats, by grid."""
        losses = self._losses([getattr(batch, name) for name in self.names], self._labels(batch))
        said = {}
        for player, (name, loss) in zip("TB", losses.items(), strict=False):
            self.optimizer_step(player, loss.mean())
            said[name] = loss.mean().detach()
        return said

    def _labels(self, batch: Any) -> Tensor | None:
        return batch.labels if self.config.classes else None

    def _losses(self, grids: Sequence[Tensor], labels: Tensor | None) -> dict[str, Tensor]:
        """Return -log p of each code in nats, ``(N, h, w)``, by the name of the grid."""
        first = self.netT(grids[0], labels)
        losses = {self.names[0]: F.cross_entropy(first.float(), grids[0], reduction="none")}
        if self.config.levels == 2:
            second = self.netB(grids[1], labels, self.netC(grids[0]))
            losses["bottom"] = F.cross_entropy(second.float(), grids[1], reduction="none")
        return losses

    @torch.no_grad()
    def nats(self, codes: Sequence[Tensor], labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return -log p of each row's grids in nats, ``(N,)``, by the name of the grid; their sum is that of all.

        Args:
            codes: a grid a level, the top first, ``(N, h, w)`` int64.
            labels: ``(N,)`` int64, where there are classes.

        Raises:
            ShapeError: if a shape, type or range is another, or there are more or fewer grids.
        """
        if not isinstance(codes, (tuple, list)) or len(codes) != self.config.levels:
            raise ShapeError(f"codes are a tuple of {self.config.levels}: a grid for each level, the top first.")
        with inference(self):
            return {name: loss.sum(dim=(1, 2)) for name, loss in self._losses(codes, labels).items()}

    @torch.no_grad()
    def draw(
        self,
        count: int | None = None,
        labels: Tensor | None = None,
        *,
        temperature: float = 1.0,
        begun: Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
        cached: bool = True,
    ) -> tuple[Tensor, ...]:
        """Return new grids of codes, the top first, ``(N, h, w)`` int64.

        Args:
            count: how many; not needed where labels or begun grids say so.
            labels: ``(N,)`` int64, where there are classes.
            temperature: see ``draw_codes``.
            begun: a grid a level, with -1 where a code is to be drawn.
            generator: on the CPU; torch's own if not given.
            cached: see ``draw_codes``.

        Raises:
            ShapeError: if nothing says how many, or an argument has another shape, type or range.
        """
        given = next((len(one) for one in (labels, begun and begun[0]) if isinstance(one, Tensor)), count)
        if given is None or (count is not None and asked.whole("count", count) != given):
            raise ShapeError(f"count is {count} and there are {given} rows: say how many, once.")
        if begun is not None and (not isinstance(begun, (tuple, list)) or len(begun) != self.config.levels):
            raise ShapeError(f"begun is a tuple of {self.config.levels}: a grid for each level, the top first.")
        asked.whole("count", given)
        options: dict[str, Any] = {"temperature": temperature, "cached": cached}
        drawn: list[Tensor] = []
        with inference(self):
            for level, network in enumerate([self.netT, self.netB] if self.config.levels == 2 else [self.netT]):
                side = self.config.side * 2**level
                u = torch.rand(given, side, side, generator=generator).to(self.device)
                context = self.netC(drawn[0]) if level else None
                drawn.append(draw_codes(network, u, labels, context, begun=begun[level] if begun else None, **options))
        return tuple(drawn)
