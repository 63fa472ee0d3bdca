"""Stages of a training: networks that grow see other data, in other batches, for some steps each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.training.settings import Settings, length
from course_lib.words import either


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

    Raises:
        TrainingError: if a value cannot be, or the data set is none.
    """

    dataset: Dataset
    batch_size: int
    epochs: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise TrainingError("A stage needs either epochs or steps: give exactly one of the two.")
        if self.batch_size is None:
            raise TrainingError("A stage needs a batch_size: say how many rows a step takes, for example 16.")
        must_be_dataset(self.dataset)
        for name, value in length(self.epochs, self.steps, self.batch_size).items():
            object.__setattr__(self, name, value)


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
    if isinstance(data, Stage):
        data = [data]
    if isinstance(data, (list, tuple)):
        others = [type(one).__name__ for one in data if not isinstance(one, Stage)]
        if others or not data:
            given = f"a list that holds a {others[0]}" if others else "an empty list"
            raise TrainingError(
                f"fit() takes a data set or a list of stages, and was given {given}: "
                "give one set, such as ImageSet(...), or Stage(dataset, batch_size, steps=...) for each stage."
            )
        for name in ("epochs", "steps", "batch_size"):
            if getattr(settings, name) is not None:
                raise TrainingError(f"{name} belongs to the stages here: give it to each Stage, not to fit().")
        stages = data
    else:
        must_be_dataset(data)
        if settings.epochs is None and settings.steps is None:
            raise TrainingError("fit() needs either epochs or steps: give exactly one of the two.")
        if settings.batch_size is None:
            raise TrainingError("fit() needs a batch_size: say how many rows a step takes, for example batch_size=16.")
        stages = [Stage(cast(Dataset, data), settings.batch_size, settings.epochs, settings.steps)]
    return [_plan(stage, settings.flip, processes) for stage in stages]


def must_be_dataset(data: Any) -> None:
    """Raise a TrainingError that says what to give, unless ``data`` is a data set as ``fit`` takes them."""
    has_all = all(callable(getattr(data, name, None)) for name in ("__len__", "num_batches", "batches"))
    if has_all and not isinstance(data, type):
        return
    given = f"the class {data.__name__}" if isinstance(data, type) else f"of type {type(data).__name__}"
    if isinstance(data, Tensor):
        remedy = "put it into an ImageSet(...), or pairs of tensors into a PairedSet(...)"
    elif hasattr(data, "crops"):
        remedy = "photographs differ in size, so cut them with crops(size) or patches(size)"
    elif hasattr(data, "batch_size") and hasattr(data, "dataset"):
        remedy = "fit() cuts the batches itself, so put the tensors into an ImageSet or a PairedSet and give batch_size"
    else:
        remedy = "give an ImageSet, a PairedSet or an UnpairedSet of course_lib.data"
    raise TrainingError(f"The data set is {given}: {remedy}.")


def _plan(stage: Stage, flip: bool | None, processes: int) -> Plan:
    size, dataset = stage.batch_size, stage.dataset
    if size % processes:
        same = f"give each of the {processes} processes the same number of rows"
        raise TrainingError(f"batch_size is {size}: {either(same, f'start as many processes as divide {size}')}.")
    rows = dataset.num_batches(1) if len(dataset) else 0  # of an epoch, which may be more than the set has
    if not rows:
        raise TrainingError("The data set has too few rows, none at all: give one with rows.")
    if rows < size and processes > 1:
        raise TrainingError(f"The data set has too few rows, {rows}, for a batch of {size}: lower batch_size.")
    drop_last = rows >= size  # fewer rows than a batch are one smaller batch
    per_epoch = dataset.num_batches(size, drop_last=drop_last)
    mirrors = bool(getattr(dataset, "mirrors", True))
    if flip and not mirrors:
        raise TrainingError(
            f"flip=True, but the rows of {getattr(dataset, 'name', 'this set')!r} may not be mirrored: leave flip out."
        )
    steps = stage.steps or max(1, round((stage.epochs or 0) * per_epoch))
    return Plan(dataset, size, steps, per_epoch, drop_last, mirrors if flip is None else flip)
