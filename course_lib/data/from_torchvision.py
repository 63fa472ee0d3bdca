"""MNIST, CIFAR-10 and CelebA: brought by our own download, then read by torchvision, which knows their formats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from course_lib.data.containers import ImageSet
from course_lib.data.disk import discard, make_folder, tail
from course_lib.data.fetch import Expected, fetch, matches
from course_lib.data.inventory import Inventory
from course_lib.data.prepared import Altered, addresses, home, mended, prepared, spread, square
from course_lib.data.remote import RemoteSet
from course_lib.data.unpack import Building
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
    expected = Expected(checksum=f"md5:{md5}", at_most=4 * remote.about)
    return fetch(urls, target, expected=expected, instead=note, progress=progress)


@contextlib.contextmanager
def _as_torchvision_reads(remote: RemoteSet) -> Iterator[None]:
    """Say in one sentence that files which are what was downloaded cannot be read all the same."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of numpy, pickle, pandas, or torchvision itself
        raise DataError(
            f"torchvision cannot read the files of {remote.name} ({type(error).__name__}), which are those of its own "
            f"list: bring torchvision up to date{tail(remote.instead)}."
        ) from error


def _whole(files: Inventory, remote: RemoteSet) -> None:
    """Raise unless all files have the bytes that they were unpacked with; for sets of a few large files."""
    if files.altered(thoroughly=True):
        raise Altered(f"The files of {remote.name} are altered: delete {files.folder} and run the same line again.")


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

    def build(new: Building) -> None:
        for file, md5 in MNIST.resources:
            urls = addresses(remote, file, base_url) or [f"{mirror}{file}" for mirror in MNIST.mirrors]
            archive = _get(remote, urls, home(remote) / file, md5, progress)
            new.gunzip(archive, f"MNIST/raw/{file.removesuffix('.gz')}")

    def read(files: Inventory) -> MNIST:
        _whole(files, remote)
        with _as_torchvision_reads(remote):
            return MNIST(files.folder, train=split == "train", download=False)

    digits = mended(remote, build, read)
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

    def build(new: Building) -> None:
        urls = addresses(remote, CIFAR10.filename, base_url) or [CIFAR10.url]
        new.unpack(_get(remote, urls, home(remote) / CIFAR10.filename, CIFAR10.tgz_md5, progress))

    def read(files: Inventory) -> CIFAR10:
        _whole(files, remote)
        with _as_torchvision_reads(remote):
            return CIFAR10(files.folder, train=split == "train", download=False)

    photos = mended(remote, build, read)
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

    side = size or 64

    def build(new: Building) -> None:
        for drive_id, md5, file in CelebA.file_list:
            archive = home(remote) / CelebA.base_folder / file
            if base_url:
                _get(remote, addresses(remote, file, base_url), archive, md5, progress)
            elif not (archive.is_file() and matches(archive, Expected(checksum=f"md5:{md5}"))):
                _from_drive(remote, drive_id, archive, md5)
            if file.endswith(".zip"):
                new.unpack(archive, CelebA.base_folder)
            else:
                new.copy(archive, f"{CelebA.base_folder}/{file}")

    def read(files: Inventory) -> ImageSet:
        with _as_torchvision_reads(remote):
            faces = CelebA(files.folder, split=str(remote.folders[split]), target_type="attr", download=False)
            rows = spread(len(faces.filename), limit)
            names = [f"{CelebA.base_folder}/img_align_celeba/{faces.filename[row]}" for row in rows]
            attributes = [name for name in faces.attr_names if name]
            absent = next((name for name in names if name not in files), None)
        if absent:
            raise DataError(f"CelebA's archive holds no {absent}: tell whoever runs its server{tail(remote.instead)}.")
        images = prepared(remote, files, names, split, side, 3, lambda image: square(image, side), progress)
        return ImageSet(
            name="celeba",
            split=split,
            images=images,
            names=[PurePosixPath(name).stem for name in names],
            factors={name: faces.attr[rows, column].to(torch.int64) for column, name in enumerate(attributes)},
            factor_names={name: ["no", "yes"] for name in attributes},
            licence=remote.licence,
            source="torchvision",
        )

    return mended(remote, build, read)


def _from_drive(remote: RemoteSet, drive_id: str, target: Path, md5: str) -> None:
    """Bring one file of CelebA from Google Drive the way torchvision does."""
    from torchvision.datasets.utils import download_file_from_google_drive

    make_folder(target.parent, target.name, remote.instead)
    try:
        target.unlink(missing_ok=True)
        download_file_from_google_drive(drive_id, target.parent, target.name, md5)
        if not matches(target, Expected(checksum=f"md5:{md5}")):
            raise DataError("it is not the expected file")
    except Exception:  # gdown has its own errors, and may not be installed
        discard(target)
        raise DataError(f"{target.name} could not be downloaded ({remote.note}): {remote.instead}.") from None
