"""A run that starts from another, stopped on the way: where it was stopped, what is kept, and the bits at the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib import runs
from course_lib.errors import Stopped, TrainingError
from course_lib.runs.base import Run
from course_lib.systems.regression import Regression
from course_lib.training import read_checkpoint

OPTIONS: dict[str, Any] = {"device": "cpu", "progress": False}
FIRST, SECOND = 6, 6  # steps of each: 12 rows in batches of 4, two epochs


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Return a function that lets Ctrl-C be pressed in the n-th of all steps to come, counted from 1."""
    original = Regression.training_step
    steps: list[int] = [0, 0]

    def training_step(self: Any, batch: Any) -> Any:
        steps[0] += 1
        if steps[0] == steps[1]:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch)

    def arrange(number: int | None) -> None:
        steps[:] = [0, number or -1]

    monkeypatch.setattr(Regression, "training_step", training_step)
    return arrange


def bits(system: Any) -> dict[str, bytes]:
    return {name: value.contiguous().numpy().tobytes() for name, value in system.state_dict().items()}


@pytest.fixture
def whole(two_runs: dict[str, Run], release: Any, tmp_path: Path) -> dict[str, bytes]:
    system, history = runs.train("tiny/second", 1, folder=tmp_path / "whole", **OPTIONS)
    assert len(history) == SECOND
    return bits(system)


@pytest.mark.parametrize("step", [1, 3, FIRST])  # the last one too: the second one must not begin
def test_a_stop_in_the_first_is_a_stop_and_the_same_call_goes_on(
    whole: dict[str, bytes], stop_at: Any, tmp_path: Path, step: int
) -> None:
    stop_at(step)
    folder = tmp_path / "runs"
    with pytest.raises(
        Stopped, match="tiny/first has to be trained first and was stopped: call it again with the same"
    ):
        runs.train("tiny/second", 1, folder=folder, **OPTIONS)
    assert read_checkpoint(folder / "tiny" / "first" / "seed1")["position"]["step"] == step
    assert not (folder / "tiny" / "second").exists()
    stop_at(None)
    system, history = runs.train("tiny/second", 1, folder=folder, **OPTIONS)
    assert history.stopped is None
    assert bits(system) == whole


def test_stopped_in_each_of_the_two(whole: dict[str, bytes], stop_at: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    stop_at(4)
    with pytest.raises(Stopped) as stopped:
        runs.train("tiny/second", 1, folder=folder, **OPTIONS)
    assert stopped.value.reason == "interrupt"
    stop_at(FIRST - 4 + 2)
    _, history = runs.train("tiny/second", 1, folder=folder, **OPTIONS)
    assert history.interrupted
    assert len(history) == 2
    stop_at(None)
    assert bits(runs.train("tiny/second", 1, folder=folder, **OPTIONS)[0]) == whole


def test_without_a_folder_nothing_is_kept_and_that_is_said(two_runs: Any, release: Any, stop_at: Any) -> None:
    stop_at(2)
    with pytest.raises(Stopped, match="nothing was kept, so give it a folder and call it again to go on"):
        runs.train("tiny/second", 1, **OPTIONS)


def test_a_second_one_does_not_go_on_from_another_first_one(two_runs: Any, release: Any, tmp_path: Path) -> None:
    _, history = runs.train("tiny/second", 1, folder=tmp_path, steps=2, **OPTIONS)
    assert len(history) == 2
    assert read_checkpoint(tmp_path / "tiny" / "first" / "seed1")["position"]["step"] == 2  # steps reach it too
    with pytest.raises(TrainingError, match=r"made with another first training .*pass resume=False to start again"):
        runs.train("tiny/second", 1, folder=tmp_path, **OPTIONS)
    system, history = runs.train("tiny/second", 1, folder=tmp_path, resume=False, **OPTIONS)
    assert len(history) == SECOND
    fresh, _ = runs.train("tiny/second", 1, folder=tmp_path / "fresh", **OPTIONS)
    assert bits(system) == bits(fresh)  # the first one was begun anew as well


def test_the_time_limit_is_that_of_the_whole_call(two_runs: Any, release: Any, tmp_path: Path) -> None:
    with pytest.raises(Stopped) as stopped:
        runs.train("tiny/second", 1, folder=tmp_path, time_limit=0.0, **OPTIONS)
    assert stopped.value.reason == "time limit"
    assert read_checkpoint(tmp_path / "tiny" / "first" / "seed1")["position"]["step"] == 1


def test_epochs_reach_the_first_one_as_steps_do(two_runs: Any, release: Any, tmp_path: Path) -> None:
    runs.train("tiny/second", 1, folder=tmp_path, epochs=1, save_every=1, **OPTIONS)
    first = tmp_path / "tiny" / "first" / "seed1"
    assert sorted(path.name for path in first.iterdir()) == ["history.csv", "step-00000002", "step-00000003"]
    assert torch.is_tensor(read_checkpoint(first)["epoch_start"])
