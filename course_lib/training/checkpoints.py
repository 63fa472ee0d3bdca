"""Checkpoints of a training run: safetensors and json in a folder, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.paths import sha256_of

FORMAT = 1


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

    Args:
        folder: where the checkpoints of one run are; made when the first one is saved.
        rank: the number of this process.
        barrier: waits for all processes of a data parallel run.
    """

    def __init__(self, folder: str | os.PathLike[str], rank: int = 0, barrier: Callable[[], Any] = lambda: None):
        self.folder = Path(folder)
        self.rank = rank
        self.barrier = barrier
        self.newest: Path | None = None

    def save(self, step: int, shared: dict[str, Any], personal: dict[str, Any]) -> Path:
        """Write a checkpoint, then drop all but this one and the last one saved or loaded before it."""
        target = self.folder / f"step-{step:08d}"
        unfinished = self.folder / f".unfinished-{target.name}"
        if self.rank == 0:
            for leftover in self.folder.glob(".unfinished-*"):
                shutil.rmtree(leftover)
            unfinished.mkdir(parents=True)
        self.barrier()
        _write(unfinished, f"process-{self.rank}", personal)
        self.barrier()
        if self.rank == 0:
            _write(unfinished, "state", shared)
            sums = {file.name: sha256_of(file) for file in sorted(unfinished.iterdir())}
            _write_text(unfinished / "checkpoint.json", json.dumps({"format": FORMAT, "sha256": sums}, indent=1))
            if target.exists():
                shutil.rmtree(target)
            os.replace(unfinished, target)
            _flush(self.folder)
            for other in self.folder.glob("step-*"):
                if other not in (target, self.newest):
                    shutil.rmtree(other)
        self.newest = target
        self.barrier()
        return target

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the shared and personal state of the newest whole checkpoint, or None if there is none.

        A damaged checkpoint is passed over, which is said in one line.

        Raises:
            TrainingError: if there are checkpoints but none is whole.
        """
        found = sorted(self.folder.glob("step-*"), reverse=True)
        for checkpoint in found:
            fault = _fault(checkpoint)
            if fault is None:
                self.newest = checkpoint
                return _read(checkpoint, "state"), _read(checkpoint, f"process-{self.rank}")
            if self.rank == 0:
                print(f"The checkpoint {checkpoint} is damaged ({fault}) and was passed over.")
        if found:
            raise TrainingError(
                f"No checkpoint in {self.folder} is whole: delete the folder, or pass resume=False to start again."
            )
        return None


def read_checkpoint(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the newest whole checkpoint of a run: "system" (weights), "averages", "history", "settings", and more.

    Raises:
        TrainingError: if there is none.
    """
    state = CheckpointFolder(folder).load()
    if state is None:
        raise TrainingError(f"There is no checkpoint in {folder}: train with fit(..., checkpoint={str(folder)!r}).")
    return state[0]


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
        contents = json.loads((checkpoint / "checkpoint.json").read_text(encoding="utf-8"))
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
