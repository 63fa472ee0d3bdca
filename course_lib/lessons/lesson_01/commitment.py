"""Lesson 01: does an output decide for one of its right answers, and are its colours ones that occur?"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.errors import ShapeError
from course_lib.metrics.answers import nearest_answer

TELLS = 0.1
"""How far apart all answers must be at a pixel that tells them apart: RMS over channels, on the scale [-1, 1]."""


def telling_pixels(answers: Tensor, tells: float = TELLS) -> Tensor:
    """Return where every two of the right answers differ, so that a pixel says which answer it belongs to.

    Args:
        answers: (G, K, C, H, W) floats.
        tells: the least distance between any two of the K answers, RMS over channels.

    Returns:
        (G, H, W) bool.
    """
    check_number(tells, "tells", 0)
    apart = torch.full(answers.shape[:1] + answers.shape[3:], torch.inf)
    for one in range(answers.shape[1]):
        for other in range(one):
            distance = (answers[:, one] - answers[:, other]).square().mean(dim=1).sqrt()
            apart = torch.minimum(apart, distance)
    return apart > tells


def in_a_real_tone(outputs: Tensor, answers: Tensor, within: float = 0.05, tells: float = TELLS) -> float:
    """Return the share of telling pixels, over all outputs, whose colour is that of one of the right answers there.

    A distance to the answers is small in the middle between them, where no answer is. This share is not.

    Args:
        outputs: (G, C, H, W) in [-1, 1].
        answers: (G, K, C, H, W) in [-1, 1].
        within: how far the colour may be from the answer's, RMS over channels; at most half of ``tells``, so that no
            colour is near to two answers.
        tells: see ``telling_pixels``.

    Raises:
        ShapeError: if the shapes do not fit, the type or range is another, ``within`` is above half of ``tells``, or
            no pixel tells the answers apart.
    """
    nearest_answer(outputs, answers)  # looks at shapes, types and ranges
    check_number(tells, "tells", 0)
    check_number(within, "within", 0, tells / 2)
    mask = telling_pixels(answers, tells)
    if not mask.any():
        raise ShapeError(f"At no pixel do all answers differ by more than {tells:g}: give a smaller tells.")
    distance = (answers - outputs[:, None]).square().mean(dim=2).sqrt().amin(dim=1)  # (G, H, W)
    return float((distance[mask] <= within).double().mean())


def shares_of_answers(outputs: Tensor, answers: Tensor, tells: float = TELLS) -> Tensor:
    """Return the share of the telling pixels of each output that each right answer holds: that are nearest to it.

    Args:
        outputs: (G, C, H, W) in [-1, 1].
        answers: (G, K, C, H, W) in [-1, 1].
        tells: see ``telling_pixels``.

    Returns:
        (G, K), rows that sum to 1; NaN in the rows of inputs whose answers no pixel tells apart.

    Raises:
        ShapeError: if the shapes do not fit, or the type or range is another.
    """
    nearest_answer(outputs, answers)  # looks at shapes, types and ranges
    mask = telling_pixels(answers, tells)
    nearest = (answers - outputs[:, None]).square().sum(dim=2).argmin(dim=1)  # (G, H, W)
    counts = [((nearest == number) & mask).sum(dim=(1, 2)) for number in range(answers.shape[1])]
    return torch.stack(counts, dim=1) / mask.sum(dim=(1, 2)).unsqueeze(1)


def pieced_together(outputs: Tensor, answers: Tensor, least: float = 0.2, tells: float = TELLS) -> float:
    """Return the share of outputs in which two or more right answers each hold ``least`` of the telling pixels.

    Args:
        outputs: (G, C, H, W) in [-1, 1].
        answers: (G, K, C, H, W) in [-1, 1].
        least: what an answer must hold to count, in (0, 1).
        tells: see ``telling_pixels``.

    Raises:
        ShapeError: if the shapes do not fit, the type or range is another, or no pixel tells the answers apart.
    """
    check_number(least, "least", 0, 1, above=True, below=True)
    shares = shares_of_answers(outputs, answers, tells)
    known = shares.isfinite().all(dim=1)
    if not known.any():
        raise ShapeError(f"At no pixel do all answers differ by more than {tells:g}: give a smaller tells.")
    return float(((shares >= least).sum(dim=1) >= 2)[known].double().mean())
