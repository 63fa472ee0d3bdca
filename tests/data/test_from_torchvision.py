"""CIFAR-10 and CelebA in small: archives of the same layout lie in the cache already, as after a download."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import traceback
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import data
from course_lib.errors import DataError

NOTHING_LISTENS = "http://127.0.0.1:9/"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_DOWNLOADS", NOTHING_LISTENS)
    return tmp_path / "downloads"


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def put(path: Path, body: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return md5(body)


@pytest.fixture
def mnist(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put small archives of MNIST into the cache, and return the folder of what is unpacked."""
    from torchvision.datasets import MNIST

    def idx(*shape: int) -> bytes:
        head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        return gzip.compress(head + (np.arange(np.prod(shape)) % 10).astype(np.uint8).tobytes(), mtime=0)

    names = [(f"{part}-{kind}", shape) for part in ("train", "t10k") for kind, shape in KINDS.items()]
    files = [(f"{name}.gz", put(home / "mnist" / f"{name}.gz", idx(*shape))) for name, shape in names]
    monkeypatch.setattr(MNIST, "resources", files)
    return home / "mnist" / "files" / "MNIST" / "raw"


KINDS = {"images-idx3-ubyte": (20, 28, 28), "labels-idx1-ubyte": (20,)}


def test_mnist_is_hashed_at_each_use_and_mends_itself(mnist: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = {path: path.read_bytes() for path in (home / "mnist").glob("*.gz")}
    good = data.download("mnist", progress=False)
    assert len(good) == 20
    assert not list((home / "mnist").glob("*.gz"))
    file = mnist / "train-images-idx3-ubyte"
    before, body = file.stat(), bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(body)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match=r"1 of the 4 files .*train-images.*no connection"):
        data.download("mnist", progress=False)
    for path, whole in archives.items():
        path.write_bytes(whole)
    assert torch.equal(data.download("mnist", progress=False).images, good.images)


def test_files_that_torchvision_cannot_read_are_one_sentence(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST

    data.download("mnist", progress=False)

    def fail(*details: object, **options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(MNIST, "_load_data", fail)
    with pytest.raises(DataError, match=r"torchvision cannot read the files of mnist .*: bring torchvision up to date"):
        data.download("mnist", progress=False)


def test_cifar10(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)
    batch = pickle.dumps({"data": pixels.reshape(8, -1), "labels": list(range(8))})
    meta = pickle.dumps({"label_names": [f"class {number}" for number in range(10)]})
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name, body in (("data_batch_1", batch), ("test_batch", batch), ("batches.meta", meta)):
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(body)
            packed.addfile(info, io.BytesIO(body))
    monkeypatch.setattr(CIFAR10, "tgz_md5", put(home / "cifar10" / CIFAR10.filename, file.getvalue()))
    monkeypatch.setattr(CIFAR10, "train_list", [["data_batch_1", md5(batch)]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(batch)]])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": md5(meta)})
    photos = data.download("cifar10", progress=False)
    assert torch.equal(photos.images, torch.from_numpy(pixels))
    assert photos.labels.tolist() == list(range(8))
    assert photos.label_names[3] == "class 3"
    small = data.download("cifar10", "test", size=16, limit=4, progress=False)
    assert small.images.shape == (4, 3, 16, 16)
    assert small.labels.tolist() == [1, 3, 5, 7]
    altered = home / "cifar10" / "files" / "cifar-10-batches-py" / "data_batch_1"
    altered.write_bytes(b"altered")
    with pytest.raises(DataError, match=r"missing or altered.*data_batch_1.*no connection.*fashion_mnist"):
        data.download("cifar10", progress=False)
    put(home / "cifar10" / CIFAR10.filename, file.getvalue())  # the archive is there again: it mends itself
    assert torch.equal(data.download("cifar10", progress=False).images, photos.images)


def test_celeba(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CelebA

    names = [f"{number:06d}.jpg" for number in range(1, 7)]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as packed:
        for number, name in enumerate(names):
            file = io.BytesIO()
            Image.new("RGB", (178, 218), (40 * number, 100, 100)).save(file, "JPEG", quality=95)
            packed.writestr(f"img_align_celeba/{name}", file.getvalue())
    texts = {
        "list_attr_celeba.txt": "6\nSmiling Young\n"
        + "".join(f"{name} {1 if name < names[3] else -1} 1\n" for name in names),
        "identity_CelebA.txt": "".join(f"{name} 7\n" for name in names),
        "list_bbox_celeba.txt": "6\nimage_id x_1 y_1 width height\n" + "".join(f"{name} 1 2 3 4\n" for name in names),
        "list_landmarks_align_celeba.txt": "6\na b\n" + "".join(f"{name} 1 2\n" for name in names),
        "list_eval_partition.txt": "".join(f"{name} {number // 4}\n" for number, name in enumerate(names)),
    }
    folder = home / "celeba" / "celeba"
    files = [("", put(folder / "img_align_celeba.zip", zipped.getvalue()), "img_align_celeba.zip")]
    files += [("", put(folder / name, body.encode()), name) for name, body in texts.items()]
    monkeypatch.setattr(CelebA, "file_list", files)
    faces = data.download("celeba", size=32, progress=False)
    assert faces.images.shape == (4, 3, 32, 32)
    assert faces.images[:, 0].float().mean((1, 2)).round().int().tolist() == pytest.approx([0, 40, 80, 120], abs=2)
    assert faces.factors["Smiling"].tolist() == [1, 1, 1, 0]
    assert list(faces.factor_names) == ["Smiling", "Young"]
    assert faces.names[0] == "000001"
    assert len(data.download("celeba", "validation", size=32, progress=False)) == 2
    assert not (folder / "img_align_celeba.zip").exists()
    picture = home / "celeba" / "files" / "celeba" / "img_align_celeba" / names[1]
    picture.write_bytes(picture.read_bytes()[:-4] + b"abcd")
    put(folder / "img_align_celeba.zip", zipped.getvalue())
    with pytest.raises(DataError, match=r"1 of the 11 files .*'celeba/img_align_celeba/000002\.jpg'.*no connection"):
        data.download("celeba", size=32, progress=False)  # the lists of names were deleted with the archive
    for name, text in texts.items():
        put(folder / name, text.encode())
    assert torch.equal(data.download("celeba", size=32, progress=False).images, faces.images)


@pytest.mark.parametrize("given", [None, b"<html>too many downloads</html>"])
def test_celeba_from_a_drive_that_refuses(given: bytes | None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import utils

    def drive(number: str, folder: Path, name: str, md5: str) -> None:
        if given is None:
            raise ConnectionError("https://drive.example/?key=sesame")
        (Path(folder) / name).write_bytes(given)

    monkeypatch.delenv("COURSE_DOWNLOADS")
    monkeypatch.setattr(utils, "download_file_from_google_drive", drive)
    with pytest.raises(DataError, match=r"could not be downloaded \(CelebA lies on Google Drive.*factorial") as caught:
        data.download("celeba", progress=False)
    assert "sesame" not in "".join(traceback.format_exception(caught.value))
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_celeba_without_a_network_names_the_bundled_set(home: Path) -> None:
    with pytest.raises(DataError, match=r"no connection.*factorial.*Google Drive"):
        data.download("celeba", progress=False)
