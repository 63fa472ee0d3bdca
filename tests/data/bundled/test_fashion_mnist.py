"""Fashion-MNIST: what is in it, that torchvision reads it, and what happens when a file is broken."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.data import load
from course_lib.data.bundled import fashion_mnist as module
from course_lib.data.bundled.fashion_mnist import CLASSES, FILES, fashion_mnist, fashion_mnist_root
from course_lib.errors import DataError
from course_lib.paths import data_dir

IMAGES = "t10k-images-idx3-ubyte"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; return the folder where the unpacked files go."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fashion_mnist" / "FashionMNIST" / "raw"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the test files of the bundled data, which a test may spoil."""
    target = tmp_path / "data" / "fashion_mnist"
    target.mkdir(parents=True)
    shutil.copy(data_dir() / "manifest.json", target.parent)
    for file in FILES["test"]:
        shutil.copy(data_dir() / "fashion_mnist" / f"{file.name}.gz", target)
    monkeypatch.setenv("COURSE_DATA", str(target.parent))
    return target


@pytest.mark.parametrize(
    ("split", "rows", "first"),
    [
        ("train", 55_000, [9, 0, 0, 3, 0, 2, 7, 5, 5, 0]),
        ("validation", 5_000, [2, 4, 5, 8, 7, 7, 6, 8, 7, 9]),
        ("test", 10_000, [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]),
        ("train+validation", 60_000, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
    ],
)
def test_published_content(split: str, rows: int, first: list[int]) -> None:
    clothes = load("fashion_mnist", split)
    assert clothes.images.shape == (rows, 1, 28, 28)
    assert clothes.images.dtype == torch.uint8
    assert clothes.labels is not None
    assert clothes.label_names == CLASSES
    assert clothes.labels[:10].tolist() == first
    assert torch.bincount(clothes.labels).tolist() == [rows // 10] * 10
    assert clothes.licence == "MIT"
    assert clothes.source
    assert clothes.split == split
    assert not clothes.mirrors


FROZEN = {
    "train": "b5bcd6ed217cbb747f47ebab5022bb22",
    "validation": "6eb1e878c5abfc525d8b6409cc696b2f",
    "test": "9a494dc49efeb996f4076c469b31cd05",
    "train+validation": "1f243a60b4b748a44c48b9a6f6907be2",
}


def rows(split: str) -> list[bytes]:
    """Return each picture with its label, as bytes."""
    clothes = fashion_mnist(split)
    assert clothes.labels is not None
    together = zip(clothes.images.numpy(), clothes.labels.tolist(), strict=True)
    return [image.tobytes() + bytes([label]) for image, label in together]


def test_the_published_training_part_is_cut_in_two_and_never_otherwise() -> None:
    """Train and validation are the published rows in their order, each in one of the two, by its place."""
    found = {split: rows(split) for split in FROZEN}
    assert {
        split: hashlib.sha256(b"".join(images(part) + labels(part))).hexdigest()[:32] for split, part in found.items()
    } == FROZEN
    train, validation = iter(found["train"]), iter(found["validation"])
    next_of = {"train": next(train), "validation": next(validation)}
    taken = dict.fromkeys(next_of, 0)
    for row in found["train+validation"]:
        where = "validation" if row == next_of["validation"] else "train"
        assert row == next_of[where]
        taken[where] += 1
        next_of[where] = next(train if where == "train" else validation, b"")
    assert taken == {"train": 55_000, "validation": 5_000}


def images(part: list[bytes]) -> list[bytes]:
    return [row[:-1] for row in part]


def labels(part: list[bytes]) -> list[bytes]:
    return [row[-1:] + bytes(7) for row in part]  # int64, the lowest byte first


def test_mean_and_deviation_are_the_published_ones() -> None:
    counts = torch.from_numpy(np.bincount(fashion_mnist("train+validation").images.numpy().reshape(-1), minlength=256))
    share, value = counts / counts.sum(), torch.arange(256) / 255
    mean = (share * value).sum()
    assert mean.item() == pytest.approx(0.2860, abs=5e-5)
    assert (share * (value - mean) ** 2).sum().sqrt().item() == pytest.approx(0.3530, abs=5e-5)


def test_torchvision_reads_the_unpacked_folder() -> None:
    from torchvision.datasets import FashionMNIST

    root = fashion_mnist_root()
    for split in FILES:
        ours = fashion_mnist("train+validation" if split == "train" else split)
        theirs = FashionMNIST(root, train=split == "train", download=False)
        assert torch.equal(theirs.data, ours.images.squeeze(1))
        assert ours.labels is not None
        assert torch.equal(theirs.targets, ours.labels)


def test_each_archive_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "fresh"))
    unpacked: list[str] = []
    whole = module._unpack
    monkeypatch.setattr(module, "_unpack", lambda file, path: (unpacked.append(file.name), whole(file, path))[1])
    fashion_mnist("train")
    fashion_mnist("validation")
    assert unpacked == [file.name for file in module.FILES["train"]]
    fashion_mnist("test")
    fashion_mnist("train")
    assert unpacked == [file.name for files in module.FILES.values() for file in files]


