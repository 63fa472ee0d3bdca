"""What README says of a learner's own pictures is done here line by line, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from course_lib.cli import main
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig


def blocks(root: Path) -> list[str]:
    text = (root / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Your own pictures") :]
    return re.findall(r"```(?:python)?\n(.*?)```", section[: section.index("\n## ", 5)], re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folders that README speaks of: pictures, pairs, and a training of one's own."""
    from course_lib.data.containers import PairedSet
    from course_lib.training import fit

    monkeypatch.chdir(tmp_path)
    for name, size in (("holiday", (50, 40)), ("drawings", (64, 64)), ("pairs", (128, 64))):
        Path(name).mkdir()
        for number in range(8 if name == "pairs" else 1):
            Image.effect_noise(size, 40 + number).convert("RGB").save(f"{name}/{number}.png")
    small = Pix2Pix(Pix2PixConfig(base_channels=4, max_channels=8, levels=3, d_channels=4, patch_layers=1))
    rows = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    pairs = PairedSet(name="few", split="train", x=rows, y=rows)
    fit(small, pairs, steps=1, batch_size=2, checkpoint="runs/lesson_10/flat/seed0", progress=False, device="cpu")
    return tmp_path


def test_every_command_works(root: Path, here: Path) -> None:
    commands = blocks(root)[0].strip().splitlines()
    assert len(commands) == 5
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "course"
        main(words[1:])
        folder = here / words[4]
        assert list(folder.glob("*.png")), command


def test_the_notebook_s_lines_work(root: Path, here: Path) -> None:
    (code,) = blocks(root)[1:]
    names = {"picture": torch.rand(3, 50, 70) * 2 - 1}
    exec(code.replace("epochs=10", "epochs=1"), names)  # the text of README
    assert names["y"].shape == (3, 50, 70)
    assert list((here / "out").glob("*.png"))
    assert list((here / "mine").glob("step-*"))
