"""Folders of pictures through a system: names, sizes, what is kept and left out, and nothing of the user's is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from awkward_pictures import AWKWARD, REFUSED, write_awkward
from PIL import Image
from torch import Tensor, nn

from course_lib import runs
from course_lib.errors import CourseError, DataError, TrainingError
from course_lib.models.srresnet import SRResNet
from course_lib.runs import own_pictures
from course_lib.systems.base import System
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.words import for_the_shell


class Same(nn.Module):
    """Return what it is given."""

    in_channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x


def same() -> Regression:
    return Regression(RegressionConfig(), netG=Same()).eval()


def translated(source: Path, out: Path, system: System | None = None, **options: Any) -> runs.own_pictures.Report:
    return runs.translate_folder(system or same(), source, out, progress=False, **options)


def put(path: Path, colour: tuple[int, int, int] = (10, 200, 30), size: tuple[int, int] = (20, 12)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_awkward_pictures_come_out_upright_in_their_size_and_colours(tmp_path: Path) -> None:
    small = tuple(each for each in AWKWARD + REFUSED if each.name != "holiday.JPG")
    write_awkward(tmp_path / "in", small)
    report = translated(tmp_path / "in", tmp_path / "out")
    names = {path.name for path in report.written}
    assert len(names) == len(small) - len(REFUSED)
    for each in small:
        name = f"{Path(each.name).stem}.png"
        path = tmp_path / "out" / (name if name in names else f"{each.name}.png")
        if each in REFUSED:
            assert sum(each.name in line and each.says in line for line in report.left_out) == 1
            continue
        with Image.open(path) as image:
            assert image.size == each.size
            if each.size[0] == 60:
                corners = [image.getpixel(place) for place in ((3, 3), (56, 3), (56, 36), (3, 36))]
                assert np.abs(np.array(corners, int) - np.array(each.corners)).max() <= each.within + 1, each.name
    assert len(report.left_out) == len(REFUSED)
    assert "only the first of its 3 frames was taken" in "".join(report.notes)
    assert not [name for name in files(tmp_path / "out") if "unfinished" in name]


def test_names_stay_and_those_that_would_be_one_are_kept_apart(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.jpg", "deep/a.bmp", "C.png", "c.gif", "c.GIF.png"):
        put(tmp_path / "in" / name)
    report = translated(tmp_path / "in", tmp_path / "out")
    assert len(set(report.written)) == 7
    assert not report.left_out
    found = files(tmp_path / "out")
    assert {"a.png.png", "a.jpg.png", "b.png", "deep/a.png"} <= set(found)
    assert len({name.casefold() for name in found}) == 7


def test_one_picture_goes_to_a_folder_or_to_a_name(tmp_path: Path) -> None:
    picture = put(tmp_path / "me.jpg")
    translated(picture, tmp_path / "out")
    translated(picture, tmp_path / "other" / "you.png")
    assert files(tmp_path / "out") == ["me.png"]
    assert files(tmp_path / "other") == ["you.png"]
    with pytest.raises(DataError, match=r"you\.jpg is no name of a PNG file: give a folder"):
        translated(picture, tmp_path / "you.jpg")
    own = put(tmp_path / "own.png")
    with pytest.raises(DataError, match="is the picture itself"):
        translated(own, tmp_path, overwrite=True)


def test_what_was_made_before_is_kept_and_what_was_not_is_not_touched(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    put(tmp_path / "in" / "b.png")
    theirs = put(tmp_path / "out" / "b.png", (1, 2, 3))
    before = theirs.read_bytes()
    first = translated(tmp_path / "in", tmp_path / "out", label="w")
    assert [path.name for path in first.written] == ["a.png"]
    assert first.left_out == [
        f"{theirs} was there before and was not made so: set overwrite=True to replace it, or another folder."
    ]
    made = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    again = translated(tmp_path / "in", tmp_path / "out", label="w")
    assert [path.name for path in again.there] == ["a.png"]
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == made
    for other in ({"label": "v"}, {"label": "w", "size": 9}, {"label": "w", "tile": 8}):
        assert len(translated(tmp_path / "in", tmp_path / "out", **other).left_out) == 2  # type: ignore[arg-type]
    put(tmp_path / "in" / "a.png", (9, 9, 9))  # another picture of the same name
    assert len(translated(tmp_path / "in", tmp_path / "out", label="w").left_out) == 2
    assert theirs.read_bytes() == before
    assert len(translated(tmp_path / "in", tmp_path / "out", label="w", overwrite=True).written) == 2
    assert theirs.read_bytes() != before


@pytest.mark.parametrize("out", [".", "in", "in/out", "in/deep/out"])
def test_nothing_is_written_among_the_pictures(tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "in" / "a.png")
    source = tmp_path / "in"
    if out == ".":
        monkeypatch.chdir(source)
    with pytest.raises(DataError, match="lies among the pictures of"):
        translated(source, Path(out) if out == "." else tmp_path / out)
    assert files(tmp_path) == ["in/a.png"]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "in" / "a.png")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(own_pictures.os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        translated(tmp_path / "in", tmp_path / "out")
    assert files(tmp_path / "out") == []

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "out" / "a.png"))

    monkeypatch.setattr(own_pictures.os, "replace", full)
    with pytest.raises(DataError, match=r"cannot be written to \(No space left on device\): make room"):
        translated(tmp_path / "in", tmp_path / "out")
    assert files(tmp_path / "out") == []


def test_a_place_that_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to"):
        translated(tmp_path / "in", tmp_path / "file" / "out")
    with pytest.raises(DataError, match="There is no folder"):
        translated(tmp_path / "on", tmp_path / "out")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        translated(tmp_path / "none", tmp_path / "out")
    with pytest.raises(DataError, match="size is 0: give a whole number"), for_the_shell():
        translated(tmp_path / "in", tmp_path / "out", size=0)
    with pytest.raises(TrainingError, match="leave --back out"), for_the_shell():
        translated(tmp_path / "in", tmp_path / "out", back=True)


def test_a_network_that_no_picture_file_fits_is_refused_at_once(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    hinted = Pix2Pix(Pix2PixConfig(x_channels=5, base_channels=2, levels=3, d_channels=2, patch_layers=1))
    with pytest.raises(TrainingError, match="takes 5 channels, and a picture file holds 1 or 3: choose another"):
        translated(tmp_path / "in", tmp_path / "out", hinted)
    assert not (tmp_path / "out").exists()


def test_sizes_tiles_and_factors(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png", size=(70, 40))
    translated(tmp_path / "in", tmp_path / "small", size=35)
    translated(tmp_path / "in", tmp_path / "tiles", tile=16)
    larger = Regression(RegressionConfig(x_channels=3), netG=SRResNet(channels=4, blocks=1, factor=2, skip=True))
    translated(tmp_path / "in", tmp_path / "large", larger, tile=24)
    sizes = {name: Image.open(tmp_path / name / "a.png").size for name in ("small", "tiles", "large")}
    assert sizes == {"small": (35, 20), "tiles": (70, 40), "large": (140, 80)}
    assert Image.open(tmp_path / "tiles" / "a.png").getpixel((33, 17)) == (10, 200, 30)


def test_what_would_become_too_large_or_runs_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "in" / "a.png", size=(70, 40))
    larger = Regression(RegressionConfig(x_channels=3), netG=SRResNet(channels=4, blocks=1, factor=4))
    monkeypatch.setattr(own_pictures, "MOST_WRITTEN", 100 * 100)
    report = translated(tmp_path / "in", tmp_path / "out", larger)
    assert report.left_out == ["a.png would become 280 × 160 pixels: set size=25 to make it smaller first."]
    assert translated(tmp_path / "in", tmp_path / "out", larger, size=25).written

    def greedy(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    system = same()
    monkeypatch.setattr(system.netG, "forward", greedy)
    report = translated(tmp_path / "in", tmp_path / "out2", system)
    assert report.left_out == ["a.png does not fit in memory: give a smaller tile or size, such as tile=512."]


def test_a_fault_of_the_network_is_not_one_of_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "in" / "a.png")
    system = same()
    monkeypatch.setattr(system.netG, "forward", lambda x: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        translated(tmp_path / "in", tmp_path / "out", system)


def test_noise_is_that_of_its_seed(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    system = Pix2Pix(Pix2PixConfig(base_channels=4, max_channels=8, levels=3, d_channels=4, patch_layers=1)).eval()
    nn.init.normal_(system.netG.last.weight, std=1.0)
    outputs = []
    for number, options in enumerate(({}, {"noise": True}, {"noise": True}, {"noise": True, "noise_seed": 1})):
        report = translated(tmp_path / "in", tmp_path / str(number), system, **options)  # type: ignore[arg-type]
        outputs.append(np.array(Image.open(report.written[0])))
    assert (outputs[1] == outputs[2]).all()
    assert (outputs[0] != outputs[1]).any()
    assert (outputs[1] != outputs[3]).any()


# Samples.


def drawing(**changes: Any) -> GAN:
    return GAN(GANConfig(**({"shape": (1, 8, 6), "latents": 5, "image": True} | changes))).eval()


def test_samples_are_those_of_the_notebook(tmp_path: Path) -> None:
    system = drawing()
    report = runs.sample_folder(system, 5, tmp_path / "out", noise_seed=3, sheet=True)
    assert files(tmp_path / "out") == [*(f"000{number}.png" for number in range(5)), "sheet.png"]
    expected = system.sample(5, torch.Generator().manual_seed(3))
    for path, picture in zip(report.written, expected, strict=False):
        grey = np.array(Image.open(path))
        assert grey.shape == (8, 6)
        assert np.abs(grey / 127.5 - 1 - picture[0].numpy()).max() < 0.005
    assert Image.open(tmp_path / "out" / "sheet.png").size == (3 * 8 + 2, 2 * 10 + 2)  # 3 a row, 2 pixels between
    again = runs.sample_folder(system, 5, tmp_path / "out", noise_seed=3, sheet=True)
    assert (len(again.there), again.written) == (6, [])
    other = runs.sample_folder(system, 5, tmp_path / "out", noise_seed=4)
    assert len(other.left_out) == 5


@pytest.mark.parametrize(
    ("system", "count", "sentence"),
    [
        (lambda: drawing(shape=(2,), image=False), 4, r"^it draws points and no pictures"),
        (same, 4, r"^it draws nothing from latents: call translate_any"),
        (drawing, 0, "The number of samples is 0: give a whole number"),
        (drawing, True, "The number of samples is True"),
    ],
)
def test_what_cannot_be_sampled(tmp_path: Path, system: Callable[[], System], count: int, sentence: str) -> None:
    with pytest.raises(CourseError, match=sentence):
        runs.sample_folder(system(), count, tmp_path / "out", label="it")
    assert not os.listdir(tmp_path)
