"""Nearest neighbours: does a model memorise, and which place does the truth have among all candidates?"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_floats, check_tensor, check_values
from course_lib.errors import ShapeError

CHUNK = 256  # rows compared with all others at once


@torch.no_grad()
def nearest_rows(queries: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each row the nearest of some others, and how far it is.

    Args:
        queries: (N, ...) floats, pictures or their features.
        among: (M, ...) floats, rows of the same shape.

    Returns:
        The root mean squared difference to the nearest, (N,) float32, and its number, (N,) int64. Of equally near ones
        the first.

    Raises:
        ShapeError: if shapes or types do not fit, or there is no row.
    """
    a, b = _rows(queries, "queries"), _rows(among, "among")
    _fit(a, b, "queries", "among")
    found = [_squares(part, b).min(dim=1) for part in a.split(CHUNK)]
    squares, numbers = (torch.cat([getattr(one, name) for one in found]) for name in ("values", "indices"))
    return (squares / a.shape[1]).sqrt().float(), numbers


@torch.no_grad()
def memorisation(samples: Tensor, training: Tensor, held_out: Tensor) -> dict[str, float]:
    """Return whether samples lie nearer to the training set than pictures of the same kind that no model has seen.

    A small distance to the nearest training picture says nothing alone: held-out pictures may lie as near. So both are
    compared. "nearer" is the chance that a random sample lies nearer to the training set than a random held-out
    picture (ties count one half): 0.5 if both lie alike, 1 if every sample is nearer, as copies are. It sees copies of
    the training set, not whether samples are any good: blurred ones lie near to everything.

    Args:
        samples: (N, ...) floats, pictures or their features.
        training: (M, ...) floats, what the model was trained on.
        held_out: (L, ...) floats, of the same kind, with no near duplicate in the training set.

    Returns:
        "samples" and "held out", the median distances to the nearest training row, as ``nearest_rows`` measures, and
        "nearer".

    Raises:
        ShapeError: if shapes or types do not fit, or there is no row.

    Source: the statistic is that of Mann and Whitney 1947; compare Meehan, Chaudhuri and Dasgupta 2020, "A
        Non-Parametric Test to Detect Data-Copying in Generative Models", section 3.
    """
    for name, one in (("samples", samples), ("training", training), ("held_out", held_out)):
        _rows(one, name)
    made, unseen = (nearest_rows(one, training)[0] for one in (samples, held_out))
    order = unseen.sort().values
    below = torch.searchsorted(order, made, side="left")
    up_to = torch.searchsorted(order, made, side="right")
    nearer = 1 - (below + up_to).double().mean() / (2 * len(order))
    return {"samples": float(made.median()), "held out": float(unseen.median()), "nearer": float(nearer)}


@torch.no_grad()
def rank_of_truth(guesses: Tensor, candidates: Tensor, truth: Tensor) -> Tensor:
    """Return which place the truth has among all candidates, sorted by their distance to each guess.

    Args:
        guesses: (N, ...) floats, pictures or their features.
        candidates: (M, ...) floats, rows of the same shape, the truths among them.
        truth: (N,) int64, which candidate each guess should be.

    Returns:
        (N,) int64, from 1 (nearest of all) to M. Candidates that are as near as the truth count as half before it,
        rounded down.

    Raises:
        ShapeError: if shapes or types do not fit, or a truth is no candidate.
    """
    a, b = _rows(guesses, "guesses"), _rows(candidates, "candidates")
    _fit(a, b, "guesses", "candidates")
    check_tensor(truth, "truth", "(N,)")
    check_values(truth, "truth")
    if truth.shape != (len(a),) or truth.dtype != torch.int64 or truth.device != a.device:
        raise ShapeError(f"truth must be int64, one for each of the {len(a)} guesses, on their device.")
    if not 0 <= int(truth.min()) <= int(truth.max()) < len(b):
        raise ShapeError(f"truth must name candidates by their numbers, 0 to {len(b) - 1}.")
    ranks = []
    for part, right in zip(a.split(CHUNK), truth.split(CHUNK), strict=True):
        squares = _squares(part, b)
        own = squares.gather(1, right[:, None])
        before, alike = (squares < own).sum(1), (squares == own).sum(1) - 1
        ranks.append(1 + before + alike // 2)
    return torch.cat(ranks)


def _rows(value: Tensor, name: str) -> Tensor:
    check_floats(value, name)
    check_values(value, name)
    if value.dim() < 2:
        raise ShapeError(f"{name} must have rows, (N, ...), and has the shape {tuple(value.shape)}.")
    if not bool(value.isfinite().all()):
        raise ShapeError(f"{name} must be finite, and some of it is NaN or infinite.")
    return value.detach().double().flatten(1)


def _fit(a: Tensor, b: Tensor, first: str, second: str) -> None:
    if a.shape[1] != b.shape[1] or a.device != b.device:
        raise ShapeError(f"{first} and {second} must have rows of the same size, on one device.")


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Return squared distances, (N, M), from differences: a product would leave a rest between equal rows."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
