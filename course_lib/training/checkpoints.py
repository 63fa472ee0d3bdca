"""Checkpoints of a training run: safetensors and json in a folder, written whole or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.paths import sha256_of
from course_lib.words import either

FORMAT = 1
LIST = "checkpoint.json"
NAME = re.compile(r"step-\d{8,}")
UNFINISHED = re.compile(rf"\.unfinished-{NAME.pattern}")
PARTS = re.compile(r"(state|process-\d+)\.(json|safetensors)|checkpoint\.json")


def pack(tree: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """Return ``tree`` as json-able values, with its tensors moved into ``tensors`` under their paths.

    Raises:
        TrainingError: if the tree holds something that is neither a tensor nor a plain value.
    """
    if isinstance(tree, Tensor):
        tensors[path] = tree.detach().to("cpu", copy=True).contiguous()
        return {"$tensor": path}
    if isinstance(tree, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in tree):
            return {key: pack(value, tensors, f"{path}/{key}") for key, value in tree.items()}
        return {"$items": [[key, pack(value, tensors, f"{path}/{key}")] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        items = [pack(value, tensors, f"{path}/{i}") for i, value in enumerate(tree)]
        return {"$tuple": items} if isinstance(tree, tuple) else items
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    raise TrainingError(
        f"A checkpoint cannot hold {path.strip('/')}, a {type(tree).__name__}: "
        "keep tensors, numbers, texts, lists, tuples and dicts in the state."
    )


def unpack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo ``pack``."""
    if isinstance(tree, list):
        return [unpack(value, tensors) for value in tree]
    if not isinstance(tree, dict):
        return tree
    if "$tensor" in tree:
        return tensors[tree["$tensor"]]
    if "$tuple" in tree:
        return tuple(unpack(tree["$tuple"], tensors))
    if "$items" in tree:
        return {key: unpack(value, tensors) for key, value in tree["$items"]}
    return {key: unpack(value, tensors) for key, value in tree.items()}


class CheckpointFolder:
    """A folder with the newest checkpoint of a run and the one before it.

    Each checkpoint is a folder ``step-00001200`` with the state that all processes share, the state of each process
    (random numbers, image pools), and a list of sha256 sums. It is written under another name, flushed to disk and
    then renamed, so that a run that is killed while writing leaves the earlier checkpoints as they were.

    Whatever else lies in the folder, or inside a checkpoint, is the user's and stays.

    Args:
        folder: where the checkpoints of one run are; made when the first one is saved.
        rank: the number of this process.
        barrier: waits for all processes of a data parallel run.
    """

    def __init__(self, folder: str | os.PathLike[str], rank: int = 0, barrier: Callable[[], Any] = lambda: None):
        self.folder = Path(folder).expanduser()
        self.rank = rank
        self.barrier = barrier
        self.newest: Path | None = None
        self.start: int | None = None  # how often this training was begun anew before
        self.kept: set[Path] = set()  # what could not be deleted, which is said once

    def save(self, step: int, shared: dict[str, Any], personal: dict[str, Any]) -> Path:
        """Write a checkpoint, then drop all but this one and the last one saved or loaded before it.

        One that cannot be dropped is named in a line, once: the new one counts all the same.
        """
        target = self.folder / f"step-{step:08d}"
        unfinished = self.folder / f".unfinished-{target.name}"
        if self.rank == 0:
            if self.start is None:
                known = [_start(path) for path in self.found()]
                self.start = 1 + max((start for start in known if start is not None), default=-1)
            for leftover in self.folder.glob(".unfinished-*"):
                if UNFINISHED.fullmatch(leftover.name):
                    _delete(leftover)
            unfinished.mkdir(parents=True, exist_ok=True)
        self.barrier()
        try:
            _write(unfinished, f"process-{self.rank}", personal)
            self.barrier()
            if self.rank == 0:
                _write(unfinished, "state", shared)
                sums = {file.name: sha256_of(file) for file in sorted(unfinished.iterdir()) if _written(file)}
                contents = {"format": FORMAT, "start": self.start, "sha256": sums}
                _write_text(unfinished / LIST, json.dumps(contents, indent=1))
                _put(unfinished, target)
                _flush(self.folder)
        except (OSError, SafetensorError):
            if self.rank == 0:
                with suppress(OSError):
                    _delete(unfinished)  # half a checkpoint would fill the disk for nothing
            raise
        if self.rank == 0:
            for other in self.found():
                if other not in (target, self.newest):
                    self._drop(other)
        self.newest = target
        self.barrier()
        return target

    def found(self) -> list[Path]:
        """Return the checkpoints in the folder, whole or not, the newest first.

        A training that was begun anew comes before the one that it replaces; a damaged list of sums comes first, so
        that it is named.
        """

        def order(path: Path) -> tuple[float, int]:
            start = _start(path)
            return math.inf if start is None else start, int(path.name.removeprefix("step-"))

        ours = [path for path in self.folder.glob("step-*") if NAME.fullmatch(path.name) and _is_checkpoint(path)]
        return sorted(ours, key=order, reverse=True)

    def in_the_way(self) -> Path | None:
        """Return a file, or a link, that has the name of a checkpoint, if there is one."""
        names = (path for path in self.folder.iterdir() if NAME.fullmatch(path.name) or UNFINISHED.fullmatch(path.name))
        return next((path for path in names if path.is_symlink() or not path.is_dir()), None)

    def _drop(self, checkpoint: Path) -> None:
        try:
            others = _delete(checkpoint)
            fault = f"it also holds {others[0]}" if others else None
        except OSError as error:
            fault = error.strerror or str(error)
        if fault is not None and checkpoint not in self.kept:
            self.kept.add(checkpoint)
            print(f"The old checkpoint {checkpoint} was not deleted ({fault}): delete it yourself if it is in the way.")

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the shared and personal state of the newest whole checkpoint, or None if there is none.

        A damaged checkpoint is passed over, which is said in one line.

        Raises:
            TrainingError: if there are checkpoints but none is whole.
        """
        found = self.found()
        for checkpoint in found:
            fault = _fault(checkpoint)
            if fault is None:
                self.newest, self.start = checkpoint, _start(checkpoint)
                return _read(checkpoint, "state"), _read(checkpoint, f"process-{self.rank}")
            if self.rank == 0:
                print(f"The checkpoint {checkpoint} is damaged ({fault}) and was passed over.")
        if found:
            raise TrainingError(
                f"No checkpoint in {self.folder} is whole: delete the folder, or "
                f"{either('pass resume=False', 'add --restart')} to start again."
            )
        return None


def read_checkpoint(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the newest whole checkpoint of a run: "system" (weights), "averages", "history", "settings", and more.

    Raises:
        TrainingError: if there is none.
    """
    state = CheckpointFolder(folder).load()
    if state is None:
        train = f"train with fit(..., checkpoint={str(folder)!r})"
        where = "name the folder of a run and a seed, such as runs/lesson_01/mae/seed0"
        raise TrainingError(f"There is no checkpoint in {folder}: {either(train, where)}.")
    return state[0]


