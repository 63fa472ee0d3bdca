"""Whole paintings and prints in the public domain, as examples of style."""

from __future__ import annotations

from course_lib.data.bundled.photos import FIELDS, read_picture, read_table
from course_lib.data.photographs import PhotoSet

__all__ = ["paintings"]


def paintings() -> PhotoSet:
    """Return the bundled paintings: eight by van Gogh, five Japanese prints and one by Kandinsky.

    They have no splits: a style is looked at, nothing is measured on it.

    Returns:
        A ``PhotoSet``: images (3, H, W), bytes, about 370 to 680 pixels a side; ``metadata`` says maker, year and
        where the scan comes from.

    Raises:
        DataError: if a bundled file is missing or corrupt.
    """
    rows = read_table("paintings/paintings.csv", (*FIELDS, "year", "scan_licence"))
    return PhotoSet(
        name="paintings",
        split="all",
        images=[read_picture(f"paintings/{row['file']}", row) for row in rows],
        names=[row["title"] for row in rows],
        metadata=rows,
        licences=[row["licence"] for row in rows],
        source="GCompris 3.1; each in data/paintings/paintings.csv",
    )
