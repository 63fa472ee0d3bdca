"""Runs whose figures are kept: what is recorded comes back, and each mistake gets one sentence."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from course_lib import runs
from course_lib.errors import DataError
from course_lib.history import History
from course_lib.paths import manifest
from course_lib.runs import records, registry
from course_lib.runs.base import Run
from course_lib.systems.regression import Regression, RegressionConfig

Release = Callable[[], Path]


def history_of(steps: int) -> History:
    history = History()
    for step in range(steps):
        history.append({"mae": 1.0}, epoch=step // 2, seconds=step + 1.0)
    return history


@pytest.fixture
def one_run(two_runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run of two fixed pictures, whose figures alone are kept."""
    pictures = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)
    one = dataclasses.replace(
        two_runs["tiny/first"],
        bundled=0,
        measure=lambda system, split: {"L1": 0.123456789, "SSIM": 0.5},
        pictures=lambda system: pictures,
    )
    monkeypatch.setattr(registry, "_registry", lambda: {one.name: one})
    return one


def system() -> Regression:
    return Regression(RegressionConfig(loss="mae", base_channels=8, max_channels=16, levels=2))


def test_what_is_recorded_comes_back(one_run: Run, release: Release) -> None:
    for seed in (10, 2, 0):
        path = runs.publish("tiny/first", seed, system(), history_of(6), minutes=1.26)
    folder = release()
    assert path == folder / "checkpoints" / "tiny" / "record.json"
    assert not list(folder.rglob("*.safetensors"))
    assert not list(folder.rglob(".unfinished*"))
    found = records.records_of("tiny")
    assert list(found) == ["tiny/first"]
    assert sorted(found["tiny/first"]) == [0, 2, 10]
    entry = found["tiny/first"][2]
    assert entry["figures"] == {"L1": 0.12346, "SSIM": 0.5}
    assert (entry["epochs"], entry["steps"], entry["batch_size"], entry["minutes"]) == (3, 6, 4, 1.3)
    assert entry["command"] == "course train tiny/first --seed 2 --publish"


def test_seeds_beside_bundled_ones_are_measured_with_rounded_weights(
    one_run: Run, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def widest_gap(one: Regression, split: str) -> dict[str, float]:
        """Return how far the largest weights are from a multiple of 1/127 of their channel's largest."""
        weight = max((p for p in one.parameters() if p.dim() > 1), key=lambda p: p.numel()).detach().flatten(1)
        steps = 127 * weight / weight.abs().amax(1, keepdim=True)
        return {"gap": float((steps - steps.round()).abs().max())}

    trained = system()
    for bundled, rounded in ((1, True), (0, False)):
        one = dataclasses.replace(one_run, measure=widest_gap, bundled=bundled, pictures=None)
        monkeypatch.setattr(registry, "_registry", lambda one=one: {one.name: one})
        runs.publish("tiny/first", 3, trained, history_of(2), minutes=1)
        release()
        entry = records.records_of("tiny")["tiny/first"][3]
        assert (entry["weights"] == records.IN_8_BITS) is rounded
        assert (entry["figures"]["gap"] < 1e-3) is rounded
    assert widest_gap(trained, "test")["gap"] > 0.4  # what was trained is left as it was


def test_the_pictures_come_back(one_run: Run, release: Release) -> None:
    runs.publish("tiny/first", 0, system(), history_of(2), minutes=1)
    release()
    assert one_run.pictures is not None
    found = records.recorded_pictures("tiny/first")
    assert found.shape == (2, 3, 16, 16)
    assert (found - one_run.pictures(None)).abs().mean() < 0.05


def test_each_seed_has_pictures_of_its_own(one_run: Run, release: Release) -> None:
    runs.publish("tiny/first", 1, system(), history_of(2), minutes=1)
    release()
    assert records.recorded_pictures("tiny/first", seed=1).shape == (2, 3, 16, 16)
    with pytest.raises(
        DataError, match=r"^There are no pictures of 'tiny/first', seed 0: train it with `course train "
    ):
        records.recorded_pictures("tiny/first")


def test_a_run_without_figures_is_refused(one_run: Run, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = dataclasses.replace(one_run, measure=None)
    monkeypatch.setattr(registry, "_registry", lambda: {bare.name: bare})
    with pytest.raises(DataError, match="has no held-out figures"):
        runs.publish("tiny/first", 0, system(), history_of(2), minutes=1)


def test_a_lesson_without_a_record(release: Release) -> None:
    with pytest.raises(DataError, match=r"^No figures are recorded for 'lesson_99': choose one of no lesson yet\.$"):
        records.records_of("lesson_99")


# The course's records.


LESSONS = sorted({path.split("/")[1] for path in manifest() if path.endswith("/record.json")})


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_record_is_of_the_runs_as_they_are(lesson: str) -> None:
    found = records.records_of(lesson)
    wanted = {name for name in runs.names() if name.startswith(f"{lesson}/") and runs.run(name).recorded}
    assert {name for name in found if runs.run(name).recorded} == wanted
    for name, by_seed in found.items():
        one = runs.run(name)
        assert one.bundled is not None
        assert not set(by_seed) & set(runs.seeds(name))
        assert set(range(one.bundled)) <= set(runs.seeds(name))
        assert one.bundled > 0 or 0 in by_seed
        if one.pictures is not None:
            assert records.recorded_pictures(name).shape[1] == 3
        for seed, entry in by_seed.items():
            assert entry["command"] == f"course train {name} --seed {seed} --publish"
            assert entry["preset"] == "cpu"
            assert entry["epochs"] == one.sizes.cpu_epochs
            assert entry["batch_size"] == one.sizes.batch_size
            assert entry["minutes"] > 0
            config = one.system().config
            kept = {key: tuple(value) if isinstance(value, list) else value for key, value in entry["config"].items()}
            then = type(config)(**kept)  # settings that came later have their defaults
            assert json.dumps(dataclasses.asdict(then)) == json.dumps(dataclasses.asdict(config))
            assert all(value == value for value in entry["figures"].values())
