"""What the comparisons of a usual implementation with the course's share: a block, weights, turns, and a record."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

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


class UsualBlock(nn.Module):
    """A residual block of two convolutions.

    Args:
        width: channels.
        affine: whether the norms have a learned scale and shift; the convolutions have no bias then.
    """

    def __init__(self, width: int, affine: bool = False) -> None:
        super().__init__()
        first, second = (
            [
                nn.ReflectionPad2d(1),
                nn.Conv2d(width, width, 3, bias=not affine),
                nn.InstanceNorm2d(width, affine=affine),
            ]
            for _ in range(2)
        )
        self.body = nn.Sequential(*first, nn.ReLU(True), *second)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape."""
        return x + self.body(x)


@dataclass(frozen=True)
class Comparison:
    """A usual implementation beside the course's, measured now and then, and what was found last.

    Args:
        module: that is run as ``python -m MODULE`` to measure anew; its lesson's room names the file of the record.
        measure: returns what is to be kept; takes the seconds for each setting.
    """

    module: str
    measure: Callable[..., dict[str, Any]]

    @property
    def file(self) -> str:
        """Path of the record inside ``data/``."""
        return f"checkpoints/{self.module.split('.')[-2]}/usual.json"

    def record(self, *arguments: Any) -> dict[str, Any]:
        """Measure, and write what was found into ``data/`` with the threads, the date and the command.

        Rerun ``data/build/manifest.py`` afterwards.

        Args:
            arguments: passed on to ``measure``.

        Returns:
            What was written.
        """
        found = self.measure(*arguments)
        found |= {
            "threads": torch.get_num_threads(),
            "date": time.strftime("%Y-%m-%d"),
            "command": f"python -m {self.module}",
        }
        path = data_dir() / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return found

    def last(self) -> dict[str, Any]:
        """Return what :meth:`record` last wrote.

        Raises:
            DataError: if the file is missing or corrupt.
        """
        return json.loads(bundled_file(self.file).read_text(encoding="utf-8"))


def for_all_settings(
    settings: Mapping[str, tuple[Any, int, int]],
    compare: Callable[[Any, int, int, float], dict[str, Any]],
    seconds: float = 60.0,
) -> dict[str, Any]:
    """Compare for all settings, and measure the machine's fastest product of matrices beside it.

    Args:
        settings: by name a config, the side of the pictures and the batch size.
        compare: takes these three and the seconds.
        seconds: for each setting.

    Returns:
        ``settings``: what ``compare`` found, by name, with ``side`` and ``batch``; and ``peak GFLOP/s``.
    """
    from course_lib.doctor import matmul_gflops

    found = {
        name: compare(config, side, batch_size, seconds) | {"side": side, "batch": batch_size}
        for name, (config, side, batch_size) in settings.items()
    }
    return {"settings": found, "peak GFLOP/s": round(matmul_gflops(2.0))}
