"""Which runs there are, without importing one: the lists that lie beside the lessons' ``runs.py``, in ``runs.json``.

A list is written by ``python -m course_lib.runs.listing``. It counts as long as the files that define a room's runs are
those that it was written from; after a change the lessons are asked, which takes as long as torch takes to load.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from course_lib import discovery
from course_lib.errors import DataError
from course_lib.paths import bundled_file, manifest
from course_lib.words import either, nearest

FILE = "runs.json"
DEFINES = re.compile(r"\bRun\(|\bRUNS\b")


def rooms() -> dict[str, Path]:
    """Return the folders of the rooms that have runs, by the room's name."""
    above = Path(next(iter(importlib.import_module(discovery.ROOMS).__path__)))
    return {room: above / room for room in discovery.rooms() if (above / room / "runs.py").is_file()}


def digest_of(room: Path) -> str:
    """Return a digest of the files of a room that define runs, however their lines end."""
    digest = hashlib.sha256()
    for path in sorted(room.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if DEFINES.search(text):
            digest.update(f"{path.name}\n{text}".encode())
    return digest.hexdigest()


def listed() -> dict[str, str] | None:
    """Return what each run is, by its name, or None if a room's list is missing or from before a change."""
    found: dict[str, str] = {}
    for room in rooms().values():
        try:
            stored = json.loads((room / FILE).read_text(encoding="utf-8"))
            if stored["of"] != digest_of(room):
                return None
            found |= stored["runs"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return found


def no_such_run(name: str, known: Iterable[str]) -> DataError:
    """Return the error for a name that no run has, with the nearest one, or all of them."""
    names = list(known)
    short = {each.partition("/")[2]: each for each in names}
    near = short.get(name) or nearest(name, names)
    hint = f"did you mean {near!r}?" if near else f"choose one of {', '.join(names)}."
    return DataError(f"There is no run called {name!r}: {hint}")


def checkpoint_name(name: str, seed: int) -> str:
    """Return where the bundled weights of a run lie, inside ``data/``."""
    return f"checkpoints/{name}_seed{seed}.safetensors"


def bundled_seeds(name: str) -> list[int]:
    """Return the seeds of a run whose weights are bundled; none if there is no such run."""
    before, after = f"checkpoints/{name}_seed", ".safetensors"
    found = (path.removeprefix(before).removesuffix(after) for path in manifest() if path.startswith(before))
    return sorted(int(seed) for seed in found if seed.isdigit())


def record_name(lesson: str) -> str:
    """Return where the figures of a lesson's runs without bundled weights lie, inside ``data/``."""
    return f"checkpoints/{lesson}/record.json"


def _recorded(name: str) -> bool:
    """Return whether the figures of a run are bundled and its weights are not."""
    path = record_name(name.partition("/")[0])
    known = path in manifest() and name in json.loads(bundled_file(path).read_text(encoding="utf-8"))
    return known and not bundled_seeds(name)


def require_seed(name: str, seed: int) -> None:
    """Raise a DataError that offers the seeds there are, unless the weights of a run with this one are bundled."""
    if seed in (known := bundled_seeds(name)):
        return
    if _recorded(name):
        lesson = name.partition("/")[0]
        offer = f"its figures are in data/checkpoints/{lesson}/README.md, and `course train {name}` trains it again"
    elif known:
        offer = f"choose {either('seed', '--seed')} {' or '.join(map(str, known))}"
    else:
        offer = either(f"call runs.train({name!r}) to make some", f"make some with `course train {name} --publish`")
    raise DataError(f"There are no bundled weights of {name!r} with seed {seed}: {offer}.")