def test_unpacked_once_and_only_what_is_asked_for(cache: Path) -> None:
    fashion_mnist("test")
    assert sorted(path.name for path in cache.iterdir()) == sorted(file.name for file in FILES["test"])
    before = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    fashion_mnist("test")
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == before


@pytest.mark.parametrize("damage", ["cut", "altered", "deleted"])
def test_a_damaged_cache_repairs_itself(cache: Path, damage: str) -> None:
    good = fashion_mnist("test").images.clone()
    path = cache / IMAGES
    content = bytearray(path.read_bytes())
    if damage == "deleted":
        path.unlink()
    else:
        content[5000] ^= 1
        path.write_bytes(content[:-1] if damage == "cut" else content)
    assert torch.equal(fashion_mnist("test").images, good)


@pytest.mark.parametrize("damage", ["missing", "cut", "altered"])
def test_a_damaged_archive_is_one_sentence(
    copied: Path, cache: Path, damage: str, one_sentence: Callable[[BaseException], str]
) -> None:
    path = copied / f"{IMAGES}.gz"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[5000] ^= 1
        path.write_bytes(content[:-100] if damage == "cut" else content)
    with pytest.raises(DataError) as caught:
        fashion_mnist("test")
    assert f"git checkout -- data/fashion_mnist/{IMAGES}.gz" in one_sentence(caught.value)
    assert not cache.exists() or not any(cache.iterdir())


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", gzip.compress(b"too short", mtime=0)], ids=["a page", "too short"]
)
def test_a_listed_archive_with_wrong_content_is_one_sentence(
    copied: Path,
    cache: Path,
    content: bytes,
    relist: Callable[[Path, str], None],
    one_sentence: Callable[[BaseException], str],
) -> None:
    (copied / f"{IMAGES}.gz").write_bytes(content)
    relist(copied.parent, f"fashion_mnist/{IMAGES}.gz")
    with pytest.raises(DataError, match="cannot be unpacked") as caught:
        fashion_mnist("test")
    one_sentence(caught.value)
    assert not any(cache.iterdir())


def test_a_listed_archive_of_another_set_is_one_sentence(
    copied: Path, relist: Callable[[Path, str], None], one_sentence: Callable[[BaseException], str]
) -> None:
    path = copied / f"{IMAGES}.gz"
    path.write_bytes(gzip.compress(bytes(FILES["test"][0].size), compresslevel=1))
    relist(copied.parent, f"fashion_mnist/{IMAGES}.gz")
    with pytest.raises(DataError, match="does not hold what it should") as caught:
        fashion_mnist("test")
    one_sentence(caught.value)


def test_an_interrupted_unpacking_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_half_way(source, target, length=0):
        target.write(source.read(10_000))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            fashion_mnist("test")
    assert not any(cache.iterdir())
    assert len(fashion_mnist("test")) == 10_000


def test_the_half_file_of_a_killed_process_is_swept_away(cache: Path) -> None:
    cache.mkdir(parents=True)
    old, young = cache / f"{IMAGES}.aaaa.tmp", cache / f"{IMAGES}.bbbb.tmp"
    for half in (old, young):
        half.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    assert len(fashion_mnist("test")) == 10_000
    assert not old.exists()
    assert young.exists()


def test_a_full_or_closed_cache_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_sentence: Callable[[BaseException], str]
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    (tmp_path / "fashion_mnist").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="COURSE_CACHE") as caught:
        fashion_mnist("test")
    one_sentence(caught.value)


def test_an_unknown_split_names_the_known_ones(one_sentence: Callable[[BaseException], str]) -> None:
    with pytest.raises(DataError, match="train, validation, test, train") as caught:
        fashion_mnist("valid")
    one_sentence(caught.value)
