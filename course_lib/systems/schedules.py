"""Learning rate schedules: functions from the number of finished steps to a factor of the base rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from course_lib.asked import number, whole

Factor = Callable[[int], float]


def schedule(optimizer: Optimizer, factor: Factor) -> LambdaLR:
    """Return a scheduler that sets each rate to ``base rate * factor(finished steps)``."""
    return LambdaLR(optimizer, factor)


def constant() -> Factor:
    """Return the factor 1 at every step."""
    return lambda step: 1.0


def linear_decay(total_steps: int, share: float = 0.5, final: float = 0.0) -> Factor:
    """Return 1, and over the last ``share`` of the steps a straight line that reaches ``final`` at ``total_steps``.

    Args:
        total_steps: of the whole run.
        share: of the steps, at the end, over which the factor falls; 0 leaves it at 1.
        final: the factor at the end.

    Source: CycleGAN (Zhu et al. 2017), section 4: half the training at a constant rate, half falling to zero. There
    the rate falls once an epoch, here at every step.

    Raises:
        ShapeError: if a number cannot be.
    """
    whole("total_steps", total_steps, 0), number("share", share, most=1.0), number("final", final)

    def factor(step: int) -> float:
        if not share:
            return 1.0
        return final + (1.0 - final) * max(0.0, min(1.0, (1 - step / max(1, total_steps)) / share))

    return factor


def cosine(total_steps: int, final: float = 0.0) -> Factor:
    """Return half a cosine from 1 at step 0 to ``final`` at ``total_steps``.

    Source: Loshchilov and Hutter 2017, equation 5, without restarts.

    Raises:
        ShapeError: if a number cannot be.
    """
    whole("total_steps", total_steps, 0), number("final", final)

    def factor(step: int) -> float:
        done = min(1.0, step / max(1, total_steps))
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor


def warmup(steps: int, then: Factor | None = None) -> Factor:
    """Return a straight line from ``1 / steps`` at the first step to 1 at step number ``steps``, times ``then``.

    Args:
        steps: length of the warm-up.
        then: the schedule it is put in front of (counted from step 0); constant if not given.

    Raises:
        ShapeError: if ``steps`` is no whole number of at least 0.
    """
    whole("steps", steps, 0)
    after = then or constant()
    return lambda step: min(1.0, (step + 1) / max(1, steps)) * after(step)
