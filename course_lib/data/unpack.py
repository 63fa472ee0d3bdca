"""Unpack a downloaded archive so that nothing lands outside its folder and no half-filled folder is left."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator
from pathlib import Path, PurePosixPath
from typing import IO

from course_lib.data.fetch import check_space, no_space, tail
from course_lib.errors import DataError

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
)


def unpack(archive: Path, folder: Path, instead: str = "") -> Path:
    """Unpack a ``.zip``, ``.tar.gz`` or ``.tgz`` into ``folder``, which appears in one step when all is unpacked.

    Only plain files and folders are taken, and only below ``folder``.

    Args:
        archive: the file; it is deleted if it is corrupt or holds a link or a path that leads outside.
        folder: where its content is wanted.
        instead: what else can be done, the last words of an error message.

    Raises:
        DataError: if the archive is corrupt or leads outside, or the disk is full.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=folder.name + ".", suffix=".tmp", dir=folder.parent))
    try:
        read = _zip_files if archive.suffix == ".zip" else _tar_files
        # Closing the reader closes the archive, without which Windows would not let it be deleted.
        with contextlib.closing(read(archive, staging, instead)) as members:
            for name, source in members:
                target = staging.joinpath(*_safe_parts(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
        if folder.exists():
            shutil.rmtree(folder)
        staging.replace(folder)
        return folder
    except _BROKEN as error:
        archive.unlink(missing_ok=True)
        raise DataError(
            f"{archive.name} is corrupt ({error}) and was deleted: run the same line again to download it anew"
            f"{tail(instead)}."
        ) from error
    except _Hostile as why:
        archive.unlink(missing_ok=True)
        raise DataError(
            f"{archive.name} was not unpacked and was deleted, because {why}: "
            f"tell whoever runs the server that it came from{tail(instead)}."
        ) from why
    except OSError as error:
        if no_space(error):
            raise DataError(
                f"The disk of {folder.parent} is full: make room, or set COURSE_CACHE to a folder on a larger disk"
                f"{tail(instead)}."
            ) from error
        raise DataError(f"{archive.name} cannot be unpacked in {folder.parent} ({error}).") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Hostile(Exception):
    """The archive would write outside its folder."""


def _safe_parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    parts = tuple(part for part in path.parts if part != ".")
    if path.is_absolute() or not parts or ".." in parts or ":" in parts[0] or "\0" in name:
        raise _Hostile(f"the path {name!r} leads outside its folder")
    return parts


def _zip_files(archive: Path, folder: Path, instead: str) -> Generator[tuple[str, IO[bytes]], None, None]:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        for member in members:
            _safe_parts(member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise _Hostile(f"{member.filename!r} is a link or a device")
        check_space(folder, sum(member.file_size for member in members), f"Unpacking {archive.name}", instead)
        for member in members:
            yield member.filename, packed.open(member)


def _tar_files(archive: Path, folder: Path, instead: str) -> Generator[tuple[str, IO[bytes]], None, None]:
    check_space(folder, archive.stat().st_size, f"Unpacking {archive.name}", instead)
    with tarfile.open(archive, "r:gz") as packed:
        for member in packed:
            if member.isdir():
                continue
            if not member.isreg():
                raise _Hostile(f"{member.name!r} is a link or a device")
            source = packed.extractfile(member)
            if source is not None:
                yield member.name, source
        # A cut tar can end between two members without an error; gzip's own checksum lies at the very end.
        while packed.fileobj is not None and packed.fileobj.read(1 << 20):
            pass
