"""The picture files of a folder: found by their suffix, in natural order, without what systems leave lying about."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.asked import shown
from course_lib.data.reading import printable
from course_lib.errors import DataError
from course_lib.words import suggest

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
UNREAD = (".heic", ".heif", ".jxl", ".jp2", ".psd")
"""Suffixes of pictures that are not read here: they are listed, so that the reader can say so of each."""
LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")


@dataclass(frozen=True)
class Found:
    """One picture file.

    Args:
        key: its path inside the folder with ``/`` and without suffix, in the normal form of Unicode: the same on every
            system.
        path: where it lies.
    """

    key: str
    path: Path


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Args:
        pictures: in natural order of their paths.
        others: how many other files there are, by suffix.
    """

    pictures: list[Found]
    others: Counter[str] = field(default_factory=Counter)


def natural(text: str) -> list[tuple[int, str]]:
    """Return the key that sorts names as people do: ``2.jpg`` before ``10.jpg``, and capitals beside small letters."""
    pieces = re.split(r"(\d+)", text)  # every second piece is a number
    ordered = [(int(piece), "") if place % 2 else (0, piece.casefold()) for place, piece in enumerate(pieces)]
    return [*ordered, (0, text)]


def a_folder(path: str | os.PathLike[str], what: str) -> Path:
    """Return the path of a folder that is there.

    Args:
        path: as the user gave it; ``~`` is the user's home.
        what: the argument's name.

    Raises:
        DataError: if it is no path, does not exist, or is a file.
    """
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise DataError(f"{what} is {shown(path)}: give the path of a folder of pictures.")
    folder = Path(os.path.expanduser(path))
    called = printable(str(path))
    try:
        if folder.is_dir():
            return folder
        exists = folder.exists()
        beside = [each.name for each in folder.parent.iterdir() if each.is_dir()] if folder.parent.is_dir() else []
    except PermissionError as error:
        raise DataError(f"{called} may not be opened: change its permissions, or choose another folder.") from error
    except (OSError, ValueError):
        exists, beside = False, []
    if exists:
        zipped = folder.suffix.lower() in (".zip", ".gz", ".tar", ".tgz")
        raise DataError(f"{called} is a file: {'unpack it, and ' if zipped else ''}give a folder of pictures.")
    raise DataError(f"There is no folder {called}: check the path{suggest(folder.name, beside)}.")


def list_pictures(folder: Path) -> Listing:
    """List the pictures of a folder and of all folders in it.

    Hidden files and folders, and the litter of systems (``Thumbs.db``, ``__MACOSX``), are passed over. Links are
    followed, and a folder that is reached twice is read once.

    Raises:
        DataError: if a folder may not be opened.
    """
    pictures, others, seen = [], Counter[str](), set()

    def refuse(error: OSError) -> None:
        called = printable(Path(str(error.filename)).name)
        raise DataError(f"The folder {called} may not be opened: change its permissions, or move it away.") from error

    for here, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        true = os.path.realpath(here)
        if true in seen:
            folders.clear()
            continue
        seen.add(true)
        folders[:] = sorted((name for name in folders if not is_litter(name)), key=natural)
        for name in files:
            path = Path(here) / name
            suffix = path.suffix.lower()
            if is_litter(name):
                continue
            if suffix in SUFFIXES + UNREAD:
                pictures.append(Found(_key(path.relative_to(folder)), path))
            else:
                others[suffix or "no suffix"] += 1
    pictures.sort(key=lambda found: (natural(found.key), found.path.name))
    return Listing(pictures, others)


def sub_folders(folder: Path) -> dict[str, Path]:
    """Return the folders in a folder by their names, in natural order, without litter.

    Raises:
        DataError: if the folder may not be opened.
    """
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not is_litter(entry.name)]
    except OSError as error:
        raise DataError(f"The folder {printable(folder.name)} may not be opened: change its permissions.") from error
    return {unicodedata.normalize("NFC", name): folder / name for name in sorted(names, key=natural)}


def is_litter(name: str) -> bool:
    """Tell whether a file or folder is hidden, or left behind by a system."""
    return name.startswith(".") or name.lower() in LITTER


def nothing_found(folder: Path, others: Counter[str]) -> DataError:
    """Return the error that says what was looked for in vain."""
    holds = f" (it holds {kinds_of(others)})" if others else ""
    return DataError(
        f"{printable(str(folder))} holds no picture{holds}: give a folder that holds, itself or in its folders, files "
        f"that end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
    )


def kinds_of(others: Counter[str]) -> str:
    """Return the most frequent suffixes with their numbers, such as ``3 × .txt, 1 × .csv``."""
    return ", ".join(f"{count:,} × {printable(suffix)}" for suffix, count in others.most_common(4))


def _key(inside: Path) -> str:
    return unicodedata.normalize("NFC", inside.with_suffix("").as_posix())
