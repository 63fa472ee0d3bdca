"""Pictures made by optimising their pixels: how they are written and read, and what is bundled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib import data
from course_lib.errors import DataError
from course_lib.lessons.lesson_12 import optimised_pictures
from course_lib.losses.perceptual import STYLE_LAYERS
from course_lib.models.vgg import LAYERS

KEYS = {
    "features": list(LAYERS),
    "style": list(STYLE_LAYERS),
    "gatys": ["L-BFGS", "Adam", "L-BFGS from noise"],
    "sweep": [f"{ratio:g}" for ratio in optimised_pictures.RATIOS],
    "painted": [f"{optimised_pictures.PAINTS:g}"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pictures be written to, and read from, a folder of the test's own."""
    monkeypatch.setattr(optimised_pictures, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(optimised_pictures, "bundled_file", lambda name: tmp_path / name)
    return tmp_path / optimised_pictures.FOLDER


@pytest.mark.parametrize("kind", ["style", "gatys", "sweep", "painted"])
def test_what_is_made_is_what_is_read(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimised_pictures, "RATIOS", (0.1, 10.0))
    made = []

    def spy(*arguments, **options):
        made.append(original(*arguments, **options))
        return made[-1]

    name = "reconstruct_style" if kind == "style" else "paint"
    original = getattr(optimised_pictures, name)
    monkeypatch.setattr(optimised_pictures, name, spy)
    path = optimised_pictures.publish(kind, steps=2, **({} if kind == "style" else {"side": 32}))
    assert path == folder / f"{kind}.json"
    found = optimised_pictures.bundled(kind)
    assert list(found) == (["0.1", "10"] if kind == "sweep" else KEYS[kind])
    for record, one in zip(found.values(), made, strict=True):
        assert record.picture.shape == one.picture.shape[1:]
        # of noise a lossy file keeps the means of small squares
        kept, wanted = (torch.nn.functional.avg_pool2d(each, 8) for each in (record.picture, one.picture[0]))
        assert (kept - wanted).abs().mean() < 0.05 < wanted.std()
        assert record.loss == pytest.approx(one.history["loss"], rel=1e-3)
        assert record.seconds == pytest.approx(one.history.seconds, abs=0.01)
        assert record.settings["painting"] == optimised_pictures.PAINTING
        assert record.settings["style"] == pytest.approx(min(one.history["style"]), rel=1e-2)


def test_a_photograph_comes_back_from_each_layer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimised_pictures, "LAYERS", ("relu1_1",))
    optimised_pictures.publish("features", steps=3)
    assert list(optimised_pictures.bundled("features")) == ["relu1_1"]
    assert optimised_pictures.bundled("features")["relu1_1"].picture.shape == (3, 96, 128)


def test_an_unknown_kind() -> None:
    with pytest.raises(
        DataError, match=r"of kind 'gathys' are bundled: choose one of features, style, gatys, sweep, painted\."
    ):
        optimised_pictures.bundled("gathys")


@pytest.mark.parametrize("kind", [["gatys"], {"gatys"}, None, 3])
def test_a_kind_that_is_no_word(kind: Any) -> None:
    with pytest.raises(DataError, match=r"are bundled: choose one of features, style, gatys, sweep, painted\."):
        optimised_pictures.bundled(kind)


def test_a_picture_by_its_title() -> None:
    photos = data.photos("test")
    picture = optimised_pictures.picture_of(photos, optimised_pictures.PHOTO, 32)
    assert picture.shape == (1, 3, 32, 43)
    assert picture.min() >= -1
    assert picture.max() <= 1
    with pytest.raises(DataError, match="There is no 'Moon' here: choose one of Amphitheatre, Arles; "):
        optimised_pictures.picture_of(photos, "Moon", 32)


@pytest.mark.parametrize("kind", list(KEYS))
def test_the_bundled_pictures(kind: str) -> None:
    found = optimised_pictures.bundled(kind)
    assert list(found) == KEYS[kind]
    for record in found.values():
        assert record.picture.dtype == torch.float32
        assert record.picture.min() >= -1
        assert record.picture.max() <= 1
        assert record.picture.std() > 0.1
        assert len(record.loss) == len(record.seconds) <= record.settings["steps"]
        assert min(record.loss) < 0.7 * record.loss[0]
        assert record.seconds == sorted(record.seconds)
    assert json.dumps({key: record.settings for key, record in found.items()})


def test_more_style_weight_gives_more_style_and_less_content() -> None:
    sweep = optimised_pictures.bundled("sweep")
    style = [record.settings["style"] / record.settings["style weight"] for record in sweep.values()]
    content = [record.settings["content"] for record in sweep.values()]
    assert style == sorted(style, reverse=True)
    assert content == sorted(content)
