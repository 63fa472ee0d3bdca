"""Runs: each fits its own data; what is published comes back; each mistake gets one sentence."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from course_lib import runs
from course_lib.errors import DataError
from course_lib.history import History
from course_lib.paths import manifest
from course_lib.runs import registry
from course_lib.runs.base import Run
from course_lib.systems.base import System
from course_lib.systems.conditional_vae import ConditionalVAE
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import Settings, meta_step

BUNDLED = [name for name in manifest() if name.startswith("checkpoints/") and name.endswith(".safetensors")]
Release = Callable[[], Path]


def history_of(epochs: int, steps_per_epoch: int = 3) -> History:
    history = History()
    for step in range(epochs * steps_per_epoch):
        history.append({"mae": 1.0}, epoch=step // steps_per_epoch, seconds=step + 1.0)
    return history


def trained(seed: int = 0, config: RegressionConfig | None = None) -> Regression:
    """Return a small system whose weights and running means have moved."""
    torch.manual_seed(seed)
    system = Regression(config or RegressionConfig(loss="mae", base_channels=8, max_channels=16, levels=2))
    for parameter in system.parameters():
        if parameter.dim() == 4:
            torch.nn.init.kaiming_normal_(parameter)  # outputs far from 0, as those of a network at its end
    batch = system.example_batch(4, "cpu")
    for _ in range(5):
        system.training_step(batch)
    return system.eval()


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(config)))


def weights(system: System) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in system.state_dict().items()}


def outputs(system: Any, batch: Any) -> Tensor:
    """Return what a system makes: a painting of pictures or a translation of x where it takes one, else samples."""
    if hasattr(system, "stylise"):
        return system.stylise(batch.images)
    if "images" not in batch:
        return system.translate(batch.x.clamp(-1, 1))
    told = {"condition": batch.labels} if isinstance(system, ConditionalVAE) else {}
    return system.sample(len(batch), **told)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# The course's runs.


def test_no_function_has_the_name_of_a_module() -> None:
    runs.names()  # imports the modules of the lessons
    modules = {path.stem for path in Path(runs.__file__).parent.glob("*.py")}
    assert not modules & set(runs.__all__)
    assert all(callable(getattr(runs, name)) for name in runs.__all__)


@pytest.mark.parametrize("name", runs.names())
def test_a_run_has_its_name_and_a_sentence(name: str) -> None:
    one = runs.run(name)
    assert one.name == name
    assert one.about.endswith(".")


@pytest.mark.parametrize("name", [name for name in runs.names() if runs.run(name).download])
def test_a_run_whose_data_are_not_here_steps_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        system = runs.run(name).system()
    assert meta_step(system)


@lru_cache(maxsize=1)
def rows_of(dataset: Callable[[], Any]) -> Any:
    return dataset()


BUNDLED_DATA = [name for name in runs.names() if not runs.run(name).download]
ORDER = [runs.run(name).dataset for name in BUNDLED_DATA]  # runs of one set one after the other: it is read once


@pytest.mark.parametrize("name", sorted(BUNDLED_DATA, key=lambda name: ORDER.index(runs.run(name).dataset)))
def test_a_run_fits_its_own_data(name: str) -> None:
    one = runs.run(name)
    dataset = rows_of(one.dataset)
    assert dataset.split in ("train", "train+validation", "all")  # "all": style pictures, which have no splits
    assert one.sizes.epochs == one.sizes.smoke_epochs == 1
    assert dataset.num_batches(one.sizes.batch_size, drop_last=True) > 10
    batch = next(dataset.batches(2))
    system = one.system().train()
    scalars = system.training_step(batch)
    assert scalars
    assert all(torch.isfinite(value) for value in scalars.values())
    assert outputs(system.eval(), batch).shape == (batch.y if "images" not in batch else batch.images).shape
    assert one.evaluate is not None


@pytest.mark.parametrize("name", [name for name in runs.names() if runs.run(name).start])
def test_the_networks_of_a_start_fit(name: str) -> None:
    one = runs.run(name)
    assert one.start is not None
    before, system = runs.run(one.start).system(), one.system()
    for net in runs.run(one.start).inference:
        getattr(system, net).load_state_dict(getattr(before, net).state_dict())


@pytest.mark.parametrize("path", BUNDLED)
def test_a_bundled_checkpoint_is_what_its_run_says(path: str) -> None:
    match = re.fullmatch(r"checkpoints/(.+)_seed(\d+)\.safetensors", path)
    assert match, f"data/{path} has no run and seed in its name"
    name, seed = match[1], int(match[2])
    assert seed in runs.seeds(name)
    system, one = runs.load(name, seed), runs.run(name)
    card = system.card
    assert card["run"] == name
    assert card["seed"] == seed
    assert card["command"] == f"course train {name} --seed {seed} --publish"
    assert card["start"] == one.start
    assert card["preset"] != "smoke"
    assert card["minutes"] > 0
    assert card["steps"] >= card["epochs"] > 0
    assert card["epochs"] == getattr(one.sizes, f"{card['preset']}_epochs")
    assert card["batch_size"] == one.sizes.batch_size
    config = one.system().config
    kept = {key: tuple(value) if isinstance(value, list) else value for key, value in card["config"].items()}
    stored = type(config)(**kept)  # an option that came later has, by default, what was done before
    assert as_json(stored) == as_json(config)
    assert not system.training
    batch = system.example_batch(2, "cpu")
    output = outputs(system, batch)
    assert output.shape == (batch.y if "images" not in batch else batch.images).shape
    assert torch.isfinite(output).all()


# Names and seeds.


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lesson_01/maee", r"^There is no run called 'lesson_01/maee': did you mean 'lesson_01/mae'\?$"),
        ("zebra", f"^There is no run called 'zebra': choose one of {', '.join(map(re.escape, runs.names()))}\\.$"),
    ],
)
def test_an_unknown_run_gets_the_nearest_name_or_all(name: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        runs.run(name)


def test_a_seed_that_is_not_bundled_gets_those_that_are(two_runs: dict[str, Run], release: Release) -> None:
    with pytest.raises(DataError, match=r"no bundled weights of 'tiny/first' with seed 0: call runs\.train\("):
        runs.load("tiny/first")
    for seed in (2, 10, 0):
        runs.publish("tiny/first", seed, trained(), history_of(2), minutes=0.1)
    release()
    assert runs.seeds("tiny/first") == [0, 2, 10]
    assert runs.seeds("tiny/second") == []
    with pytest.raises(DataError, match=r"with seed 1: choose seed 0 or 2 or 10\.$"):
        runs.load("tiny/first", seed=1)


# Publish and load.


def test_what_is_published_comes_back(two_runs: dict[str, Run], release: Release) -> None:
    system = trained()
    path = runs.publish("tiny/first", 3, system, history_of(epochs=5), minutes=1.26)
    folder = release()
    assert path == folder / "checkpoints" / "tiny" / "first_seed3.safetensors"
    with safe_open(path, framework="pt") as file:
        assert torch.int8 in {file.get_tensor(key).dtype for key in file.keys()}  # noqa: SIM118 (not a dict)
    loaded = runs.load("tiny/first", 3)
    x = torch.rand(4, 1, 16, 16) * 2 - 1
    error = (loaded.translate(x) - system.translate(x)).abs()
    assert error.max() < 0.02  # 8 bits a weight, outputs in [-1, 1]
    assert error.mean() > 0
    assert system.translate(x).std() > 0.1
    assert loaded.card == {
        "run": "tiny/first",
        "seed": 3,
        "command": "course train tiny/first --seed 3 --publish",
        "preset": "smoke",
        "start": None,
        "batch_size": 4,
        "epochs": 5,  # of the history, not of the preset
        "steps": 15,
        "stage": 0,
        "precision": None,
        "minutes": 1.3,
        "date": loaded.card["date"],
        "config": as_json(system.config),
    }
    assert not loaded.training


def test_the_average_is_published_where_there_is_one(two_runs: dict[str, Run], release: Release) -> None:
    system, other = trained(0), trained(1)
    system.averages = {"netG": other.netG}
    runs.publish("tiny/first", 0, system, history_of(1), minutes=1)
    release()
    x = torch.rand(2, 1, 16, 16) * 2 - 1
    output = runs.load("tiny/first").translate(x)
    assert (output - other.translate(x)).abs().max() < 0.02
    assert (output - system.netG(x)).abs().max() > 0.05


def test_loading_draws_no_random_number(two_runs: dict[str, Run], release: Release) -> None:
    runs.publish("tiny/first", 0, trained(), history_of(1), minutes=1)
    release()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    runs.load("tiny/first")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("changes", [{"base_channels": 12}, {"levels": 3}])
def test_a_checkpoint_that_does_not_fit(two_runs: dict[str, Run], release: Release, changes: dict[str, int]) -> None:
    other = RegressionConfig(**{"loss": "mae", "base_channels": 8, "max_channels": 16, "levels": 2} | changes)
    runs.publish("tiny/first", 0, trained(config=other), history_of(1), minutes=1)
    release()
    with pytest.raises(DataError) as caught:
        runs.load("tiny/first")
    assert str(caught.value) == (
        "first_seed0.safetensors does not fit the run 'tiny/first': update the course with `git pull`."
    )


def test_a_corrupt_checkpoint(two_runs: dict[str, Run], release: Release) -> None:
    path = runs.publish("tiny/first", 0, trained(), history_of(1), minutes=1)
    release()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"first_seed0\.safetensors is corrupt .*git checkout"):
        runs.load("tiny/first")


# Training.


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put in the place of ``fit`` what writes down how it was called and trains nothing."""
    calls: list[dict[str, Any]] = []

    def fake(
        system: System, dataset: Any, settings: Settings, *, seed: int, checkpoint: Any, **options: Any
    ) -> History:
        changes = {key: value for key, value in options.items() if key in ("steps", "flip")}
        settings = settings.changed(seed=seed, **changes)
        calls.append({"weights": weights(system), "rows": len(dataset), "settings": settings, "folder": checkpoint})
        return history_of(1)

    monkeypatch.setattr("course_lib.training.fit", fake)
    return calls


