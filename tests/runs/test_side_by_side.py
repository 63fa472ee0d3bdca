"""What all comparisons share: equal weights, fair turns, operations counted, and a record."""

from __future__ import annotations

import json
import time

import pytest
import torch
from torch import nn

from course_lib.discovery import module_of, rooms
from course_lib.errors import DataError
from course_lib.runs import side_by_side
from course_lib.runs.side_by_side import Comparison, copy_weights, for_all_settings, gflop_of, time_in_turns


class Clock:
    """A clock that only moves when a player plays."""

    def __init__(self) -> None:
        self.now, self.played = 0.0, []

    def player(self, name: str, seconds: list[float]):
        def play() -> None:
            self.played.append(name)
            self.now += seconds[min(self.played.count(name), len(seconds)) - 1]

        return play


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(side_by_side.time, "perf_counter", lambda: made.now)
    return made


def test_players_take_turns_and_the_median_counts(clock):
    # two steps of each to warm up, of 50 seconds, do not count; neither does one of 90 among those of 4
    players = {
        "slow": clock.player("slow", [50, 50, 4, 4, 90, 4, 4]),
        "fast": clock.player("fast", [50, 50, 2]),
    }
    found = time_in_turns(players, batch_size=8, seconds=107)
    assert clock.played == ["slow"] * 2 + ["fast"] * 2 + ["slow", "fast"] * 4
    assert found == {
        "seconds": {"slow": 4, "fast": 2},
        "images/s": {"slow": 2, "fast": 4},
        "times faster": {"slow": 1, "fast": 2},
        "turns": 4,
    }


def test_there_are_three_turns_at_least(clock):
    players = {"one": clock.player("one", [5.0]), "other": clock.player("other", [5.0])}
    assert time_in_turns(players, 1, seconds=0.0)["turns"] == 3


def test_weights_go_over_by_order_whatever_their_names():
    source = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    target = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(3, 1)})
    target["b"].bias = nn.Parameter(torch.zeros(1, 1))  # another shape, of as many values
    copy_weights(source, target)
    assert torch.equal(target["a"].weight, source[0].weight)
    assert target["b"].bias.shape == (1, 1)
    assert target["b"].bias.item() == source[1].bias.item()
    with pytest.raises(ValueError, match=r"longer|shorter"):
        copy_weights(nn.Sequential(nn.Linear(2, 3)), target)


def test_operations_by_hand():
    a, b = torch.ones(200, 300), torch.ones(300, 50)
    assert gflop_of(lambda: a @ b) == pytest.approx(2 * 200 * 300 * 50 / 1e9)


def test_what_is_recorded_is_found_again(release):
    comparison = Comparison("some.lessons.lesson_99.usual", lambda ratio: {"ratio": ratio})
    assert comparison.file == "checkpoints/lesson_99/usual.json"
    with pytest.raises(DataError, match="manifest"):
        comparison.last()
    found = comparison.record(1.5)
    assert found == {
        "ratio": 1.5,
        "threads": torch.get_num_threads(),
        "date": time.strftime("%Y-%m-%d"),
        "command": "python -m some.lessons.lesson_99.usual",
    }
    folder = release()
    assert comparison.last() == found == json.loads((folder / comparison.file).read_text())


def test_every_setting_is_compared(monkeypatch):
    monkeypatch.setattr("course_lib.doctor.matmul_gflops", lambda seconds: 12.4)
    asked = []

    def compare(*args):
        asked.append(args)
        return {"turns": len(asked)}

    found = for_all_settings({"a": ("x", 32, 2), "b": ("y", 64, 1)}, compare, 9.0)
    assert asked == [("x", 32, 2, 9.0), ("y", 64, 1, 9.0)]
    assert found == {
        "settings": {"a": {"turns": 1, "side": 32, "batch": 2}, "b": {"turns": 2, "side": 64, "batch": 1}},
        "peak GFLOP/s": 12,
    }


COMPARED = [module.COMPARISON for room in rooms() if (module := module_of(room, "usual")) is not None]


@pytest.mark.parametrize("comparison", COMPARED, ids=lambda comparison: comparison.module.split(".")[2])
def test_what_a_lesson_measured_last_is_bundled(comparison):
    room = comparison.module.split(".")[2]
    found = comparison.last()
    assert comparison.file == f"checkpoints/{room}/usual.json"
    assert found["command"] == f"python -m course_lib.lessons.{room}.usual"
    assert found["threads"] >= 1
