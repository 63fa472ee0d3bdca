"""Where downloaded sets are kept, proven whole at each use, and their pictures decoded once and kept as one tensor."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import torch
from torch import Tensor

from course_lib.data.disk import alone, check_space, discard, sweep, tail
from course_lib.data.inventory import Inventory
from course_lib.data.members import shown
from course_lib.data.reading import PictureError, open_picture
from course_lib.data.remote import RemoteSet
from course_lib.data.unpack import Building, building
from course_lib.errors import DataError
from course_lib.paths import cache_dir

READING = 1  # part of the key of what is kept: raise it when the same bytes give other pixels
T = TypeVar("T")


class Altered(DataError):
    """A file of a set is not what was unpacked; the set is made ready again where that is possible."""


def home(remote: RemoteSet) -> Path:
    """Return the folder of a set in the cache."""
    return cache_dir() / "downloads" / remote.name


def addresses(remote: RemoteSet, file: str, base_url: str | None) -> list[str]:
    """Return where to look for a file: the given server alone, or the set's mirrors in their order."""
    found = []
    for base in (base_url,) if base_url else remote.mirrors:
        parts = urlsplit(base)
        found.append(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{file}")))
    return found


def spread(count: int, limit: int | None) -> list[int]:
    """Return ``limit`` of ``count`` positions, spread evenly, or all of them."""
    if limit is None or limit >= count:
        return list(range(count))
    return [int((place + 0.5) * count / limit) for place in range(limit)]


def mended(remote: RemoteSet, build: Callable[[Building], None], read: Callable[[Inventory], T]) -> T:
    """Return what ``read`` makes of a set's files, which are made ready first where they are not, or not any more.

    At each use every file is looked at, and hashed where its size or time has changed; ``read`` may find more, since it
    hashes what it decodes, and raises ``Altered``. Then all files are hashed, and the set is made ready again.

    Args:
        remote: the set.
        build: fills the folder; called with no other process doing the same.
        read: takes the files.

    Raises:
        DataError: if the set cannot be made ready, saying what is wrong with it.
    """
    files = _ready(remote, build, thoroughly=False)
    try:
        return read(files)
    except Altered:
        return read(_ready(remote, build, thoroughly=True))


def _ready(remote: RemoteSet, build: Callable[[Building], None], *, thoroughly: bool) -> Inventory:
    folder = home(remote) / "files"
    files = Inventory.read(folder)
    if files is not None and not files.altered(thoroughly=thoroughly):
        return files
    with alone(remote.name, remote.instead):
        files = Inventory.read(folder)
        altered = [] if files is None else files.altered(thoroughly=thoroughly)
        if files is not None and not altered:
            return files  # another process was faster
        sweep(folder.parent)
        sweep(folder.parent / "prepared")
        try:
            with building(folder, remote.instead) as new:
                build(new)
            for archive in new.spent:
                discard(archive)
        except DataError as error:
            if files is None:
                raise
            raise DataError(
                f"{len(altered):,} of the {len(files):,} files in {folder} are missing or altered, for example "
                f"{shown(altered[0])}, and they were not brought again: {error}"
            ) from error
    made = Inventory.read(folder)
    if made is None:
        raise DataError(f"The files in {folder} change while they are read: run the same line again.")
    return made


def square(image: Any, size: int | None) -> np.ndarray:
    """Crop a PIL image in mode RGB to its middle square and resize it; return (3, size, size) uint8."""
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if image.size != (side, side):
        image = image.crop((left, top, left + side, top + side))
    if size is not None and size != side:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).transpose(2, 0, 1)


