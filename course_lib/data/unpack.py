"""Unpack downloaded archives so that nothing lands outside a folder and no half-filled folder is left."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from course_lib.data.disk import check_space, discard, make_folder, tail, writing
from course_lib.data.inventory import Entry, Inventory
from course_lib.data.members import TIMES_ITS_SIZE, Corrupt, Hostile, declared, largest, members, reading
from course_lib.errors import DataError

BLOCK = 1 << 20
LOOK_AT_DISK = 1 << 24  # bytes between two looks at the free space


class Building:
    """A folder in the making, beside the place that it will have.

    Args:
        folder: where the files are put meanwhile.
        instead: what else can be done, the last words of an error message.

    ``inventory`` lists what is in it so far, and ``spent`` the archives that it came from.
    """

    def __init__(self, folder: Path, instead: str) -> None:
        self.folder = folder
        self.inventory = Inventory(folder)
        self.spent: list[Path] = []
        self._instead = instead
        self._written = 0
        self._looked = 0

    def unpack(self, archive: Path, into: str = "") -> None:
        """Put the files of a ``.zip``, ``.tar.gz`` or ``.tgz`` into the folder.

        Only plain files and folders are taken, and only below the folder. The sizes that the archive declares, and
        those that come out of it, are held against its own size and against the free space.

        Args:
            archive: the file; it is deleted if it is corrupt or hostile.
            into: a folder inside this one.

        Raises:
            DataError: if the archive is corrupt or hostile, or the disk is full.
        """
        with self._trusting_nobody(archive), contextlib.closing(members(archive)) as found:
            limit = self._written + largest(archive)
            self._look(min(declared(archive), largest(archive)), archive, at_once=True)
            for parts, size, source in found:
                self._look(size, archive)
                self._add("/".join((*filter(None, [into]), *parts)), source, archive, size, limit)

    def gunzip(self, archive: Path, name: str) -> None:
        """Put the content of a ``.gz`` into the folder as ``name``; see ``unpack``."""
        with self._trusting_nobody(archive), reading(archive), gzip.open(archive) as source:
            self._look(archive.stat().st_size, archive, at_once=True)
            self._add(name, source, archive, None, self._written + largest(archive))

    def copy(self, file: Path, name: str) -> None:
        """Put a copy of a file into the folder as ``name``.

        Raises:
            DataError: if it cannot be read, or the disk is full.
        """
        with self._trusting_nobody(file), reading(file), file.open("rb") as source:
            self._add(name, source, file, None, self._written + file.stat().st_size)

    def _add(self, name: str, source: IO[bytes] | gzip.GzipFile, archive: Path, size: int | None, limit: int) -> None:
        target = self.folder / name
        digest, count = hashlib.sha256(), 0
        with writing(name, self.folder.parent, self._instead):
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb", buffering=0)
        with file:
            while True:
                with reading(archive):
                    block = source.read(BLOCK)
                if not block:
                    break
                count += len(block)
                self._written += len(block)
                if self._written > limit:
                    raise Hostile(f"it unpacks to more than {TIMES_ITS_SIZE} times its own size")
                self._look(len(block) if size is None else max(0, size - count), archive)
                digest.update(block)
                with writing(name, self.folder.parent, self._instead):
                    rest = memoryview(block)
                    while rest:
                        rest = rest[file.write(rest) :]
        if size is not None and count != size:
            raise Corrupt(f"a file of {size} bytes has {count}")
        self.inventory[name] = Entry(count, target.stat().st_mtime_ns, digest.hexdigest())

    def _look(self, needed: int, archive: Path, *, at_once: bool = False) -> None:
        if at_once or needed > LOOK_AT_DISK or self._written - self._looked > LOOK_AT_DISK:
            self._looked = self._written
            check_space(self.folder, needed, f"Unpacking {archive.name}", self._instead)

    @contextlib.contextmanager
    def _trusting_nobody(self, archive: Path) -> Iterator[None]:
        self.spent.append(archive)
        try:
            yield
        except Corrupt as why:
            raise DataError(
                f"{archive.name} is corrupt ({why}) and {discard(archive)}: run the same line again to download it anew"
                f"{tail(self._instead)}."
            ) from why
        except Hostile as why:
            raise DataError(
                f"{archive.name} was not unpacked and {discard(archive)}, because {why}: "
                f"tell whoever runs the server that it came from{tail(self._instead)}."
            ) from why


@contextlib.contextmanager
def building(folder: Path, instead: str = "") -> Iterator[Building]:
    """Fill a folder that appears, with its inventory, in one step when all is done; an earlier one stays until then.

    Args:
        folder: where the files are wanted.
        instead: what else can be done, the last words of an error message.

    Raises:
        DataError: if the disk is full or refuses.
    """
    make_folder(folder.parent, folder.name, instead)
    with writing(folder.name, folder.parent, instead):
        staging = Path(tempfile.mkdtemp(prefix=folder.name + ".", suffix=".tmp", dir=folder.parent))
    try:
        new = Building(staging, instead)
        yield new
        with writing(folder.name, folder.parent, instead):
            new.inventory.write()
            _exchange(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _exchange(new: Path, folder: Path) -> None:
    """Put a folder in the place of another; a kill between the steps leaves one of the two, or none, and no mixture."""
    old = folder.with_name(f"{folder.name}.{os.getpid()}.old.tmp")
    if folder.is_dir() and not folder.is_symlink():
        folder.replace(old)
    elif folder.exists() or folder.is_symlink():
        folder.unlink()
    new.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def unpack(archive: Path, folder: Path, instead: str = "") -> Path:
    """Unpack one archive into ``folder``, which appears in one step when all is unpacked; see ``Building.unpack``."""
    with building(folder, instead) as new:
        new.unpack(archive)
    return folder
