"""Write the list of each room's runs: ``python -m course_lib.runs.listing``, after a change to a ``runs.py``."""

from __future__ import annotations

import json
from pathlib import Path

from course_lib.listing import FILE, digest_of, rooms
from course_lib.runs.registry import names, run


def write() -> list[Path]:
    """Write the list of every room that has runs; return the files that changed."""
    changed = []
    for room, folder in rooms().items():
        runs = {name: run(name).about for name in names() if name.startswith(f"{room}/")}
        text = json.dumps({"of": digest_of(folder), "runs": runs}, indent=1) + "\n"
        path = folder / FILE
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    for path in write():
        print(path.parent.name)
