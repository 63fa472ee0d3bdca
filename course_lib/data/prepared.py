"""Where downloaded sets are kept, and their pictures decoded once and kept as one tensor."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.data.fetch import check_space, no_space
from course_lib.data.remote import RemoteSet
from course_lib.errors import DataError
from course_lib.paths import cache_dir


def home(remote: RemoteSet) -> Path:
    """Return the folder of a set in the cache."""
    return cache_dir() / "downloads" / remote.name


def addresses(remote: RemoteSet, file: str, base_url: str | None) -> list[str]:
    """Return where to look for a file: the given server alone, or the set's mirrors in their order."""
    bases = (base_url,) if base_url else remote.mirrors
    return [f"{base.rstrip('/')}/{file}" for base in bases]


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
