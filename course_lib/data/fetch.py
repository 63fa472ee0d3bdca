"""Bring one file over HTTP, safely: resumed where it was cut, checked, and put in place in one step.

pooch and torchvision start again from zero after a cut; the sets of this course have up to 2 GB, so we do not.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.errors import DataError

CHUNK = 1 << 16
PAUSE = 0.5  # seconds before the first retry; doubled at each further one
TIMEOUT = (10, 60)  # seconds to connect, and without a byte
TRIES_WITHOUT_PROGRESS = 3

_MAGIC = {".zip": (b"PK\x03\x04", b"PK\x05\x06"), ".gz": (b"\x1f\x8b",), ".tgz": (b"\x1f\x8b",)}


@dataclass(frozen=True)
class _Needs:
    """What a request has to know beside the address and the place."""

    expected: Expected
    unpacked: float
    progress: bool
    title: str
    instead: str


class _Retry(Exception):
    """The same address may work at the next try."""


class _Refused(Exception):
    """This address will not give the file; another one may."""


@dataclass(frozen=True)
class Expected:
    """What is known beforehand of a file.

    Args:
        size: in bytes, or ``None``.
        checksum: ``"sha256:..."`` or ``"md5:..."``, or ``None`` where nobody published one.
    """

    size: int | None = None
    checksum: str | None = None


def matches(path: Path, expected: Expected) -> bool:
    """Return whether a file has the expected size and checksum, as far as they are known."""
    if expected.size is not None and path.stat().st_size != expected.size:
        return False
    if expected.checksum is None:
        return True
    import pooch

    algorithm, _, digest = expected.checksum.partition(":")
    return pooch.file_hash(str(path), alg=algorithm) == digest


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
    if needed + 64 * 2**20 > free:
        raise DataError(
            f"{what} needs {needed / 1e9:.1f} GB and only {free / 1e9:.1f} GB are free in {folder}: "
            f"make room, or set COURSE_CACHE to a folder on a larger disk{tail(instead)}."
        )


def tail(instead: str) -> str:
    """Return the end of an error message: the alternative, if there is one."""
    return f"; or {instead}" if instead else ""


def no_space(error: OSError) -> bool:
    """Return whether an error means that the disk or the user's share of it is full."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    expected: Expected | None = None,
    instead: str = "",
    unpacked: float = 1.1,
    progress: bool = True,
) -> Path:
    """Download a file to ``target``, from the first address that gives it.

    What came before a cut is kept beside the target with the ending ``.part``; the next try, or the next call, goes on
    from there. The target itself appears in one step when the file is whole and right, and never before.

    Args:
        urls: addresses of the same file, best first.
        target: where the file is wanted.
        expected: size and checksum, where they are known.
        instead: what to use without a network, to end the error message with.
        unpacked: bytes that unpacking will take for each byte of the file, for the check of free space.
        progress: show a progress bar.

    Returns:
        ``target``. If it is there already and right, nothing is downloaded.

    Raises:
        DataError: if no address gives the right file, or the disk is full.
    """
    expected = expected or Expected()
    if target.is_file() and matches(target, expected):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    reasons: list[str] = []

    def bring(url: str) -> bool:
        needs = _Needs(expected, unpacked, progress, target.name, instead)
        return _bring(url, part, needs)

    for url in urls:
        try:
            resumed = bring(url)
            if resumed and not matches(part, expected):
                # The two halves may be of different versions of the file: once more, from zero.
                part.unlink()
                bring(url)
            if not matches(part, expected):
                part.unlink()
                raise _Refused("what came is not the expected file: its size or checksum does not match")
            part.replace(target)
            return target
        except _Refused as reason:
            reasons.append(f"{_host(url)}: {reason}")
        except OSError as error:
            if not no_space(error):
                raise DataError(f"{target.name} cannot be written in {target.parent} ({error.strerror}).") from error
            raise DataError(
                f"The disk of {target.parent} is full: make room, or set COURSE_CACHE to a folder on a larger disk; "
                f"what has come is kept and will be gone on from{tail(instead)}."
            ) from error
        finally:
            if part.is_file() and part.stat().st_size == 0:
                part.unlink()
    kept = " (what has come is kept; the same call goes on from there)" if part.is_file() else ""
    raise DataError(f"{target.name} could not be downloaded{kept}: {'; '.join(reasons)}{tail(instead)}.")


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0]


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _bring(url: str, part: Path, needs: _Needs) -> bool:
    """Fill ``part`` from one address; return whether an earlier part was gone on from."""
    resumed = _size(part) > 0
    idle = 0
    while True:
        before = _size(part)
        try:
            if before and before == needs.expected.size:
                return True
            _stream(url, part, needs)
            return resumed
        except _Retry as reason:
            after = _size(part)
            idle = 0 if after > before else idle + 1
            resumed = resumed or after > 0
            if idle >= TRIES_WITHOUT_PROGRESS:
                raise _Refused(str(reason)) from reason
            time.sleep(PAUSE * 2**idle)


