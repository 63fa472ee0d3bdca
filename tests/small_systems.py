"""Small systems of the kinds that the lessons to come are made of: each proves what the loop must carry for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.data.batching import Batch
from course_lib.losses.adversarial import LOSSES
from course_lib.losses.penalties import between, clip_weights, gradient_penalty, r1_penalty
from course_lib.systems.base import System, adam
from course_lib.systems.modes import frozen
from course_lib.training import Stage


@dataclass(frozen=True)
class CriticConfig:
    """``kind``: "clip" (Arjovsky), "gp" (Gulrajani) or "r1" (Mescheder, lazily); ``still``: z comes from the data."""

    kind: str = "gp"
    latents: int = 3
    d_steps: int = 2
    every: int = 3
    clip_norm: float = 0.5
    still: bool = False


class Critic(System):
    """A labelled GAN with a critic that is kept smooth: a penalty on gradients or clipped weights, and k steps of D."""

    config: CriticConfig
    ema_networks = ("netG",)

    def __init__(self, config: CriticConfig | None = None) -> None:
        super().__init__(config or CriticConfig())
        self.adversarial = LOSSES["hinge" if self.config.kind == "r1" else "wasserstein"]
        self.netG = nn.Sequential(nn.Linear(self.config.latents + 2, 16), nn.Tanh(), nn.Linear(16, 4))
        self.netD = nn.Sequential(nn.Linear(6, 16), nn.SiLU(), nn.Linear(16, 1))

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "G": adam(self.netG.parameters(), 1e-2, (0.0, 0.9)),
            "D": torch.optim.RMSprop(self.netD.parameters(), 1e-2),
        }

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        images = torch.rand(batch_size, 1, 2, 2, device=device)
        return Batch(index=torch.arange(batch_size), images=images, labels=torch.ones(batch_size, device=device).long())

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        return self.netD(torch.cat([samples, F.one_hot(labels, 2).to(samples)], dim=1))

    def make(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.netG(torch.cat([z, F.one_hot(labels, 2).to(z)], dim=1))

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        c, y, labels = self.config, batch.images.flatten(1), batch.labels
        z = y[:, : c.latents].detach() if c.still else torch.randn(len(y), c.latents, device=y.device)
        fake = self.make(z, labels).detach()
        real = y.requires_grad_() if c.kind == "r1" else y
        real_logits = self.judge(real, labels)
        d_loss = self.adversarial.d_loss(real_logits, self.judge(fake, labels))
        scalars = {"d_loss": d_loss.detach()}
        penalty = torch.zeros_like(d_loss)
        if c.kind == "gp":
            middle = between(y, fake)
            penalty = 10 * gradient_penalty(self.input_gradient(self.judge(middle, labels), middle))
            scalars["penalty"] = penalty.detach()
        elif c.kind == "r1" and self.due(c.every):
            penalty = c.every * r1_penalty(self.input_gradient(real_logits, real))
            scalars["penalty"] = penalty.detach()
        self.optimizer_step("D", d_loss + penalty, clip_norm=c.clip_norm)
        if c.kind == "clip":
            clip_weights(self.netD, 0.05)
        if self.due(c.d_steps):
            with frozen(self.netD):
                g_loss = self.adversarial.g_loss(self.judge(self.make(z, labels), labels))
            self.optimizer_step("G", g_loss)
            scalars["g_loss"] = g_loss.detach()
        return scalars

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self.averaged("netG")(torch.cat([z, F.one_hot(condition, 2).to(z)], dim=1)).view(-1, 1, 2, 2)


class Pyramid(nn.Module):
    """A generator of 4 x 4 pictures that doubles them with every block it is given; its last layer is exchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4 * 16)
        self.blocks = nn.ModuleList()
        self.to_picture = nn.Conv2d(4, 1, 1)

    def grow(self) -> None:
        self.blocks.append(nn.Conv2d(4, 4, 3, padding=1))
        self.to_picture = nn.Conv2d(4, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.first(z).view(-1, 4, 4, 4)
        for block in self.blocks:
            h = F.leaky_relu(block(F.interpolate(h, scale_factor=2)), 0.2)
        return torch.tanh(self.to_picture(h))


@dataclass(frozen=True)
class GrowingConfig:
    latents: int = 3


class Growing(System):
    """Progressive growing: G and D get a block more in every stage, and see pictures of twice the side."""

    config: GrowingConfig
    ema_networks = ("netG",)

    def __init__(self, config: GrowingConfig | None = None) -> None:
        super().__init__(config or GrowingConfig())
        self.netG = Pyramid()
        self.netD = nn.ModuleList([nn.Conv2d(1, 2, 4)])
        self.to(memory_format=torch.channels_last)

    def grow(self, stage: int) -> None:
        self.netG.grow()
        self.netD.insert(0, nn.Conv2d(1, 1, 3, stride=2, padding=1))
        self.to(memory_format=torch.channels_last)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.netG.parameters(), 1e-2), "D": adam(self.netD.parameters(), 1e-2)}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        side = 4 * 2**self.stage
        return Batch(index=torch.arange(batch_size), images=torch.rand(batch_size, 1, side, side, device=device))

    def judge(self, pictures: Tensor) -> Tensor:
        for layer in self.netD:
            pictures = F.leaky_relu(layer(pictures), 0.2)
        return pictures.flatten(1).mean(dim=1)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        y = batch.images
        fake = self.netG(torch.randn(len(y), 3, device=y.device))
        d_loss = F.softplus(-self.judge(y)).mean() + F.softplus(self.judge(fake.detach())).mean()
        self.optimizer_step("D", d_loss)
        with frozen(*self.netD):
            g_loss = F.softplus(-self.judge(fake)).mean()
        self.optimizer_step("G", g_loss)
        fade = min(1.0, (self.stage_step + 1) / max(1, self.stage_steps))
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach(), "fade": y.new_tensor(fade)}

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        return self.averaged("netG")(z)


