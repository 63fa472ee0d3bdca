"""One training a folder: a lock that the system takes back when its holder is killed, with a word of who holds it."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from course_lib.errors import TrainingError
from course_lib.words import either

NAME = ".training.lock"
PLACE = 1 << 30  # the byte that is locked on Windows, far behind what is written
BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other training out of a folder for the length of the block.

    The lock belongs to an open file: a process that is killed loses it at once, whatever the file says. It holds
    between processes of one machine, and between machines where the file system passes locks on (NFS since version 4,
    Lustre mounted with ``flock``). Where there are no locks at all, that is said in a line and nothing is kept out.

    Raises:
        TrainingError: if another training has the folder; says which process, where and since when.
        OSError: if nothing can be written there.
    """
    path = folder / NAME
    handle = _take(path)
    try:
        yield
    finally:
        if os.name != "nt":  # while it is ours: nobody can have taken the file that is deleted
            with suppress(OSError):
                path.unlink()
        os.close(handle)
        if os.name == "nt":
            with suppress(OSError):  # Windows deletes no open file, and none that the next one has opened
                path.unlink()


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in BUSY:
                holder = os.read(handle, 1000)
                os.close(handle)
                raise _in_use(path.parent, holder) from None
            print(f"{path.parent} is on a disk without locks: do not start a second training in it.")
        try:
            with suppress(FileNotFoundError):
                if os.name == "nt" or os.path.samestat(os.fstat(handle), os.stat(path)):
                    about = {"process": os.getpid(), "computer": socket.gethostname(), "since": time.time()}
                    os.ftruncate(handle, 0)
                    os.write(handle, json.dumps(about).encode())
                    os.fsync(handle)
                    return handle
        except OSError:
            os.close(handle)
            raise
        os.close(handle)  # its holder let go of it and deleted it between our two looks


def _lock(handle: int) -> None:
    """Lock an open file for this process, or raise an OSError with an errno of ``BUSY``."""
    if os.name == "nt":
        import msvcrt

        system: Any = msvcrt
        os.lseek(handle, PLACE, os.SEEK_SET)
        try:
            system.locking(handle, system.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _in_use(folder: Path, holder: bytes) -> TrainingError:
    try:
        about = json.loads(holder)
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(about["since"]))
        who = f"process {about['process']} on {about['computer']}, since {since}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return TrainingError(
        f"A training is already running in {folder} ({who}): "
        f"wait for its end, stop it, or name another {either('folder', '--folder')}."
    )
