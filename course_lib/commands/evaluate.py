"""``course evaluate``: the held-out figures of a bundled run, or which runs there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from course_lib.commands.names import all_runs, require_run
from course_lib.errors import DataError
from course_lib.listing import require_seed

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Evaluate:
    """Print the held-out figures of a bundled run, or list the runs if no name is given."""

    run: Annotated[str, tyro.conf.Positional] = ""
    """Name, for example lesson_01/mae."""
    seed: int = 0
    """Which bundled seed."""
    split: str = "test"
    """validation, to choose by, or test, for the figures that are reported."""


def evaluate(command: Evaluate) -> int:
    """Print a line a figure, or a line a run; return the exit status.

    Raises:
        DataError: if there is no such run, seed or split.
    """
    if command.split not in SPLITS:
        raise DataError(f"There is no split {command.split!r}: give --split validation or --split test.")
    if not command.run:
        for name, about in all_runs().items():
            print(f"{name:26} {about}")
        return 0
    require_run(command.run)
    require_seed(command.run, command.seed)
    from course_lib import runs

    for name, value in runs.figures(command.run, command.seed, command.split).items():
        print(f"{name:24} {value:.4f}")
    return 0
