"""Train a run, publish what it came to, and load or measure what is bundled."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from course_lib.errors import DataError, TrainingError
from course_lib.history import History
from course_lib.paths import bundled_file, data_dir
from course_lib.presets import preset
from course_lib.runs.base import Run
from course_lib.runs.registry import checkpoint_name, run, seeds
from course_lib.systems.base import System


def folder_of(root: Path, name: str, seed: int) -> Path:
    """Return where the checkpoints of a run lie inside a folder for all runs: ``root/lesson_01/mae/seed0``."""
    return root / name / f"seed{seed}"


def train(
    name: str, seed: int = 0, *, folder: Path | None = None, progress: bool = True, **changes: Any
) -> tuple[System, History]:
    """Train a run from the start, or go on from its checkpoint; what it starts from or needs is trained first.

    Args:
        name: see ``names()``.
        seed: of the weights, the order of the data and the noise.
        folder: where checkpoints of all runs are kept, each in its own sub-folder; none are kept if not given.
        progress: show a progress bar.
        **changes: passed on to ``fit``, for example ``steps=100`` or ``device="cpu"``.

    Returns:
        The trained system and its history.

    Raises:
        DataError: if there is no such run.
        TrainingError: see ``fit``.
    """
    from course_lib.training import fit, seed_everything

    one = run(name)
    same = {key: value for key, value in changes.items() if key in ("device", "steps")}
    earlier = {other: _ready(other, seed, folder, progress, same) for other in (one.start, one.needs) if other}
    dataset = one.dataset(earlier[one.needs]) if one.needs else one.dataset()
    seed_everything(seed)  # before the system is built: its weights are drawn from this seed
    system = one.system()
    if one.start:
        for net in run(one.start).inference:
            getattr(system, net).load_state_dict(getattr(earlier[one.start], net).state_dict())
    place = None if folder is None else folder_of(folder, name, seed)
    history = fit(system, dataset, one.training, seed=seed, checkpoint=place, progress=progress, **changes)
    return system, history


def _ready(name: str, seed: int, folder: Path | None, progress: bool, changes: dict[str, Any]) -> System:
    """Return the trained system of another run, on the CPU: bundled, or trained here, perhaps from its checkpoint."""
    if seed in seeds(name):
        return load(name, seed)
    system, history = train(name, seed, folder=folder, progress=progress, **changes)
    if history.stopped:
        raise TrainingError(f"{name} has to be trained first and was stopped: run the same command again to go on.")
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
            system = _from_file(one, rounded)
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
    if seed not in (known := seeds(name)):
        offer = f"choose seed {' or '.join(map(str, known))}" if known else f"call runs.train({name!r}) to make some"
        raise DataError(f"There are no bundled weights of {name!r} with seed {seed}: {offer}.")
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