@dataclass(frozen=True)
class CoderConfig:
    codes: int = 8


class Coder(System):
    """The first of two phases: a vector-quantising autoencoder of 4 x 4 pictures, to a 2 x 2 grid of codes."""

    config: CoderConfig

    def __init__(self, config: CoderConfig | None = None) -> None:
        super().__init__(config or CoderConfig())
        self.netE = nn.Conv2d(1, 4, 2, stride=2)
        self.netG = nn.ConvTranspose2d(4, 1, 2, stride=2)
        self.book = nn.Embedding(self.config.codes, 4)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"all": adam(self.parameters(), 1e-2)}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        return Batch(index=torch.arange(batch_size), images=torch.rand(batch_size, 1, 4, 4, device=device))

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        h = self.netE(batch.images)
        quantised = self.book(self.nearest(h)).permute(0, 3, 1, 2)
        straight = h + (quantised - h).detach()
        loss = F.mse_loss(self.netG(straight), batch.images)
        loss = loss + F.mse_loss(quantised, h.detach()) + 0.25 * F.mse_loss(h, quantised.detach())
        self.optimizer_step("all", loss)
        return {"loss": loss.detach()}

    def nearest(self, h: Tensor) -> Tensor:
        """Return the codes ``(N, 2, 2)`` int64 that are nearest to features ``(N, 4, 2, 2)``."""
        distance = (h.detach().permute(0, 2, 3, 1).unsqueeze(3) - self.book.weight.detach()).square().sum(dim=4)
        return distance.argmin(dim=3)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        return self.nearest(self.netE(images))


class Prior(System):
    """The second phase: a table of how often each code stands at each place, learned from a coder's grids."""

    config: CoderConfig

    def __init__(self, config: CoderConfig | None = None) -> None:
        super().__init__(config or CoderConfig())
        self.table = nn.Linear(4, 4 * self.config.codes, bias=False)

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"table": adam(self.table.parameters(), 1e-1)}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        codes = torch.ones(batch_size, 2, 2, device=device).long()
        return Batch(index=torch.arange(batch_size), codes=codes)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        codes = batch.codes.flatten(1)
        logits = self.table(torch.ones(len(codes), 4, device=codes.device)).view(len(codes), 4, -1)
        loss = F.cross_entropy(logits.transpose(1, 2), codes)
        self.optimizer_step("table", loss)
        return {"nll": loss.detach()}


def pictures(side: int, rows: int = 22, name: str = "toy") -> data.ImageSet:
    """Return random pictures with labels 0 and 1."""
    generator = torch.Generator().manual_seed(side)
    images = torch.randint(0, 256, (rows, 1, side, side), generator=generator, dtype=torch.uint8)
    return data.ImageSet(name=name, split="train", images=images, labels=torch.arange(rows) % 2)


def growing_stages() -> list[Stage]:
    """Return three stages: other pictures, batch sizes and lengths; the second is shorter than an epoch."""
    return [Stage(pictures(4), 4, steps=7), Stage(pictures(8), 6, steps=2), Stage(pictures(16), 3, epochs=1)]


TOYS: dict[str, tuple[Callable[[], System], Callable[[], Any], dict[str, Any]]] = {
    **{
        kind: (lambda kind=kind: Critic(CriticConfig(kind)), lambda: pictures(2), {"steps": 9, "batch_size": 4})
        for kind in ("clip", "gp", "r1")
    },
    "growing": (Growing, growing_stages, {}),
    "coder": (Coder, lambda: pictures(4), {"steps": 9, "batch_size": 4}),
}
"""By name: what builds the system, what gives its data, and its settings."""


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """Return what a checkpoint holds as bytes or plain values by path; times are passed over."""
    if isinstance(tree, dict):
        return {key: leaf for name in tree for key, leaf in leaves(tree[name], f"{path}/{name}").items()}
    if isinstance(tree, (list, tuple)):
        return {key: leaf for i, part in enumerate(tree) for key, leaf in leaves(part, f"{path}/{i}").items()}
    if path.endswith("/seconds"):
        return {}
    return {path: tree.numpy().tobytes() if isinstance(tree, torch.Tensor) else tree}
