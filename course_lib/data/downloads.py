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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.data import suggest
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.fetch import Expected, check_space, fetch, no_space
from course_lib.data.remote import DOWNLOADS, RemoteSet
from course_lib.data.unpack import unpack
from course_lib.errors import DataError
from course_lib.paths import cache_dir, sha256_of

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


def home(remote: RemoteSet) -> Path:
    """Return the folder of a set in the cache."""
    return cache_dir() / "downloads" / remote.name


def addresses(remote: RemoteSet, file: str, base_url: str | None) -> list[str]:
    """Return where to look for a file: the given server alone, or the set's mirrors in their order."""
    bases = (base_url,) if base_url else remote.mirrors
    return [f"{base.rstrip('/')}/{file}" for base in bases]


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


def spread(count: int, limit: int | None) -> list[int]:
    """Return ``limit`` of ``count`` positions, spread evenly, or all of them."""
    if limit is None or limit >= count:
        return list(range(count))
    return [int((place + 0.5) * count / limit) for place in range(limit)]


def square(image: Any, size: int | None) -> np.ndarray:
    """Crop a PIL image to its middle square and resize it; return (3, size, size) uint8."""
    from PIL import Image

    image = image.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if image.size != (side, side):
        image = image.crop((left, top, left + side, top + side))
    if size is not None and size != side:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).transpose(2, 0, 1)


def halves(image: Any, size: int) -> np.ndarray:
    """Cut an A|B image in two and resize each half by itself; return (6, size, size) uint8, A before B."""
    middle = image.width // 2
    a = image.crop((0, 0, middle, image.height))
    b = image.crop((image.width - middle, 0, image.width, image.height))
    return np.concatenate([square(a, size), square(b, size)])


def prepared(
    store: Path, paths: list[Path], size: int, channels: int, read: Callable[[Any], np.ndarray], progress: bool
) -> Tensor:
    """Decode images to one tensor (N, channels, size, size), and keep it so that the next call need not decode."""
    shape = (len(paths), channels, size, size)
    need = int(np.prod(shape))
    import psutil

    if need > 0.7 * psutil.virtual_memory().available:
        raise DataError(
            f"{len(paths):,} images of {size}x{size} take {need / 1e9:.1f} GB of memory, more than is free: "
            "lower size, or give limit=."
        )
    try:
        kept = np.load(store)
        if kept.shape == shape and kept.dtype == np.uint8:
            return torch.from_numpy(kept)
    except (OSError, ValueError, EOFError):
        pass
    images = np.empty(shape, dtype=np.uint8)

    def decode(row: int) -> None:
        from PIL import Image

        try:
            with Image.open(paths[row]) as image:
                images[row] = read(image)
        except (OSError, SyntaxError) as error:
            raise DataError(
                f"{paths[row].name} cannot be read: delete the folder {paths[row].parent} and download the set again."
            ) from error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        rows: Any = pool.map(decode, range(len(paths)))
        if progress:
            from tqdm.auto import tqdm

            rows = tqdm(rows, total=len(paths), desc=f"reading {store.parent.parent.name}", leave=False)
        for _ in rows:
            pass
    _keep(store, images)
    return torch.from_numpy(images)


def _keep(store: Path, images: np.ndarray) -> None:
    """Write the decoded images in one step; without room they are simply not kept."""
    store.parent.mkdir(parents=True, exist_ok=True)
    staging = store.with_name(f"{store.name}.{os.getpid()}.tmp")
    try:
        check_space(store.parent, images.nbytes, "Keeping the decoded images")
        with staging.open("wb") as file:
            np.save(file, images)
        staging.replace(store)
    except DataError:
        pass
    except OSError as error:
        if not no_space(error):
            raise
    finally:
        staging.unlink(missing_ok=True)


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
