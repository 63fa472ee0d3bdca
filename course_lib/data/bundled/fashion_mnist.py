"""Fashion-MNIST: 70,000 grey pictures of clothes, shipped whole and unpacked into the cache on first use."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import math
import os
import shutil
import struct
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_lib.data.containers import ImageSet
from course_lib.errors import DataError
from course_lib.paths import bundled_file, cache_dir

__all__ = ["CLASSES", "fashion_mnist", "fashion_mnist_root"]

CLASSES = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
]


@dataclass(frozen=True)
class IdxFile:
    """One file in LeCun's idx format: its name, the shape of its content, and the sha256 of the unpacked file."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """The first bytes: two zeros, 8 for unsigned bytes, the number of dimensions, and each dimension."""
        return struct.pack(f">HBB{len(self.shape)}I", 0, 8, len(self.shape), *self.shape)

    @property
    def size(self) -> int:
        """The length of the unpacked file in bytes."""
        return len(self.header) + math.prod(self.shape)


FILES = {
    "train": (
        IdxFile(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        IdxFile(
            "train-labels-idx1-ubyte", (60_000,), "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
    ),
    "test": (
        IdxFile(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte", (10_000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    ),
}


SPLITS = ("train", "validation", "test")
WHOLE = "train+validation"
SEED = 20260215
VALIDATION_A_CLASS = 500


def fashion_mnist(split: str = "train") -> ImageSet:
    """Return one split of Fashion-MNIST.

    The published training part has no validation split. The course cuts one from it, by a fixed seed inside each class;
    the rows of both stay in the published order.

    Args:
        split: ``"train"`` (55,000, 5,500 a class), ``"validation"`` (5,000, 500 a class), or ``"test"`` (10,000, 1,000
            a class, as published). ``"train+validation"`` is the published training part whole, 60,000 in the published
            order: the bundled runs of lessons 02 and 03 were trained on it.

    Returns:
        An ``ImageSet``: images (N, 1, 28, 28), bytes, white on black; labels 0 to 9, called ``CLASSES``.

    Raises:
        DataError: if the split is unknown, a bundled file is missing or corrupt, or the cache cannot be written.

    Source:
        Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
        algorithms", 2017.
    """
    if split not in (*SPLITS, WHOLE):
        raise DataError(f"'fashion_mnist' has no split {split!r}: choose one of {', '.join((*SPLITS, WHOLE))}.")
    images, labels = (_read(file) for file in FILES["test" if split == "test" else "train"])
    if split in ("train", "validation"):
        held_out = _validation(labels)
        rows = held_out if split == "validation" else ~held_out
        images, labels = images[rows], labels[rows]
    return ImageSet(
        name="fashion_mnist",
        split=split,
        images=torch.from_numpy(images).unsqueeze(1),
        labels=torch.from_numpy(labels).to(torch.int64),
        label_names=list(CLASSES),
        licence="MIT",
        source="Zalando Research, from Debian's dataset-fashion-mnist 0.0~git20200523.55506a9-1",
        mirrors=False,
    )


def _validation(labels: np.ndarray) -> np.ndarray:
    """Return which rows of the published training part are validation, (60000,) bool.

    numpy's RandomState is frozen for good, so the split is the same with every version.
    """
    chance = np.random.RandomState(SEED)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in range(len(CLASSES)):
        held_out[chance.permutation(np.flatnonzero(labels == label))[:VALIDATION_A_CLASS]] = True
    return held_out


def fashion_mnist_root() -> Path:
    """Return a folder that ``torchvision.datasets.FashionMNIST(root, download=False)`` can read, unpacked if need be.

    torchvision does not accept the bundled archives as they are: Debian compressed them anew, and their md5 differ.
    """
    for files in FILES.values():
        for file in files:
            _read(file)
    return _root()


def _root() -> Path:
    return cache_dir() / "fashion_mnist"


def _unpacked(file: IdxFile) -> Path:
    """Return the path of the unpacked file, which is made now if it is not there or has the wrong length."""
    path = _root() / "FashionMNIST" / "raw" / file.name
    if not (path.is_file() and path.stat().st_size == file.size):
        _unpack(file, path)
    return path


def _unpack(file: IdxFile, path: Path) -> None:
    """Unpack a bundled archive beside ``path`` and rename it there, so that ``path`` is whole or absent."""
    bundled = f"fashion_mnist/{file.name}.gz"
    archive = bundled_file(bundled)
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".tmp", dir=path.parent)
        part = Path(name)
        with os.fdopen(handle, "wb") as target, gzip.open(archive) as source:
            shutil.copyfileobj(source, target, 1 << 20)
        if part.stat().st_size != file.size:
            raise EOFError(f"it holds {part.stat().st_size} bytes instead of {file.size}")
        part.replace(path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"data/{bundled} cannot be unpacked ({error}): restore it with `git checkout -- data/{bundled}`."
        ) from error
    except OSError as error:
        raise DataError(
            f"Fashion-MNIST cannot be unpacked into {path.parent} ({error.strerror or error}): "
            "make room there (55 MB), or set COURSE_CACHE to a folder that can be written."
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete the half files of unpackings that were killed; one younger than an hour may be at work beside us."""
    for half in path.parent.glob(f"{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - half.stat().st_mtime > 3600:
                half.unlink()


def _read(file: IdxFile) -> np.ndarray:
    """Return the content of one file; a cached copy that was altered is replaced once from the bundled archive."""
    for attempt in ("as found", "unpacked anew"):
        path = _unpacked(file)
        try:
            content = np.fromfile(path, dtype=np.uint8)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error}): delete it and try again.") from error
        if hashlib.sha256(content.data).hexdigest() == file.sha256:
            return content[len(file.header) :].reshape(file.shape)
        if attempt == "as found":
            _unpack(file, path)
    raise DataError(
        f"{path} does not hold what it should even after unpacking it anew: update the course with `git pull`."
    )
