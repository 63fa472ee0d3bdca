"""Archives made to do harm, or broken in ways that each reader tells by an error of its own."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib.data import disk, inventory, members
from course_lib.data.members import Hostile, Names
from course_lib.data.unpack import Building, building, unpack
from course_lib.errors import DataError

Patch = pytest.MonkeyPatch

GOOD = {"set/train/1.jpg": b"one" * 500, "set/val/1.jpg": b"two"}


def zipped(path: Path, content: list[tuple[str, bytes]], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as file:
        for name, body in content:
            file.writestr(zipfile.ZipInfo(name), body, how)
    return path


def tarred(path: Path, content: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as file:
        for name, body in content:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            file.addfile(info, io.BytesIO(body))
    return path


def make(kind: str, folder: Path, content: list[tuple[str, bytes]]) -> Path:
    return zipped(folder / "set.zip", content) if kind == "zip" else tarred(folder / "set.tar.gz", content)


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(archive: Path, message: str) -> None:
    folder = archive.parent
    with pytest.raises(DataError, match=message) as caught:
        unpack(archive, folder / "files", "use the bundled set")
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 500
    assert text.isprintable()
    assert text.endswith("; or use the bundled set.")
    assert everything(folder) == []  # no half-filled folder, and the archive is gone


NAMES = {
    "reserved": (["set/CON"], "not every system"),
    "reserved, with an ending": (["set/aux.jpg"], "not every system"),
    "reserved, in a folder": (["com1/1.jpg"], "not every system"),
    "reserved, with a raised digit": (["set/LPT\u00b9.txt"], "not every system"),
    "a dot at its end": (["set/1.jpg."], "not every system"),
    "a space at its end": (["set /1.jpg"], "not every system"),
    "a line break": (["set/1\n2.jpg"], "not every system"),
    "an escape sequence": (["set/\x1b[2J.jpg"], "not every system"),
    "too long": (["set/" + "a" * 201 + ".jpg"], "too long"),
    "too long in bytes": (["set/" + "\u00e9" * 101 + ".jpg"], "too long"),
    "too deep": (["a/" * 21 + "1.jpg"], "too long"),
    "the same": (["set/1.jpg", "set/1.jpg"], "two files"),
    "the same but for case": (["set/a.jpg", "set/A.jpg"], "two files"),
    "the same but for sharp s": (["set/stra\u00dfe.jpg", "set/STRASSE.jpg"], "two files"),
    "the same but for normal form": (["set/\u00e9.jpg", "set/e\u0301.jpg"], "two files"),
    "the same but for what is replaced": (["set/1:2.jpg", "set/1?2.jpg"], "two files"),
    "the same but for a dot": (["set/1.jpg", "set/./1.jpg"], "two files"),
    "a folder in two spellings": (["set/a/1.jpg", "set/A/2.jpg"], "two spellings"),
    "a file as a folder": (["set/a", "set/a/1.jpg"], "through a file"),
    "a folder as a file": (["set/a/1.jpg", "set/a"], "two files"),
    "above": (["../1.jpg"], "outside"),
    "above, in the middle": (["set/a/../../../1.jpg"], "outside"),
    "above, with backslashes": (["set\\..\\..\\1.jpg"], "outside"),
    "absolute": (["/1.jpg"], "outside"),
    "a drive": (["C:1.jpg"], "outside"),
    "a share": (["\\\\server\\share\\1.jpg"], "outside"),
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("case", NAMES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_do_harm(case: str, kind: str, tmp_path: Path) -> None:
    names, message = NAMES[case]
    refused(make(kind, tmp_path, [*GOOD.items(), *((name, b"evil") for name in names)]), message)


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    refused(tarred(tmp_path / "set.tar.gz", [("set/\udcff.jpg", b"evil")]), "not every system")


def test_usual_names_are_taken() -> None:
    names = Names()
    assert names.take("./set/train/2010-09-07 12:24:40.jpg") == ("set", "train", "2010-09-07 12_24_40.jpg")
    for name in ("set/train/._1.png", "set/console.jpg", "set/com10.jpg", "set/n02381460_1001.jpg", "set/é ü.jpg"):
        assert "/".join(names.take(name)) == name


def test_the_number_of_files_has_a_limit(monkeypatch: Patch) -> None:
    monkeypatch.setattr(members, "MEMBERS", 2)
    names = Names()
    names.take("a")
    names.take("b")
    with pytest.raises(Hostile, match="more than 2 files"):
        names.take("c")


def poked(archive: Path, change: Callable[[bytearray], None]) -> Path:
    body = bytearray(archive.read_bytes())
    change(body)
    archive.write_bytes(body)
    return archive


def directory(body: bytearray) -> int:
    """Return where the first entry of a zip's directory begins."""
    return body.index(b"PK\x01\x02")


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_flipped_byte_in_whatever_compression(how: int, at: float, tmp_path: Path) -> None:
    noise = bytes((row * row * 7 + row // 3) % 251 for row in range(5000))
    archive = zipped(tmp_path / "set.zip", [("set/1.jpg", noise)], how)

    def flip(body: bytearray) -> None:
        place = 60 + int((directory(body) - 60) * at)
        body[place] ^= 0xFF

    refused(poked(archive, flip), "is corrupt .* again")


def encrypted(body: bytearray) -> None:
    body[6] |= 1
    body[directory(body) + 8] |= 1


def unknown_method(body: bytearray) -> None:
    body[8] = body[directory(body) + 10] = 97


def absurd_size(body: bytearray) -> None:
    body[directory(body) + 24 : directory(body) + 28] = struct.pack("<I", 0xFFFFFFF0)


def smaller_than_it_is(body: bytearray) -> None:
    body[directory(body) + 24 : directory(body) + 28] = struct.pack("<I", 3)


def bad_extra(body: bytearray) -> None:
    body[directory(body) + 30] = 200


def far_offset(body: bytearray) -> None:
    body[directory(body) + 42 : directory(body) + 46] = struct.pack("<I", 0xFFFFFF00)


POKES = {
    encrypted: "is encrypted",
    unknown_method: "is corrupt",
    absurd_size: "times its own size",
    smaller_than_it_is: "is corrupt",
    bad_extra: "is corrupt",
    far_offset: "is corrupt",
}


@pytest.mark.parametrize("poke", POKES, ids=lambda poke: poke.__name__)
def test_a_zip_that_lies(poke: Callable[[bytearray], None], tmp_path: Path) -> None:
    refused(poked(zipped(tmp_path / "set.zip", list(GOOD.items())), poke), POKES[poke])


def header(name: str = "set/1.jpg", **fields: object) -> bytes:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


TARS = {
    "size in the petabytes": (header(size=10**15) + bytes(2048), "times its own size"),
    "negative size": (header(size=-(10**6)) + bytes(2048), "times its own size|corrupt"),
    "a size that is none": (header().replace(b"00000000000\x00", b"nonsense!!!\x00", 1) + bytes(2048), "corrupt"),
    "a long name of petabytes": (header("x", size=10**15, type=tarfile.GNUTYPE_LONGNAME) + bytes(2048), "too long"),
    "extended header of petabytes": (header("x", size=10**15, type=tarfile.XHDTYPE) + bytes(2048), "too long"),
    "extended header of nonsense": (header("x", size=20, type=tarfile.XHDTYPE) + b"999 a=b" + bytes(2041), "corrupt"),
    "nothing": (b"", "corrupt"),
    "no tar": (b"tar" * 1000, "corrupt"),
    "a pipe": (header(type=tarfile.FIFOTYPE) + bytes(1024), "a link or a device"),
    "a kind of its own": (header(type=b"Z") + bytes(1024), "a link or a device|corrupt"),
    "holes": (header(size=0, type=tarfile.GNUTYPE_SPARSE) + bytes(1024), "a link or a device|corrupt"),
}


@pytest.mark.parametrize("kind", TARS)
def test_a_tar_that_lies(kind: str, tmp_path: Path) -> None:
    body, message = TARS[kind]
    (tmp_path / "set.tar.gz").write_bytes(gzip.compress(body))
    refused(tmp_path / "set.tar.gz", message)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_stopped_long_before_the_disk_is_full(kind: str, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(members, "AT_LEAST", 1 << 20)
    archive = make(kind, tmp_path, [("set/1.jpg", bytes(3 << 20)), ("set/2.jpg", bytes(3 << 20))])
    written: list[int] = []
    add = Building._add
    monkeypatch.setattr(Building, "_add", lambda self, *rest: (add(self, *rest), written.append(self._written)))
    refused(archive, "20 times its own size")
    assert written == []


def test_a_bomb_behind_the_end_of_a_tar(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(members, "AT_LEAST", 1 << 20)
    archive = tarred(tmp_path / "set.tar.gz", list(GOOD.items()))
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes()) + bytes(4 << 20)))
    refused(archive, "20 times its own size")


def test_a_bomb_of_one_file(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(members, "AT_LEAST", 1 << 20)
    archive = tmp_path / "digits.gz"
    archive.write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(DataError, match="20 times its own size"), building(tmp_path / "files") as new:
        new.gunzip(archive, "digits")
    assert everything(tmp_path) == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_free_space_is_looked_at_while_unpacking(kind: str, tmp_path: Path, monkeypatch: Patch) -> None:
    archive = make(kind, tmp_path, [(f"set/{row}.jpg", bytes([row]) * (6 << 20)) for row in range(8)])
    free = iter([10**9, 10**9, *[disk.RESERVE + 1000] * 99])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, next(free)))
    with pytest.raises(DataError, match=r"Unpacking set.* are free .*COURSE_CACHE"):
        unpack(archive, tmp_path / "files")
    assert everything(tmp_path) == [archive.name]  # the archive is good, and stays


def test_what_was_unpacked_is_listed(tmp_path: Path) -> None:
    folder = unpack(zipped(tmp_path / "set.zip", list(GOOD.items())), tmp_path / "files")
    listed = inventory.Inventory.read(folder)
    assert listed is not None
    assert {name: entry.size for name, entry in listed.items()} == {name: len(body) for name, body in GOOD.items()}
    assert listed.altered(thoroughly=True) == []
