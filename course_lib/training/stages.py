"""Stages of a training: networks that grow see other data, in other batches, for some steps each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from course_lib.errors import TrainingError
from course_lib.training.settings import Settings


class Dataset(Protocol):
    """What ``fit`` asks of a data set; ``mirrors``, where it has one, says whether rows may be mirrored."""

    def __len__(self) -> int: ...

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int: ...

    def batches(self, batch_size: int, **options: Any) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Stage:
    """One stage of a growing system. ``fit(system, [Stage(...), Stage(...)])`` calls ``system.grow`` between them.

    Args:
        dataset: of this stage, for example pictures of 8 x 8 and then of 16 x 16.
        batch_size: rows of a step.
        epochs: passes through the data, or
        steps: training steps; exactly one of the two.
    """

    dataset: Dataset
    batch_size: int
    epochs: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise TrainingError("A stage needs either epochs or steps: give exactly one of the two.")
        if not (self.steps or self.epochs or 0) > 0:
            raise TrainingError("A stage needs at least one step: give a positive number of epochs or steps.")


@dataclass(frozen=True)
class Plan:
    """A stage with all that follows from its data: how long it is, and how an epoch is cut.

    Args:
        dataset: of the stage.
        batch_size: rows of a step.
        steps: of the stage.
        per_epoch: batches of an epoch.
        drop_last: whether a smaller batch at the end of an epoch is left out.
        flip: whether half of the rows are mirrored.
    """

    dataset: Any
    batch_size: int
    steps: int
    per_epoch: int
    drop_last: bool
    flip: bool


def plans(data: Dataset | Sequence[Stage], settings: Settings, processes: int) -> list[Plan]:
    """Return the stages of a training; a data set alone is one stage with the length of the settings.

    Raises:
        TrainingError: if length or batch size are missing, given twice, or do not fit the data.
    """
    stages: Sequence[Stage]
    if isinstance(data, (list, tuple)):
        if not data or not all(isinstance(stage, Stage) for stage in data):
            raise TrainingError(
                "fit() takes a data set or a list of stages: give Stage(dataset, batch_size, steps=...)."
            )
        for name in ("epochs", "steps", "batch_size"):
            if getattr(settings, name) is not None:
                raise TrainingError(f"{name} belongs to the stages here: give it to each Stage, not to fit().")
        stages = data
    else:
        if settings.epochs is None and settings.steps is None:
            raise TrainingError("fit() needs either epochs or steps: give exactly one of the two.")
        if settings.batch_size is None:
            raise TrainingError("fit() needs a batch_size: say how many rows a step takes, for example batch_size=16.")
        stages = [Stage(cast(Dataset, data), settings.batch_size, settings.epochs, settings.steps)]
    return [_plan(stage, settings.flip, processes) for stage in stages]


def _plan(stage: Stage, flip: bool | None, processes: int) -> Plan:
    size, dataset = stage.batch_size, stage.dataset
    if size < 1 or size % processes:
        raise TrainingError(f"batch_size is {size}: give each of the {processes} processes the same number of rows.")
    enough = len(dataset) > 0 and dataset.num_batches(1) >= size
    drop_last = processes > 1 or enough
    per_epoch = dataset.num_batches(size, drop_last=drop_last) if enough or (len(dataset) > 0 and not drop_last) else 0
    if per_epoch == 0:
        raise TrainingError(f"The data set has too few rows for a batch of {size}: lower batch_size.")
    mirrors = bool(getattr(dataset, "mirrors", True))
    if flip and not mirrors:
        raise TrainingError(
            f"flip=True, but the rows of {getattr(dataset, 'name', 'this set')!r} may not be mirrored: leave flip out."
        )
    steps = stage.steps or max(1, round((stage.epochs or 0) * per_epoch))
    return Plan(dataset, size, steps, per_epoch, drop_last, mirrors if flip is None else flip)
