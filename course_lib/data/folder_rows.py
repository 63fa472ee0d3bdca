"""Many files become rows of bytes: in threads, within memory, with a bar; and what was left out is told in a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from course_lib.data.reading import PictureError, quietly
from course_lib.errors import DataError

MANY = 1000  # files from which on it is said beforehand what they will take
SHOWN = 3  # names of each kind of fault
SKIP = 'on_error="skip"'

Shape = tuple[int, int, int]
Read = Callable[[int], tuple[list[np.ndarray], list[str]]]


@dataclass
class Told:
    """What there is to tell about a set that was read.

    Args:
        skipped: the names of what was left out, by the reason.
        notes: the names of what was read in a way that should be known, by the note.
        lines: other sentences.
    """

    skipped: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def skip(self, name: str, why: str) -> None:
        """Note that something was left out."""
        self.skipped.setdefault(why, []).append(name)

    def note(self, name: str, what: str) -> None:
        """Note how something was read."""
        self.notes.setdefault(what, []).append(name)

    def summary(self, title: str) -> str:
        """Return it as one line, or an empty text where there is nothing to tell."""
        parts = []
        if self.skipped:
            count = sum(len(names) for names in self.skipped.values())
            parts.append(f"{count:,} left out: {_listed(self.skipped)}")
        if self.notes:
            parts.append(f"To know: {_listed(self.notes)}")
        parts += self.lines
        return f"{title}: {'. '.join(parts)}." if parts else ""


def _listed(reasons: dict[str, list[str]]) -> str:
    texts = []
    for reason, names in reasons.items():
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        texts.append(f"{', '.join(names[:SHOWN])}{more} ({reason})")
    return "; ".join(texts)


@dataclass(frozen=True)
class Way:
    """How the files of a set are read.

    Args:
        skip: leave out what cannot be read, instead of raising.
        told: gets what was left out, and the notes.
        title: of the set.
        progress: show a bar.
    """

    skip: bool
    told: Told
    title: str
    progress: bool


def read_rows(names: Sequence[str], shapes: Sequence[Shape], read: Read, way: Way) -> tuple[list[Tensor], list[int]]:
    """Read files to tensors that have a row for each.

    Args:
        names: of the rows.
        shapes: of what a row holds, such as ``[(3, 64, 64)]`` or two of these for a pair.
        read: gets a row's number and returns its pictures, and notes.
        way: what to do with what cannot be read.

    Returns:
        A tensor (N, C, H, W) uint8 for each shape, and the numbers of the rows that could be read.

    Raises:
        DataError: if there is not the memory, a file cannot be read and is not to be left out, or none could be read.
    """
    check_memory(names, sum(int(np.prod(shape)) for shape in shapes), way)
    tensors = [torch.empty((len(names), *shape), dtype=torch.uint8) for shape in shapes]

    def keep(row: int, pictures: list[np.ndarray]) -> None:
        for tensor, picture in zip(tensors, pictures, strict=True):
            tensor[row] = torch.from_numpy(picture)

    good = read_each(names, read, keep, way)
    if len(good) < len(names):
        chosen = torch.tensor(good)
        tensors = [tensor.index_select(0, chosen) for tensor in tensors]
    return tensors, good


def read_each(names: Sequence[str], read: Read, keep: Callable[[int, list[np.ndarray]], None], way: Way) -> list[int]:
    """Read files in several threads, and return the numbers of those that could be read.

    Args:
        names: of the files.
        read: gets a file's number and returns its pictures, and notes.
        keep: gets the number and the pictures, in any order, in one of the threads.
        way: what to do with what cannot be read.

    Raises:
        DataError: if a file cannot be read and is not to be left out, or none could be read.
    """
    good = []

    def one(row: int) -> tuple[PictureError | None, list[str]]:
        try:
            pictures, notes = read(row)
        except PictureError as error:
            return error, []
        keep(row, pictures)
        return None, notes

    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # each holds a whole picture
    try:
        with quietly():
            done = pool.map(one, range(len(names)))
            if way.progress:
                from tqdm.auto import tqdm

                done = tqdm(done, total=len(names), desc=f"reading {way.title}", leave=False)
            for row, (error, notes) in enumerate(done):
                if error is None:
                    good.append(row)
                elif way.skip:
                    way.told.skip(names[row], error.why)
                else:
                    raise DataError(
                        f"{error.name} {error.why}: {error.remedy}, or leave out all such files with {SKIP}."
                    ) from error
                for note in notes:
                    way.told.note(names[row], note)
    finally:
        pool.shutdown(cancel_futures=True)
    if not good:
        raise DataError(f"None of the {len(names):,} pictures could be read: {_listed(way.told.skipped)}.")
    return good


def check_memory(names: Sequence[str], each: int, way: Way) -> None:
    """Raise unless there is the memory for rows of ``each`` bytes; of many, say beforehand how much they take.

    Raises:
        DataError: if they would take more than 70 of 100 parts of what is free.
    """
    import psutil

    need, free = len(names) * each, psutil.virtual_memory().available
    if need > 0.7 * free:
        raise DataError(
            f"{len(names):,} rows of this size take {_size(need)} of memory and {_size(free)} are free: lower size, or "
            "give limit=."
        )
    if len(names) >= MANY:
        print(f"Reading {len(names):,} files of {way.title} into {_size(need)} of memory.")


def twins(tensors: Sequence[Tensor], names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the names of rows that equal an earlier row, with the name of that row."""
    seen: dict[bytes, int] = {}
    found = []
    for row in range(len(names)):
        content = b"".join(tensor[row].numpy().tobytes() for tensor in tensors)
        first = seen.setdefault(hashed(content), row)
        if first != row:
            found.append((names[first], names[row]))
    return found


def hashed(content: bytes) -> bytes:
    """Return a short stand-in for a row's bytes."""
    import hashlib

    return hashlib.blake2b(content, digest_size=16).digest()


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
