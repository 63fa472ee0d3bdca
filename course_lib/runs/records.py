"""Runs whose figures are kept, and not their weights: the ablations, which no lesson needs to load.

``course train NAME --seed S --publish`` writes them, as it writes the weights of other runs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.data.pixels import normalise, to_bytes
from course_lib.errors import DataError
from course_lib.history import History
from course_lib.listing import record_name
from course_lib.paths import bundled_file, data_dir, manifest
from course_lib.presets import preset
from course_lib.runs.base import Run
from course_lib.runs.registry import run
from course_lib.systems.base import System

QUALITY = 95
IN_8_BITS = "8 bits"
"""What an entry's ``weights`` says where the figures are of weights rounded as bundled ones are."""


def strip_name(name: str, seed: int = 0) -> str:
    """Return where the pictures of a seed of a recorded run lie, inside ``data/``."""
    lesson, short = name.split("/")
    return f"checkpoints/{lesson}/outputs/{short}{f'_seed{seed}' if seed else ''}.webp"


def records_of(lesson: str) -> dict[str, dict[int, dict[str, Any]]]:
    """Return what the recorded runs of a lesson gave on held-out data.

    Args:
        lesson: for example ``"lesson_10"``.

    Returns:
        ``found[run name][seed]``: a dictionary with ``figures`` by name, ``minutes``, ``epochs``, ``steps``,
        ``batch_size``, ``date``, ``command``, ``weights`` and ``config``.

    Raises:
        DataError: if there is no such lesson, or the file is missing or corrupt.
    """
    if record_name(lesson) not in manifest():
        known = sorted(path.split("/")[1] for path in manifest() if path.endswith("/record.json"))
        raise DataError(f"No figures are recorded for {lesson!r}: choose one of {', '.join(known) or 'no lesson yet'}.")
    found = json.loads(bundled_file(record_name(lesson)).read_text(encoding="utf-8"))
    return {name: {int(seed): entry for seed, entry in by_seed.items()} for name, by_seed in found.items()}


def recorded_pictures(name: str, seed: int = 0) -> Tensor:
    """Return what a recorded run made of the held-out inputs that its lesson shows.

    Args:
        name: of the run.
        seed: that it was trained with.

    Returns:
        (K, 3, H, W) in [-1, 1], in the order of the lesson's inputs.

    Raises:
        DataError: if the run is unknown, or none of its pictures is bundled.
    """
    from PIL import Image

    one = run(name)
    if strip_name(name, seed) not in manifest():
        command = f"course train {one.name} --seed {seed} --publish"
        raise DataError(f"There are no pictures of {one.name!r}, seed {seed}: train it with `{command}`.")
    with Image.open(bundled_file(strip_name(name, seed))) as strip:
        pixels = torch.from_numpy(np.array(strip.convert("RGB")))
    side = pixels.shape[0]
    tiles = pixels.unflatten(1, (-1, side)).permute(1, 3, 0, 2)
    return normalise(tiles)


def publish_record(
    name: str, seed: int, system: System, history: History, minutes: float, weights: str = "as trained"
) -> Path:
    """Measure a recorded run on held-out data and write its figures and pictures into ``data/``.

    Rerun ``data/build/manifest.py`` afterwards.

    Args:
        name: of the run.
        seed: that it was trained with.
        system: what ``train`` returned, on the CPU.
        history: of the whole run.
        minutes: that the training took.
        weights: whether the figures are of weights as they were trained or rounded, for the entry.

    Returns:
        The file with the figures.

    Raises:
        DataError: if the run has no held-out figures.
    """
    one = run(name)
    if one.measure is None:
        raise DataError(f"The run {name!r} has no held-out figures: it cannot be recorded.")
    entry = {
        "figures": {key: round(value, 5) for key, value in one.evaluate(system, "test").items()},
        "command": f"course train {name} --seed {seed} --publish",
        "weights": weights,
        "precision": system.precision,
        "preset": preset(),
        "batch_size": one.training.batch_size,
        "epochs": history.epoch[-1] + 1,
        "steps": len(history),
        "minutes": round(minutes, 1),
        "date": time.strftime("%Y-%m-%d"),
        "config": dataclasses.asdict(system.config),
    }
    path = data_dir() / record_name(name.split("/")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found.setdefault(name, {})[str(seed)] = entry
    for key in found:
        found[key] = dict(sorted(found[key].items()))
    unfinished = path.with_name(f".unfinished-{name.replace('/', '-')}-{seed}")
    unfinished.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, path)
    if one.pictures is not None:
        _write_strip(one, system, seed)
    return path


def _write_strip(one: Run, system: System, seed: int) -> None:
    from PIL import Image

    assert one.pictures is not None
    tiles = to_bytes(one.pictures(system))
    path = data_dir() / strip_name(one.name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip = tiles.permute(2, 0, 3, 1).flatten(1, 2)
    unfinished = path.with_name(f".unfinished-{path.name}")
    Image.fromarray(strip.numpy()).save(unfinished, "WEBP", quality=QUALITY, method=6)
    os.replace(unfinished, path)
