"""Fast style transfer: a network is trained to paint any picture in the manner of one painting, or of several."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from course_lib import asked
from course_lib.data.bundled.paintings import paintings
from course_lib.data.bundled.photos import read_table
from course_lib.data.containers import Batch
from course_lib.data.crops import shorter_side_to
from course_lib.data.pixels import normalise
from course_lib.errors import DataError
from course_lib.half import computes_in_bfloat16
from course_lib.losses.perceptual import STYLE_LAYERS, PerceptualLoss
from course_lib.models.transform_net import TransformNet
from course_lib.systems.base import System, adam
from course_lib.systems.judged import Judge
from course_lib.systems.modes import inference
from course_lib.words import suggest


@dataclass(frozen=True)
class StyleTransferConfig:
    """The paintings, the sizes and the weights of the terms.

    ``paintings`` are titles of bundled ones; several give one network for all of them. ``style_side`` is the shorter
    side in pixels at which they are looked at: the larger it is against the crops, the broader the strokes become.
    ``balanced`` is that of ``PerceptualLoss``, and ``half_judge`` its ``half`` where the device computes in bfloat16.
    Features of photographs at
    relu2_2 have a mean square of about 230,000, so that a content weight of 4e-6 puts the content term into the same
    units as a balanced style term: a picture whose features are all 0 costs about 1 by each.
    ``style_ramp`` is the share of the steps over which the style weight rises from 0 in a line.
    ``grain`` is the standard deviation of Gaussian noise that is added to a photograph before the network sees it, in
    training and in painting. Without it networks of the course painted plain places with a regular weave.

    Raises:
        ShapeError: if a number cannot be.
    """

    paintings: tuple[str, ...] = ("Café Terrace at Night",)
    style_side: int = 256
    base_channels: int = 32
    blocks: int = 5
    upsample: str = "nearest"
    content_layer: str = "relu2_2"
    style_layers: tuple[str, ...] = STYLE_LAYERS
    content_weight: float = 4e-6
    style_weight: float = 3.0
    tv_weight: float = 0.0
    balanced: bool = True
    style_ramp: float = 0.1
    half_judge: bool = False
    lr: float = 1e-3
    grain: float = 0.0

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("content_weight", "style_weight", "tv_weight", "grain"),
            shares=("style_ramp",),
            counts=("style_side", "base_channels"),
            counts_from_0=("blocks",),
        )


class StyleTransfer(System):
    """Paint a photograph in the manner of a painting by one pass through a network that was trained for it.

    ``netG`` (f_W): the image transform network, photograph x to output y_hat. ``judge`` (phi): VGG-16, fixed, with the
    Gram matrices of the paintings y_s. The content target y_c is x itself. f_W minimises
    ``content_weight * l_feat(y_hat, x) + style_weight * l_style(y_hat, y_s) + tv_weight * l_TV(y_hat)``, over W: the
    gradient passes through phi and through y_hat to the weights, and changes neither phi nor x.
    With several paintings each picture of a batch is given one of them at random (Dumoulin et al. 2017).
    Departures, declared: the style losses of the layers are balanced, since with equal weights the deepest counts for
    nothing; the style weight rises over the first steps, because a network that has not yet learned to copy finds
    plain patches of one colour instead; noise is added to the photographs (``grain``; the generators of Texture
    Networks, Ulyanov et al. 2016, are fed noise beside them); the rate falls to 0 along a cosine (the paper keeps it at
    1e-3); those of ``TransformNet``.

    Args:
        config: the paintings, the sizes, the weights of the terms, the learning rate.

    Raises:
        DataError: if a painting is unknown or none is named.
        ShapeError: if a size cannot be.

    Source: Johnson et al. 2016, equation 1 and section 4.1.
    """

    config: StyleTransferConfig
    ema_networks = ("netG",)  # kept only where fit() is asked to: ema_decay

    def __init__(self, config: StyleTransferConfig | None = None) -> None:
        super().__init__(config or StyleTransferConfig())
        c = self.config
        titles = [row["title"] for row in read_table("paintings/paintings.csv", ("title",))]
        if isinstance(c.paintings, str) or not c.paintings:
            raise DataError('The paintings are a tuple of titles: give one or more, for example ("The Harvest",).')
        for title in c.paintings:
            if title not in titles:
                raise DataError(
                    f"There is no painting called {title!r}{suggest(title, titles)}: "
                    f"choose some of {'; '.join(titles)}."
                )
        self.netG = TransformNet(c.base_channels, c.blocks, len(c.paintings), c.upsample)
        self.to(memory_format=torch.channels_last)
        self._judges = {half: Judge(partial(self._loss, half)) for half in (False, True)}

    @property
    def judge(self) -> PerceptualLoss:
        """The loss in full precision, with the Gram matrices of the paintings; made on first use."""
        return self.judge_in(half=False)

    def judge_in(self, half: bool) -> PerceptualLoss:
        """Return the loss in full precision, or with VGG-16 in bfloat16."""
        return self._judges[half].on(self.device)

    @property
    def training_judge(self) -> PerceptualLoss:
        """The loss as training asks for it: in bfloat16 if ``half_judge``, where the device computes in it."""
        return self.judge_in(self.config.half_judge and computes_in_bfloat16(self.device))

    def _loss(self, half: bool) -> PerceptualLoss:
        c = self.config
        everything = paintings()
        pictures = [everything.images[everything.names.index(title)] for title in c.paintings]
        return PerceptualLoss(
            c.content_layer,
            c.style_layers,
            content_weight=c.content_weight,
            style_weight=c.style_weight,
            tv_weight=c.tv_weight,
            style=[normalise(shorter_side_to(picture, c.style_side), (-1, 1)) for picture in pictures],
            balanced=c.balanced,
            half=half,
        )

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """Return Adam for the one network that learns."""
        _ = self.training_judge  # training begins: what it needs is made now, not in the first step
        return {"G": adam(self.netG.parameters(), lr=self.config.lr)}

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return a cosine from ``lr`` to 0."""
        return {"G": CosineAnnealingLR(optimizers["G"], T_max=max(1, total_steps))}

    @property
    def style_factor(self) -> float:
        """The share of its weight that the style term has at this step: from near 0 to 1 over ``style_ramp``."""
        ramp = self.config.style_ramp * (self.total_steps or 0)
        return min(1.0, (self.step + 1) / ramp) if ramp >= 1 else 1.0

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a batch of pictures of 32 x 32 with random values in [-1, 1]."""
        images = 2 * torch.rand(batch_size, 3, 32, 32, device=device) - 1
        return Batch(index=torch.arange(batch_size), images=images)

    def check_batch(self, batch: Any) -> None:
        """Do as every system does, but the photographs of a set of pairs will do as well."""
        pairs = "images" not in batch and "x" in batch
        super().check_batch({"images": batch["x"] if isinstance(batch, dict) else batch.x} if pairs else batch)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step on ``batch.images`` (or ``batch.x``); return the weighted terms of the loss."""
        x = batch.images if "images" in batch else batch.x
        count = len(self.config.paintings)
        style = torch.randint(count, (len(x),), device=x.device) if count > 1 else 0
        seen = x + self.config.grain * torch.randn_like(x) if self.config.grain else x
        y_hat = self.netG(seen, style)
        # y_hat is compared with the targets, and of the three only y_hat has a graph.
        terms = self.training_judge.terms(y_hat, content=x, style_index=style)
        if "style" in terms:
            terms["style"] = self.style_factor * terms["style"]
        self.optimizer_step("G", torch.stack(list(terms.values())).sum())
        return {name: term.detach() for name, term in terms.items()}

    def grained(self, images: Tensor) -> Tensor:
        """Return pictures ``(N, 3, H, W)`` with the grain of the config: the same for each picture and at each call."""
        if not self.config.grain:
            return images
        drawn = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(0))
        return images + self.config.grain * drawn.to(images)

    @torch.no_grad()
    def stylise(self, images: Tensor, style: int | Tensor = 0, *, grain: bool = True) -> Tensor:
        """Return painted pictures.

        Args:
            images: ``(N, 3, H, W)`` in [-1, 1], of any size.
            style: the number of a painting of the config; or ``(N,)`` int64; or ``(N, S)`` float weights of a mix.
            grain: whether the grain of the config is added; not where it lies in the pictures already.

        Returns:
            The same shape, in [-1, 1]. Each output depends on its own picture only.

        Raises:
            ShapeError: if the shape or the style does not fit.
        """
        network = self.averaged("netG")
        with inference(network):
            return network(self.grained(images) if grain else images, style).clamp(-1, 1)
