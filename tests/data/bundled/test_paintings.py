"""The paintings: makers, licences of the works and of the scans, whole pictures, and broken files."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from course_lib.data import CATALOGUE, load
from course_lib.data.bundled.paintings import paintings
from course_lib.errors import DataError
from course_lib.paths import data_dir

SCANS = {"Public domain": 8, "GPL-3.0-or-later according to GCompris": 6}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, which a test may spoil."""
    shutil.copytree(data_dir() / "paintings", tmp_path / "paintings")
    shutil.copy(data_dir() / "manifest.json", tmp_path)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "paintings"


def test_content() -> None:
    pictures = load("paintings")
    assert len(pictures) == 14 == next(row.count for row in CATALOGUE if row.name == "paintings")
    assert "The Great Wave off Kanagawa" in pictures.names
    makers = Counter(about["author"] for about in pictures.metadata)
    assert makers["Vincent van Gogh"] == 8
    assert makers["Katsushika Hokusai"] == 4
    for image, about in zip(pictures.images, pictures.metadata, strict=True):
        assert image.dtype == torch.uint8
        assert tuple(image.shape) == (3, int(about["height"]), int(about["width"]))
        assert min(image.shape[1:]) >= 360


def test_every_work_is_in_the_public_domain_and_the_scan_is_accounted_for() -> None:
    pictures = paintings()
    assert set(pictures.licences) == {"Public domain"}
    assert Counter(about["scan_licence"] for about in pictures.metadata) == SCANS
    for about in pictures.metadata:
        assert about["source"].startswith("GCompris 3.1, ")
        assert 1800 < int(about["year"]) <= 1923
        assert ("WebMuseum" in about["source"]) == about["scan_licence"].startswith("GPL")


def test_the_table_and_the_folder_agree() -> None:
    with (data_dir() / "paintings" / "paintings.csv").open(encoding="utf-8", newline="") as file:
        listed = [row["file"] for row in csv.DictReader(file)]
    assert sorted(listed) == sorted(path.name for path in (data_dir() / "paintings").glob("*.webp"))


def test_borders_are_cut_off() -> None:
    """No edge is an even strip of paper: somewhere along it, the colours change."""
    pictures = paintings()
    for image, name in zip(pictures.images, pictures.names, strict=True):
        grey = image.float().mean(0)
        for edge in (grey[:3], grey[-3:], grey[:, :3], grey[:, -3:]):
            assert not (edge.mean() > 235 and edge.std() < 12), f"{name} has a white border"


@pytest.mark.parametrize("name", ["great_wave.webp", "paintings.csv"])
@pytest.mark.parametrize("damage", ["missing", "cut", "altered"])
def test_a_damaged_file_is_one_sentence(
    copied: Path, name: str, damage: str, one_sentence: Callable[[BaseException], str]
) -> None:
    path = copied / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[500] ^= 1
        path.write_bytes(content[:-100] if damage == "cut" else content)
    with pytest.raises(DataError) as caught:
        paintings()
    assert f"git checkout -- data/paintings/{name}" in one_sentence(caught.value)
