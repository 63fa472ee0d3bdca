"""What a run is: one training of the course, with all that defines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from course_lib.presets import choose
from course_lib.systems.base import System


@dataclass(frozen=True)
class RunSizes:
    """How long a run is for each preset; nothing else may depend on the preset.

    Args:
        smoke_epochs: passes through the data for the preset ``smoke``.
        cpu_epochs: for ``cpu``.
        gpu_epochs: for ``gpu``.
        batch_size: rows of a training step, the same for all presets.
    """

    smoke_epochs: int
    cpu_epochs: int
    gpu_epochs: int
    batch_size: int = 16

    @property
    def epochs(self) -> int:
        """Epochs for the preset in force."""
        return choose(smoke=self.smoke_epochs, cpu=self.cpu_epochs, gpu=self.gpu_epochs)


@dataclass(frozen=True)
class Run:
    """One training of the course.

    Args:
        name: lesson and system, for example ``"lesson_01/mae"``.
        about: one sentence for the model card.
        system: builds the untrained system.
        dataset: builds the training set.
        sizes: epochs a preset, and the batch size.
        inference: names of the networks that inference needs, which are the ones bundled.
        flip: whether half of the pictures are mirrored.
        start: name of the run whose weights (same seed) the networks start from; it is trained first where they are
            not bundled.
        ema_decay: decay of the moving average of the networks that the system names; the average is bundled.
        matmul: how exact products of matrices must be, see ``fit``.
        precision: of the networks in training, Fabric's name, see ``fit``.
        evaluate: the held-out figures of a trained system, by name.
        pictures: what a trained system makes of the held-out inputs that its lesson shows, (K, 3, H, W) in [-1, 1].
        bundled: how many seeds, counted from 0, have their weights bundled; of the others only the figures are kept,
            and of seed 0 pictures, see ``runs.records``. None: all that are published.
        download: whether the data set has to be downloaded first.
    """

    name: str
    about: str
    system: Callable[[], System]
    dataset: Callable[[], Any]
    sizes: RunSizes
    inference: tuple[str, ...] = ("netG",)
    flip: bool = True
    start: str | None = None
    ema_decay: float = 0.0
    matmul: str = "highest"
    precision: str = "32-true"
    evaluate: Callable[[Any], dict[str, float]] | None = None
    pictures: Callable[[Any], Tensor] | None = None
    bundled: int | None = None
    download: bool = False

    @property
    def recorded(self) -> bool:
        """Whether no weights are bundled, of any seed."""
        return self.bundled == 0
