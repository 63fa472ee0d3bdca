"""What an archive holds, read with distrust: its names may lead outside or collide, its sizes may fill a disk."""

from __future__ import annotations

import contextlib
import errno
import gzip
import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from course_lib.errors import DataError

Member = tuple[tuple[str, ...], int, Any]
"""Parts of the path, size in bytes, and the open file to read from."""

TIMES_ITS_SIZE = 20  # pictures hardly shrink, so no set of them unpacks to more
AT_LEAST = 1 << 26  # bytes that any archive may unpack to
MEMBERS = 500_000
LONGEST_READ = 1 << 24  # tarfile takes a header's word for its length, and would hold all of it in memory
LONGEST_NAME = 200  # in bytes, of one part; file systems take 255, and some of them 143
DEEPEST = 20

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
_OF_THE_DISK = {errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EMFILE, errno.ENFILE, errno.ESTALE}


class Hostile(Exception):
    """The archive would write outside its folder, over its own files, or until the disk is full."""


class Corrupt(Exception):
    """The archive cannot be read."""


def largest(archive: Path) -> int:
    """Return how many bytes an archive may unpack to."""
    return max(AT_LEAST, TIMES_ITS_SIZE * archive.stat().st_size)


def shown(name: object) -> str:
    """Return a name for an error message: of one line, printable and not too long."""
    text = ascii(name) if not str(name).isprintable() else repr(str(name))
    return text if len(text) <= 80 else f"{text[:60]}...{text[-15:]}"


class Names:
    """Takes the names of an archive one after another, and refuses those that not every system can hold."""

    def __init__(self) -> None:
        self._files: set[tuple[str, ...]] = set()
        self._folders: dict[tuple[str, ...], tuple[str, ...]] = {}

    def take(self, name: str) -> tuple[str, ...]:
        """Return the parts of a file's path.

        Raises:
            Hostile: if it leads outside, is one that some system cannot hold, or is the same as an earlier one there.
        """
        parts = _safe_parts(name)
        same = tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in parts)
        if same in self._files or same in self._folders:
            raise Hostile(f"the name {shown(name)} stands for two files")
        self._files.add(same)
        for depth in range(1, len(same)):
            if same[:depth] in self._files:
                raise Hostile(f"the name {shown(name)} leads through a file")
            if self._folders.setdefault(same[:depth], parts[:depth]) != parts[:depth]:
                raise Hostile(f"the folder of {shown(name)} has two spellings")
        if len(self._files) > MEMBERS:
            raise Hostile(f"it holds more than {MEMBERS:,} files")
        return parts


def _safe_parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    parts = tuple(part for part in path.parts if part != ".")
    if path.is_absolute() or not parts or ".." in parts or ":" in parts[0] or "\0" in name:
        raise Hostile(f"the path {shown(name)} leads outside its folder")
    if len(parts) > DEEPEST or any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME for part in parts):
        raise Hostile(f"the name {shown(name)} is too long")
    for part in parts:
        if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", part) or part[-1] in " ." or _RESERVED.fullmatch(part):
            raise Hostile(f"the name {shown(name)} is one that not every system can hold")
    return tuple(re.sub(r'[<>:"|?*]', "_", part) for part in parts)  # times of day in names: Windows takes no colon


@contextlib.contextmanager
def reading(archive: Path) -> Iterator[None]:
    """Turn whatever a reader of archives raises on broken bytes into ``Corrupt``.

    There are a dozen kinds (``zlib.error``, ``LZMAError``, ``struct.error``, ``OverflowError``, from bz2 a plain
    ``OSError``), and more with each Python.
    """
    try:
        yield
    except (Hostile, Corrupt, DataError):
        raise
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise Corrupt(_short(error)) from error
        raise DataError(
            f"{archive.name} cannot be read ({error.strerror}): delete {archive} and run the same line again."
        ) from error
    except Exception as error:
        raise Corrupt(_short(error)) from error


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines and lines[0].isprintable() else type(error).__name__
    return text if len(text) <= 100 else f"{text[:97]}..."


def members(archive: Path) -> Generator[Member, None, None]:
    """Yield the files of a ``.zip``, ``.tar.gz`` or ``.tgz``, each open for reading until the next one is asked for.

    Raises:
        Hostile: if it is encrypted, holds anything but plain files and folders, or declares absurd sizes.
        Corrupt: if it cannot be read.
    """
    return _zip_members(archive) if archive.suffix == ".zip" else _tar_members(archive)


def declared(archive: Path) -> int:
    """Return how many bytes an archive says that it unpacks to; of a tar only its own size is known beforehand."""
    if archive.suffix != ".zip":
        return archive.stat().st_size
    with reading(archive), zipfile.ZipFile(archive) as packed:
        return sum(member.file_size for member in packed.infolist())


def _zip_members(archive: Path) -> Generator[Member, None, None]:
    with reading(archive), zipfile.ZipFile(archive) as packed:
        names = Names()
        found = [member for member in packed.infolist() if not member.is_dir()]
        if sum(member.file_size for member in found) > largest(archive):
            raise Hostile(f"it declares more than {TIMES_ITS_SIZE} times its own size")
        paths = []
        for member in found:
            paths.append(names.take(member.filename))
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                raise Hostile(f"{shown(member.filename)} is a link or a device")
            if member.flag_bits & 1:
                raise Hostile("it is encrypted")
        for member, parts in zip(found, paths, strict=True):
            with packed.open(member) as source:
                yield parts, member.file_size, source


def _tar_members(archive: Path) -> Generator[Member, None, None]:
    with reading(archive), gzip.open(archive) as unzipped:
        names, bounded = Names(), _Bounded(unzipped, largest(archive))
        packed = tarfile.TarFile(fileobj=bounded)  # type: ignore[arg-type]
        for member in packed:
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise Hostile(f"{shown(member.name)} is a link or a device")
            if not 0 <= member.size <= bounded.limit:
                raise Hostile(f"it declares more than {TIMES_ITS_SIZE} times its own size")
            parts = names.take(member.name)
            source = packed.extractfile(member)
            if source is not None:
                with source:
                    yield parts, member.size, source
        # A cut tar can end between two members without an error; gzip's own checksum lies at the very end.
        while bounded.read(1 << 20):
            pass


class _Bounded:
    """A file that ends in an error where a bomb begins."""

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self.file, self.limit = file, limit

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= LONGEST_READ:
            raise Hostile("one of its headers is too long")
        found = self.file.read(count)
        self._look()
        return found

    def seek(self, place: int, whence: int = 0) -> int:
        if place > self.limit:
            raise Hostile(f"it unpacks to more than {TIMES_ITS_SIZE} times its own size")
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def _look(self) -> None:
        if self.file.tell() > self.limit:
            raise Hostile(f"it unpacks to more than {TIMES_ITS_SIZE} times its own size")