def stored_settings(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the settings of the newest whole checkpoint of a run, or None if there is none, without a word."""
    for checkpoint in CheckpointFolder(folder).found():
        if _fault(checkpoint) is None:
            settings: dict[str, Any] = _read(checkpoint, "state")["settings"]
            return settings
    return None


def _written(path: Path) -> bool:
    """Return whether a file has a name that a checkpoint gives to its files."""
    return bool(PARTS.fullmatch(path.name)) and not path.is_dir()


def _is_checkpoint(path: Path) -> bool:
    """Return whether a folder is a checkpoint, or what is left of one: a list of sums, or nothing but its files."""
    if path.is_symlink() or not path.is_dir():
        return False
    files = list(path.iterdir())
    return any(file.name == LIST for file in files) or (bool(files) and all(map(_written, files)))


def _start(checkpoint: Path) -> int | None:
    """Return how often the training of a checkpoint had been begun anew; None if its list cannot be read."""
    try:
        return int(json.loads((checkpoint / LIST).read_text(encoding="utf-8")).get("start", 0))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _delete(folder: Path) -> list[str]:
    """Delete a checkpoint, but for one that holds what no checkpoint holds: return the names of that."""
    if folder.is_symlink() or not folder.is_dir():
        return [folder.name]
    files = sorted(folder.iterdir(), key=lambda file: file.name != LIST)  # without its list it counts no more
    if others := [file.name for file in files if not _written(file)]:
        return others
    for file in files:
        file.unlink()
    folder.rmdir()
    return []


def _put(unfinished: Path, target: Path) -> None:
    """Give a finished checkpoint its name, in the place of one that has it already."""
    ours = _is_checkpoint(target)
    if target.exists() and (not ours or _delete(target)):
        # A folder of the user, or with a file of the user's: ours come beside it, the list of sums as the last.
        if taken := [] if ours else [file.name for file in unfinished.iterdir() if (target / file.name).exists()]:
            raise FileExistsError(errno.EEXIST, "it is there already and is not a checkpoint's", str(target / taken[0]))
        (target / LIST).unlink(missing_ok=True)
        for file in sorted(unfinished.iterdir(), key=lambda file: file.name == LIST):
            os.replace(file, target / file.name)
        unfinished.rmdir()
    else:
        os.replace(unfinished, target)


def _write(folder: Path, name: str, state: dict[str, Any]) -> None:
    tensors: dict[str, Tensor] = {}
    text = json.dumps(pack(state, tensors))
    save_file(tensors, folder / f"{name}.safetensors")
    _flush(folder / f"{name}.safetensors")
    _write_text(folder / f"{name}.json", text)


def _read(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / f"{name}.json").is_file():
        return {}
    tensors = {key: value.clone() for key, value in load_file(folder / f"{name}.safetensors").items()}
    return unpack(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), tensors)


def _fault(checkpoint: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if every file has its sum."""
    try:
        contents = json.loads((checkpoint / LIST).read_text(encoding="utf-8"))
        if contents["format"] != FORMAT:
            return f"it has format {contents['format']}, this version reads {FORMAT}"
        for name, expected in contents["sha256"].items():
            if sha256_of(checkpoint / name) != expected:
                return f"{name} has changed"
    except OSError as error:
        return f"{Path(error.filename or '').name} cannot be read"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "checkpoint.json cannot be read"
    return None


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    _flush(path)


def _flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
