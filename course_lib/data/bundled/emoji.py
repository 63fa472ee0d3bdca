"""Emoji: 2,608 aligned pictures of 64 x 64 in seven styles, with names, groups and the factors of persons."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from course_lib.data.containers import ImageSet, PairedSet
from course_lib.errors import DataError
from course_lib.paths import bundled_file

__all__ = ["GENDERS", "SPLITS", "STYLES", "SUBSETS", "TONES", "emoji", "emoji_index", "emoji_pairs", "label_palette"]

SPLITS = ("train", "validation", "test")
SUBSETS = ("all", "core", "factorial")
TONES = ("none", "light", "medium-light", "medium", "medium-dark", "dark")
GENDERS = ("person", "woman", "man")
CLASSES = 20
UNSPECIFIED = "unspecified"
TILE, COLUMNS = 64, 52


@dataclass(frozen=True)
class Style:
    """Where a style is kept: its sheet, the mode it decodes to (``P`` keeps class ids), licence and source."""

    path: str
    mode: str
    licence: str
    source: str


_FLUENT = ("MIT", "Microsoft Fluent Emoji")
_OPENMOJI = ("CC BY-SA 4.0", "OpenMoji")
STYLES: dict[str, Style] = {
    "3d": Style("emoji/fluent/3d.webp", "RGB", *_FLUENT),
    "flat": Style("emoji/fluent/flat.webp", "RGB", *_FLUENT),
    "outline": Style("emoji/fluent/outline.png", "L", *_FLUENT),
    "labels": Style("emoji/fluent/labels.png", "P", *_FLUENT),
    "noto": Style("emoji/noto/noto.webp", "RGB", "Apache-2.0", "Google Noto Emoji"),
    "openmoji": Style("emoji/openmoji/colour.webp", "RGB", *_OPENMOJI),
    "openmoji_line": Style("emoji/openmoji/line.png", "L", *_OPENMOJI),
}


def emoji(split: str = "train", style: str = "3d", subset: str = "all") -> ImageSet:
    """Return one split of the emoji in one style.

    The splits hold different roles: all tones and genders of a person, and any near-duplicates, are in one split.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.
        style: ``"3d"``, ``"flat"``, ``"outline"``, ``"labels"``, ``"noto"``, ``"openmoji"`` or ``"openmoji_line"``.
        subset: ``"all"``; ``"core"``, the emoji without a skin-tone modifier; or ``"factorial"``, the person roles
            in 3 genders x 6 tones (their untoned emoji are in both).

    Returns:
        An ``ImageSet``: images (N, C, 64, 64), bytes, on white; C is 1 for outlines and label maps (class ids 0 to 19,
        see ``label_palette``), else 3. ``labels`` are the Unicode groups. ``factors`` are base, role, gender and tone;
        their ids are the same in all splits and styles.

    Raises:
        DataError: if the split, style or subset is unknown, or a bundled file is missing or corrupt.
    """
    rows = emoji_index(split, subset)
    info = _style(style)
    return ImageSet(
        name="emoji",
        split=split,
        images=_pictures(style, rows),
        categorical=("images",) if info.mode == "P" else (),
        licence=info.licence,
        source=info.source,
        **_described(rows, subset),
    )


def emoji_pairs(split: str = "train", x: str = "outline", y: str = "3d", subset: str = "all") -> PairedSet:
    """Return one split of the emoji as pairs of two styles.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.
        x: the style of the condition, one of those of ``emoji``.
        y: the style of the target.
        subset: ``"all"``, ``"core"`` or ``"factorial"``.

    Returns:
        A ``PairedSet`` with the fields of ``emoji``. Rows with the same factor ``"base"`` differ in skin tone only and
        share one outline (209 of the 210 bases with tones; ``outline_shared`` in the index).

    Raises:
        DataError: if the split, a style or the subset is unknown, both styles are the same, or a file is missing.
    """
    rows = emoji_index(split, subset)
    sides = {"x": _style(x), "y": _style(y)}
    if x == y:
        raise DataError(f"x and y are both {x!r}: choose two styles, or take emoji(split, style={x!r}) for one.")
    return PairedSet(
        name="emoji_pairs",
        split=split,
        x=_pictures(x, rows),
        y=_pictures(y, rows),
        categorical=tuple(side for side, info in sides.items() if info.mode == "P"),
        licence=", ".join(dict.fromkeys(info.licence for info in sides.values())),
        source=", ".join(dict.fromkeys(info.source for info in sides.values())),
        **_described(rows, subset),
    )


def emoji_index(split: str | None = None, subset: str = "all") -> list[dict[str, str]]:
    """Return the rows of ``data/emoji/index.csv`` in the order of the sets (the card there explains the columns).

    Args:
        split: only the rows of this split; ``None`` is all.
        subset: ``"all"``, ``"core"`` or ``"factorial"``.

    Raises:
        DataError: if the split or subset is unknown or the file is missing or corrupt.
    """
    if split is not None:
        _check("split", split, SPLITS)
    _check("subset", subset, SUBSETS)

    def wanted(row: dict[str, str]) -> bool:
        inside = row["kind"] == "factorial" if subset == "factorial" else row["tone"] in ("", "none")
        return split in (None, row["split"]) and (subset == "all" or inside)

    return [dict(row) for row in _index() if wanted(row)]


def label_palette() -> Tensor:
    """Return the mean colour of each class of the label maps, uint8 (20, 3); class 0 is the background."""
    with _open("labels") as sheet:
        colours = sheet.getpalette()
    if colours is None or len(colours) < 3 * CLASSES:
        raise _unreadable(STYLES["labels"].path)
    return torch.tensor(colours[: 3 * CLASSES], dtype=torch.uint8).reshape(CLASSES, 3)


def _check(what: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DataError(f"The emoji have no {what} {value!r}: choose one of {', '.join(known)}.")


def _style(name: str) -> Style:
    _check("style", name, tuple(STYLES))
    return STYLES[name]


def _unreadable(path: str) -> DataError:
    return DataError(f"data/{path} cannot be read: restore it with `git checkout -- data/{path}`.")


def _index() -> tuple[dict[str, str], ...]:
    path = bundled_file("emoji/index.csv")
    return _read_index(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read_index(path: Path, stamp: int) -> tuple[dict[str, str], ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _open(style: str) -> Image.Image:
    path = bundled_file(STYLES[style].path)
    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError) as error:
        raise _unreadable(STYLES[style].path) from error


@lru_cache(maxsize=2)
def _read_tiles(style: str, path: Path, stamp: int) -> Tensor:
    """Return all tiles of a sheet, uint8 (rows * 52, C, 64, 64). The last two sheets stay in memory (32 MB each)."""
    with _open(style) as sheet:
        try:
            pixels = np.array(sheet if sheet.mode == STYLES[style].mode else sheet.convert(STYLES[style].mode))
        except OSError as error:
            raise _unreadable(STYLES[style].path) from error
    rows = pixels.shape[0] // TILE
    tiles = torch.from_numpy(pixels).reshape(rows, TILE, COLUMNS, TILE, -1).permute(0, 2, 4, 1, 3)
    return tiles.reshape(rows * COLUMNS, -1, TILE, TILE)


def _pictures(style: str, rows: list[dict[str, str]]) -> Tensor:
    path = bundled_file(STYLES[style].path)
    tiles = _read_tiles(style, path, path.stat().st_mtime_ns)
    return tiles.index_select(0, torch.tensor([int(row["position"]) for row in rows]))


def _described(rows: list[dict[str, str]], subset: str) -> dict:
    """Return names, captions, labels and factors of the rows; ids count over the whole index."""
    everything = _index()
    groups = list(dict.fromkeys(row["group"] for row in everything))
    bases = {row["base"]: row["name"] for row in everything if row["code"] == row["base"]}
    roles = list(dict.fromkeys(row["role"] for row in everything))
    rest = () if subset == "factorial" else (UNSPECIFIED,)
    ids = {
        "base": {code: i for i, code in enumerate(bases)},
        "role": {role: i for i, role in enumerate(roles)},
        "gender": {name: i for i, name in enumerate((*GENDERS, ""))},
        "tone": {name: i for i, name in enumerate((*TONES, ""))},
    }
    return {
        "names": [row["name"] for row in rows],
        "captions": [row["name"].replace(":", ",") for row in rows],
        "labels": torch.tensor([groups.index(row["group"]) for row in rows]),
        "label_names": groups,
        "factors": {key: torch.tensor([known[row[key]] for row in rows]) for key, known in ids.items()},
        "factor_names": {
            "base": list(bases.values()),
            "role": roles,
            "gender": [*GENDERS, *rest],
            "tone": [*TONES, *rest],
        },
    }
