"""``course translate`` and ``course sample``: a status, a summary, and each mistake in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib.cli import main
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import fit


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return status, output and errors (without the bar) of a command."""
    status = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, "\n".join(line for line in captured.err.splitlines() if line.startswith("course:"))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a folder with two pictures and one that is none."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in (1, 2):
        Image.new("RGB", (70 * number, 50), (90 * number, 20, 200)).save(folder / f"{number}.jpg")
    (folder / "3.jpg").write_bytes(b"hello")
    return folder


def test_a_folder_is_translated_by_a_bundled_run(
    capsys: pytest.CaptureFixture[str], mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, said, _ = run(capsys, "translate", "lesson_12/four", mine, out, "--style", "wave", "--size", 60)
    assert status == 1
    assert said.splitlines() == [
        f"2 pictures written to {out}, 1 left out:",
        "3.jpg is no picture that can be read: choose JPEG, PNG, WebP, GIF, BMP or TIFF.",
    ]
    assert [Image.open(out / f"{number}.png").size for number in (1, 2)] == [(60, 43), (60, 21)]
    (mine / "3.jpg").unlink()
    status, said, _ = run(capsys, "translate", "lesson_12/four", mine, out, "--style", "wave", "--size", 60)
    assert (status, said) == (0, f"0 pictures written to {out}, 2 made before and kept.\n")


def test_one_s_own_weights_translate(capsys: pytest.CaptureFixture[str], mine: Path, tmp_path: Path) -> None:
    from course_lib import data

    pairs = data.emoji_pairs("test", x="flat", y="3d")[:8]
    system = Regression(RegressionConfig(x_channels=3, base_channels=4, max_channels=8, levels=2))
    fit(system, pairs, steps=1, batch_size=4, checkpoint=tmp_path / "trained", progress=False, device="cpu")
    status, said, _ = run(capsys, "translate", tmp_path / "trained", mine / "1.jpg", tmp_path / "one.png")
    assert (status, said) == (0, f"1 picture written to {tmp_path / 'one.png'}.\n")
    assert np.array(Image.open(tmp_path / "one.png")).shape == (50, 70, 3)
    assert run(capsys, "translate", tmp_path / "trained", mine / "1.jpg", tmp_path / "two.png", "--back")[0] == 2


def test_samples_are_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, said, _ = run(capsys, "sample", "lesson_03/garments", 4, out, "--sheet", "--noise-seed", 7)
    assert (status, said) == (0, f"5 pictures written to {out}.\n")
    assert Image.open(out / "0003.png").size == (28, 28)
    status, said, _ = run(capsys, "sample", "lesson_03/garments", 4, out)
    assert status == 1
    assert "give --overwrite to replace it" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["translate", "lesson_12/caffe", "mine", "out"], "no run called 'lesson_12/caffe': did you mean"),
        (["translate", "lesson_12/cafe", "mine", "out", "--seed", "7"], "with seed 7: choose --seed 0"),
        (["translate", "lesson_12/cafe", "yours", "out"], "no folder or picture called yours: check the path"),
        (["translate", "lesson_12/cafe", "mine", "out", "--device", "gpu"], "no device 'gpu': give --device auto"),
        (["translate", "lesson_12/cafe", "mine", "out", "--noise-seed", "-1"], "--noise-seed is -1: give"),
        (["translate", "lesson_12/cafe", "mine", "out", "--tile", "0"], "--tile is 0: give a whole number"),
        (["translate", "lesson_12/cafe", "mine", "mine/out"], "lies among the pictures of mine"),
        (["translate", "lesson_12/four", "mine", "out"], "paints in 4 styles: choose one of Café"),
        (["translate", "lesson_12/cafe", "mine", "out", "--noise"], "draws no noise: leave --noise out"),
        (["translate", "lesson_03/garments", "mine", "out"], "translates no pictures: draw some with `course sample`"),
        (["sample", "lesson_02/ring_slow", "4", "out"], "lesson_02/ring_slow, seed 0 draws points and no pictures"),
        (["sample", "lesson_12/cafe", "4", "out"], "draws nothing from latents: translate pictures with `course"),
        (["sample", "lesson_03/garments", "0", "out"], "The number of samples is 0"),
    ],
)
def test_mistakes(
    capsys: pytest.CaptureFixture[str],
    mine: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(mine.parent)
    status, said, error = run(capsys, *arguments)
    assert (status, said) == (2, "")
    assert error.count("\n") == 0
    assert sentence in error
    assert not (mine.parent / "out").exists()
