"""The sample of MNIST: balance, a split that never changes, and what happens when the file is broken."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from course_lib.data import load
from course_lib.data.bundled.mnist import mnist
from course_lib.errors import DataError
from course_lib.paths import data_dir

FILE = "mnist/mnist_5k.npz"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled file, which a test may spoil."""
    (tmp_path / "mnist").mkdir()
    shutil.copy(data_dir() / "manifest.json", tmp_path)
    shutil.copy(data_dir() / FILE, tmp_path / FILE)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / FILE


@pytest.mark.parametrize(
    ("split", "each"), [("train", 350), ("validation", 50), ("test", 100), ("train+validation", 400)]
)
def test_classes_are_balanced_and_take_turns(split: str, each: int) -> None:
    digits = load("mnist", split)
    assert digits.images.shape == (10 * each, 1, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert digits.labels is not None
    assert digits.labels.dtype == torch.int64
    assert torch.equal(digits.labels, torch.arange(10).repeat(each))
    assert digits.label_names == list("0123456789")
    assert digits.licence
    assert digits.source
    assert digits.split == split
    assert not digits.mirrors


def rows(split: str) -> list[bytes]:
    return [image.numpy().tobytes() for image in mnist(split).images]


def test_splits_are_disjoint_and_hold_all_digits() -> None:
    found = {split: rows(split) for split in ("train", "validation", "test")}
    assert {split: len(set(part)) for split, part in found.items()} == {"train": 3500, "validation": 500, "test": 1000}
    assert len(set().union(*found.values())) == 5000
    assert rows("train+validation") == found["train"] + found["validation"]


FROZEN = {
    "train": "b41f4c8cbdb80bb58c1c881b12677b6aefd65d398e3e8ed0d7b5609ecb86092b",
    "validation": "938064968fb40d68f917a1bd79c46ed65633aa292ffa844a0bd884894e6c1ac3",
    "test": "0520032d8d4f77e7df7cea28253e0344ce4c1c96b11f97e7732c1953d36e2670",
    "train+validation": "2c7b046d3aa2dedb845980975882bcec920989528f9e59a84be6efe6374398ca",
}


@pytest.mark.parametrize("split", FROZEN)
def test_the_split_never_changes(split: str) -> None:
    assert hashlib.sha256(mnist(split).images.numpy().tobytes()).hexdigest() == FROZEN[split]


def test_images_belong_to_their_labels() -> None:
    """The nearest class mean, learned on the training rows, is right for about four in five test digits."""
    train, test = mnist("train"), mnist("test")
    assert train.labels is not None
    assert test.labels is not None
    means = torch.stack([train.images[train.labels == digit].float().mean(0).flatten() for digit in range(10)])
    nearest = torch.cdist(test.images.float().flatten(1), means).argmin(1)
    assert 0.76 < (nearest == test.labels).float().mean().item() < 0.90


@pytest.mark.parametrize("damage", ["missing", "cut", "altered", "listed but not an npz"])
def test_a_damaged_file_is_one_sentence(
    copied: Path, damage: str, one_sentence: Callable[[BaseException], str]
) -> None:
    content = bytearray(copied.read_bytes())
    if damage == "missing":
        copied.unlink()
    elif damage == "listed but not an npz":
        copied.write_bytes(b"<html>")
        listing = {"sha256": hashlib.sha256(b"<html>").hexdigest(), "bytes": 6}
        (copied.parent.parent / "manifest.json").write_text(json.dumps({"format": 1, "files": {FILE: listing}}))
    else:
        content[5000] ^= 1
        copied.write_bytes(content[:-100] if damage == "cut" else content)
    with pytest.raises(DataError) as caught:
        mnist()
    assert f"git checkout -- data/{FILE}" in one_sentence(caught.value)


def test_an_unknown_split_names_the_known_ones(one_sentence: Callable[[BaseException], str]) -> None:
    with pytest.raises(DataError, match="train, validation, test, train") as caught:
        mnist("valid")
    one_sentence(caught.value)
