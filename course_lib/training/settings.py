"""The settings of a training: what ``fit`` is asked for, what a run fixes, what a checkpoint remembers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from course_lib.asked import is_number, number, shown, whole
from course_lib.errors import TrainingError
from course_lib.words import suggest

MATMUL = ("highest", "high", "medium")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
_SHORT = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}  # as Fabric reads them
SEEDS = 2**63  # torch takes seeds below 2**64, and what a run draws from has seeds a little above its own


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides which numbers a training ends with, apart from the system and its data.

    Where and how it runs (device, folder, progress) is not among them: those are arguments of ``fit``.

    Args:
        epochs: passes through the data (2.5 is allowed), or
        steps: training steps; exactly one of the two, and neither where stages of their own length are given.
        batch_size: rows of a step, over all processes. A last, smaller batch of an epoch is left out.
        seed: of the random numbers that a training draws (dropout, noise) and of the order of the data; from 0 to
            2**63 - 1.
        flip: mirror half of the pictures left to right; None: if the data set says that its rows may be mirrored.
        precision: "32-true", or "bf16-mixed" or "16-mixed": networks compute in 16 bits, weights stay in 32.
        matmul: what torch may do to matrix products of float32 numbers, and to convolutions on a GPU: "highest"
            nothing; "high" or "medium" fewer digits inside a product (TF32 on a GPU, TF32 or bfloat16 on a CPU that has
            it), sums and weights as before.
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
        self._become(
            **length(self.epochs, self.steps, self.batch_size),
            seed=whole("seed", self.seed, 0, SEEDS, TrainingError),
            precision=_SHORT.get(str(self.precision), self.precision),
            ema_decay=number("ema_decay", self.ema_decay, below=1.0, error=TrainingError),
            ema_ramp=number("ema_ramp", self.ema_ramp, error=TrainingError),
        )
        if self.flip is not None and not isinstance(self.flip, bool):
            raise TrainingError(f"flip is {shown(self.flip)}: give True, False, or None for what the data set says.")
        for name, known in (("precision", PRECISIONS), ("matmul", MATMUL)):
            word = getattr(self, name)
            if not isinstance(word, str) or word not in known:
                raise TrainingError(f"{name} is {shown(word)}: choose one of {', '.join(known)}.")

    def _become(self, **plain: Any) -> None:
        """Hold numbers as Python's own, whatever kind they were given as: a checkpoint compares them."""
        for name, value in plain.items():
            object.__setattr__(self, name, value)

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


def length(epochs: Any, steps: Any, batch_size: Any) -> dict[str, Any]:
    """Return epochs, steps and batch size by name, each None or a number that can be.

    Raises:
        TrainingError: if one of them cannot be.
    """
    if (is_number(steps) and steps < 1) or (is_number(epochs) and not epochs > 0):
        raise TrainingError("A training needs at least one step: give a positive number of epochs or steps.")
    return {
        "epochs": None if epochs is None else number("epochs", epochs, above=0.0, error=TrainingError),
        "steps": None if steps is None else whole("steps", steps, error=TrainingError),
        "batch_size": None if batch_size is None else whole("batch_size", batch_size, error=TrainingError),
    }
