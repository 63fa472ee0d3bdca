"""Sets for those with a network: by name, checked, resumed after a cut, and read into the same containers.

    from course_lib import data

    train = data.download("facades", "train", size=64)        # a PairedSet
    horses = data.download("horse2zebra", "train", size=128)  # an UnpairedSet

Nothing of the course needs them: each lesson runs on bundled data.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.disk import discard, tail, writing
from course_lib.data.fetch import Expected, fetch
from course_lib.data.inventory import Inventory
from course_lib.data.prepared import addresses, home, mended, prepared, spread, square
from course_lib.data.reading import PictureError
from course_lib.data.remote import DOWNLOADS, RemoteSet
from course_lib.data.request import Address, Refused
from course_lib.data.unpack import Building
from course_lib.errors import DataError
from course_lib.paths import sha256_of
from course_lib.words import suggest

__all__ = ["DOWNLOADS", "download", "downloadable"]

_IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def downloadable() -> list[str]:
    """Return the names that ``download`` takes."""
    return [remote.name for remote in DOWNLOADS]


def download(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    direction: str | None = None,
    limit: int | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> ImageSet | PairedSet | UnpairedSet:
    """Download a set if it is not in the cache, and return one split of it as tensors in memory.

    Args:
        name: one of ``downloadable()``.
        split: ``"train"``, ``"validation"`` (where there is one) or ``"test"``.
        size: side of the returned images in pixels; ``None`` is 64, and the images' own size for MNIST and CIFAR-10.
            Images that are not square are cropped in the middle first. The papers use 256.
        direction: ``"AtoB"`` or ``"BtoA"``, which side is the condition ``x``; ``None`` is what the paper does.
        limit: at most this many images, spread evenly over the split.
        base_url: folder on another server that holds the archives under the same file names; the environment variable
            ``COURSE_DOWNLOADS`` does the same.
        progress: show progress bars.

    Returns:
        A ``PairedSet`` (pix2pix sets), an ``UnpairedSet`` (CycleGAN sets) or an ``ImageSet`` (MNIST, CIFAR-10, CelebA).

    Raises:
        DataError: in one sentence that says what failed and which bundled data to use instead.
    """
    remote = next((remote for remote in DOWNLOADS if remote.name == name), None)
    if remote is None:
        known = downloadable()
        raise DataError(
            f"There is no download called {name!r}: choose one of {', '.join(known)}{suggest(name, known)}."
        )
    splits = list(remote.folders)
    if split not in splits:
        raise DataError(f"{name!r} has no split {split!r}: choose one of {', '.join(splits)}{suggest(split, splits)}.")
    for what, value in (("size", size), ("limit", limit)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise DataError(f"{what} is {value!r}: give a whole number of at least 1.")
    direction = direction or remote.direction
    if direction not in ("AtoB", "BtoA"):
        raise DataError(f"direction is {direction!r}: choose 'AtoB' or 'BtoA'.")
    named = "COURSE_DOWNLOADS" if base_url is None else "base_url"
    base_url = os.environ.get("COURSE_DOWNLOADS") or None if base_url is None else base_url
    if base_url is not None:
        try:
            Address.of(base_url)
        except Refused as why:  # the address itself is not shown: a password may be in it
            raise DataError(
                f"{named} cannot be used, because {why}: give the folder of a server, such as https://example.org/sets."
            ) from None
    if remote.kind == "torchvision":
        from course_lib.data.from_torchvision import from_torchvision

        return from_torchvision(remote, split, size=size, limit=limit, base_url=base_url, progress=progress)

    def read(files: Inventory) -> PairedSet | UnpairedSet:
        return _read_split(remote, files, split, size or 64, direction, limit, progress)

    return mended(remote, lambda new: _build(remote, new, base_url, progress), read)


def _build(remote: RemoteSet, new: Building, base_url: str | None, progress: bool) -> None:
    """Fill the set's folder, downloading what is not here yet."""
    archive = fetch(
        addresses(remote, remote.archive, base_url),
        home(remote) / remote.archive,
        expected=Expected(remote.size, remote.checksum, at_most=4 * remote.about),
        instead=f"{remote.instead} ({remote.note})" if remote.note else remote.instead,
        progress=progress,
    )
    digest = sha256_of(archive)
    found = {"file": archive.name, "bytes": archive.stat().st_size, "sha256": digest}
    _compare(remote, archive, digest)
    new.unpack(archive)
    _check_counts(remote, new.inventory, archive)
    with writing(_record(remote).name, home(remote), remote.instead):
        _record(remote).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _record(remote: RemoteSet) -> Path:
    """Return where size and sha256 of the first good download are noted."""
    return home(remote) / "record.json"


