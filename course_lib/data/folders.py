"""Pictures of one's own as a set: a folder, two folders of pairs, one of A|B pictures, or two that do not match.

from course_lib import data

faces = data.folder("faces", size=64)                                    # an ImageSet
animals = data.folder("animals", labels=True)                            # its folders are the labels
facades = data.folder("facades", kind="halves", split="train", direction="BtoA")  # a PairedSet
edges = data.folder("edges", "photos", x_channels=1)                     # a PairedSet, by the same names
horses = data.folder("horses", "zebras", kind="unpaired")                # an UnpairedSet
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from course_lib.asked import shown, whole
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.fitting import check_fit
from course_lib.data.folder_kinds import Plan, halves, images, pairs, photographs, unpaired
from course_lib.data.folder_rows import Told, Way
from course_lib.data.folder_sides import two_sides
from course_lib.data.photographs import PhotoSet
from course_lib.data.picture_paths import a_folder
from course_lib.data.reading import check_channels, check_white, printable
from course_lib.data.splitting import Splits, check_split
from course_lib.errors import DataError
from course_lib.words import suggest

__all__ = ["folder"]

KINDS = ("images", "photographs", "pairs", "halves", "unpaired")


def folder(
    x: str | os.PathLike[str],
    y: str | os.PathLike[str] | None = None,
    *,
    kind: str | None = None,
    size: int | tuple[int, int] = 64,
    fit: str = "crop",
    x_channels: int = 3,
    y_channels: int = 3,
    direction: str = "AtoB",
    labels: bool = False,
    match: Callable[[str], str] | None = None,
    split: str = "all",
    splits: Splits | None = None,
    seed: int | None = None,
    group: Callable[[str], str] | None = None,
    on_error: str = "raise",
    mirrors: bool = True,
    limit: int | None = None,
    white: float | None = None,
    name: str | None = None,
    licence: str = "",
    progress: bool = True,
) -> ImageSet | PhotoSet | PairedSet | UnpairedSet:
    """Read pictures of one's own into a set that ``fit`` trains on.

    All folders in a folder are read too; hidden files are passed over. Files are read as
    ``course_lib.data.reading.open_picture`` says. A line is printed if something was left out or is to be known.

    The split: if a folder has sub-folders named ``train``, ``val`` or ``validation``, and ``test``, these are the
    splits, unless ``splits`` is given. Otherwise pictures are dealt out by a hash of their names, 80, 10 and 10 of 100:
    a picture that is added later moves no other. What must stay together, such as pictures of one person, takes
    ``group``.

    Args:
        x: the folder; with ``y``, that of the conditions (A).
        y: the folder of the targets (B).
        kind: ``"images"``, the usual one for one folder; ``"photographs"``: the same in their own proportions, the
            shorter side brought down to ``size``, for random crops (``.crops(64)``); ``"pairs"``, the usual one for
            two: files of the same name (without suffix) belong together; ``"halves"``: each file is a pair A|B, side by
            side; ``"unpaired"``: two domains. For ``"pairs"`` and ``"unpaired"`` one folder may hold ``A`` and ``B``,
            or ``trainA``, ``trainB``, ``testA`` and so on.
        size: side of the rows in pixels, or height and width.
        fit: ``"crop"`` (scale to cover the size, keep the middle), ``"centre"`` (the middle, unscaled), ``"pad"``
            (scale to lie inside, on white), ``"stretch"`` (proportions are lost).
        x_channels: 3 for colours, 1 for grey: of the images, or of the conditions.
        y_channels: the same of the targets.
        direction: ``"BtoA"`` makes the second side the condition x and the first the target y.
        labels: of images: take the names of the sub-folders as labels.
        match: of pairs whose names differ: gets a picture's path in the folder, without suffix, and returns what both
            of a pair share, for example ``lambda name: name.removesuffix("_a").removesuffix("_b")``.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        splits: three shares, or names or patterns by split: ``{"train": "a*", "test": ["b1.png", "b2.png"]}``.
        seed: deal out in a random order of this seed, with exact shares, instead of by the hash.
        group: gets a picture's path in the folder, without suffix, and returns the name of its group.
        on_error: ``"raise"``, or ``"skip"`` to leave out files that cannot be read or have no partner.
        mirrors: whether rows may be mirrored left to right.
        limit: at most this many rows, spread evenly.
        white: the value of 16-bit grey that counts as white; ``None`` guesses for each file.
        name: of the set; ``None`` is the folder's.
        licence: of the pictures, kept with the set.
        progress: show a bar.

    Returns:
        Bytes in memory: an ``ImageSet``, a ``PhotoSet``, a ``PairedSet`` or an ``UnpairedSet``.

    Raises:
        DataError: if an argument cannot be, a folder is not there or holds no picture, a file cannot be read or has no
            partner (with ``on_error="raise"``), nothing is left, or the memory does not suffice.
    """
    if not isinstance(labels, bool):
        raise DataError(f"labels is {shown(labels)}: give True to take the names of the folders, or False.")
    kind = _kind(kind, y, labels)
    for what, value, choices in (("direction", direction, ("AtoB", "BtoA")), ("on_error", on_error, ("raise", "skip"))):
        if not isinstance(value, str) or value not in choices:
            raise DataError(f"{what} is {shown(value)}: choose {choices[0]!r} or {choices[1]!r}.")
    for what, channels in (("x_channels", x_channels), ("y_channels", y_channels)):
        check_channels(what, channels)
    single = kind in ("images", "photographs")
    for what, given in (
        ("match", match is not None and kind != "pairs"),
        ("direction", single and direction != "AtoB"),
        ("y_channels", single and y_channels != 3),
        ("fit", kind == "photographs" and fit != "crop"),
    ):
        if given:
            raise DataError(f"{what} has no meaning for kind={kind!r}: leave it out, or choose another kind.")
    if kind == "photographs" and isinstance(size, (tuple, list)):
        raise DataError(f"size is {size!r}: give one number for photographs, that of the shorter side in pixels.")
    for what, text in (("name", name), ("licence", licence)):
        if not isinstance(text, str) and not (text is None and what == "name"):
            raise DataError(f"{what} is {shown(text)}: give a text.")
    limit = None if limit is None else whole("limit", limit, error=DataError)
    for what, function in (("group", group), ("match", match)):
        if function is not None and not callable(function):
            raise DataError(f"{what} is {shown(function)}: give a function from a picture's name to a text.")
    check_split(split, splits, seed)
    check_white(white)
    first = a_folder(x, "x")
    second = None if y is None else a_folder(y, "y")
    title = name or " and ".join(printable(each.resolve().name) for each in (first, second) if each)
    plan = Plan(
        name=title,
        split=split,
        splits=splits,
        seed=seed,
        group=group,
        match=match,
        size=check_fit(fit, size),
        fit=fit,
        limit=limit,
        white=white,
        way=Way(skip=on_error == "skip", told=Told(), title=title, progress=progress),
        shared={"split": split, "licence": licence, "source": "a folder of one's own", "mirrors": bool(mirrors)},
    )
    made: ImageSet | PhotoSet | PairedSet | UnpairedSet
    if kind == "images":
        made = images(plan, first, x_channels, labels)
    elif kind == "photographs":
        made = photographs(plan, first, x_channels)
    elif kind == "halves":
        made = halves(plan, first, (x_channels, y_channels), direction)
    else:
        sides = two_sides(first, second, split, by_folders=splits is None, kind=kind)
        sides = sides if direction == "AtoB" else sides[::-1]
        make = pairs if kind == "pairs" else unpaired
        made = make(plan, sides, (x_channels, y_channels))
    line = plan.way.told.summary(title)
    if line:
        print(line)
    return made


def _kind(kind: str | None, y: Any, labels: bool) -> str:
    usual = "images" if y is None else "pairs"
    kind = usual if kind is None else kind
    if not isinstance(kind, str) or kind not in KINDS:
        raise DataError(f"kind is {shown(kind)}: choose one of {', '.join(map(repr, KINDS))}{suggest(kind, KINDS)}.")
    if y is not None and kind in ("images", "photographs", "halves"):
        raise DataError(f"kind={kind!r} takes one folder: leave out the second, or choose 'pairs' or 'unpaired'.")
    if labels and kind != "images":
        raise DataError(f"labels are for single images, and kind is {kind!r}: leave out labels.")
    return kind
