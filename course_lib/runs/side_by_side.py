"""What the comparisons of a usual recipe with the course's have in common: weights, turns, and a record of both."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from course_lib.paths import bundled_file, data_dir


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give one network the weights of another that has the same ones, in the same order, by other names.

    Args:
        source: whose weights are copied.
        target: gets them, and keeps its own shapes, of as many values each.

    Raises:
        ValueError: if the networks have not the same number of weights.
    """
    pairs = zip(target.state_dict().items(), source.state_dict().values(), strict=True)
    target.load_state_dict({name: value.view_as(own) for (name, own), value in pairs})


def time_in_turns(players: Mapping[str, Callable[[], Any]], batch_size: int, seconds: float) -> dict[str, Any]:
    """Time some steps in turns, so that a busy machine disturbs them alike, after two steps of each to warm up.

    Args:
        players: what is timed, by name; the first is what the others are compared with.
        batch_size: pictures of a step.
        seconds: for all; there are three turns at least.

    Returns:
        By player the median ``seconds`` of a step, ``images/s`` and ``times faster`` than the first; and ``turns``.
    """
    taken: dict[str, list[float]] = {name: [] for name in players}
    for play in players.values():
        play(), play()
    turns, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end or turns < 3:
        for name, play in players.items():
            started = time.perf_counter()
            play()
            taken[name].append(time.perf_counter() - started)
        turns += 1
    median = {name: statistics.median(values) for name, values in taken.items()}
    first = next(iter(median.values()))
    return {
        "seconds": {name: round(value, 4) for name, value in median.items()},
        "images/s": {name: round(batch_size / value, 2) for name, value in median.items()},
        "times faster": {name: round(first / value, 3) for name, value in median.items()},
        "turns": turns,
    }


def gflop_of(step: Callable[[], Any]) -> float:
    """Return how many thousand million operations a step asks convolutions and matrix products for."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / 1e9


def keep_settings(
    file: str,
    command: str,
    settings: Mapping[str, tuple[Any, int, int]],
    compare: Callable[[Any, int, int, float], dict[str, Any]],
    seconds: float,
) -> dict[str, Any]:
    """Compare for all settings, measure the machine's fastest product of matrices beside it, and keep what was found.

    Args:
        file: path inside ``data/``.
        command: that does this.
        settings: by name a config, the side of the pictures and the batch size.
        compare: takes these three and the seconds.
        seconds: for each setting.

    Returns:
        What was kept: ``settings``, ``peak GFLOP/s`` and what :func:`keep` adds.
    """
    from course_lib.doctor import matmul_gflops

    found: dict[str, Any] = {"settings": {}}
    for name, (config, side, batch_size) in settings.items():
        found["settings"][name] = compare(config, side, batch_size, seconds) | {"side": side, "batch": batch_size}
    return keep(file, command, found | {"peak GFLOP/s": round(matmul_gflops(2.0))})


def keep(file: str, command: str, found: dict[str, Any]) -> dict[str, Any]:
    """Write what was found into ``data/``, with the threads, the date and the command.

    Rerun ``data/build/manifest.py`` afterwards.

    Args:
        file: path inside ``data/``.
        command: that does this.
        found: what to write.

    Returns:
        What was written.
    """
    found |= {"threads": torch.get_num_threads(), "date": time.strftime("%Y-%m-%d"), "command": command}
    path = data_dir() / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def kept(file: str) -> dict[str, Any]:
    """Return what :func:`keep` last wrote.

    Args:
        file: path inside ``data/``.

    Raises:
        DataError: if the file is missing or corrupt.
    """
    return json.loads(bundled_file(file).read_text(encoding="utf-8"))
