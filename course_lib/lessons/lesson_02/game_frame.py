"""One moment of a game of two players, as it is recorded and drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import ShapeError


@dataclass(frozen=True, eq=False)
class GameFrame:
    """One moment of a game, on the line or in the plane.

    Args:
        step: training steps done.
        d_loss: ``-E[log D(y)] - E[log(1 - D(G(z)))]`` at that moment, over p_data and p_G.
        g_loss: the loss of G at that moment.
        d: what D says, in [0, 1]: ``(G,)`` on ``grid``, or ``(S, S)`` on a square grid over ``extent``, row 0 below.
        grid: ``(G,)`` ascending places on the line; None in the plane.
        p_data: ``(G,)`` density of the data on ``grid``; None in the plane.
        p_g: ``(G,)`` density of G's samples on ``grid``; None in the plane.
        points: ``(N, 2)`` samples of G; None on the line.
        extent: left, right, bottom and top of D's grid; None on the line.

    Raises:
        ShapeError: if the parts make neither a line nor a plane.
    """

    step: int
    d_loss: float
    g_loss: float
    d: Tensor
    grid: Tensor | None = None
    p_data: Tensor | None = None
    p_g: Tensor | None = None
    points: Tensor | None = None
    extent: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        line = [self.grid, self.p_data, self.p_g]
        on_line = self.d.dim() == 1 and all(part is not None and part.shape == self.d.shape for part in line)
        in_plane = self.d.dim() == 2 and self.points is not None and self.points.shape[1:] == (2,)
        if not on_line and not (in_plane and self.extent is not None):
            raise ShapeError(
                f"D of shape {tuple(self.d.shape)} makes no frame: give (G,) with grid, p_data and p_g of that shape, "
                "or (S, S) with points (N, 2) and the extent."
            )

    @property
    def on_line(self) -> bool:
        """Whether the game is played on the line."""
        return self.d.dim() == 1

    def line(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return grid, p_data and p_g.

        Raises:
            ShapeError: if the game is played in the plane.
        """
        if self.grid is None or self.p_data is None or self.p_g is None:
            raise ShapeError("This frame is of a game in the plane: it has no densities.")
        return self.grid, self.p_data, self.p_g

    def plane(self) -> tuple[Tensor, tuple[float, float, float, float]]:
        """Return points and extent.

        Raises:
            ShapeError: if the game is played on the line.
        """
        if self.points is None or self.extent is None:
            raise ShapeError("This frame is of a game on the line: it has no points.")
        return self.points, self.extent

    def best_d(self) -> Tensor:
        """Return ``D* = p_data / (p_data + p_g)`` on the grid, and NaN where their sum is below 1 % of p_data's peak.

        Source: Goodfellow et al. 2014, proposition 1.
        """
        p, q = self.line()[1:]
        both = p + q
        return torch.where(both > 0.01 * p.max(), p / both, math.nan)

    def overlap(self) -> float:
        """Return the mass that p_data and p_g share on the grid: 0 where they are apart, 1 where they agree."""
        grid, p, q = self.line()
        return float(torch.trapezoid(torch.minimum(p, q), grid))