def _compare(remote: RemoteSet, archive: Path, digest: str) -> None:
    """Hold a download against the first good one, if there was one."""
    try:
        before = json.loads(_record(remote).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != digest:
        discard(archive)
        raise DataError(
            f"{archive.name} is not the file that was downloaded here before: if its authors have changed it, "
            f"delete {_record(remote)} and run the same line again{tail(remote.instead)}."
        )


def _pictures(remote: RemoteSet, files: Inventory, folder: str) -> list[str]:
    """Return the images of a folder in natural order (2.jpg before 10.jpg), without hidden files."""
    for inside in (f"{remote.name}/{folder}", folder):
        found = [
            path
            for path in map(PurePosixPath, files)
            if str(path.parent) == inside and path.suffix.lower() in _IMAGES and not path.name.startswith(".")
        ]
        if found:
            break
    return [str(path) for path in sorted(found, key=_natural)]


def _natural(path: PurePosixPath) -> list[tuple[bool, int, str]]:
    pieces = [piece for piece in re.split(r"([0-9]+)", path.name) if piece]
    return [(not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def _check_counts(remote: RemoteSet, files: Inventory, archive: Path) -> None:
    for entry in remote.folders.values():
        for folder in (entry,) if isinstance(entry, str) else entry:
            found = len(_pictures(remote, files, folder))
            wanted = remote.counts.get(folder)
            if found == 0 or (wanted is not None and found != wanted):
                number = "at least one" if wanted is None else wanted
                raise DataError(
                    f"{archive.name} {discard(archive)}, because its folder {folder!r} holds {found} images and not "
                    f"{number}: run the same line again{tail(remote.instead)}."
                )


def halves(image: Any, size: int) -> np.ndarray:
    """Cut an A|B image in two and resize each half by itself; return (6, size, size) uint8, A before B."""
    middle = image.width // 2
    if middle < 1:
        why = f"has {image.width} x {image.height} pixels and holds no pair side by side"
        raise PictureError("The picture", why, "give one that is at least two pixels wide")
    a = image.crop((0, 0, middle, image.height))
    b = image.crop((image.width - middle, 0, image.width, image.height))
    return np.concatenate([square(a, size), square(b, size)])


def _read_split(
    remote: RemoteSet, files: Inventory, split: str, size: int, direction: str, limit: int | None, progress: bool
) -> PairedSet | UnpairedSet:
    entry = remote.folders[split]
    shared: dict[str, Any] = {"split": split, "licence": remote.licence, "source": (remote.mirrors or ("",))[0]}

    def side(folder: str, channels: int, read: Callable[[Any], np.ndarray]) -> tuple[Tensor, list[str]]:
        names = _pictures(remote, files, folder)
        names = [names[place] for place in spread(len(names), limit)]
        rows = prepared(remote, files, names, folder, size, channels, read, progress)
        return rows, [PurePosixPath(name).stem for name in names]

    if isinstance(entry, str):
        both, names = side(entry, 6, lambda image: halves(image, size))
        a, b = both[:, :3].contiguous(), both[:, 3:].contiguous()
        x, y = (a, b) if direction == "AtoB" else (b, a)
        return PairedSet(name=remote.name, x=x, y=y, names=names, **shared)
    sides = []
    for folder in entry if direction == "AtoB" else entry[::-1]:
        images, names = side(folder, 3, lambda image: square(image, size))
        sides.append(ImageSet(name=f"{remote.name} {folder}", images=images, names=names, **shared))
    return UnpairedSet(*sides)
