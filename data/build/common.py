"""What all builders of ``data/`` share: fetch a package with its ordinary client, unpack it, write or check the result.

A builder is a script with a function ``build(work, data)`` that writes its files under the folder ``data`` and
returns their paths relative to it, and ends with ``common.main(__doc__, build)``:

    python data/build/NAME.py WORK            writes the files into data/ (then run data/build/manifest.py)
    python data/build/NAME.py WORK --check    builds into a temporary folder and compares with the shipped files

``WORK`` is any folder for downloads. A package that lies there already is not fetched again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parent.parent
IMAGE_SUFFIXES = {".webp", ".png", ".jpg", ".jpeg"}


def _fetch(command: list[str], folder: Path) -> Path:
    """Run a package client inside an empty ``folder`` and return the one file that it leaves there."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".part"]
    if not found:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr[-2000:]}")
        found = [path for path in folder.iterdir() if path.is_file()]
    if len(found) != 1:
        raise SystemExit(f"{' '.join(command)} should leave one file in {folder}, not {len(found)}: empty that folder.")
    return found[0]


def _unpack(archive: Path, folder: Path, unpack: Callable[[Path, Path], None]) -> Path:
    """Unpack ``archive`` into ``folder`` once; a half-unpacked folder is never taken for a whole one."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            target = Path(part) / "files"
            target.mkdir()
            unpack(archive, target)
            target.rename(folder)
    return folder


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(folder, filter="data")
        else:  # Python 3.10 and 3.11 before the filter was added
            tar.extractall(folder)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)


def _undeb(archive: Path, folder: Path) -> None:
    subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)


def _slug(spec: str) -> str:
    return spec.replace("/", "-").replace("@", "-").strip("-")


def npm_package(spec: str, work: Path) -> Path:
    """Return the unpacked ``package`` folder of ``NAME@VERSION``, fetched with ``npm pack``."""
    archive = _fetch(["npm", "pack", "--silent", spec], work / "archives" / _slug(spec))
    folder = _unpack(archive, work / "unpacked" / _slug(spec), _untar)
    return folder / "package"


def apt_package(spec: str, work: Path) -> Path:
    """Return the root folder of the Debian package ``NAME`` or ``NAME=VERSION``, fetched with ``apt-get download``."""
    archive = _fetch(["apt-get", "download", spec], work / "archives" / f"deb-{_slug(spec)}")
    return _unpack(archive, work / "unpacked" / f"deb-{_slug(spec)}", _undeb)


def pip_wheel(spec: str, work: Path) -> Path:
    """Return the unpacked wheel of ``NAME==VERSION``, fetched with ``pip download --no-deps``."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", spec]
    archive = _fetch(command, work / "archives" / f"pip-{_slug(spec)}")
    return _unpack(archive, work / "unpacked" / f"pip-{_slug(spec)}", _unzip)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def compare_file(built: Path, shipped: Path) -> tuple[bool, str]:
    """Return whether two files agree, and how: in bytes, else in decoded pixels or arrays (with the errors)."""
    if not shipped.is_file():
        return False, "is not shipped"
    if built.read_bytes() == shipped.read_bytes():
        return True, "same bytes"
    if built.suffix in IMAGE_SUFFIXES:
        a, b = (np.asarray(Image.open(path).convert("RGB"), np.int16) for path in (built, shipped))
        if a.shape != b.shape:
            return False, f"pixels {a.shape} against {b.shape}"
        error = np.abs(a - b)
        text = f"other bytes, pixel error max {error.max()}, mean {error.mean():.4f}"
        return bool(error.max() <= 64 and error.mean() <= 0.5), text  # another build of an encoder, not another picture
    if built.suffix == ".npz":
        with np.load(built) as a, np.load(shipped) as b:
            same = sorted(a.files) == sorted(b.files) and all(np.array_equal(a[name], b[name]) for name in a.files)
        return same, "other bytes, arrays " + ("equal" if same else "differ")
    return False, "bytes differ"


def check(built: Path, names: Iterable[str]) -> int:
    """Compare each file of a fresh build with the shipped one, print a line for each, count those that disagree."""
    wrong = 0
    for name in names:
        same, how = compare_file(built / name, DATA / name)
        wrong += not same
        print(f"{'ok ' if same else 'BAD'} {name}: {how}")
    return wrong


def main(description: str | None, build: Callable[[Path, Path], list[str]]) -> None:
    """Run one builder from the command line: write into ``data/``, or with ``--check`` compare with it."""
    parser = argparse.ArgumentParser(description=(description or "").strip().split("\n")[0])
    parser.add_argument("work", type=Path, help="folder for downloads and unpacked packages")
    parser.add_argument("--check", action="store_true", help="build into a temporary folder and compare")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not arguments.check:
        for name in build(work, DATA):
            print(f"{(DATA / name).stat().st_size:10d}  data/{name}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        names = build(work, Path(temporary))
        raise SystemExit(1 if check(Path(temporary), names) else 0)
