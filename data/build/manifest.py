"""Write data/manifest.json: sha256 and size of every shipped file.

    python data/build/manifest.py            rewrite it
    python data/build/manifest.py --check    say what disagrees, and exit with 1 if anything does

Not listed: the builders, the cards (``README.md``), the manifest itself, hidden and half-written files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent


def shipped_files(data: Path = DATA) -> list[Path]:
    """Return the paths, relative to ``data``, of the files that the manifest lists."""
    found = []
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data)
        hidden = any(part.startswith((".", "__")) for part in name.parts)
        if not path.is_file() or hidden or name.parts[0] == "build":
            continue
        if path.name in ("README.md", "manifest.json") or path.suffix == ".part":
            continue
        found.append(name)
    return found


def build_manifest(data: Path = DATA) -> dict:
    """Return the content of manifest.json for the files on disk."""
    files = {}
    for name in shipped_files(data):
        content = (data / name).read_bytes()
        files[name.as_posix()] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return {"format": 1, "files": files}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    arguments = parser.parse_args()
    path = DATA / "manifest.json"
    fresh = build_manifest()
    if not arguments.check:
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(fresh, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
        part.replace(path)
        total = sum(entry["bytes"] for entry in fresh["files"].values())
        print(f"{len(fresh['files'])} files, {total / 1e6:.1f} MB")
        return
    old = json.loads(path.read_text(encoding="utf-8"))["files"]
    new = fresh["files"]
    wrong = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    for name in wrong:
        print(f"BAD {name}: {'not listed' if name not in old else 'missing' if name not in new else 'differs'}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
