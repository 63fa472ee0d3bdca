"""The photographs: licences, splits by subject, sizes, and what happens when a file is broken."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from course_lib.data import CATALOGUE, PhotoSet, load
from course_lib.data.bundled.photos import photos
from course_lib.errors import DataError
from course_lib.paths import data_dir

COUNTS = {"train": 49, "validation": 8, "test": 12}
LICENCES = {"CC0-1.0", "Public domain"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (data_dir() / "photos" / "photos.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def everything() -> dict[str, PhotoSet]:
    return {split: photos(split) for split in COUNTS}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, which a test may spoil."""
    shutil.copytree(data_dir() / "photos", tmp_path / "photos")
    shutil.copy(data_dir() / "manifest.json", tmp_path)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "photos"


@pytest.mark.parametrize("split", COUNTS)
def test_counts_and_sizes(split: str, everything: dict[str, PhotoSet]) -> None:
    pictures = everything[split]
    assert len(pictures) == COUNTS[split] == len(set(pictures.names))
    for image, about in zip(pictures.images, pictures.metadata, strict=True):
        assert image.dtype == torch.uint8
        assert image.is_contiguous()
        assert tuple(image.shape) == (3, int(about["height"]), int(about["width"]))
        assert min(image.shape[1:]) == (300 if about["file"] == "chelsea.webp" else 384)
        assert max(image.shape[1:]) <= 900


def test_catalogue_gives_the_true_number() -> None:
    assert len(load("photos", "validation")) == COUNTS["validation"]
    assert next(row.count for row in CATALOGUE if row.name == "photos") == sum(COUNTS.values())


def test_every_picture_has_an_author_a_source_and_an_allowed_licence(
    rows: list[dict[str, str]], everything: dict[str, PhotoSet]
) -> None:
    for row in rows:
        assert row["licence"] in LICENCES, row
        assert all(row[field] for field in ("title", "author", "source")), row
    assert everything["test"].licences == [row["licence"] for row in rows if row["split"] == "test"]


def test_the_table_and_the_folder_agree(rows: list[dict[str, str]]) -> None:
    listed = [row["file"] for row in rows]
    assert len(listed) == len(set(listed))
    assert sorted(listed) == sorted(path.name for path in (data_dir() / "photos").glob("*.webp"))


def test_a_subject_is_in_one_split_only(rows: list[dict[str, str]]) -> None:
    splits: dict[str, set[str]] = {}
    for row in rows:
        assert row["split"] in COUNTS
        splits.setdefault(row["subject"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values()), splits


def test_no_two_pictures_are_nearly_the_same(everything: dict[str, PhotoSet]) -> None:
    pictures = [image[:, ::4, ::4].float() for split in everything.values() for image in split.images]
    small = torch.stack([torch.nn.functional.adaptive_avg_pool2d(image, 8).flatten() for image in pictures])
    distance = torch.cdist(small, small) / small.shape[1] ** 0.5  # root mean square, in grey levels
    distance.fill_diagonal_(float("inf"))
    assert distance.min().item() > 15


def test_all_are_in_colour_and_none_is_flat(everything: dict[str, PhotoSet]) -> None:
    for pictures in everything.values():
        for image, name in zip(pictures.images, pictures.names, strict=True):
            some = image[:, ::8, ::8].float()
            assert (some.amax(0) - some.amin(0)).mean() > 4, f"{name} is grey"
            assert some.std() > 20, f"{name} is flat"


def test_each_photograph_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    usual = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *rest: (opened.append(Path(path).name), usual(path, *rest))[1])
    found = photos("validation")
    assert sorted(opened) == sorted(row["file"] for row in found.metadata)


@pytest.mark.parametrize("name", ["dog.webp", "photos.csv"])
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
        photos("test")
    assert f"git checkout -- data/photos/{name}" in one_sentence(caught.value)


def test_a_listed_file_that_is_no_picture_is_one_sentence(
    copied: Path, relist: Callable[[Path, str], None], one_sentence: Callable[[BaseException], str]
) -> None:
    (copied / "dog.webp").write_bytes(b"<html>not found</html>")
    relist(copied.parent, "photos/dog.webp")
    with pytest.raises(DataError, match=r"dog\.webp cannot be read") as caught:
        photos("test")
    one_sentence(caught.value)


def test_a_listed_file_that_is_cut_is_one_sentence(
    copied: Path, relist: Callable[[Path, str], None], one_sentence: Callable[[BaseException], str]
) -> None:
    path = copied / "dog.webp"
    path.write_bytes(path.read_bytes()[:5000])
    relist(copied.parent, "photos/dog.webp")
    with pytest.raises(DataError, match=r"dog\.webp cannot be read") as caught:
        photos("test")
    one_sentence(caught.value)


def test_a_picture_of_another_size_is_one_sentence(
    copied: Path, relist: Callable[[Path, str], None], one_sentence: Callable[[BaseException], str]
) -> None:
    shutil.copy(copied / "hedgehog.webp", copied / "dog.webp")
    relist(copied.parent, "photos/dog.webp")
    with pytest.raises(DataError, match=r"dog\.webp has \d+ x 384 pixels instead of 512 x 384") as caught:
        photos("test")
    one_sentence(caught.value)


@pytest.mark.parametrize("field", ["author", "licence", "source"])
def test_a_row_without_licence_or_author_is_refused(
    copied: Path, field: str, relist: Callable[[Path, str], None], one_sentence: Callable[[BaseException], str]
) -> None:
    path = copied / "photos.csv"
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    table[3][field] = ""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    relist(copied.parent, "photos/photos.csv")
    with pytest.raises(DataError, match=f"line 5, says nothing about {field}") as caught:
        photos("test")
    one_sentence(caught.value)


def test_an_unknown_split_names_the_known_ones(one_sentence: Callable[[BaseException], str]) -> None:
    with pytest.raises(DataError, match="train, validation, test") as caught:
        photos("all")
    one_sentence(caught.value)
