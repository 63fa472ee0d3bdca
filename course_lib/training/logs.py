"""What a training writes down besides its history in memory: a table beside the checkpoints, TensorBoard's files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from course_lib.errors import TrainingError
from course_lib.history import HELD_OUT, RATE, History
from course_lib.words import either

TABLE = "history.csv"


class Logs:
    """Where the history goes; does nothing where it is not asked to.

    Args:
        table: folder for ``history.csv``, or None.
        tensorboard: folder for TensorBoard's files, or None.
        done: steps of an earlier part of the run, which are in those files already. What an earlier run, or this one
            before it was stopped, wrote there of later steps is hidden.

    Raises:
        TrainingError: if TensorBoard is asked for and not installed.
    """

    def __init__(
        self, table: str | os.PathLike[str] | None, tensorboard: str | os.PathLike[str] | None, done: int
    ) -> None:
        self.table = None if table is None else Path(table) / TABLE
        self.done = done
        self.writer: Any = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise TrainingError(
                    "TensorBoard is not installed: run `pip install tensorboard`, or leave "
                    f"{either('it', '--tensorboard')} out; "
                    "a checkpoint folder holds the same numbers in history.csv."
                ) from error
            self.writer = SummaryWriter(os.fspath(tensorboard), purge_step=done + 1)

    def update(self, history: History) -> None:
        """Hand the steps that are new to TensorBoard: losses, learning rates and held-out figures in groups."""
        if self.writer is not None:
            for name, values in history.values.items():
                for step in range(self.done, len(history)):
                    if not math.isnan(values[step]):
                        self.writer.add_scalar(_tag(name), values[step], step + 1)
        self.done = len(history)

    def save(self, history: History) -> None:
        """Write the table; a checkpoint is about to be written beside it."""
        if self.table is not None:
            history.to_csv(self.table)
        if self.writer is not None:
            self.writer.flush()

    def close(self) -> None:
        """Let go of TensorBoard's files."""
        if self.writer is not None:
            self.writer.close()


def _tag(name: str) -> str:
    """Return a name as TensorBoard groups it: ``held-out/L1``, ``lr/G``, ``loss/G``."""
    for before in (HELD_OUT, RATE):
        if name.startswith(before):
            return f"{before.strip()}/{name.removeprefix(before)}"
    return f"loss/{name}"
