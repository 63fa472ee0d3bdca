"""A run whose data another run makes, a run that grows, and what each split may be asked for."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_systems as toys
import torch

from course_lib import data, runs
from course_lib.data.columns import ClassIds
from course_lib.errors import DataError, TrainingError
from course_lib.runs import registry, trained
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.encoded import encoded, weights_digest
from course_lib.training import Settings

Release = Callable[[], Path]


made: list[str] = []


def codes_of(coder: Any) -> data.RowSet:
    """Return the codes that a trained coder gives its training pictures, as a set to train the prior on."""
    assert not coder.training
    pictures = toys.pictures(4)

    def make() -> dict[str, torch.Tensor]:
        made.append(weights_digest(coder))
        return {"codes": coder.encode(pictures.images.float() / 255)}

    codes = encoded(coder, "codes of toy pictures, train", make)["codes"]
    return data.RowSet("codes", "train", {"codes": ClassIds(codes)}, mirrors=False)


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: Release) -> dict[str, Run]:
    """Put a coder, a prior that learns from its codes, and a growing system in the place of the course's runs."""
    sizes = RunSizes(smoke_epochs=2, cpu_epochs=3, gpu_epochs=4, batch_size=4)
    coder = Run("tiny/coder", "Codes.", toys.Coder, lambda: toys.pictures(4), sizes, ("netE", "netG", "book"))
    prior = Run("tiny/prior", "Their prior.", toys.Prior, codes_of, sizes, ("table",), needs="tiny/coder")
    growing = Run(
        "tiny/growing",
        "Growing.",
        toys.Growing,
        toys.growing_stages,
        None,
        ("netG",),
        Settings(ema_decay=0.9),
    )
    known = {one.name: one for one in (coder, prior, growing)}
    monkeypatch.setattr(registry, "_registry", lambda: known)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    made.clear()
    return known


def test_what_is_missing_is_trained_first_and_its_codes_are_made_once(
    phases: dict[str, Run], tmp_path: Path, release: Release
) -> None:
    options: dict[str, Any] = {"folder": tmp_path / "runs", "device": "cpu", "progress": False}
    _, history = runs.train("tiny/prior", 1, **options)
    assert len(history) == 2 * (22 // 4)
    assert history["nll"][-1] < history["nll"][0]
    assert sorted(path.name for path in (tmp_path / "runs" / "tiny").iterdir()) == ["coder", "prior"]
    runs.train("tiny/prior", 1, steps=14, **{**options, "folder": tmp_path / "other"})  # the same coder, trained again
    assert len(made) == 2  # by other steps: "steps" reaches what is trained first
    runs.train("tiny/prior", 1, **{**options, "folder": tmp_path / "third"})
    assert len(made) == 2  # the first coder again, bit by bit: its codes are in the cache
    system, history = runs.train("tiny/coder", 1, device="cpu", progress=False)
    runs.publish("tiny/coder", 1, system, history, minutes=1)
    release()
    runs.train("tiny/prior", 1, device="cpu", progress=False)  # from the bundled weights now, in 8 bits
    assert len(made) == 3
    runs.train("tiny/prior", 1, device="cpu", progress=False)
    assert len(made) == 3


def test_a_first_phase_that_was_stopped_is_not_built_upon(phases: dict[str, Run], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="tiny/coder has to be trained first and was stopped"):
        trained._ready("tiny/coder", 0, tmp_path, False, {"device": "cpu", "time_limit": 0.0})


def test_a_damaged_cache_is_made_anew(phases: dict[str, Run], tmp_path: Path) -> None:
    coder = toys.Coder().eval()
    first = codes_of(coder)
    (file,) = (tmp_path / "cache" / "encoded").iterdir()
    file.write_bytes(file.read_bytes()[:40])
    again = codes_of(coder)
    assert len(made) == 2
    assert torch.equal(first.columns["codes"].values, again.columns["codes"].values)
    with torch.no_grad():
        coder.book.weight[0, 0] += 1
    codes_of(coder)
    assert len(set(made)) == 2  # other weights, another entry


@pytest.mark.parametrize("damage", ["a flipped byte", "a folder in the way", "no room"])
def test_a_cache_that_is_wrong_or_cannot_be_written(
    damage: str, phases: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coder = toys.Coder().eval()
    first = codes_of(coder)
    (file,) = (tmp_path / "cache" / "encoded").iterdir()
    if damage == "a flipped byte":
        body = bytearray(file.read_bytes())
        body[-3] ^= 1
        file.write_bytes(body)
    else:
        shutil.rmtree(file.parent)
        if damage == "a folder in the way":
            file.mkdir(parents=True)
        else:
            file.parent.write_bytes(b"")
    again = codes_of(coder)
    assert len(made) == 2
    assert torch.equal(first.columns["codes"].values, again.columns["codes"].values)


def test_a_system_that_grew_is_bundled_and_loaded(phases: dict[str, Run], release: Release) -> None:
    system, history = runs.train("tiny/growing", 2, device="cpu", progress=False)
    assert len(history) == 16
    runs.publish("tiny/growing", 2, system, history, minutes=1)
    release()
    loaded = runs.load("tiny/growing", 2)
    assert loaded.stage == loaded.card["stage"] == 2
    z = system.latents(5, torch.Generator().manual_seed(0))
    assert loaded.sample(z).shape == (5, 1, 16, 16)
    assert (loaded.sample(z) - system.sample(z)).abs().max() < 0.05  # 8 bits a weight


def test_a_split_that_was_trained_on_is_refused() -> None:
    one = Run("a/b", "", toys.Coder, lambda: None, None, measure=lambda system, split: {"on": float(split == "test")})
    assert one.evaluate(None) == {"on": 1.0}
    assert one.evaluate(None, "validation") == {"on": 0.0}
    for split in ("train", "tset"):
        with pytest.raises(DataError, match="choose validation or test"):
            one.evaluate(None, split)
    with pytest.raises(DataError, match=r"it has trained on the validation split\): choose test"):
        dataclasses.replace(one, splits=("test",)).evaluate(None, "validation")
