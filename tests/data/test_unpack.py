"""Archives that lie, and archives that are broken: nothing may land outside the folder, and no half may stay."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from course_lib.data import inventory
from course_lib.data.unpack import unpack
from course_lib.errors import DataError

CONTENT = {"set/train/1.jpg": b"one" * 5000, "set/train/2.jpg": b"two" * 5000, "set/val/1.jpg": b"three"}


def make_zip(path: Path, content: dict[str, bytes], link: str | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
        if link:
            info = zipfile.ZipInfo("set/link")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, link)
    return path


def make_tar(path: Path, content: dict[str, bytes], link: str | None = None, kind: bytes = tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo("set/link")
            info.type, info.linkname = kind, link
            file.addfile(info)
    return path


def make(kind: str, folder: Path, content: dict[str, bytes]) -> Path:
    return make_zip(folder / "set.zip", content) if kind == "zip" else make_tar(folder / "set.tar.gz", content)


def everything(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if Path(name).name != inventory.NAME)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_good_archive_is_unpacked_whole(kind: str, tmp_path: Path) -> None:
    folder = unpack(make(kind, tmp_path, CONTENT), tmp_path / "files")
    assert everything(folder) == sorted(CONTENT)
    assert (folder / "set/train/2.jpg").read_bytes() == CONTENT["set/train/2.jpg"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../evil.jpg", "set/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "..\\evil.jpg"])
def test_a_path_that_leads_outside_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = make(kind, inner, {**CONTENT, name: b"evil"})
    with pytest.raises(DataError, match="leads outside"):
        unpack(archive, inner / "files", "use the bundled set")
    assert everything(tmp_path) == []  # nothing outside, no half-filled folder, and the archive is gone
    assert not (inner / "files").exists()


@pytest.mark.parametrize("kind", ["zip", "symlink", "hard link", "device"])
def test_links_and_devices_are_refused(kind: str, tmp_path: Path) -> None:
    if kind == "zip":
        archive = make_zip(tmp_path / "set.zip", CONTENT, link="/etc/passwd")
    else:
        types = {"symlink": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}
        archive = make_tar(tmp_path / "set.tar.gz", CONTENT, link="/etc/passwd", kind=types[kind])
    with pytest.raises(DataError, match="a link or a device"):
        unpack(archive, tmp_path / "files")
    assert everything(tmp_path) == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("fault", ["cut", "flipped"])
def test_a_broken_archive_is_deleted_and_leaves_nothing(kind: str, fault: str, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {f"set/{row}.jpg": bytes([row]) * 9000 for row in range(50)})
    data = bytearray(archive.read_bytes())
    if fault == "cut":
        data = data[:-40]
    else:
        data[len(data) // 3] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"set\..* is corrupt .* again"):
        unpack(archive, tmp_path / "files")
    assert everything(tmp_path) == []


def test_a_full_disk_leaves_the_archive_and_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make("zip", tmp_path, CONTENT)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(DataError, match="COURSE_CACHE"):
        unpack(archive, tmp_path / "files")
    assert everything(tmp_path) == ["set.zip"]


def test_an_earlier_folder_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "old.jpg").write_bytes(b"old")
    archive = make("zip", tmp_path, {"../evil.jpg": b"evil"})
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "files")
    assert everything(tmp_path) == ["files/old.jpg"]
