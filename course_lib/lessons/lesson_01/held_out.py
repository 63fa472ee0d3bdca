"""The held-out figures of lesson 01: outlines whose right answers are all known, and all outlines."""

from __future__ import annotations

from course_lib.data import emoji_pairs
from course_lib.data.answers import emoji_answers
from course_lib.data.pixels import normalise
from course_lib.metrics import l1, psnr, ssim
from course_lib.metrics.answers import answer_figures
from course_lib.runs.translation import outputs_of, quiet_outputs_of
from course_lib.systems.base import System


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
    return answer_figures(quiet_outputs_of(system, x), known.targets(), draws)


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
