"""The figures of a run over its seeds: measured where weights are bundled, else as they were recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib import runs
from course_lib.errors import DataError
from course_lib.history import History
from course_lib.runs import registry
from course_lib.runs.base import Run
from course_lib.systems.regression import Regression, RegressionConfig

Release = Callable[[], Path]


def publish(seeds: tuple[int, ...]) -> None:
    history = History()
    history.append({"mae": 1.0}, epoch=0, seconds=1.0)
    for seed in seeds:
        system = Regression(RegressionConfig(loss="mae", base_channels=8, max_channels=16, levels=2))
        runs.publish("tiny/first", seed, system, history, minutes=1)


@pytest.fixture
def figures(two_runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Return what the run will be measured to have, one after the other; seed 0 is bundled and the others recorded."""
    coming: list[dict[str, float]] = []
    one = dataclasses.replace(
        two_runs["tiny/first"], bundled=1, measure=lambda system, split: coming.pop(0), pictures=None
    )
    monkeypatch.setattr(registry, "_registry", lambda: {one.name: one})
    return coming


def test_recorded_seeds_alone(figures: list[dict[str, float]], release: Release) -> None:
    figures += [{"L1": 0.5, "SSIM": 0.7}, {"L1": 0.25}]
    publish((2, 1))
    release()
    assert runs.by_seed("tiny/first") == {"L1": [0.25, 0.5], "SSIM": [0.7]}  # in the order of the seeds
    assert runs.by_seed("tiny/first", ["SSIM", "sharpness"]) == {"SSIM": [0.7]}


def test_bundled_weights_are_measured_here(figures: list[dict[str, float]], release: Release) -> None:
    figures += [{"L1": 0.5, "place L1": 0.1}]
    publish((0, 1))
    release()
    assert runs.by_seed("tiny/first")["L1"] == [0.5]  # nothing is measured unless it is asked for
    met: list[object] = []

    def measure(system: object) -> dict[str, float]:
        met.append(system)
        return {"L1": 0.125}

    assert runs.by_seed("tiny/first", measure=measure) == {"L1": [0.125, 0.5]}
    assert runs.by_seed("tiny/first", measure=measure, recorded_as="place {}") == {"L1": [0.125, 0.1]}
    assert len(met) == 2
    assert all(isinstance(system, Regression) for system in met)


def test_nothing_to_read(figures: list[dict[str, float]], release: Release) -> None:
    with pytest.raises(DataError, match=r"^There are no figures of 'tiny/first': train it with `course train tiny/"):
        runs.by_seed("tiny/first")
    with pytest.raises(DataError, match="tiny/other"):
        runs.by_seed("tiny/other")
