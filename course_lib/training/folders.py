"""The folders of a training, looked at before its first step: can they be written, is there room, whose are they."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.training.checkpoints import CheckpointFolder
from course_lib.training.devices import any_process
from course_lib.training.locks import locked
from course_lib.training.logs import TABLE
from course_lib.words import either

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from course_lib.training.state import TrainingState

Folder = str | os.PathLike[str]
AT_ONCE = 3  # checkpoints: the newest two, and the one being written
HEADER = b"step,epoch,seconds"


@contextmanager
def reserved(
    fabric: Fabric, checkpoint: Folder | None, tensorboard: Folder | None
) -> Iterator[CheckpointFolder | None]:
    """Make the folders of a training, try to write there, and keep other trainings out of that of the checkpoints.

    Process 0 does it for all processes.

    Raises:
        TrainingError: if a folder cannot be written, another training is in it, or it holds a table of the user's.
    """
    with ExitStack() as held:

        def take() -> None:
            for folder, flag in ((checkpoint, "--folder"), (tensorboard, "--tensorboard")):
                if folder is None:
                    continue
                try:
                    Path(folder).mkdir(parents=True, exist_ok=True)
                    with tempfile.TemporaryFile(dir=folder) as probe:
                        probe.write(b"\0" * 4096)
                        probe.flush()
                        os.fsync(probe.fileno())
                    if flag == "--folder":
                        _own_names(Path(folder))
                        held.enter_context(locked(Path(folder)))
                except OSError as error:
                    raise TrainingError(
                        f"{folder} cannot be written ({error.strerror or error}): "
                        f"name another {either('folder', flag)}."
                    ) from error

        by_the_first(fabric, take)
        yield None if checkpoint is None else CheckpointFolder(checkpoint, fabric.global_rank, fabric.barrier)


def by_the_first(fabric: Fabric, action: Callable[[], Any]) -> None:
    """Call a function in process 0; if it fails there, all processes stop, and none waits for another."""
    error: TrainingError | None = None
    if fabric.global_rank == 0:
        try:
            action()
        except TrainingError as fault:
            error = fault
    (failed,) = any_process(fabric, error is not None)
    if error is not None:
        raise error
    if failed:
        raise TrainingError("Process 0 cannot go on: do what it says.")


def require_room(fabric: Fabric, folder: CheckpointFolder | None, state: TrainingState) -> None:
    """Stop before the first step if the disk has no room for the checkpoints of a training.

    While one is written the two before it are still there. Networks that grow are counted as they are now.

    Raises:
        TrainingError: says how much there is and how much it takes.
    """

    def look() -> None:
        assert folder is not None
        each = checkpoint_bytes(state, fabric.world_size)
        more = max(1, AT_ONCE - len(folder.found()))
        free = shutil.disk_usage(folder.folder).free
        if free < more * each:
            raise TrainingError(
                f"{folder.folder} has {_megabytes(free)} of free disk and the checkpoints of this training take "
                f"{_megabytes(more * each)} more: make room, or name another {either('folder', '--folder')}."
            )

    if folder is not None:
        by_the_first(fabric, look)


def checkpoint_bytes(state: TrainingState, processes: int = 1) -> int:
    """Return about how many bytes a checkpoint will have: weights, moments, averages and each process's own state."""
    moments = 0
    for optimizer in state.optimizers.values():
        if not optimizer.state:  # before the first step; most optimisers keep two numbers a weight
            moments += 2 * sum(_bytes(group["params"]) for group in optimizer.param_groups)
    return _bytes(state.shared()) + processes * _bytes(state.personal()) + moments


def _bytes(tree: Any) -> int:
    if isinstance(tree, Tensor):
        return tree.nelement() * tree.element_size()
    if isinstance(tree, dict):
        return sum(map(_bytes, tree.values()))
    return sum(map(_bytes, tree)) if isinstance(tree, (list, tuple)) else 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _own_names(folder: Path) -> None:
    """Refuse a folder in which the user's files have the names of ours: they would be replaced, or stop a save."""
    table, other = folder / TABLE, CheckpointFolder(folder).in_the_way()
    if table.exists():
        with table.open("rb") as file:
            if file.read(len(HEADER)) not in (HEADER, b""):
                other = table
    if other is not None:
        raise TrainingError(
            f"{other} is not of a training and has the name of what it writes: move it, or name another "
            f"{either('folder', '--folder')}."
        )
