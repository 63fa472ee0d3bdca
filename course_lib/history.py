"""What a training run wrote down at every step."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RATE = "lr "
"""What stands before the name of an optimiser whose learning rate is written down."""

HELD_OUT = "held-out "
"""What stands before the name of a figure on held-out data that ``fit(..., evaluate=...)`` measured."""


@dataclass
class History:
    """Named lists with one number a training step.

    A name that a step did not report (a penalty done at every 16th step, say) holds NaN there, so that all lists have
    the same length. ``history["G"][i]`` belongs to step ``i + 1``. Beside the losses there are learning rates
    (``history["lr G"]``) and, where ``fit`` was given ``evaluate``, held-out figures (``history["held-out L1"]``).

    Attributes:
        values: the lists by name.
        epoch: the epoch of each step, counted from 0.
        seconds: seconds of training up to the end of each step, earlier parts of a resumed run included.
        stopped: why the run ended early ("interrupt" or "time limit"), else None.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str | None = None

    def __len__(self) -> int:
        return len(self.epoch)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.values:
            raise KeyError(f"{name!r} is not in this history, which has {', '.join(self.values) or 'nothing yet'}")
        return self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {self.last(name):.4g}" for name in [*self.names, *self.held_out])
        return f"History({len(self)} steps{': ' + last if last else ''})"

    @property
    def names(self) -> list[str]:
        """The names of the losses, in the order of their first use."""
        return [name for name in self.values if not name.startswith((RATE, HELD_OUT))]

    @property
    def held_out(self) -> list[str]:
        """The names of the held-out figures, ``"held-out L1"``."""
        return [name for name in self.values if name.startswith(HELD_OUT)]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C (or the stop button of the notebook) ended the run."""
        return self.stopped == "interrupt"

    def append(self, scalars: dict[str, float], *, epoch: int, seconds: float) -> None:
        """Add the numbers of one step."""
        for name in scalars:
            if name not in self.values:
                self.values[name] = [math.nan] * len(self)
        self.epoch.append(epoch)
        self.seconds.append(seconds)
        for name, values in self.values.items():
            values.append(float(scalars.get(name, math.nan)))

    def last(self, name: str) -> float:
        """Return the newest number of ``name``."""
        return next((v for v in reversed(self[name]) if not math.isnan(v)), math.nan)

    def mean(self, name: str, n: int = 100) -> float:
        """Return the mean of ``name`` over the last ``n`` steps."""
        values = [v for v in self[name][-n:] if not math.isnan(v)]
        return sum(values) / len(values) if values else math.nan

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """Return the steps at which ``name`` was reported, counted from 1, and what was reported."""
        found = [(step, value) for step, value in enumerate(self[name], start=1) if not math.isnan(value)]
        return [step for step, _ in found], [value for _, value in found]

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write a table with a row a step: step, epoch, seconds and all lists; what was not reported stays empty.

        Args:
            path: of the file, which is replaced as a whole; ``~`` is the home folder.

        Returns:
            The path.
        """
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".unfinished-{path.name}")
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["step", "epoch", "seconds", *self.values])
            lists = zip(self.epoch, self.seconds, *self.values.values(), strict=True)
            for step, (epoch, seconds, *values) in enumerate(lists, start=1):
                row = ["" if math.isnan(value) else f"{value:.8g}" for value in values]
                table.writerow([step, epoch, f"{seconds:.3f}", *row])
        os.replace(unfinished, path)
        return path

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, ready for json."""
        return {"values": self.values, "epoch": self.epoch, "seconds": self.seconds, "stopped": self.stopped}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> History:
        """Build a history from what ``to_dict`` returned."""
        values = {name: list(numbers) for name, numbers in state["values"].items()}
        return cls(values, list(state["epoch"]), list(state["seconds"]), state["stopped"])
