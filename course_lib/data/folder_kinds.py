"""The four kinds of set that a folder can become: single images, pairs by name, A|B pictures, two unpaired sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.fitting import fitted
from course_lib.data.folder_rows import SKIP, Read, Way, check_memory, read_each, read_rows, twins
from course_lib.data.folder_sides import Entry, Side, matched, one_side
from course_lib.data.photographs import PhotoSet
from course_lib.data.picture_paths import kinds_of
from course_lib.data.reading import Opened, PictureError, open_picture, printable, shrunk, to_tensor
from course_lib.data.splitting import Splits, chosen
from course_lib.errors import DataError


@dataclass(frozen=True)
class Plan:
    """What all kinds share; the arguments are those of ``course_lib.data.folder``, checked."""

    name: str
    split: str
    splits: Splits | None
    seed: int | None
    group: Callable[[str], str] | None
    match: Callable[[str], str] | None
    size: tuple[int, int]
    fit: str
    limit: int | None
    white: float | None
    way: Way
    shared: dict[str, Any]

    def side(self, root: Path) -> Side:
        """Return the files of one folder."""
        side = one_side(root, self.split, by_folders=self.splits is None)
        self.passed_over(side)
        return side

    def passed_over(self, side: Side) -> None:
        """Note what lies in a folder and is not read."""
        if side.others:
            self.way.told.lines.append(f"Files of other kinds were passed over ({kinds_of(side.others)})")
        if side.outside:
            self.way.told.lines.append(
                f"{side.outside:,} pictures of {side.called} lie in no folder of a split and were passed over"
            )

    def chosen(self, keys: Sequence[str], named: bool) -> list[int]:
        """Return the places of the keys that are in the split, unless folders have said so, and in the limit."""
        if named:
            places = list(range(len(keys)))
        else:
            places = chosen(keys, self.split, self.splits, self.seed, self.group)
        if self.limit is None or self.limit >= len(places):
            return places
        return [places[int((place + 0.5) * len(places) / self.limit)] for place in range(self.limit)]

    def rows(self, names: list[str], channels: Sequence[int], read: Read) -> tuple[list[Tensor], list[int]]:
        """Return a tensor for each number of channels, and the numbers of the rows that could be read."""
        shapes = [(each, *self.size) for each in channels]
        tensors, good = read_rows(names, shapes, read, self.way)
        same = twins(tensors, [names[row] for row in good])
        if same:
            first, second = same[0]
            self.way.told.lines.append(
                f"{second} equals {first} to the last pixel{f' ({len(same):,} such in all)' if same[1:] else ''}: keep "
                "both in one split, or delete one"
            )
        return tensors, good

    def open(self, entry: Entry, channels: int, halves: int = 1) -> Opened:
        """Open a picture as large as it is needed, if it is to be cut into so many parts."""
        enough = None if self.fit == "centre" else max(self.size) * halves
        return open_picture(entry.path, channels=channels, enough=enough, white=self.white, name=entry.name)

    def fitted(self, image: Any, name: str, channels: int) -> np.ndarray:
        """Return a Pillow picture as (channels, H, W) bytes."""
        mode = "L" if channels == 1 else "RGB"
        if image.mode != mode:
            image = image.convert(mode)
        pixels = np.asarray(fitted(image, self.size, self.fit, name))
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def images(plan: Plan, root: Path, channels: int, labels: bool) -> ImageSet:
    """Return the pictures of a folder, with the names of the first folders in it as labels if that is asked for."""
    side = plan.side(root)
    entries = [side.entries[place] for place in plan.chosen([entry.key for entry in side.entries], side.named)]
    if labels:
        entries = _labelled(plan, side, entries)

    def read(row: int) -> tuple[list[np.ndarray], list[str]]:
        opened = plan.open(entries[row], channels)
        return [plan.fitted(opened.image, entries[row].name, channels)], opened.notes

    (rows,), good = plan.rows([entry.name for entry in entries], (channels,), read)
    extra: dict[str, Any] = {}
    if labels:
        number = {home: place for place, home in enumerate(side.homes)}
        extra["labels"] = torch.tensor([number[entries[row].home] for row in good])
        extra["label_names"] = [printable(home) for home in side.homes]
    return ImageSet(name=plan.name, images=rows, names=_names(entries, good), **extra, **plan.shared)


def photographs(plan: Plan, root: Path, channels: int) -> PhotoSet:
    """Return the pictures of a folder in their own proportions, the shorter side brought down to the size."""
    side, short = plan.side(root), min(plan.size)
    entries = [side.entries[place] for place in plan.chosen([entry.key for entry in side.entries], side.named)]
    names = [entry.name for entry in entries]
    check_memory(names, channels * short * short * 3 // 2, plan.way)  # of photographs 3:2 is usual
    kept: dict[int, Tensor] = {}

    def read(row: int) -> tuple[list[np.ndarray], list[str]]:
        opened = open_picture(
            entries[row].path, channels=channels, enough=short, white=plan.white, name=entries[row].name
        )
        longest = round(short * max(opened.size) / min(opened.size))
        return [to_tensor(shrunk(opened, longest)).numpy()], opened.notes

    def keep(row: int, pictures: list[np.ndarray]) -> None:
        kept[row] = torch.from_numpy(pictures[0])

    good = read_each(names, read, keep, plan.way)
    shared = dict(plan.shared)
    return PhotoSet(
        name=plan.name,
        images=[kept[row] for row in good],
        names=_names(entries, good),
        metadata=[{"file": names[row]} for row in good],
        licences=[shared.pop("licence")] * len(good),
        **shared,
    )


def halves(plan: Plan, root: Path, channels: tuple[int, int], direction: str) -> PairedSet:
    """Return pictures A|B, cut in two, as pairs."""
    side = plan.side(root)
    entries = [side.entries[place] for place in plan.chosen([entry.key for entry in side.entries], side.named)]

    def read(row: int) -> tuple[list[np.ndarray], list[str]]:
        entry = entries[row]
        opened = plan.open(entry, max(channels), halves=2)
        image, half = opened.image, opened.image.width // 2
        if half == 0:
            why = f"has {image.width} × {image.height} pixels, and no two halves"
            raise PictureError(entry.name, why, "give pictures A|B, side by side")
        # of an odd width the column in the middle belongs to neither
        parts = [image.crop((left, 0, left + half, image.height)) for left in (0, image.width - half)]
        if direction == "BtoA":
            parts.reverse()
        return [plan.fitted(part, entry.name, each) for part, each in zip(parts, channels, strict=True)], opened.notes

    (x, y), good = plan.rows([entry.name for entry in entries], channels, read)
    return PairedSet(name=plan.name, x=x, y=y, names=_names(entries, good), **plan.shared)


def pairs(plan: Plan, sides: tuple[Side, Side], channels: tuple[int, int]) -> PairedSet:
    """Return the pictures of the same name in two folders as pairs; both must have the same proportions."""
    both, left_out = matched(*sides, plan.match, skip=plan.way.skip)
    for side in sides:
        plan.passed_over(side)
    for name, why in left_out:
        plan.way.told.skip(name, why)
    named = all(side.named for side in sides)
    both = [both[place] for place in plan.chosen([x.key for x, _ in both], named)]

    def read(row: int) -> tuple[list[np.ndarray], list[str]]:
        opened = [plan.open(entry, each) for entry, each in zip(both[row], channels, strict=True)]
        _check_proportions(both[row], opened, exactly=plan.fit == "centre")
        pictures = [
            plan.fitted(one.image, entry.name, each)
            for one, entry, each in zip(opened, both[row], channels, strict=True)
        ]
        return pictures, [note for one in opened for note in one.notes]

    (x, y), good = plan.rows([x.name for x, _ in both], channels, read)
    return PairedSet(name=plan.name, x=x, y=y, names=_names([x for x, _ in both], good), **plan.shared)


def unpaired(plan: Plan, sides: tuple[Side, Side], channels: tuple[int, int]) -> UnpairedSet:
    """Return two folders as the sides of an unpaired set."""
    made = []
    for side, each in zip(sides, channels, strict=True):
        plan.passed_over(side)
        entries = [side.entries[place] for place in plan.chosen([entry.key for entry in side.entries], side.named)]

        def read(row: int, entries: Sequence[Entry] = entries, each: int = each) -> tuple[list[np.ndarray], list[str]]:
            opened = plan.open(entries[row], each)
            return [plan.fitted(opened.image, entries[row].name, each)], opened.notes

        (rows,), good = plan.rows([entry.name for entry in entries], (each,), read)
        made.append(ImageSet(name=side.called, images=rows, names=_names(entries, good), **plan.shared))
    return UnpairedSet(*made)


def _names(entries: Sequence[Entry], good: Sequence[int]) -> list[str]:
    """Return the names of rows: paths without suffix, and with it where two would be called the same."""
    often = Counter(entries[row].key for row in good)
    return [
        printable(entries[row].key + (entries[row].path.suffix if often[entries[row].key] > 1 else "")) for row in good
    ]


def _labelled(plan: Plan, side: Side, entries: list[Entry]) -> list[Entry]:
    """Return the entries that lie in a folder that can be their label."""
    if not side.homes:
        raise DataError(
            f"{side.called} has no folders with pictures to take labels from: put the pictures of each class into a "
            "folder of its own, or leave out labels."
        )
    for entry in entries:
        if entry.home:
            continue
        if not plan.way.skip:
            raise DataError(
                f"{entry.name} lies in no folder that would be its label: move it into one, or leave out all such "
                f"files with {SKIP}."
            )
        plan.way.told.skip(entry.name, "lies in no folder that would be its label")
    return [entry for entry in entries if entry.home]


def _check_proportions(entries: tuple[Entry, Entry], opened: Sequence[Opened], exactly: bool) -> None:
    """Raise unless both pictures of a pair show the same part of the same thing, as far as their sizes tell."""
    (width, height), (other_width, other_height) = (one.size for one in opened)
    if (width, height) == (other_width, other_height):
        return
    off = abs(width * other_height - other_width * height)
    if exactly or off > max(width, height, other_width, other_height):  # more than a pixel of the larger one
        sizes = f"{width} × {height} and {other_width} × {other_height} pixels"
        wanted = "size" if exactly else "proportions"
        raise PictureError(
            f"The pair {entries[0].name} and {entries[1].name}", f"has {sizes}", f"give both the same {wanted}"
        )
