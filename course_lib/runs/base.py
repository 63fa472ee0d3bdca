"""What a run is: one training of the course, with all that defines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from course_lib.errors import DataError
from course_lib.presets import choose
from course_lib.systems.base import System
from course_lib.training import Settings


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
        dataset: builds the training set, or the list of ``Stage`` of a system that grows; takes the trained system of
            the run ``needs``, where there is one.
        sizes: epochs a preset, and the batch size; None where the stages have their own.
        inference: names of the networks that inference needs, which are the ones bundled.
        settings: of ``fit``, but for length, batch size and seed.
        start: name of the run whose weights (same seed) the networks start from.
        needs: name of the run (same seed) whose system makes the data of this one, see ``runs.encoded``.
        measure: the figures of a trained system on one split, by name; called with the system and the split.
        splits: which splits ``measure`` may be asked for: those that the run has not trained on.
        pictures: what a trained system makes of the held-out inputs that its lesson shows, (K, 3, H, W) in [-1, 1].
        bundled: how many seeds, counted from 0, have their weights bundled; of the others only the figures are kept,
            and of seed 0 pictures, see ``runs.records``. None: all that are published.
        download: whether the data set has to be downloaded first.
    """

    name: str
    about: str
    system: Callable[[], System]
    dataset: Callable[..., Any]
    sizes: RunSizes | None
    inference: tuple[str, ...] = ("netG",)
    settings: Settings = field(default_factory=Settings)
    start: str | None = None
    needs: str | None = None
    measure: Callable[[Any, str], dict[str, float]] | None = None
    splits: tuple[str, ...] = ("validation", "test")
    pictures: Callable[[Any], Tensor] | None = None
    bundled: int | None = None
    download: bool = False

    @property
    def recorded(self) -> bool:
        """Whether no weights are bundled, of any seed."""
        return self.bundled == 0

    @property
    def training(self) -> Settings:
        """The settings with the length for the preset in force."""
        if self.sizes is None:
            return self.settings
        return self.settings.changed(epochs=self.sizes.epochs, batch_size=self.sizes.batch_size)

    def evaluate(self, system: Any, split: str = "test") -> dict[str, float]:
        """Return the figures of a trained system on held-out data, by name.

        Args:
            system: of this run.
            split: ``"validation"`` to choose by, ``"test"`` for the figures of cards and tables, read once.

        Raises:
            DataError: if the run has no figures, or none on that split.
        """
        if self.measure is None:
            raise DataError(f"The run {self.name!r} has no held-out figures: choose another.")
        if split not in self.splits:
            reason = " (it has trained on the validation split)" if split == "validation" else ""
            raise DataError(
                f"The run {self.name!r} has no held-out figures on {split!r}{reason}: "
                f"choose {' or '.join(self.splits)}."
            )
        return self.measure(system, split)
