"""Where the pictures of a set lie: in one folder or two, with folders of splits, of sides and of labels in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.data.picture_paths import Found, list_pictures, natural, nothing_found, sub_folders
from course_lib.data.reading import printable
from course_lib.data.splitting import FOLDERS
from course_lib.errors import DataError

EXAMPLES = 3


@dataclass(frozen=True)
class Entry:
    """One file of a set.

    Args:
        key: what it is called in the set: its path without suffix, where a folder of a split has the split's name.
        path: where it lies.
        name: what messages call it.
        home: the first folder that it lies in, inside that of its split; empty if there is none.
        part: the split that its folder is named after, if it is.
    """

    key: str
    path: Path
    name: str
    home: str = ""
    part: str | None = None


@dataclass(frozen=True)
class Side:
    """The files of one side of a set.

    Args:
        called: what messages call the folder.
        entries: those of the split, if ``named``, else all.
        named: whether folders say which split a file is in.
        homes: the first folders of all files, of all splits, in natural order.
        others: how many files of other kinds there are, by suffix.
        outside: how many pictures were passed over because they lie in no folder of a split.
    """

    called: str
    entries: list[Entry]
    named: bool
    homes: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    outside: int = 0


def one_side(root: Path, split: str, *, by_folders: bool) -> Side:
    """Return the files of a folder, those of a split if its folders are named after splits.

    Args:
        root: the folder.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        by_folders: whether folders such as ``val`` are those of splits; else they are folders as any other.

    Raises:
        DataError: if it holds no picture, or has folders of splits and not this one.
    """
    listing = list_pictures(root)
    if not listing.pictures:
        raise nothing_found(root, listing.others)
    entries = [_entry(found, FOLDERS if by_folders else {}, root) for found in listing.pictures]
    return _side(printable(root.name), entries, split, listing.others)


def two_sides(first: Path, second: Path | None, split: str, *, by_folders: bool, kind: str) -> tuple[Side, Side]:
    """Return the files of both sides.

    Args:
        first: the folder of A, or one that holds folders of both sides, ``A`` and ``B`` or ``trainA`` and so on.
        second: the folder of B, or ``None``.
        split: as for ``one_side``.
        by_folders: as for ``one_side``.
        kind: for the message.

    Raises:
        DataError: if there are not two sides, or one of them holds no picture or not this split.
    """
    if second is not None:
        return one_side(first, split, by_folders=by_folders), one_side(second, split, by_folders=by_folders)
    inner = {name.lower(): path for name, path in sub_folders(first).items()}
    if "a" in inner and "b" in inner:
        return two_sides(inner["a"], inner["b"], split, by_folders=by_folders, kind=kind)
    listing = list_pictures(first)
    sides = []
    for letter in "ab":
        parts = {f"{alias}{letter}": name for alias, name in FOLDERS.items()}
        entries = [_entry(found, parts, first) for found in listing.pictures]
        entries = [entry for entry in entries if entry.part]
        if not entries:
            raise DataError(
                f"kind={kind!r} takes two folders, or one that holds A and B or trainA and trainB, and "
                f"{printable(first.name)} holds none such with pictures for {letter.upper()}: give the second folder."
            )
        side = _side(f"{printable(first.name)} {letter.upper()}", entries, split if by_folders else "all", Counter())
        sides.append(side if by_folders else Side(side.called, side.entries, named=False))
    return sides[0], sides[1]


def matched(
    a: Side, b: Side, match: Callable[[str], str] | None = None, *, skip: bool
) -> tuple[list[tuple[Entry, Entry]], list[tuple[str, str]]]:
    """Return the files of the same key as pairs, in natural order, and the names of the others with the reason.

    Args:
        a: the first side.
        b: the second side.
        match: gets a key and returns what both files of a pair share; ``None`` is the whole key.
        skip: leave out what has no partner; else it is an error.

    Raises:
        DataError: if nothing matches, or something does not and ``skip`` is false.
    """
    left_out: list[tuple[str, str]] = []
    first, second = (_by_key(side, match, left_out) for side in (a, b))
    both = [key for key in first if key in second]
    if not both:
        raise DataError(
            f"No picture of {a.called} has the name of one of {b.called} ({_some(first.values())} there, "
            f"{_some(second.values())} here): give pairs the same names, or a function match=, or choose "
            'kind="unpaired".'
        )
    for mine, theirs, other in ((first, second, b), (second, first, a)):
        left_out += [
            (entry.name, f"has no partner in {other.called}") for key, entry in mine.items() if key not in theirs
        ]
    if left_out and not skip:
        name, why = left_out[0]
        more = f", and so {len(left_out) - 1:,} others" if len(left_out) > 1 else ""
        raise DataError(
            f"{name} {why}{more}: give pairs the same names but for the suffix, or leave out the rest with "
            'on_error="skip".'
        )
    return [(first[key], second[key]) for key in both], left_out


def _by_key(side: Side, match: Callable[[str], str] | None, left_out: list[tuple[str, str]]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in side.entries:
        key = match(entry.key) if match else entry.key
        if key in found:
            left_out.append((entry.name, f"has the name of {found[key].name}"))
        else:
            found[key] = entry
    return found


def _some(entries: Iterable[Entry]) -> str:
    return ", ".join(entry.name for entry in list(entries)[:EXAMPLES])


def _entry(found: Found, parts: dict[str, str], root: Path) -> Entry:
    first, slash, rest = found.key.partition("/")
    part = parts.get(first.lower()) if slash else None
    inside = rest if part else found.key
    home, slash, _ = inside.partition("/")
    name = printable(found.path.relative_to(root.parent).as_posix())
    return Entry(f"{part}/{rest}" if part else found.key, found.path, name, home if slash else "", part)


def _side(called: str, entries: Sequence[Entry], split: str, others: Counter[str]) -> Side:
    homes = sorted({entry.home for entry in entries if entry.home}, key=natural)
    parts = {entry.part for entry in entries if entry.part}
    if not parts or split == "all":
        return Side(called, list(entries), bool(parts), homes, others)
    mine = [entry for entry in entries if entry.part == split]
    if not mine:
        raise DataError(
            f"{called} has no folder with pictures for the split {split!r} but for {', '.join(sorted(parts))}: choose "
            "another split, or deal out anew with splits=."
        )
    return Side(called, mine, True, homes, others, sum(entry.part is None for entry in entries))