def prepared(
    remote: RemoteSet,
    files: Inventory,
    names: Sequence[str],
    title: str,
    size: int,
    channels: int,
    read: Callable[[Any], np.ndarray],
    progress: bool,
) -> Tensor:
    """Decode pictures to one tensor, and keep it so that the next call need not decode.

    What is kept belongs to the bytes of these pictures: with others it is made anew, and also where it was altered.

    Args:
        remote: the set.
        files: what was unpacked.
        names: which of its files, one a row.
        title: name of what is kept.
        size: side in pixels.
        channels: of a row.
        read: makes (channels, size, size) uint8 of a PIL image.
        progress: show a progress bar.

    Returns:
        (N, channels, size, size) uint8.

    Raises:
        Altered: if a file is not what was unpacked.
        DataError: if a picture cannot be read, or the tensor does not fit into memory.
    """
    shape = (len(names), channels, size, size)
    _check_memory(shape)
    store = home(remote) / "prepared" / f"{title}-{size}-{len(names)}.npy"
    key = _key(shape, [files[name].sha256 for name in names])
    kept = _kept(store, shape, key)
    if kept is not None:
        return torch.from_numpy(kept)
    with contextlib.ExitStack() as others_wait:
        with contextlib.suppress(DataError):  # a cache that cannot be written serves what it holds
            others_wait.enter_context(alone(remote.name))
            sweep(store.parent)
        kept = _kept(store, shape, key)
        if kept is not None:
            return torch.from_numpy(kept)
        images = _decoded(remote, files, names, shape, read, progress)
        _keep(store, images, key)
    return torch.from_numpy(images)


def _check_memory(shape: tuple[int, int, int, int]) -> None:
    import psutil

    need = math.prod(shape)
    if need > 0.7 * psutil.virtual_memory().available:
        raise DataError(
            f"{shape[0]:,} images of {shape[2]}x{shape[3]} take {need / 1e9:.1f} GB of memory, more than is free: "
            "lower size, or give limit=."
        )


def _decoded(
    remote: RemoteSet,
    files: Inventory,
    names: Sequence[str],
    shape: tuple[int, int, int, int],
    read: Callable[[Any], np.ndarray],
    progress: bool,
) -> np.ndarray:
    images = np.empty(shape, dtype=np.uint8)

    def decode(row: int) -> None:
        name = names[row]
        try:
            body = (files.folder / name).read_bytes()
        except OSError:
            body = b""
        if hashlib.sha256(body).hexdigest() != files[name].sha256:
            raise Altered(
                f"{files.folder / name} is missing or altered: delete {files.folder} and run the same line again."
            )
        try:
            images[row] = read(open_picture(body).image)
        except PictureError as error:  # the bytes are those of the archive: no download will mend it
            raise DataError(
                f"{shown(name)} in the archive of {remote.name} {error.why}: "
                f"tell whoever runs the server that it came from{tail(remote.instead)}."
            ) from error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        rows: Any = pool.map(decode, range(len(names)))
        if progress:
            from tqdm.auto import tqdm

            rows = tqdm(rows, total=len(names), desc=f"reading {remote.name}", leave=False)
        try:
            for _ in rows:
                pass
        finally:
            pool.shutdown(cancel_futures=True)
    return images


def _key(shape: tuple[int, ...], hashes: list[str]) -> str:
    return hashlib.sha256(json.dumps([READING, shape, hashes]).encode()).hexdigest()


def _digest(images: np.ndarray) -> str:
    return hashlib.sha256(images.data).hexdigest()


def _note(store: Path) -> Path:
    return store.with_name(store.name + ".json")


def _kept(store: Path, shape: tuple[int, ...], key: str) -> np.ndarray | None:
    """Return the decoded pictures of an earlier call, if they are of the same bytes and whole."""
    try:
        noted = json.loads(_note(store).read_text(encoding="utf-8"))
        if noted["key"] != key or store.stat().st_size > math.prod(shape) + 4096:
            return None
        kept = np.load(store, allow_pickle=False)
        if kept.shape != shape or kept.dtype != np.uint8 or _digest(kept) != noted["sha256"]:
            return None
        return kept
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, SyntaxError):
        return None


def _keep(store: Path, images: np.ndarray, key: str) -> None:
    """Write the decoded images; without room, or into a cache that cannot be written, they are simply not kept."""
    stagings = [path.with_name(f"{path.name}.{os.getpid()}.tmp") for path in (store, _note(store))]
    with contextlib.suppress(DataError, OSError):
        try:
            store.parent.mkdir(parents=True, exist_ok=True)
            check_space(store.parent, images.nbytes, "Keeping the decoded images")
            with stagings[0].open("wb") as file:
                np.save(file, images)
            stagings[1].write_text(json.dumps({"key": key, "sha256": _digest(images)}), "utf-8")
            for staging, path in zip(stagings, (store, _note(store)), strict=True):
                staging.replace(path)
        finally:
            for staging in stagings:
                staging.unlink(missing_ok=True)
