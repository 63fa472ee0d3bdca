"""Train a run, publish what it came to, and load or measure what is bundled."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from course_lib.errors import DataError
from course_lib.history import History
from course_lib.paths import bundled_file, data_dir
from course_lib.presets import preset
from course_lib.runs.registry import checkpoint_name, run, seeds
from course_lib.systems.base import System


def train(
    name: str, seed: int = 0, *, folder: Path | None = None, progress: bool = True, **changes: Any
) -> tuple[System, History]:
    """Train a run from the start, or go on from its checkpoint.

    Args:
        name: see ``names()``.
        seed: of the weights, the order of the data and the noise.
        folder: where checkpoints are kept; none are kept if not given.
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
    before = None
    if one.start:
        same = {key: value for key, value in changes.items() if key in ("device", "steps")}
        bundled = seed in seeds(one.start)
        before = load(one.start, seed) if bundled else train(one.start, seed, progress=progress, **same)[0].cpu()
    seed_everything(seed)  # before the system is built: its weights are drawn from this seed
    system = one.system()
    if before is not None and one.start:
        for net in run(one.start).inference:
            getattr(system, net).load_state_dict(getattr(before, net).state_dict())
    options: dict[str, Any] = {"epochs": one.sizes.epochs, "batch_size": one.sizes.batch_size, "flip": one.flip}
    options |= {"ema_decay": one.ema_decay, "matmul": one.matmul, "precision": one.precision}
    if "steps" in changes:
        del options["epochs"]
    options.update(changes)
    history = fit(system, one.dataset(), seed=seed, checkpoint=folder, progress=progress, **options)
    return system, history


def publish(name: str, seed: int, system: System, history: History, minutes: float) -> Path:
    """Write the weights that inference needs into ``data/checkpoints``, with how they came about in the header.

    Of a seed whose weights are not bundled (``Run.bundled``), its held-out figures are written instead. Weights are
    stored in 8 bits (one scale an output channel), so that all lessons together stay small. Rerun
    ``data/build/manifest.py`` afterwards.

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
    if one.bundled is not None and seed >= one.bundled:
        from course_lib.runs.records import publish_record

        return publish_record(name, seed, system, history, minutes)
    state = {f"{net}.{key}": value for net in one.inference for key, value in system.averaged(net).state_dict().items()}
    metadata = {
        "run": name,
        "seed": seed,
        "command": f"course train {name} --seed {seed} --publish",
        "preset": preset(),
        "start": one.start,
        "batch_size": one.sizes.batch_size,
        "epochs": history.epoch[-1] + 1,
        "steps": len(history),
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
    from course_lib.training import load_weights, rng_untouched, weights_metadata

    one = run(name)
    if seed not in (known := seeds(name)):
        offer = f"choose seed {' or '.join(map(str, known))}" if known else f"call runs.train({name!r}) to make some"
        raise DataError(f"There are no bundled weights of {name!r} with seed {seed}: {offer}.")
    path = bundled_file(checkpoint_name(name, seed))
    state = load_weights(path)
    with rng_untouched():  # the weights it is built with are drawn, and then replaced
        system = one.system()
    for net in one.inference:
        part = {key.removeprefix(f"{net}."): value for key, value in state.items() if key.startswith(f"{net}.")}
        try:
            getattr(system, net).load_state_dict(part)
        except RuntimeError as error:
            raise DataError(
                f"data/{checkpoint_name(name, seed)} does not fit the run {name!r}: update the course with `git pull`."
            ) from error
    system.card = weights_metadata(path)
    return system.eval()


def figures(name: str, seed: int = 0) -> dict[str, float]:
    """Return the held-out figures of a bundled run, by name.

    Raises:
        DataError: if the run has none, or its weights are not bundled.
    """
    one = run(name)
    if one.evaluate is None:
        raise DataError(f"The run {name!r} has no held-out figures: choose another.")
    return one.evaluate(load(name, seed))
