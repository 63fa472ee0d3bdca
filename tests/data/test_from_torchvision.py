"""CIFAR-10 and CelebA in small: archives of the same layout lie in the cache already, as after a download."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
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


def test_celeba_without_a_network_names_the_bundled_set(home: Path) -> None:
    with pytest.raises(DataError, match=r"no connection.*factorial.*Google Drive"):
        data.download("celeba", progress=False)