def _stream(url: str, part: Path, needs: _Needs) -> None:
    """Make one request and append what comes."""
    import requests
    import urllib3

    offset = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            offset, total = _agree(response, part, offset, needs.expected)
            if offset and offset == total:
                return
            if total is not None:
                more = int(total * (1 + needs.unpacked)) - offset
                check_space(part.parent, more, needs.title, needs.instead)
            # Not iter_content: when the connection is cut, it throws away what it holds.
            chunk = response.raw.read(CHUNK, decode_content=False)
            if not offset:
                _check_start(needs.title, chunk)  # before an earlier part is overwritten
            with _bar(needs.progress, needs.title, total, offset) as bar, part.open("ab" if offset else "wb") as file:
                while chunk:
                    file.write(chunk)
                    bar.update(len(chunk))
                    chunk = response.raw.read(CHUNK, decode_content=False)
    except requests.exceptions.ConnectTimeout as error:
        raise _Refused("no connection") from error
    except requests.exceptions.Timeout as error:
        raise _Retry("the server does not answer in time") from error
    except urllib3.exceptions.HTTPError as error:
        raise _Retry("the connection was cut") from error
    except requests.exceptions.SSLError as error:
        raise _Refused("its certificate is not valid") from error
    except requests.exceptions.ConnectionError as error:
        raise _Refused("no connection") from error
    except requests.exceptions.RequestException as error:
        raise _Refused(f"the request failed ({type(error).__name__})") from error
    if total is not None and _size(part) < total:
        raise _Retry("the connection was cut")
    if total is not None and _size(part) > total:
        part.unlink()
        raise _Refused("more came than the server announced")


def _agree(response: Any, part: Path, offset: int, expected: Expected) -> tuple[int, int | None]:
    """Read the server's answer; return where writing begins and the size of the whole file, if it is told."""
    status = response.status_code
    spans = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
    total: int | None
    if status == 416:
        if spans and int(spans[2]) == offset:
            return offset, offset  # the part was whole already
        part.unlink()
        raise _Retry("the server's file is shorter than the part that is here")
    if status == 206:
        if not spans or int(spans[1] or -1) != offset:
            part.unlink()
            raise _Retry("the server does not go on where it was asked to")
        total = int(spans[2])
    elif status == 200:
        offset = 0  # it ignores the request to go on, and sends all
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
    elif status in (408, 425, 429) or status >= 500:
        raise _Retry(f"the server answers {status}")
    else:
        raise _Refused(f"the server answers {status}")
    if "html" in response.headers.get("Content-Type", "").lower():
        raise _Refused("the server sends a web page and not the file")
    if None not in (total, expected.size) and total != expected.size:
        raise _Refused(f"the server's file has {total} bytes and not {expected.size}")
    return offset, total


def _check_start(title: str, chunk: bytes) -> None:
    magic = _MAGIC.get(Path(title).suffix)
    if chunk.lstrip()[:1] == b"<":
        raise _Refused("the server sends a web page and not the file")
    if magic and not chunk.startswith(magic):
        raise _Refused("what the server sends is not an archive")


def _bar(progress: bool, title: str, total: int | None, offset: int) -> Any:
    if not progress:
        return contextlib.nullcontext(_Silent())
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=offset, unit="B", unit_scale=True, unit_divisor=1000, desc=title, leave=False)


class _Silent:
    def update(self, count: int) -> None:
        """Show nothing."""
