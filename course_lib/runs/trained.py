"""Train a run, publish what it came to, and load or measure what is bundled."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from course_lib.errors import DataError, Stopped
from course_lib.half import IN_FULL, IN_HALF, computes_in_bfloat16
from course_lib.history import History
from course_lib.listing import checkpoint_name, require_seed
from course_lib.paths import bundled_file, data_dir
from course_lib.presets import preset
from course_lib.runs.base import Run
from course_lib.runs.registry import run, seeds
from course_lib.systems.base import System
from course_lib.words import either

FOR_THE_FIRST = ("device", "devices", "save_every", "resume", "time_limit")
"""What ``train`` is given for a run and passes on to what has to be trained first, besides its length."""


def folder_of(root: Path, name: str, seed: int) -> Path:
    """Return where the checkpoints of a run lie inside a folder for all runs: ``root/lesson_01/mae/seed0``."""
    return root / name / f"seed{seed}"


def train(
    name: str, seed: int = 0, *, folder: Path | None = None, progress: bool = True, **changes: Any
) -> tuple[System, History]:
    """Train a run from the start, or go on from its checkpoint; what it starts from or needs is trained first.

    What is trained first is stopped as any training is, and then this one does not begin: the same call goes on with
    the first one, and ends with the bits of a call that was never stopped. That takes a folder; without one nothing is
    written to the disk, so that a stop loses what was trained.

    Args:
        name: see ``names()``.
        seed: of the weights, the order of the data and the noise.
        folder: where checkpoints of all runs are kept, each in its own sub-folder; none are kept if not given.
        progress: show a progress bar.
        **changes: passed on to ``fit``, for example ``steps=100`` or ``device="cpu"``. Device, number of devices,
            length, how often to save and whether to resume hold for what is trained first too; ``time_limit`` is that
            of the whole call.

    Returns:
        The trained system and its history.

    Raises:
        DataError: if there is no such run.
        Stopped: if what has to be trained first was stopped.
        TrainingError: see ``fit``.
    """
    from course_lib.training import fit, seed_everything

    one = run(name)
    limit, started = changes.get("time_limit"), time.monotonic()
    earlier: dict[str, System] = {}
    for other in (one.start, one.needs):
        if other and other not in earlier:
            earlier[other] = _ready(other, seed, folder, progress, _left(changes, limit, started))
    dataset = one.dataset(earlier[one.needs]) if one.needs else one.dataset()
    seed_everything(seed)  # before the system is built: its weights are drawn from this seed
    system = one.system()
    if one.start:
        system.origin = _take_over(system, earlier[one.start], run(one.start).inference)
    place = None if folder is None else folder_of(folder, name, seed)
    changes = _left(changes, limit, started)
    settings = one.training
    if "precision" not in changes:
        settings = settings.changed(precision=_precision(one, place, changes))
        gains = computes_in_bfloat16(changes.get("device", "auto"))  # a checkpoint may come from where it did
        if progress and settings.precision != one.training.precision and not gains:
            print(f"{name}: float32, because {IN_HALF} gains nothing here.", file=sys.stderr)
    history = fit(system, dataset, settings, seed=seed, checkpoint=place, progress=progress, **changes)
    return system, history


def _precision(one: Run, place: Path | None, changes: dict[str, Any]) -> str:
    """Return what a run computes in: what its checkpoint was computed in, or else what is fast on the device."""
    from course_lib.training.checkpoints import stored_settings

    if place is not None and changes.get("resume") is not False and (stored := stored_settings(place)):
        return str(stored["precision"])
    fast = one.training.precision != IN_HALF or computes_in_bfloat16(changes.get("device", "auto"))
    return one.training.precision if fast else IN_FULL


def _left(changes: dict[str, Any], limit: float | None, started: float) -> dict[str, Any]:
    """Return the changes with what is left of the time."""
    return changes if limit is None else changes | {"time_limit": max(0.0, limit - (time.monotonic() - started))}


def _take_over(system: System, earlier: System, networks: tuple[str, ...]) -> str:
    """Give a system the networks of a trained one, and return a digest of their weights."""
    digest = hashlib.sha256()
    for net in networks:
        state = getattr(earlier, net).state_dict()
        getattr(system, net).load_state_dict(state)
        for key, tensor in sorted(state.items()):
            digest.update(f"{net}.{key}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _ready(name: str, seed: int, folder: Path | None, progress: bool, changes: dict[str, Any]) -> System:
    """Return the trained system of another run, on the CPU: bundled, or trained here, perhaps from its checkpoint."""
    if seed in seeds(name):
        return load(name, seed)
    lengths = () if run(name).sizes is None else ("steps", "epochs")  # stages have their own
    passed = {key: value for key, value in changes.items() if key in (*FOR_THE_FIRST, *lengths)}
    system, history = train(name, seed, folder=folder, progress=progress, **passed)
    if history.stopped:
        again = either("call it again with the same folder", "run the same command again")
        if changes.get("resume") is False:
            again = either("call it again without resume=False", "run the same command again without --restart")
        if folder is None:
            again = "nothing was kept, so give it a folder and call it again"
        raise Stopped(f"{name} has to be trained first and was stopped: {again} to go on.", history.stopped)
    for net in run(name).inference:  # what inference would take, which is what would be bundled
        getattr(system, net).load_state_dict(system.averaged(net).state_dict())
    system.averages = {}
    return system.cpu()


def publish(name: str, seed: int, system: System, history: History, minutes: float) -> Path:
    """Write the weights that inference needs into ``data/checkpoints``, with how they came about in the header.

    Of a seed whose weights are not bundled (``Run.bundled``), its held-out figures are written instead; where other
    seeds of the run are bundled, those of the weights rounded in the same way. Weights are stored in 8 bits (one scale
    an output channel), so that all lessons together stay small. Rerun ``data/build/manifest.py`` afterwards.

    Args:
        name: see ``names()``.
        seed: that it was trained with.
        system: what ``train`` returned, on the CPU.
        history: of the whole run.
        minutes: that the training took.

    Returns:
        The file.
    """
    from course_lib.training import save_weights

    one = run(name)
    state = {f"{net}.{key}": value for net in one.inference for key, value in system.averaged(net).state_dict().items()}
    if one.bundled is not None and seed >= one.bundled:
        from course_lib.runs.records import IN_8_BITS, publish_record

        if not one.bundled:
            return publish_record(name, seed, system, history, minutes)
        with TemporaryDirectory() as place:  # beside the bundled seeds only what is rounded as they are can be averaged
            rounded = save_weights(state, Path(place) / "weights", dtype="int8", metadata={"stage": system.stage})
            as_trained, system = system, _from_file(one, rounded)
        system.precision = as_trained.precision
        return publish_record(name, seed, system, history, minutes, weights=IN_8_BITS)
    metadata = {
        "run": name,
        "seed": seed,
        "command": f"course train {name} --seed {seed} --publish",
        "preset": preset(),
        "start": one.start,
        "batch_size": one.training.batch_size,
        "epochs": history.epoch[-1] + 1,
        "steps": len(history),
        "stage": system.stage,
        "precision": system.precision,
        "minutes": round(minutes, 1),
        "date": time.strftime("%Y-%m-%d"),
        "config": dataclasses.asdict(system.config),
    }
    path = data_dir() / checkpoint_name(name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(state, path, dtype="int8", metadata=metadata)
    return path


def load(name: str, seed: int = 0) -> System:
    """Return a run's system with its bundled weights, in eval mode, on the CPU.

    The weights' header is at ``system.card``: command, seed, steps, minutes.

    Raises:
        DataError: if the run or the seed is not bundled, or the file is corrupt.
    """
    one = run(name)
    require_seed(name, seed)
    return _from_file(one, bundled_file(checkpoint_name(name, seed)))


def _from_file(one: Run, path: Path) -> System:
    from course_lib.training import load_weights, rng_untouched, weights_metadata

    state = load_weights(path)
    with rng_untouched():  # the weights it is built with are drawn, and then replaced
        system = one.system().at_stage(weights_metadata(path).get("stage", 0))
    for net in one.inference:
        part = {key.removeprefix(f"{net}."): value for key, value in state.items() if key.startswith(f"{net}.")}
        try:
            getattr(system, net).load_state_dict(part)
        except RuntimeError as error:
            raise DataError(
                f"{path.name} does not fit the run {one.name!r}: update the course with `git pull`."
            ) from error
    system.card = weights_metadata(path)
    return system.eval()


def figures(name: str, seed: int = 0, split: str = "test") -> dict[str, float]:
    """Return the held-out figures of a bundled run, by name.

    Args:
        name: see ``names()``.
        seed: one of ``seeds(name)``.
        split: ``"validation"`` or ``"test"``.

    Raises:
        DataError: if the run has none, or none on that split, or its weights are not bundled.
    """
    one = run(name)
    if one.measure is None:
        raise DataError(f"The run {name!r} has no held-out figures: choose another.")
    return one.evaluate(load(name, seed), split)
