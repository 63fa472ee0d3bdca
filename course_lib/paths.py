"""Where files are: the bundled ``data/`` folder, the cache, and proof that a bundled file is whole."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from course_lib.errors import DataError

_verified: dict[Path, tuple[int, int]] = {}


def data_dir() -> Path:
    """Return the folder of bundled data: ``COURSE_DATA``, else ``data/`` beside the package.

    Raises:
        DataError: if there is no such folder.
    """
    named = os.environ.get("COURSE_DATA")
    folder = _named_folder("COURSE_DATA", named) if named else Path(__file__).resolve().parent.parent / "data"
    if not folder.is_dir():
        raise DataError(
            "The course's data folder is missing: clone the whole repository, "
            "or set COURSE_DATA to the folder that holds manifest.json."
        )
    return folder


def _named_folder(variable: str, named: str) -> Path:
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:  # ~name of nobody
        raise DataError(
            f"{variable} is {named!r}, a folder of a user who does not exist: set it to a full path."
        ) from error


def cache_dir() -> Path:
    """Return the absolute path of the folder for unpacked and downloaded files, made if need be.

    ``COURSE_CACHE`` overrides; a ``~`` in it is the user's own folder, and a relative path begins where Python runs.

    Raises:
        DataError: if there can be no such folder.
    """
    named = os.environ.get("COURSE_CACHE")
    if named:
        folder = _named_folder("COURSE_CACHE", named)
    else:
        import platformdirs

        folder = Path(platformdirs.user_cache_dir("course_lib", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot be written ({error.strerror}): set COURSE_CACHE to a folder that can."
        ) from error
    return folder


@lru_cache(maxsize=4)
def _read_manifest(path: Path, stamp: int) -> dict[str, dict]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["files"]
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
        raise DataError(
            "data/manifest.json cannot be read: restore it with `git checkout -- data/manifest.json`."
        ) from error


def manifest() -> dict[str, dict]:
    """Return ``{relative path: {"sha256": str, "bytes": int}}`` of every shipped file."""
    path = data_dir() / "manifest.json"
    if not path.is_file():
        raise DataError("data/manifest.json is missing: restore it with `git checkout -- data/manifest.json`.")
    return _read_manifest(path, path.stat().st_mtime_ns)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


def bundled_file(name: str) -> Path:
    """Return the path of a bundled file after checking its size and sha256 (once for each file and process).

    Args:
        name: path inside ``data/`` with forward slashes, for example ``"emoji/index.csv"``.

    Raises:
        DataError: if the file is unknown, missing, truncated or altered.
    """
    entry = manifest().get(name)
    if entry is None:
        raise DataError(f"data/{name} is not in data/manifest.json: update the course with `git pull`.")
    path = data_dir() / name
    repair = f"restore it with `git checkout -- data/{name}`."
    if not path.is_file():
        raise DataError(f"data/{name} is missing: {repair}")
    stat = path.stat()
    stamp = (stat.st_size, stat.st_mtime_ns)
    if _verified.get(path) == stamp:
        return path
    if stat.st_size != entry["bytes"]:
        raise DataError(f"data/{name} has {stat.st_size} bytes instead of {entry['bytes']}: {repair}")
    if sha256_of(path) != entry["sha256"]:
        raise DataError(f"data/{name} is corrupt (its sha256 does not match): {repair}")
    _verified[path] = stamp
    return path
