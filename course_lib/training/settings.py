"""The settings of a training: what ``fit`` is asked for, what a run fixes, what a checkpoint remembers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from course_lib.errors import TrainingError
from course_lib.words import suggest

MATMUL = ("highest", "high", "medium")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides which numbers a training ends with, apart from the system and its data.

    Where and how it runs (device, folder, progress) is not among them: those are arguments of ``fit``.

    Args:
        epochs: passes through the data (2.5 is allowed), or
        steps: training steps; exactly one of the two, and neither where stages of their own length are given.
        batch_size: rows of a step, over all processes. A last, smaller batch of an epoch is left out.
        seed: of the random numbers that a training draws (dropout, noise) and of the order of the data.
        flip: mirror half of the pictures left to right; None: if the data set says that its rows may be mirrored.
        precision: Fabric's name, for example "32-true" or "bf16-mixed".
        matmul: what torch may do to matrix products of float32 numbers: "highest" nothing; "high" or "medium" fewer
            digits inside a product (TF32 on a GPU, bfloat16 on a CPU that has it), sums and weights as before.
        ema_decay: decay of the moving average of ``system.ema_networks``, found in ``system.averages``; 0 for none.
        ema_ramp: the average looks back over at most this share of the steps done so far, so that a short run does not
            keep the weights it began with; 0 for the same decay from the first step on.

    Raises:
        TrainingError: if a value cannot be.
    """

    epochs: float | None = None
    steps: int | None = None
    batch_size: int | None = None
    seed: int = 0
    flip: bool | None = None
    precision: str = "32-true"
    matmul: str = "highest"
    ema_decay: float = 0.0
    ema_ramp: float = 0.1

    def __post_init__(self) -> None:
        if self.epochs is not None and self.steps is not None:
            raise TrainingError("fit() needs either epochs or steps: give exactly one of the two.")
        if (self.steps is not None and self.steps < 1) or (self.epochs is not None and not self.epochs > 0):
            raise TrainingError("fit() needs at least one step: give a positive number of epochs or steps.")
        if self.matmul not in MATMUL:
            raise TrainingError(f"matmul is {self.matmul!r}: choose one of {', '.join(MATMUL)}.")
        if not 0.0 <= self.ema_decay < 1.0:
            raise TrainingError(f"ema_decay is {self.ema_decay}: give a number from 0 (no average) to below 1.")
        if not 0.0 <= self.ema_ramp < math.inf:
            raise TrainingError(f"ema_ramp is {self.ema_ramp}: give 0 (no ramp) or a share of the steps, such as 0.1.")

    def changed(self, **changes: Any) -> Settings:
        """Return the settings with some of them changed; a new length replaces the old one, in steps or in epochs.

        Raises:
            TrainingError: if there is no such setting.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise TrainingError(
                    f"fit() has no setting {name!r}{suggest(name, known)}: choose from {', '.join(known)}."
                )
        if changes.get("steps") is not None and "epochs" not in changes:
            changes["epochs"] = None
        if changes.get("epochs") is not None and "steps" not in changes:
            changes["steps"] = None
        return dataclasses.replace(self, **changes)

    def remembered(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, and what must agree where a run goes on; its length may change."""
        found = dataclasses.asdict(self)
        for length in ("epochs", "steps"):
            del found[length]
        return found
