"""Read Qt's binary resource files (.rcc): a table of names, a tree of entries, a block of contents; all big-endian."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

COMPRESSED, FOLDER, ZSTD = 1, 2, 4


def read_rcc(path: Path) -> dict[str, bytes]:
    """Return ``{inner path: content}`` of every file in a resource file."""
    blob = path.read_bytes()
    magic, version, tree, contents, names = struct.unpack_from(">4s4I", blob)
    if magic != b"qres":
        raise SystemExit(f"{path} is not a Qt resource file.")
    entry_size = 22 if version >= 2 else 14  # later versions add a time stamp

    def name_of(offset: int) -> str:
        (length,) = struct.unpack_from(">H", blob, names + offset)
        start = names + offset + 6  # the length is followed by a hash of four bytes
        return blob[start : start + 2 * length].decode("utf-16-be")

    def content_of(offset: int, flags: int) -> bytes:
        (length,) = struct.unpack_from(">I", blob, contents + offset)
        start = contents + offset + 4
        content = blob[start : start + length]
        if flags & ZSTD:
            raise SystemExit(f"{path} is compressed with zstd, which this reader does not know.")
        return zlib.decompress(content[4:]) if flags & COMPRESSED else content

    found: dict[str, bytes] = {}

    def visit(index: int, folder: str) -> None:
        offset, flags = struct.unpack_from(">IH", blob, tree + index * entry_size)
        name = f"{folder}/{name_of(offset)}".lstrip("/") if index else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">2I", blob, tree + index * entry_size + 6)
            for child in range(first, first + count):
                visit(child, name)
        else:
            (start,) = struct.unpack_from(">I", blob, tree + index * entry_size + 10)
            found[name] = content_of(start, flags)

    visit(0, "")
    return found


def read_credits(text: str) -> dict[str, dict[str, str]]:
    """Return ``{file: {"Copyright": ..., "License": ..., "Source": ...}}`` from one of GCompris's README files.

    The README is a list of blocks, parted by blank lines; in a block, ``Key: value`` lines and the names of files.
    """
    credits: dict[str, dict[str, str]] = {}
    for block in re.split(r"\n\s*\n", text.strip()):
        fields: dict[str, str] = {}
        files: list[str] = []
        key = ""
        for line in block.splitlines():
            match = re.match(r"(Copyright|License|Source|Comment|Files):\s*(.*)", line)
            if match:
                key = match[1]
                fields[key] = match[2].strip()
            elif re.fullmatch(r"\s*\S+\.(webp|svg|ogg)\s*", line):
                files.append(line.strip())
            elif key:
                fields[key] = f"{fields[key]} {line.strip()}".strip()
        for name in files:
            credits[name] = fields
    return credits
