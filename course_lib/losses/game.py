"""The minimax game of a GAN, solved exactly: densities are tensors of values on an even grid of any dimension.

An integral is the sum over all cells of the grid times ``dx``, the length, area or volume of a cell. p is the density
of the data, q that of the generator. All logarithms are natural, and 0 log 0 is 0. Take float64.

Source: Goodfellow et al., Generative Adversarial Nets, 2014, equation 1 and section 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_count, check_floats, check_number, check_tensor, check_values
from course_lib.errors import ShapeError


def _check_densities(p: Tensor, q: Tensor) -> None:
    check_tensor(p, "p")
    check_tensor(q, "q")
    if p.shape != q.shape:
        raise ShapeError(f"The densities have the shapes {tuple(p.shape)} and {tuple(q.shape)}: use one grid for both.")
    for density in (p, q):
        if not density.is_floating_point():
            raise ShapeError(f"A density is {density.dtype}: give floats, best float64.")
        check_floats(density, "A density")
        check_alike(p, density, ("p", "q"), shapes=False)
        check_values(density, "A density")
        if not bool(((density >= 0) & density.isfinite()).all()):  # written so that NaN is caught too
            raise ShapeError("A density is negative or not finite somewhere: give values of at least 0.")


def _check_cell(dx: float) -> None:
    check_number(dx, "The cell of the grid", 0, above=True)


def _integrand(d: Tensor, p: Tensor, q: Tensor) -> Tensor:
    return torch.xlogy(p, d) + torch.special.xlog1py(q, -d)


def best_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """Return D* = p / (p + q), the discriminator that no other beats; 0.5 where both are 0 and every D is as good.

    Where both densities are above 0 so is their D*, and it is below 1. Rounding may not change that: at D = 1 a fake,
    however rare, costs infinitely much. There the value is the float nearest to 0 or 1 that is neither.

    Args:
        p: ``(...)``, density of the data on the grid, at least 0.
        q: the same shape, density of the generator.

    Returns:
        The same shape, in [0, 1].

    Raises:
        ShapeError: if the shapes differ or a value is negative.

    Source: Goodfellow et al. 2014, proposition 1.
    """
    _check_densities(p, q)
    total = p + q
    somewhere = total > 0
    best = torch.where(somewhere, p / torch.where(somewhere, total, 1), 0.5)
    limits = torch.finfo(best.dtype)
    return torch.where((p > 0) & (q > 0), best.clamp(limits.tiny, 1 - limits.eps / 2), best)


def integrand(d: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """Return ``p log D + q log(1 - D)`` at each point: what D can earn there, apart from all other points.

    Args:
        d: ``(...)``, discriminator on the grid, in [0, 1].
        p: the same shape, density of the data.
        q: the same shape, density of the generator.

    Returns:
        The same shape, at most 0; -inf where D is 0 and p is not, or D is 1 and q is not.

    Raises:
        ShapeError: if the shapes differ, a density is negative, or D leaves [0, 1].

    Source: Goodfellow et al. 2014, equation 3.
    """
    _check_densities(p, q)
    check_floats(d, "D")
    check_alike(d, p, ("D", "p"), shapes=False)
    if d.shape != p.shape:
        raise ShapeError(f"D has the shape {tuple(d.shape)} and p {tuple(p.shape)}: use one grid for both.")
    if not bool(((d >= 0) & (d <= 1)).all()):
        raise ShapeError("D leaves [0, 1]: give probabilities, torch.sigmoid(logits).")
    return _integrand(d, p, q)


def game_value(d: Tensor, p: Tensor, q: Tensor, dx: float) -> Tensor:
    """Return V(D, G), the integral of ``p log D + q log(1 - D)``: D maximises it, G minimises it.

    Args:
        d: ``(...)``, discriminator on the grid, in [0, 1].
        p: the same shape, density of the data.
        q: the same shape, density of the generator.
        dx: length, area or volume of a cell.

    Returns:
        A scalar, at most 0; -log 4 for D = 1/2, whatever the densities.

    Raises:
        ShapeError: as for :func:`integrand`, or if the cell is not above 0.

    Source: Goodfellow et al. 2014, equation 1.
    """
    _check_cell(dx)
    return integrand(d, p, q).sum() * dx


def kl_divergence(p: Tensor, q: Tensor, dx: float) -> Tensor:
    """Return KL(p || q), the integral of ``p log(p / q)``, in nats; inf if q is 0 somewhere where p is not.

    A value of q that is too small for a float counts as 0: let the grid end before that.

    Args:
        p: ``(...)``, density on the grid.
        q: the same shape.
        dx: length, area or volume of a cell.

    Returns:
        A scalar, at least 0 for densities of the same total mass.

    Raises:
        ShapeError: if the shapes differ, a value is negative, or the cell is not above 0.
    """
    _check_cell(dx)
    _check_densities(p, q)
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum() * dx  # no p / q, which overflows in the tails


def jensen_shannon(p: Tensor, q: Tensor, dx: float) -> Tensor:
    """Return JSD(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, in nats.

    With t = (p - q) / (p + q), p is m (1 + t) and q is m (1 - t). So the integral is that of
    ``m ((1 + t) log(1 + t) + (1 - t) log(1 - t)) / 2``, which is 0 at t = 0, log 2 times m at t = 1 or -1, loses no
    digits where p and q are close, and is the same to the last bit when they change places.

    Args:
        p: ``(...)``, density on the grid.
        q: the same shape.
        dx: length, area or volume of a cell.

    Returns:
        A scalar from 0 (equal) to log 2 (nowhere both above 0). Its square root is a metric.

    Raises:
        ShapeError: if the shapes differ, a value is negative, or the cell is not above 0.

    Source: Lin, Divergence measures based on the Shannon entropy, 1991; the metric: Endres & Schindelin 2003.
    """
    _check_cell(dx)
    _check_densities(p, q)
    total = p + q
    t = (p - q) / torch.where(total > 0, total, 1)
    each = torch.special.xlog1py(1 + t, t) + torch.special.xlog1py(1 - t, -t)
    return (total * each.clamp(min=0)).sum() * (dx / 4)


def maximise_on_grid(p: Tensor, q: Tensor, candidates: int = 1001) -> Tensor:
    """Return, point by point, the value of D that earns most, found by trying them all.

    It knows nothing of the formula for D*, from which it differs by less than the spacing of the candidates.

    Args:
        p: ``(...)``, density of the data on the grid.
        q: the same shape, density of the generator.
        candidates: how many values of D are tried, evenly spaced from 0 to 1, both included.

    Returns:
        The same shape, in [0, 1]; 0.5 where both densities are 0 and all values are as good.

    Raises:
        ShapeError: if the shapes differ, a value is negative, or there are fewer than 3 candidates.
    """
    _check_densities(p, q)
    check_count(candidates, "candidates", 3)
    best = torch.full_like(p + q, 0.5)
    most = torch.where((p > 0) | (q > 0), -torch.inf, 0.0).to(best.dtype)
    for d in torch.linspace(0, 1, candidates, dtype=best.dtype, device=best.device):
        earned = _integrand(d, p, q)
        better = earned > most
        best, most = torch.where(better, d, best), torch.where(better, earned, most)
    return best
