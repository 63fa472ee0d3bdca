"""Bring one file over HTTP, safely: resumed where it was cut, checked, and put in place in one step.

pooch and torchvision start again from zero after a cut; the sets of this course have up to 2 GB, so we do not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.data.disk import make_folder, tail, writing
from course_lib.data.request import CHUNK, Address, DiskRefuses, Needs, Refused, Retry, forget, request, settle, size_of
from course_lib.errors import DataError

PAUSE = 0.5  # seconds before the first retry; doubled at each further one
TRIES_WITHOUT_PROGRESS = 3
TRIES_WITH_LITTLE = 50  # that brought fewer bytes than a CHUNK


@dataclass(frozen=True)
class Expected:
    """What is known beforehand of a file.

    Args:
        size: in bytes, or ``None``.
        checksum: ``"sha256:..."`` or ``"md5:..."``, or ``None`` where nobody published one.
        at_most: bytes beyond which it cannot be the file, where the size is not known.
    """

    size: int | None = None
    checksum: str | None = None
    at_most: int = 10**10


def matches(path: Path, expected: Expected) -> bool:
    """Return whether a file has the expected size and checksum, as far as they are known."""
    if expected.size is not None and path.stat().st_size != expected.size:
        return False
    if expected.checksum is None:
        return True
    import pooch

    algorithm, _, digest = expected.checksum.partition(":")
    return pooch.file_hash(str(path), alg=algorithm) == digest


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
    from there. The target itself appears in one step when the file is whole and right, and never before. Only one
    process at a time may bring the same target.

    Args:
        urls: addresses of the same file, best first. A name and a password in them are sent and never shown.
        target: where the file is wanted.
        expected: size and checksum, where they are known.
        instead: what to use without a network, to end the error message with.
        unpacked: bytes that unpacking will take for each byte of the file, for the check of free space.
        progress: show a progress bar.

    Returns:
        ``target``. If it is there already and right, nothing is downloaded.

    Raises:
        DataError: if no address gives the right file, or the disk is full or refuses.
    """
    expected = expected or Expected()
    part = target.with_name(target.name + ".part")
    at_most = expected.at_most if expected.size is None else expected.size
    needs = Needs(target.name, expected.size, at_most, unpacked, progress, instead)
    reasons: list[str] = []
    make_folder(target.parent, target.name, instead)
    kept = "; what has come is kept and will be gone on from"
    with writing(target.name, target.parent, instead, kept=kept):
        if target.is_file() and matches(target, expected):
            return target
        try:
            for url in urls:
                if _from_one(url, part, expected, needs, reasons):
                    settle(part, target)
                    return target
        except DiskRefuses as refusal:
            raise refusal.error from None
        finally:
            if size_of(part) == 0:
                forget(part)
    kept = " (what has come is kept; the same call goes on from there)" if part.is_file() else ""
    raise DataError(f"{target.name} could not be downloaded{kept}: {'; '.join(reasons)}{tail(instead)}.")


def _from_one(url: str, part: Path, expected: Expected, needs: Needs, reasons: list[str]) -> bool:
    """Return whether one address gave the right file; if not, add why."""
    host = "one of its addresses"
    try:
        address = Address.of(url)
        host = address.host
        if size_of(part) > needs.at_most:
            forget(part)
        resumed = size_of(part) > 0
        if resumed and _is_whole(part, expected):
            return True
        resumed = _bring(address, part, needs) or resumed
        if resumed and not matches(part, expected):
            # The two halves may be of different versions of the file: once more, from zero.
            forget(part)
            _bring(address, part, needs)
        if matches(part, expected):
            return True
        forget(part)
        raise Refused("what came is not the expected file: its size or checksum does not match")
    except Refused as reason:
        reasons.append(f"{host}: {reason}")
        return False


def _is_whole(part: Path, expected: Expected) -> bool:
    """Return whether a part was cut off only before it was put in place: then no network is needed."""
    return expected != Expected(at_most=expected.at_most) and matches(part, expected)


def _bring(address: Address, part: Path, needs: Needs) -> bool:
    """Fill ``part`` from one address; return whether it came in more than one piece.

    The tries have an end whatever the server does: only bytes beyond all that were here before count as progress.
    """
    most, idle, little, whole, tries = size_of(part), 0, 0, False, 0
    while True:
        try:
            tries += 1
            request(address, part, needs, whole)
            return tries > 1
        except Retry as reason:
            now = size_of(part)
            whole = whole or reason.whole
            idle = 0 if now > most else idle + 1
            little += now - most < CHUNK
            most = max(most, now)
            if idle >= TRIES_WITHOUT_PROGRESS or little >= TRIES_WITH_LITTLE:
                raise Refused(str(reason)) from None
            time.sleep(PAUSE * 2**idle)