def test_a_run_is_trained_as_it_is_defined(
    two_runs: dict[str, Run], fits: list[dict[str, Any]], tmp_path: Path
) -> None:
    runs.train("tiny/first", 4, folder=tmp_path)
    runs.train("tiny/first", 4, device="cpu", flip=False)
    runs.train("tiny/first", 5, steps=7)
    assert fits[0]["settings"] == Settings(epochs=2, batch_size=4, seed=4)
    assert (fits[0]["folder"], fits[0]["rows"]) == (tmp_path / "tiny" / "first" / "seed4", 12)
    assert fits[1]["settings"] == Settings(epochs=2, batch_size=4, seed=4, flip=False)
    assert fits[1]["folder"] is None
    assert fits[2]["settings"] == Settings(steps=7, batch_size=4, seed=5)
    assert equal(fits[0]["weights"], fits[1]["weights"])
    assert not equal(fits[0]["weights"], fits[2]["weights"])  # another seed, other weights


def test_a_run_with_a_start_begins_from_those_weights(
    two_runs: dict[str, Run], release: Release, fits: list[dict[str, Any]]
) -> None:
    runs.train("tiny/second", 1, device="cpu", steps=5)  # nothing is bundled: what it starts from is trained before
    assert [(call["settings"].seed, call["settings"].steps) for call in fits] == [(1, 5), (1, 5)]
    fits.clear()
    runs.publish("tiny/first", 1, trained(), history_of(1), minutes=1)
    release()
    runs.train("tiny/second", 1)
    assert equal(fits[0]["weights"], weights(runs.load("tiny/first", 1)))


def test_from_training_to_figures(two_runs: dict[str, Run], release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="'tiny/first' has no held-out figures"):
        runs.figures("tiny/first")
    system, history = runs.train("tiny/first", 0, device="cpu", progress=False)
    assert len(history) == 2 * 12 // 4
    runs.publish("tiny/first", 0, system, history, minutes=1)
    release()
    x = torch.rand(2, 1, 16, 16) * 2 - 1

    def level(loaded: Any, split: str) -> dict[str, float]:
        return {f"{split} level": float(loaded.translate(x).mean())}

    measured = {"tiny/first": dataclasses.replace(two_runs["tiny/first"], measure=level)}
    monkeypatch.setattr(registry, "_registry", lambda: measured)
    assert runs.figures("tiny/first")["test level"] == pytest.approx(float(system.translate(x).mean()), abs=0.01)
