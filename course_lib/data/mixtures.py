"""Mixtures of Gaussians: data whose density is known, for games whose solution is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_count, check_finite, check_floats, check_number, check_tensor, check_values
from course_lib.data.columns import Column, Floats
from course_lib.data.rowsets import Rows
from course_lib.errors import ShapeError

__all__ = ["GaussianMixture", "PointSet", "grid", "ring", "two_humps"]


@dataclass(frozen=True, eq=False, repr=False)
class PointSet(Rows):
    """Points drawn once from a known density; a batch has them as ``images``, and a point has no mirror image.

    Args:
        points: ``(N, d)`` float.
    """

    points: Tensor

    def own_columns(self) -> dict[str, Column]:
        """Return the points."""
        return {"images": Floats(self.points)}

    def own_fields(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return the points as the field that they are."""
        return {"points": columns["images"].values}


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of round Gaussians of one width.

    Args:
        name: of the mixture.
        means: ``(K, d)``, float and finite.
        std: standard deviation of each component in each direction, above 0.
        weights: ``(K,)``, not negative; they are divided by their sum. None: all the same.

    Raises:
        ShapeError: if the means, the width or the weights make no mixture.
    """

    name: str
    means: Tensor
    std: float
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        check_tensor(self.means, "means")
        if self.means.dim() != 2 or not self.means.numel():
            raise ShapeError(f"The means have the shape {tuple(self.means.shape)}: give (K, d).")
        check_floats(self.means, "means")
        check_values(self.means, "means")
        check_finite(self.means, "means")
        check_number(self.std, "The width", 0, above=True)
        weights = torch.ones(len(self.means)) if self.weights is None else self.weights
        check_floats(weights, "weights")
        check_values(weights, "weights")
        check_finite(weights, "weights")
        if weights.shape != (len(self.means),) or bool((weights < 0).any()) or not float(weights.sum()) > 0:
            raise ShapeError(f"The weights fit no {len(self.means)} components: give one each, at least 0, not all 0.")
        object.__setattr__(self, "weights", weights / weights.sum())

    @property
    def dimensions(self) -> int:
        """Length of a point."""
        return self.means.shape[1]

    def log_density(self, points: Tensor) -> Tensor:
        """Return the log density at points ``(N, d)``, as ``(N,)``; raises ShapeError for other points."""
        check_floats(points, "points")
        if points.dim() != 2 or points.shape[1] != self.dimensions:
            raise ShapeError(f"The points have the shape {tuple(points.shape)}: give (N, {self.dimensions}).")
        distance = (points[:, None] - self.means.to(points)).square().sum(dim=2)
        constant = -self.dimensions * math.log(self.std * math.sqrt(2 * math.pi))
        weights = torch.as_tensor(self.weights).to(points)
        return torch.logsumexp(weights.log() - 0.5 * distance / self.std**2, dim=1) + constant

    def density(self, points: Tensor) -> Tensor:
        """Return the density at points ``(N, d)``, as ``(N,)``."""
        return self.log_density(points).exp()

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return ``count`` draws, ``(count, d)``; raises ShapeError if there is to be none."""
        check_count(count, "count")
        which = torch.multinomial(torch.as_tensor(self.weights), count, replacement=True, generator=generator)
        return self.means[which] + self.std * torch.randn(count, self.dimensions, generator=generator)

    def points(self, rows: int = 50_000, seed: int = 0, split: str = "train") -> PointSet:
        """Return ``rows`` draws as a set to train on; raises ShapeError if there is to be none."""
        check_count(rows, "rows")
        return PointSet(self.name, split, self.sample(rows, torch.Generator().manual_seed(seed)))


def two_humps() -> GaussianMixture:
    """Return a density on the line: a low hump at -1.5 and a high one at 1.5, 0.6 wide."""
    return GaussianMixture("two humps", torch.tensor([[-1.5], [1.5]]), 0.6, torch.tensor([0.35, 0.65]))


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
    """Return Gaussians evenly spaced on a circle.

    Args:
        modes: how many, at least 1.
        radius: of the circle, above 0.
        std: standard deviation of each, above 0.

    Raises:
        ShapeError: if a number is another.

    Source: Metz et al., Unrolled Generative Adversarial Networks, 2017, section 3.1 (there radius 2, std 0.02).
    """
    check_count(modes, "modes")
    check_number(radius, "radius", 0, above=True)
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return GaussianMixture(f"ring of {modes}", radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """Return Gaussians on a square grid about 0.

    Args:
        side: how many stand along a side, at least 1.
        spacing: from one to the next, above 0.
        std: standard deviation of each, above 0.

    Raises:
        ShapeError: if a number is another.

    Source: Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2018, section 4.1 (there
    25 Gaussians between -4 and 4, std 0.05).
    """
    check_count(side, "side")
    check_number(spacing, "spacing", 0, above=True)
    line = spacing * (torch.arange(side) - (side - 1) / 2)
    return GaussianMixture(f"grid of {side * side}", torch.cartesian_prod(line, line), std)
