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


def read_rows(
    names: Sequence[str], shapes: Sequence[Shape], read: Read, *, skip: bool, told: Told, title: str, progress: bool
) -> tuple[list[Tensor], list[int]]:
    """Read files to tensors that have a row for each.

    Args:
        names: of the rows.
        shapes: of what a row holds, such as ``[(3, 64, 64)]`` or two of these for a pair.
        read: gets a row's number and returns its pictures, and notes.
        skip: leave out what cannot be read, instead of raising.
        told: gets what was left out, and the notes.
        title: of the progress bar.
        progress: show it.

    Returns:
        A tensor (N, C, H, W) uint8 for each shape, and the numbers of the rows that could be read.

    Raises:
        DataError: if there is not the memory, a file cannot be read and ``skip`` is false, or none could be read.
    """
    need = len(names) * sum(int(np.prod(shape)) for shape in shapes)
    _check_memory(len(names), need)
    if len(names) >= MANY:
        print(f"Reading {len(names):,} files of {title} into {_size(need)} of memory.")
    tensors = [torch.empty((len(names), *shape), dtype=torch.uint8) for shape in shapes]
    good = []

    def one(row: int) -> tuple[PictureError | None, list[str]]:
        try:
            pictures, notes = read(row)
        except PictureError as error:
            return error, []
        for tensor, picture in zip(tensors, pictures, strict=True):
            tensor[row] = torch.from_numpy(picture)
        return None, notes

    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # each holds a whole picture
    try:
        with quietly():
            done = pool.map(one, range(len(names)))
            if progress:
                from tqdm.auto import tqdm

                done = tqdm(done, total=len(names), desc=f"reading {title}", leave=False)
            for row, (error, notes) in enumerate(done):
                if error is None:
                    good.append(row)
                elif skip:
                    told.skip(names[row], error.why)
                else:
                    raise DataError(
                        f"{error.name} {error.why}: {error.remedy}, or leave out all such files with {SKIP}."
                    ) from error
                for note in notes:
                    told.note(names[row], note)
    finally:
        pool.shutdown(cancel_futures=True)
    if not good:
        raise DataError(f"None of the {len(names):,} pictures could be read: {_listed(told.skipped)}.")
    if len(good) < len(names):
        keep = torch.tensor(good)
        tensors = [tensor.index_select(0, keep) for tensor in tensors]
    return tensors, good


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


def _check_memory(rows: int, need: int) -> None:
    import psutil

    free = psutil.virtual_memory().available
    if need > 0.7 * free:
        raise DataError(
            f"{rows:,} rows of this size take {_size(need)} of memory and {_size(free)} are free: lower size, or give "
            "limit=."
        )


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
