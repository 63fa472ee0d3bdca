"""What was unpacked into the cache, noted with sizes, times and hashes, and held against the disk at each use."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from course_lib.paths import sha256_of

NAME = ".inventory.json"


class Entry(NamedTuple):
    """One file: its size in bytes, when it was last changed (in ns), and its sha256."""

    size: int
    changed: int
    sha256: str


class Inventory(dict[str, Entry]):
    """``{path inside the folder: Entry}``, in the order of the archive.

    Args:
        folder: whose files these are.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def altered(self, *, thoroughly: bool = False) -> list[str]:
        """Return the files that are missing or not what they were.

        A file of the same size and time is taken for unchanged, one of another time is hashed: so a use costs a look
        at each file, and a cache that was copied is not taken for a damaged one.

        Args:
            thoroughly: hash all of them.
        """
        wrong, touched = [], False
        root = os.fspath(self.folder)
        for name, entry in self.items():
            path = os.path.join(root, name)  # pathlib would take most of the time
            try:
                now = os.lstat(path)
                if now.st_size != entry.size:
                    wrong.append(name)
                elif thoroughly or now.st_mtime_ns != entry.changed:
                    if sha256_of(Path(path)) != entry.sha256:
                        wrong.append(name)
                    elif now.st_mtime_ns != entry.changed:
                        self[name] = Entry(entry.size, now.st_mtime_ns, entry.sha256)
                        touched = True
            except OSError:
                wrong.append(name)
        if touched:
            with contextlib.suppress(OSError):  # only a matter of speed
                self.write()
        return wrong

    def write(self) -> None:
        """Note this inventory in its folder, in one step."""
        body = json.dumps(self)
        text = json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest()}) + "\n" + body
        staging = self.folder / f"{NAME}.{os.getpid()}.tmp"
        try:
            staging.write_text(text, encoding="ascii")
            staging.replace(self.folder / NAME)
        finally:
            staging.unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Path) -> Inventory | None:
        """Return the inventory of a folder, or ``None`` where there is none that can be trusted."""
        found = cls(folder)
        try:
            head, _, body = (folder / NAME).read_text(encoding="ascii").partition("\n")
            if json.loads(head)["sha256"] != hashlib.sha256(body.encode()).hexdigest():
                return None
            found.update({name: Entry(*entry) for name, entry in json.loads(body).items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return found
