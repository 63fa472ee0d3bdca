"""Downloads against a server on this machine that cuts, lies and refuses. A fault must lose nothing."""

from __future__ import annotations

import errno
import gzip
import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from download_server import (
    NOTHING_LISTENS,
    Patch,
    Server,
    announce,
    facades,
    get,
    leave_part,
    left_over,
    picture,
    tar,
)
from PIL import Image

from course_lib import data
from course_lib.data import PairedSet, UnpairedSet, fetch
from course_lib.errors import DataError


def test_pairs_are_cut_in_the_middle_and_turned_as_in_the_paper(served: Server) -> None:
    pairs = get(served)
    assert isinstance(pairs, PairedSet)
    assert pairs.x.shape == pairs.y.shape == (12, 3, 16, 16)
    assert pairs.names == [str(row) for row in range(1, 13)]  # natural order, and no hidden file
    assert pairs.x[0, :, 0, 0].tolist() == [200, 10, 10]  # facades: from B, the labels, to A
    assert pairs.y[:, 0, 8, 8].tolist() == list(range(1, 13))
    turned = get(served, direction="AtoB")
    assert torch.equal(turned.x, pairs.y)
    assert torch.equal(turned.y, pairs.x)
    assert len(get(served, split="test")) == 1
    assert len(served.requests) == 1


def test_limit_spreads_over_the_split_and_the_decoded_images_are_kept(served: Server, monkeypatch: Patch) -> None:
    assert get(served, limit=3).names == ["3", "7", "11"]
    monkeypatch.setattr(Image, "open", None)  # nothing can be decoded any more
    assert get(served, limit=3).names == ["3", "7", "11"]
    with pytest.raises(DataError, match=r"\.png' in the archive of facades is cut off or damaged: tell whoever"):
        get(served, limit=4)


def test_unpaired_sets_crop_the_middle_square(served: Server, monkeypatch: Patch) -> None:
    announce(monkeypatch, "horse2zebra", served.files["horse2zebra.zip"])
    both = get(served, "horse2zebra")
    assert isinstance(both, UnpairedSet)
    assert both.x.images.shape == (7, 3, 16, 16)
    assert both.y.images[:, 1, 0, 0].tolist() == [0, 1, 2, 3]
    batch = next(both.batches(5, generator=torch.Generator().manual_seed(0)))
    assert batch.x.shape == batch.y.shape == (5, 3, 16, 16)


def test_a_cut_connection_is_gone_on_from_within_one_call(served: Server) -> None:
    assert len(served.files["facades.tar.gz"]) > 800
    served.cut_after["facades.tar.gz"] = [400, 300]
    assert len(get(served)) == 12
    assert served.requests == [("facades.tar.gz", 0), ("facades.tar.gz", 400), ("facades.tar.gz", 700)]


def test_a_server_that_dies_loses_nothing_and_the_next_call_goes_on(served: Server, tmp_path: Path) -> None:
    served.cut_after["facades.tar.gz"] = [400]
    served.status["facades.tar.gz"] = [200, 503, 503, 503]
    with pytest.raises(DataError, match=r"what has come is kept.*503.*emoji_pairs") as caught:
        get(served)
    assert left_over(tmp_path) == ["facades/facades.tar.gz.part"]
    assert len(str(caught.value).splitlines()) == 1
    served.requests.clear()
    assert len(get(served)) == 12
    assert served.requests == [("facades.tar.gz", 400)]
    assert not [path for path in left_over(tmp_path) if path.endswith((".part", ".gz", ".tmp"))]


def test_a_server_without_ranges_sends_all_again(served: Server) -> None:
    served.no_ranges = True
    served.cut_after["facades.tar.gz"] = [400]
    assert len(get(served)) == 12


@pytest.mark.parametrize("stale", [b"\x1f\x8b of another version" * 9, b"x" * 10**6])
def test_a_part_of_another_version_is_thrown_away(stale: bytes, served: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, stale)
    assert len(get(served)) == 12


def test_a_mixture_that_no_hash_could_tell_is_found_when_unpacking(
    served: Server, tmp_path: Path, monkeypatch: Patch
) -> None:
    announce(monkeypatch, "facades", served.files["facades.tar.gz"], hashed=False, size=None)
    leave_part(tmp_path, b"\x1f\x8b of another version" * 9)
    with pytest.raises(DataError, match=r"is corrupt .* again"):
        get(served)
    assert left_over(tmp_path) == []
    assert len(get(served)) == 12


@pytest.mark.parametrize("page_type", ["text/html", "application/octet-stream"])
def test_an_error_page_does_not_overwrite_what_has_come(
    page_type: str, served: Server, tmp_path: Path, monkeypatch: Patch
) -> None:
    announce(monkeypatch, "facades", served.files["facades.tar.gz"], hashed=False, size=None)
    leave_part(tmp_path, served.files["facades.tar.gz"][:400])
    served.page, served.page_type = {"facades.tar.gz"}, page_type
    with pytest.raises(DataError, match="web page"):
        get(served)
    served.page = set()
    assert len(get(served)) == 12
    assert served.requests[-1] == ("facades.tar.gz", 400)


def test_a_whole_part_needs_no_request(served: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, served.files["facades.tar.gz"])
    assert len(get(served)) == 12
    assert served.requests == []


