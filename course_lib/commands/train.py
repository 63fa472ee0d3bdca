"""``course train``: one of the course's runs, from the start or from its checkpoint."""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from course_lib.commands.names import require_run
from course_lib.errors import DataError, TrainingError

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,4})?")
SEEDS = 2**63  # torch takes no more
STOPPED = {"interrupt": 130, "SIGTERM": 143, "SIGHUP": 129}
"""The exit status of a training that was stopped, by the reason: 128 and the signal's number, as a shell counts."""


@dataclass(frozen=True)
class Train:
    """Train one of the course's runs, or go on from its checkpoint; Ctrl-C keeps what was trained."""

    run: Annotated[str, tyro.conf.Positional]
    """Name, for example lesson_01/mae. `course evaluate` lists them."""
    seed: int = 0
    """Seed of the weights, the order of the data and the noise."""
    folder: Path = Path("runs")
    """Where checkpoints and history.csv are kept, in a sub-folder for each run and seed."""
    restart: bool = False
    """Start again instead of going on from the checkpoint, which is replaced."""
    device: str = "auto"
    """auto, cpu, cuda (or cuda:1, ...) or mps."""
    evaluate_every: int = 0
    """Steps between two looks at the validation split, kept in history.csv; 0 for none."""
    tensorboard: Path | None = None
    """Folder for TensorBoard's files, if they are wanted."""
    publish: bool = False
    """Write the result into data/checkpoints, for maintainers."""


def train(command: Train) -> int:
    """Train, say how long it took, and publish; return the exit status.

    Raises:
        CourseError: if a flag cannot be, before anything is trained; else see ``runs.train``.
    """
    require_run(command.run)
    _require_flags(command)
    started = time.perf_counter()
    for flag, root in (("--folder", command.folder), ("--tensorboard", command.tensorboard)):
        try:  # better now than after ten minutes
            if root is not None:
                (root / command.run / f"seed{command.seed}").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{flag} {root} cannot be used ({error.strerror}): choose another place.") from error
    require_device(command.device)
    from course_lib import runs

    one = runs.run(command.run)
    watched: dict[str, Any] = {"device": command.device}
    if command.restart:
        watched["resume"] = False
    if command.tensorboard is not None:
        watched["tensorboard"] = runs.folder_of(command.tensorboard, one.name, command.seed)
    if command.evaluate_every:
        if one.measure is None or "validation" not in one.splits:
            raise TrainingError(f"{one.name} has no figures on the validation split: leave --evaluate-every out.")
        watched |= {"evaluate": lambda system: one.evaluate(system, "validation")}
        watched |= {"evaluate_every": command.evaluate_every}
    if command.publish:
        _require_publishing(one, command.seed)
    system, history = runs.train(command.run, command.seed, folder=command.folder, **watched)
    trained = history.seconds[-1] if len(history) else 0.0  # earlier parts of a resumed run included
    minutes = max(time.perf_counter() - started, trained) / 60
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK") != "0":  # the first of the processes says it
        return STOPPED.get(history.stopped or "", 0)
    print(f"{command.run}, seed {command.seed}: {len(history)} steps, {trained / 60:.1f} minutes.")
    if command.publish and history.stopped:
        again = " without --restart" if command.restart else ""
        print(f"Not published: run the same command again{again}, which goes on from here.")
    elif command.publish:
        path = runs.publish(command.run, command.seed, system.cpu(), history, minutes)
        print(f"Wrote {path.name}; now run `python data/build/manifest.py`.")
    return STOPPED.get(history.stopped or "", 0)


def _require_flags(command: Train) -> None:
    if not 0 <= command.seed < SEEDS:
        raise TrainingError(f"--seed is {command.seed}: give a whole number from 0 to {SEEDS - 1}.")
    if not DEVICE.fullmatch(command.device):
        raise TrainingError(
            f"There is no device {command.device!r}: give --device auto, cpu, cuda, cuda:1 (the second of them) or mps."
        )
    if command.evaluate_every < 0:
        raise TrainingError(f"--evaluate-every is {command.evaluate_every}: give a number of steps, or 0 for none.")


def require_device(device: str) -> None:
    """Raise a TrainingError that names a flag if this machine has no such device.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
    """
    import torch

    kind, _, number = device.partition(":")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise TrainingError("There is no MPS device here: give --device auto or --device cpu.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("There is no CUDA device here: give --device auto or --device cpu.")
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise TrainingError(f"There is no device {device} here: give --device cuda:0{f' to cuda:{last}' * (last > 0)}.")


def _require_publishing(one: Any, seed: int) -> None:
    """Raise an error now if what is to be trained for hours cannot be published then."""
    from course_lib.paths import data_dir

    if one.bundled is not None and seed >= one.bundled and one.measure is None:
        raise DataError(f"{one.name} has no held-out figures to be recorded with seed {seed}: leave --publish out.")
    with tempfile.TemporaryFile(dir=data_dir()):
        pass
