"""Photographs in the public domain or under CC0: monuments, animals and a few other things."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from course_lib.data.photographs import PhotoSet
from course_lib.errors import DataError
from course_lib.paths import bundled_file

__all__ = ["photos"]

SPLITS = ("train", "validation", "test")
FIELDS = ("file", "title", "author", "licence", "source", "width", "height")


def photos(split: str = "train") -> PhotoSet:
    """Return one split of the bundled photographs, whole, with who made each and under which licence.

    Photographs of the same kind of subject (two pyramids, two cathedrals) are always in the same split.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Returns:
        A ``PhotoSet``: images (3, H, W), bytes, of various sizes; the short side is 384 pixels, in one case 300.

    Raises:
        DataError: if the split is unknown or a bundled file is missing or corrupt.
    """
    if split not in SPLITS:
        raise DataError(f"'photos' has no split {split!r}: choose one of {', '.join(SPLITS)}.")
    rows = [row for row in read_table("photos/photos.csv", (*FIELDS, "subject", "split")) if row["split"] == split]
    return PhotoSet(
        name="photos",
        split=split,
        images=[read_picture(f"photos/{row['file']}", row) for row in rows],
        names=[row["title"] for row in rows],
        metadata=rows,
        licences=[row["licence"] for row in rows],
        source="GCompris 3.1 (from Wikimedia Commons) and scikit-image 0.26.0; each in data/photos/photos.csv",
    )


def read_table(name: str, fields: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of a bundled table.

    Args:
        name: path inside ``data/``.
        fields: the columns that every row must fill.

    Raises:
        DataError: if the file is missing, corrupt, or a field is empty.
    """
    path = bundled_file(name)
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"data/{name} cannot be read: restore it with `git checkout -- data/{name}`.") from error
    for number, row in enumerate(rows, start=2):
        empty = [field for field in fields if not row.get(field)]
        if empty:
            raise DataError(
                f"data/{name}, line {number}, says nothing about {', '.join(empty)}: "
                f"restore it with `git checkout -- data/{name}`."
            )
    return rows


def read_picture(name: str, row: dict[str, str]) -> Tensor:
    """Return a bundled picture as (3, H, W) bytes.

    Args:
        name: path inside ``data/``.
        row: its row of the table, with ``width`` and ``height`` in pixels.

    Raises:
        DataError: if the file is missing or corrupt, or has not the size that the table says.
    """
    from PIL import Image

    path = bundled_file(name)
    try:
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"data/{name} cannot be read: restore it with `git checkout -- data/{name}`.") from error
    height, width = pixels.shape[:2]
    if (str(width), str(height)) != (row["width"], row["height"]):
        raise DataError(
            f"data/{name} has {width} x {height} pixels instead of {row['width']} x {row['height']}: "
            f"restore it with `git checkout -- data/{name}`."
        )
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