def test_a_wrong_hash_leaves_nothing(served: Server, tmp_path: Path) -> None:
    body = bytearray(served.files["facades.tar.gz"])
    body[-1] ^= 1
    served.files["facades.tar.gz"] = bytes(body)
    with pytest.raises(DataError, match=r"checksum does not match.*emoji_pairs"):
        get(served)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("page_type", ["text/html; charset=utf-8", "application/x-gzip"])
def test_an_error_page_is_not_taken_for_an_archive(page_type: str, served: Server, tmp_path: Path) -> None:
    served.page, served.page_type = {"facades.tar.gz"}, page_type
    with pytest.raises(DataError, match=r"web page|has 35 bytes"):
        get(served)
    assert left_over(tmp_path) == []


def test_an_error_page_of_unknown_size_is_seen_by_its_first_byte(
    served: Server, tmp_path: Path, monkeypatch: Patch
) -> None:
    announce(monkeypatch, "facades", served.files["facades.tar.gz"], hashed=False, size=None)
    served.page, served.page_type = {"facades.tar.gz"}, "application/zip"
    with pytest.raises(DataError, match="web page"):
        get(served)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_missing_file_names_the_server_and_the_alternative(status: int, served: Server, tmp_path: Path) -> None:
    served.status["facades.tar.gz"] = [status]
    with pytest.raises(DataError, match=rf"127\.0\.0\.1.* answers {status}.*emoji_pairs"):
        get(served)
    assert left_over(tmp_path) == []
    assert len(served.requests) == 1  # it was told: no second try


def test_the_next_mirror_is_asked(served: Server, monkeypatch: Patch) -> None:
    body = served.files["facades.tar.gz"]
    announce(monkeypatch, "facades", body, mirrors=(NOTHING_LISTENS, served.url + "moved/", served.url))
    assert len(data.download("facades", size=8, progress=False)) == 12
    assert [name for name, _ in served.requests] == ["moved/facades.tar.gz", "facades.tar.gz"]


def test_no_network(server: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("COURSE_DOWNLOADS", NOTHING_LISTENS)
    for name in ("facades", "horse2zebra", "monet2photo"):
        with pytest.raises(DataError, match=r"no connection.*ships? with the course\.$"):
            data.download(name, progress=False)
    assert left_over(tmp_path) == []


def test_no_space_beforehand(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 10**7))
    with pytest.raises(DataError, match=r"are free in .*COURSE_CACHE.*emoji_pairs"):
        get(served)
    assert left_over(tmp_path) == []


def test_the_disk_fills_while_writing(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    def full(*details: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "request", full)
    with pytest.raises(DataError, match="COURSE_CACHE"):
        get(served)


def test_a_hostile_archive_is_not_unpacked(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    body = tar({"facades/train/1.png": picture((1, 1, 1)), "../../../evil.png": picture((2, 2, 2))})
    served.files["facades.tar.gz"] = body
    announce(monkeypatch, "facades", body)
    with pytest.raises(DataError, match=r"leads outside.*emoji_pairs"):
        get(served)
    assert left_over(tmp_path) == []
    assert not list(tmp_path.rglob("evil*"))


def test_without_a_published_hash_the_count_is_checked(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    body = facades(train=11)
    served.files["facades.tar.gz"] = body
    announce(monkeypatch, "facades", body, hashed=False)
    with pytest.raises(DataError, match=r"'train' holds 11 images and not 12"):
        get(served)
    assert left_over(tmp_path) == []


def test_a_later_download_is_held_against_the_first(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    announce(monkeypatch, "facades", served.files["facades.tar.gz"], hashed=False, size=None)
    get(served)
    shutil.rmtree(tmp_path / "cache" / "downloads" / "facades" / "files")
    served.files["facades.tar.gz"] = facades(train=12) + b"\0"
    with pytest.raises(DataError, match=r"not the file that was downloaded here before"):
        get(served)


def test_too_little_memory_says_what_to_lower(served: Server, monkeypatch: Patch) -> None:
    import psutil

    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=100_000))
    assert get(served, size=16).x.shape[-1] == 16
    with pytest.raises(DataError, match="lower size, or give limit="):
        get(served, size=64)


def test_torchvision_sets_come_the_same_way(server: Server, monkeypatch: Patch) -> None:
    from torchvision.datasets import MNIST

    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = np.arange(20, dtype=np.uint8) % 10
    files = {}
    for prefix in ("train", "t10k"):
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(
            struct.pack(">IIII", 2051, 20, 28, 28) + images.tobytes()
        )
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">II", 2049, 20) + labels.tobytes())
    monkeypatch.setattr(MNIST, "resources", [(name, hashlib.md5(body).hexdigest()) for name, body in files.items()])
    server.files = files
    server.cut_after["train-images-idx3-ubyte.gz"] = [900]
    digits = data.download("mnist", base_url=server.url, progress=False)
    assert torch.equal(digits.images[:, 0], torch.from_numpy(images))
    assert digits.labels.tolist() == labels.tolist()
    assert ("train-images-idx3-ubyte.gz", 900) in server.requests
    assert data.download("mnist", "test", size=32, limit=5, progress=False).images.shape == (5, 1, 32, 32)
