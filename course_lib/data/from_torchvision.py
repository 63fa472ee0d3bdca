"""MNIST, CIFAR-10 and CelebA: brought by our own download, then read by torchvision, which knows their formats."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.data.containers import ImageSet
from course_lib.data.fetch import Expected, fetch
from course_lib.data.prepared import addresses, home, prepared, spread, square
from course_lib.data.remote import RemoteSet
from course_lib.data.unpack import unpack
from course_lib.errors import DataError


def from_torchvision(
    remote: RemoteSet, split: str, *, size: int | None, limit: int | None, base_url: str | None, progress: bool
) -> ImageSet:
    """Return one split of a torchvision data set; the arguments are those of ``download``.

    Addresses and md5 are torchvision's own, so that a new torchvision brings new ones.
    """
    bring = {"mnist": _mnist, "cifar10": _cifar10, "celeba": _celeba}[remote.name]
    return bring(remote, split, size, limit, base_url, progress)


def _get(remote: RemoteSet, urls: list[str], target: Path, md5: str, progress: bool) -> Path:
    note = f"{remote.instead} ({remote.note})" if remote.note else remote.instead
    return fetch(urls, target, expected=Expected(checksum=f"md5:{md5}"), instead=note, progress=progress)


def _resized(images: np.ndarray, size: int | None) -> Tensor:
    """Resize (N, H, W) or (N, H, W, 3) bytes, if asked to; return (N, C, size, size)."""
    from PIL import Image

    if size is not None and size != images.shape[1]:
        images = np.stack(
            [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in images]
        )
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


def _mnist(
    remote: RemoteSet, split: str, size: int | None, limit: int | None, base_url: str | None, progress: bool
) -> ImageSet:
    from torchvision.datasets import MNIST

    raw = home(remote) / "MNIST" / "raw"
    for file, md5 in MNIST.resources:
        urls = addresses(remote, file, base_url) or [f"{mirror}{file}" for mirror in MNIST.mirrors]
        unpacked = raw / file.removesuffix(".gz")
        if unpacked.is_file():
            continue
        archive = _get(remote, urls, raw / file, md5, progress)
        staging = unpacked.with_name(f"{unpacked.name}.{os.getpid()}.tmp")
        try:
            with gzip.open(archive) as source, staging.open("wb") as target:
                shutil.copyfileobj(source, target)
            staging.replace(unpacked)
        finally:
            staging.unlink(missing_ok=True)
    digits = MNIST(home(remote), train=split == "train", download=False)
    rows = spread(len(digits), limit)
    return ImageSet(
        name="mnist",
        split=split,
        images=_resized(digits.data.numpy()[rows], size),
        labels=digits.targets.to(torch.int64)[rows],
        label_names=[str(digit) for digit in range(10)],
        licence=remote.licence,
        source="torchvision",
        mirrors=False,
    )


def _cifar10(
    remote: RemoteSet, split: str, size: int | None, limit: int | None, base_url: str | None, progress: bool
) -> ImageSet:
    from torchvision.datasets import CIFAR10

    root = home(remote)
    if not (root / CIFAR10.base_folder).is_dir():
        urls = addresses(remote, CIFAR10.filename, base_url) or [CIFAR10.url]
        archive = _get(remote, urls, root / CIFAR10.filename, CIFAR10.tgz_md5, progress)
        staging = unpack(archive, root / "unpacked", remote.instead)
        (staging / CIFAR10.base_folder).replace(root / CIFAR10.base_folder)
        staging.rmdir()
        archive.unlink()
    try:
        photos = CIFAR10(root, train=split == "train", download=False)
    except RuntimeError as error:
        raise DataError(
            f"The CIFAR-10 files in {root} are corrupt: delete that folder and download them again, "
            f"or {remote.instead}."
        ) from error
    rows = spread(len(photos), limit)
    return ImageSet(
        name="cifar10",
        split=split,
        images=_resized(photos.data[rows], size),
        labels=torch.tensor(photos.targets)[rows],
        label_names=list(photos.classes),
        licence=remote.licence,
        source="torchvision",
    )


def _celeba(
    remote: RemoteSet, split: str, size: int | None, limit: int | None, base_url: str | None, progress: bool
) -> ImageSet:
    from torchvision.datasets import CelebA

    root = home(remote)
    folder = root / CelebA.base_folder
    for drive_id, md5, file in CelebA.file_list:
        done = folder / (file if not file.endswith(".zip") else "img_align_celeba")
        if done.exists():
            continue
        if base_url:
            _get(remote, addresses(remote, file, base_url), folder / file, md5, progress)
        elif not (folder / file).is_file():
            _from_drive(remote, drive_id, folder, file, md5)
        if file.endswith(".zip"):
            staging = unpack(folder / file, folder / "unpacked", remote.instead)
            (staging / "img_align_celeba").replace(done)
            staging.rmdir()
            (folder / file).unlink()
    try:
        faces = CelebA(root, split=str(remote.folders[split]), target_type="attr", download=False)
    except RuntimeError as error:
        raise DataError(
            f"The CelebA files in {folder} are corrupt: delete that folder and download them again, "
            f"or {remote.instead}."
        ) from error
    rows = spread(len(faces.filename), limit)
    paths = [folder / "img_align_celeba" / faces.filename[row] for row in rows]
    side = size or 64
    store = root / "prepared" / f"{split}-{side}-{len(paths)}.npy"
    names = [name for name in faces.attr_names if name]
    return ImageSet(
        name="celeba",
        split=split,
        images=prepared(store, paths, side, 3, lambda image: square(image, side), progress),
        names=[path.stem for path in paths],
        factors={name: faces.attr[rows, column].to(torch.int64) for column, name in enumerate(names)},
        factor_names={name: ["no", "yes"] for name in names},
        licence=remote.licence,
        source="torchvision",
    )


def _from_drive(remote: RemoteSet, drive_id: str, folder: Path, file: str, md5: str) -> None:
    """Bring one file of CelebA from Google Drive the way torchvision does."""
    from torchvision.datasets.utils import download_file_from_google_drive

    try:
        download_file_from_google_drive(drive_id, folder, file, md5)
    except Exception as error:  # gdown has its own errors, and may not be installed
        (folder / file).unlink(missing_ok=True)
        raise DataError(f"{file} could not be downloaded ({remote.note}): {remote.instead}.") from error
