"""What the cache's disk can refuse, said in one sentence; and one process at a time where a set is made ready."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from course_lib.errors import DataError
from course_lib.paths import cache_dir

RESERVE = 64 * 2**20
NOTICE_AFTER = 1.0  # seconds of waiting for another process before a line says so

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_WRONG_KIND = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY}


def tail(instead: str) -> str:
    """Return the end of an error message: the alternative, if there is one."""
    return f"; or {instead}" if instead else ""


def check_space(folder: Path, needed: int, what: str, instead: str = "") -> None:
    """Raise unless ``needed`` bytes are free in ``folder``, with a reserve of 64 MB.

    Args:
        folder: where the bytes are to go.
        needed: how many.
        what: what needs them, the first words of the error message.
        instead: what else can be done, the last words of the error message.

    Raises:
        DataError: saying how much is needed and how much is free.
    """
    free = shutil.disk_usage(folder).free
    if needed + RESERVE > free:
        raise DataError(
            f"{what} needs {(needed + RESERVE) / 1e9:.2f} GB and only {free / 1e9:.2f} GB are free in {folder}: "
            f"make room, or set COURSE_CACHE to a folder on a larger disk{tail(instead)}."
        )


@contextlib.contextmanager
def writing(what: str, folder: Path, instead: str = "", *, kept: str = "") -> Iterator[None]:
    """Turn an error of the disk into one sentence.

    Args:
        what: what is being written, the first words of the error message.
        folder: where.
        instead: what else can be done, the last words of the error message.
        kept: what is said of the bytes that are there already when the disk is full.

    Raises:
        DataError: if the disk is full, the folder cannot be written, or something is in the way.
    """
    try:
        yield
    except OSError as error:
        raise DataError(_sentence(error, what, folder, instead, kept)) from error


def _sentence(error: OSError, what: str, folder: Path, instead: str, kept: str) -> str:
    end = f"{tail(instead)}."
    if error.errno in _FULL:
        return f"The disk of {folder} is full: make room, or set COURSE_CACHE to a folder on a larger disk{kept}{end}"
    if error.errno in _FORBIDDEN:
        return f"{what} cannot be written in {folder}: set COURSE_CACHE to a folder that you may write in{end}"
    if error.errno == errno.ENAMETOOLONG:
        return f"{what} cannot be written in {folder}: set COURSE_CACHE to a folder with a shorter path{end}"
    if error.errno in _WRONG_KIND and (obstacle := _in_the_way(folder, error)):
        return f"{obstacle} is in the way of {what}: delete it and run the same line again{end}"
    why = error.strerror or type(error).__name__
    return f"{what} cannot be written in {folder} ({why}): set COURSE_CACHE to a folder on another disk{end}"


def _in_the_way(folder: Path, error: OSError) -> Path | None:
    """Return the file that stands where a folder is needed, or the folder that stands where a file is needed."""
    for place in (*reversed(folder.parents), folder):
        if place.exists() and not place.is_dir():
            return place
    named = [Path(str(name)) for name in (error.filename2, error.filename) if name is not None]
    return next((path for path in named if path.exists()), None)


def make_folder(folder: Path, what: str, instead: str = "") -> None:
    """Make a folder and those above it.

    Raises:
        DataError: if the disk refuses, saying what to do.
    """
    with writing(what, folder, instead):
        folder.mkdir(parents=True, exist_ok=True)


def discard(path: Path) -> str:
    """Delete a file that is of no use; return the words that say so, or the advice to do it by hand."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return f"cannot be deleted from here (delete {path} by hand)"
    return "was deleted"


def sweep(folder: Path) -> None:
    """Delete what a killed process left half made: call it only where no other process can be at work."""
    for left in folder.glob("*.tmp"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                left.unlink()


@contextlib.contextmanager
def alone(name: str, instead: str = "") -> Iterator[None]:
    """Wait until no other process makes this set ready, and keep others waiting meanwhile.

    The operating system opens the lock when its process ends, however it ends.

    Raises:
        DataError: if the cache cannot be written.
    """
    import filelock

    folder = cache_dir() / "locks"
    make_folder(folder, "A lock", instead)
    lock = filelock.FileLock(folder / f"{name}.lock")
    with contextlib.ExitStack() as held:
        with writing("A lock", folder, instead):
            try:
                held.enter_context(lock.acquire(timeout=NOTICE_AFTER))
            except filelock.Timeout:
                print(f"Another process is making {name} ready: waiting for it.")
                held.enter_context(lock.acquire())
        yield
