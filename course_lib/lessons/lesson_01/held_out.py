"""The held-out figures of lesson 01: outlines and displaced pictures with all right answers known, all outlines."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.data import emoji, emoji_pairs
from course_lib.data.answers import emoji_answers
from course_lib.data.pixels import normalise
from course_lib.lessons.lesson_01.commitment import in_a_real_tone, pieced_together
from course_lib.lessons.lesson_01.displaced import moved_answers
from course_lib.metrics import l1, psnr, ssim
from course_lib.metrics.answers import answer_figures, nearest_answer
from course_lib.runs.translation import outputs_of, quiet_outputs_of, shown_rows
from course_lib.systems.base import System

DISPLACED = 128
"""How many held-out emoji the displaced case is measured on."""


def outline_figures(system: System, split: str = "test", repeats: int = 6, every: int = 1) -> dict[str, float]:
    """Return the figures of ``metrics.answers.answer_figures`` on one split's outlines.

    Args:
        system: from outlines to 3D emoji.
        split: of the emoji.
        repeats: draws for an outline, of which the number of answers found is told; their noise is always that of
            seed 0. All else is told of outputs without noise.
        every: take every second, third ... outline only, for time.
    """
    known = emoji_answers(split)[::every]
    x = known.condition()
    draws = outputs_of(system, x, repeats) if system.noisy else None
    output, right = quiet_outputs_of(system, x), known.targets()
    return answer_figures(output, right, draws) | commitment_figures(output, right)


def commitment_figures(outputs: Tensor, answers: Tensor) -> dict[str, float]:
    """Return how far outputs have decided: the shares ``in a real tone`` and ``pieced together``, see ``commitment``.

    Args:
        outputs: (G, 3, H, W) in [-1, 1].
        answers: (G, K, 3, H, W) in [-1, 1].
    """
    return {
        "in a real tone": in_a_real_tone(outputs, answers),
        "pieced together": pieced_together(outputs, answers),
    }


def displaced_inputs(split: str = "test", count: int = DISPLACED) -> Tensor:
    """Return emoji of a split to displace, each of another role: ``(count, 3, 64, 64)`` in [-1, 1]."""
    pictures = emoji(split)
    return normalise(pictures.images[shown_rows(pictures, count)])


def displaced_figures(system: System, split: str = "test") -> dict[str, float]:
    """Return the figures of ``metrics.answers.answer_figures`` where the answers differ in place.

    And ``in the two usual places``: the share of outputs whose nearest answer is one of the two displacements that the
    system's outputs are nearest to most often; chance would give 2/7 and a little more.
    """
    x = displaced_inputs(split)
    answers = moved_answers(x)
    output = quiet_outputs_of(system, x)
    return answer_figures(output, answers) | {"in the two usual places": usual_places(output, answers)}


def usual_places(outputs: Tensor, answers: Tensor, places: int = 2) -> float:
    """Return the share of outputs whose nearest answer is one of the ``places`` that are nearest most often."""
    which = nearest_answer(outputs, answers)[1]
    counts = torch.bincount(which, minlength=answers.shape[1])
    return float(counts.topk(places).values.sum()) / len(which)


TRAINING = "training outlines: "
"""What stands before the figures of outlines that a network has trained on."""


def outline_figures_twice(system: System, split: str = "test") -> dict[str, float]:
    """Return the figures on held-out outlines and, named ``training outlines: ...``, on every third training outline.

    Of training outlines the exact answers of each loss are known, so that a network can be held against them.
    """
    trained_on = outline_figures(system, "train", every=3)
    return outline_figures(system, split) | {f"{TRAINING}{name}": value for name, value in trained_on.items()}


def outline_figures_all(system: System, split: str = "test") -> dict[str, float]:
    """Return L1, PSNR and SSIM over all pairs of outline and 3D emoji of a split."""
    pairs = emoji_pairs(split, x="outline", y="3d")
    output = quiet_outputs_of(system, normalise(pairs.x))
    target = normalise(pairs.y)
    return {"L1": float(l1(output, target)), "PSNR": float(psnr(output, target)), "SSIM": float(ssim(output, target))}
