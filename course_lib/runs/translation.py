"""Translations of held-out pictures: what a system makes of them, how good it is, and which of them a lesson shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.training import rng_untouched

SHOWN = 16
DRAWS = 4
KID_ERROR = "VGG-KID, error by photograph"


def draws_of(system: Any, x: Tensor, repeats: int = 1) -> Tensor:
    """Return ``repeats`` translations of every row of x, ``(G, repeats, C, H, W)`` on the CPU.

    Args:
        system: has ``translate(x)``.
        x: ``(G, C, H, W)`` in [-1, 1].
        repeats: draws a row; more than one is of use only where the system draws noise.

    Raises:
        ShapeError: if there is to be no draw, or x is no batch of pictures.
    """
    if x.dim() != 4 or repeats < 1:
        raise ShapeError(f"{repeats} draws for x of shape {tuple(x.shape)}: give (G, C, H, W) and at least one draw.")
    device = system.device
    parts = [torch.cat([system.translate(part.to(device)).cpu() for part in x.split(64)]) for _ in range(repeats)]
    return torch.stack(parts, dim=1)


def outputs_of(system: Any, x: Tensor, draws: int = 1) -> Tensor:
    """Return translations of x, with the noise that seed 0 gives: ``(N, draws, C, H, W)`` in [-1, 1]."""
    with rng_untouched():
        torch.manual_seed(0)
        return draws_of(system, x, draws)


def quiet_outputs_of(system: Any, x: Tensor) -> Tensor:
    """Return one translation of every row of x, without noise where the system has some: ``(N, C, H, W)`` in [-1, 1].

    So are outputs of all systems measured and set side by side: with dropout on in one row of a table and none to be
    had in the next, the difference would be the noise's.
    """
    quiet = {"noise": False} if getattr(system, "noisy", False) else {}
    device = system.device
    return torch.cat([system.translate(part.to(device), **quiet).cpu() for part in x.split(64)])


def in_parts(network: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """Return what a network makes of pictures, of which it is given 64 at a time."""
    return torch.cat([network(part) for part in pictures.split(64)])


def shown_rows(pairs: data.PairedSet, count: int = SHOWN) -> Tensor:
    """Return the rows of a held-out set that its lesson shows: drawn once at random, each from another emoji or photo.

    Args:
        pairs: with the factor ``role`` or ``photo``.
        count: of the rows; fewer if there are fewer emoji or photographs.
    """
    assert pairs.factors is not None
    owner = pairs.factors["role" if "role" in pairs.factors else "photo"]
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
    seen: set[int] = set()
    rows: list[int] = []
    for row in order.tolist():
        if len(rows) < count and int(owner[row]) not in seen:
            seen.add(int(owner[row]))
            rows.append(row)
    return torch.tensor(rows)


def pair_figures(system: Any, pairs: data.PairedSet) -> dict[str, float]:
    """Return how good the translations of held-out pairs are.

    Args:
        system: has ``translate(x)``.
        pairs: held-out.

    Returns:
        Of outputs without noise: ``L1`` (mean over [-1, 1] pixels), ``SSIM``, ``VGG-KID`` (set against set),
        ``sharpness`` (1 as the truth), ``colourfulness`` (as a share of the truth's), ``a overlap`` and ``b overlap``
        (of the colour histograms, where the truth is not white: half of an emoji's picture is ground, which every
        output gets right). With noise: ``diversity`` (mean L1 between two draws for one input; 0 where there is none).
        Of patches of photographs also the standard error of the VGG-KID, which counts photographs.
    """
    from course_lib.metrics import colourfulness, diversity, histogram_intersection, l1, sharpness, ssim, vgg_kid
    from course_lib.metrics.colour import not_white

    x, target = normalise(pairs.x), normalise(pairs.y)
    output = quiet_outputs_of(system, x)
    overlap = histogram_intersection(output, target, mask=not_white(target))
    photo = (pairs.factors or {}).get("photo")
    kid, error = vgg_kid(output, target, fake_groups=photo, real_groups=photo)
    return {
        "L1": float(l1(output, target)),
        "SSIM": float(ssim(output, target)),
        "VGG-KID": kid,
        **({} if photo is None else {KID_ERROR: error}),
        "sharpness": float(sharpness(output, target)),
        "colourfulness": float(colourfulness(output)) / float(colourfulness(target)),
        "a overlap": float(overlap["a"]),
        "b overlap": float(overlap["b"]),
        "diversity": float(diversity(outputs_of(system, x, DRAWS))) if getattr(system, "noisy", False) else 0.0,
    }


def figures_on(pairs: Callable[[str], data.PairedSet]) -> Callable[[Any, str], dict[str, float]]:
    """Return the function that measures a system on a split of pairs, for ``Run.measure``."""
    return lambda system, split: pair_figures(system, pairs(split))


def pictures_on(held_out: Callable[[], data.PairedSet]) -> Callable[[Any], Tensor]:
    """Return the function that translates the rows that a lesson shows, for ``Run.pictures``."""

    def pictures(system: Any) -> Tensor:
        pairs = held_out()
        return quiet_outputs_of(system, normalise(pairs.x[shown_rows(pairs)]))

    return pictures
