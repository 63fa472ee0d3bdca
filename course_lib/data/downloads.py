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
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.fetch import Expected, fetch
from course_lib.data.prepared import addresses, home, prepared, spread, square
from course_lib.data.remote import DOWNLOADS, RemoteSet
from course_lib.data.unpack import unpack
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
    base_url = base_url or os.environ.get("COURSE_DOWNLOADS") or None
    if remote.kind == "torchvision":
        from course_lib.data.from_torchvision import from_torchvision

        return from_torchvision(remote, split, size=size, limit=limit, base_url=base_url, progress=progress)
    files = _files(remote, base_url, progress)
    return _read_split(remote, files, split, size or 64, direction, limit, progress)


def _files(remote: RemoteSet, base_url: str | None, progress: bool) -> Path:
    """Return the unpacked folder, downloading and unpacking what is missing."""
    folder = home(remote) / "files"
    if folder.is_dir():
        return folder
    archive = fetch(
        addresses(remote, remote.archive, base_url),
        home(remote) / remote.archive,
        expected=Expected(remote.size, remote.checksum),
        instead=f"{remote.instead} ({remote.note})" if remote.note else remote.instead,
        progress=progress,
    )
    digest = sha256_of(archive)
    found = {"file": archive.name, "bytes": archive.stat().st_size, "sha256": digest}
    _compare(remote, archive, digest)
    unpack(archive, folder, remote.instead)
    try:
        _check_counts(remote, folder)
    except DataError:
        shutil.rmtree(folder, ignore_errors=True)
        archive.unlink(missing_ok=True)
        raise
    _record(remote).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    archive.unlink(missing_ok=True)
    return folder


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
        archive.unlink()
        raise DataError(
            f"{archive.name} is not the file that was downloaded here before: if its authors have changed it, "
            f"delete {_record(remote)} and run the same line again; or {remote.instead}."
        )


def _inside(remote: RemoteSet, files: Path, folder: str) -> Path:
    nested = files / remote.name / folder
    return nested if nested.is_dir() else files / folder


def _pictures(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order (2.jpg before 10.jpg), without hidden files."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() in _IMAGES and not path.name.startswith(".")]
    return sorted(found, key=lambda path: [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in _pieces(path)])


def _pieces(path: Path) -> list[str]:
    return [piece for piece in re.split(r"(\d+)", path.name) if piece]


def _check_counts(remote: RemoteSet, files: Path) -> None:
    for entry in remote.folders.values():
        for folder in (entry,) if isinstance(entry, str) else entry:
            found = len(_pictures(_inside(remote, files, folder)))
            wanted = remote.counts.get(folder)
            if found == 0 or (wanted is not None and found != wanted):
                raise DataError(
                    f"{remote.archive} was deleted, because its folder {folder!r} holds {found} images and not "
                    f"{wanted if wanted is not None else 'at least one'}: run the same line again, or {remote.instead}."
                )


def halves(image: Any, size: int) -> np.ndarray:
    """Cut an A|B image in two and resize each half by itself; return (6, size, size) uint8, A before B."""
    middle = image.width // 2
    a = image.crop((0, 0, middle, image.height))
    b = image.crop((image.width - middle, 0, image.width, image.height))
    return np.concatenate([square(a, size), square(b, size)])


def _read_split(
    remote: RemoteSet, files: Path, split: str, size: int, direction: str, limit: int | None, progress: bool
) -> PairedSet | UnpairedSet:
    entry = remote.folders[split]
    shared: dict[str, Any] = {"split": split, "licence": remote.licence, "source": (remote.mirrors or ("",))[0]}

    def side(folder: str, channels: int, read: Callable[[Any], np.ndarray]) -> tuple[Tensor, list[str]]:
        paths = _pictures(_inside(remote, files, folder))
        if not paths:
            raise DataError(f"{files} holds no images of {folder!r}: delete that folder and run the same line again.")
        paths = [paths[place] for place in spread(len(paths), limit)]
        store = home(remote) / "prepared" / f"{folder}-{size}-{len(paths)}.npy"
        return prepared(store, paths, size, channels, read, progress), [path.stem for path in paths]

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
