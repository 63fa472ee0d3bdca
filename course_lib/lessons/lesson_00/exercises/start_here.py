"""The exercises of lesson 00: pixels as networks see them, and splits that do not leak."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def to_network(images: torch.Tensor) -> torch.Tensor:
    """Turn stored pixels into what a network sees.

    Args:
        images: uint8, shape (N, C, H, W), 0 is black and 255 is white.

    Returns:
        float32, the same shape, -1 is black and 1 is white.
    """
    return images.float() / 127.5 - 1


def _pixel_cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def pixels(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=draw, dtype=torch.uint8)

    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    return [
        Case("a black and a white pixel", ends),
        Case("two colour images", pixels(0, 256, 2, 3, 4, 5)),
        Case("a dark grey-scale image", pixels(10, 60, 1, 1, 6, 4)),
        Case("three bright images", pixels(180, 250, 3, 3, 2, 2)),
        Case("an image of one grey", torch.full((1, 3, 3, 3), 100, dtype=torch.uint8)),
    ]


def _stretched(images: Tensor) -> Tensor:
    low, high = images.min().float(), images.max().float()
    return 2 * (images - low) / (high - low) - 1


def _standardised(images: Tensor) -> Tensor:
    return (images.float() - images.float().mean()) / images.float().std()


TO_NETWORK = Exercise(
    id="00.1",
    title="From bytes to what a network sees",
    kind="warm-up",
    trains="bytes, ranges and channels",
    minutes=5,
    level=1,
    task="""
        Images are stored as bytes: `uint8`, 0 is black, 255 is white. The networks of this course see `float32`
        numbers from -1 (black) to 1 (white). Write `to_network(images)` for a batch of shape (N, C, H, W).
        Exactly 0 must become -1 and exactly 255 must become 1, whatever else is in the batch.
    """,
    reference=to_network,
    exact_dtype=True,
    cases=_pixel_cases,
    mistakes=(
        Mistake(
            "You divided by 255 and stopped: that gives the range [0, 1]. The networks want [-1, 1].",
            lambda images: images.float() / 255,
        ),
        Mistake(
            "White must become exactly 1, and yours becomes 0.992: the largest byte is 255, not 256.",
            lambda images: images.float() / 128 - 1,
            lambda images: (images.float() - 128) / 128,
        ),
        Mistake(
            "Black must become exactly -1, and yours becomes -1.008: the middle of 0 and 255 is 127.5, not 128.",
            lambda images: (images.float() - 128) / 127,
            lambda images: (images.float() - 128) / 127.5,
        ),
        Mistake(
            "You computed with bytes: uint8 wraps round below 0 and above 255. Convert to float first, then compute.",
            lambda images: images * 2 / 255 - 1,
            lambda images: (images - 127) / 127.5,
            lambda images: (images - 128) / 127.5,
            lambda images: (images - 128) / 128,
            lambda images: (images / 127.5 - 1).to(torch.uint8).float(),
        ),
        Mistake(
            "You divided in whole numbers, so that only a few values are left. Convert to float, and divide with `/`.",
            lambda images: (images // 127.5 - 1).float(),
            lambda images: (images // 128).float() * 2 - 1,
            lambda images: (images // 255).float() * 2 - 1,
        ),
        Mistake(
            "You moved the middle to 0 but did not scale: the values run from -127.5 to 127.5. Divide as well.",
            lambda images: images.float() - 127.5,
            lambda images: images.float() - 128,
        ),
        Mistake(
            "You stretched each batch between its own darkest and brightest pixel. "
            "The ends of the range are fixed, 0 and 255, so that the same byte always gives the same number.",
            _stretched,
            lambda images: (_stretched(images) + 1) / 2,
            lambda images: images.float() / images.max() * 2 - 1,
        ),
        Mistake(
            "You standardised the batch by its own mean and spread. "
            "Use the fixed ends 0 and 255, so that the same byte always gives the same number.",
            _standardised,
        ),
        Mistake(
            "Black and white are exchanged: 0 must become -1 and 255 must become 1.",
            lambda images: 1 - images.float() / 127.5,
        ),
        Mistake(
            "The values are right, but they are float64. Networks here compute in float32: end with `.float()`.",
            lambda images: images.double() / 127.5 - 1,
        ),
    ),
    hints=(
        "Which two numbers must 0 and 255 become? A straight line through these two points is all you need.",
        "A straight line is `images * a + b`. From 0 to -1 gives `b`; then 255 to 1 gives `a`. "
        "Convert to `float32` before you compute: bytes cannot be negative.",
        "`images.float()` converts. Half of 255 is 127.5, so dividing by it gives the range from 0 to 2. What is left?",
    ),
    why="the line through (0, -1) and (255, 1) is x / 127.5 - 1, computed after the conversion to float32.",
)


def leaking_bases(bases: torch.Tensor, splits: list[str]) -> set[int]:
    """Return the base emoji that a split fails to keep apart.

    Args:
        bases: int64, shape (N,), the base of each row; the skin tones of one emoji share their base.
        splits: N words, the split of each row ("train", "validation" or "test").

    Returns:
        The bases whose rows are in more than one split, as Python integers.
    """
    splits_of: dict[int, set[str]] = {}
    for base, split in zip(bases.tolist(), splits, strict=True):
        splits_of.setdefault(base, set()).add(split)
    return {base for base, found in splits_of.items() if len(found) > 1}


def _split_cases() -> list[Case]:
    def case(label: str, rows: list[tuple[int, str]]) -> Case:
        bases = torch.tensor([base for base, _ in rows], dtype=torch.int64)
        return Case(label, bases, [split for _, split in rows])

    tones = [(7, "train")] * 6 + [(9, "test")] * 6
    draw = torch.Generator().manual_seed(1)
    names = ("train", "validation", "test")
    base_ids = torch.randint(0, 40, (60,), generator=draw).tolist()
    split_ids = torch.randint(0, 3, (60,), generator=draw).tolist()
    return [
        case("one base in train and in test", [(3, "train"), (5, "train"), (8, "test"), (3, "test")]),
        case("a clean split with six tones a base", tones),
        case("one tone in another split", [*tones, (12, "train"), (9, "train"), (7, "train")]),
        case("a base in validation and test", [(1, "train"), (4, "validation"), (2, "test"), (4, "test")]),
        case("a base in train and validation", [(6, "validation"), (2, "test"), (6, "train"), (6, "train")]),
        case("two leaks, one between neighbours", [(1, "train"), (1, "test"), (5, "train"), (3, "test"), (5, "test")]),
        case("random rows", [(base, names[split]) for base, split in zip(base_ids, split_ids, strict=True)]),
        case("no rows at all", []),
    ]


def _repeated(bases: Tensor, splits: list[str]) -> set[int]:
    found = bases.tolist()
    return {base for base in found if found.count(base) > 1}


def _neighbours(bases: Tensor, splits: list[str]) -> set[int]:
    rows = list(zip(bases.tolist(), splits, strict=True))
    return {a for (a, s), (b, t) in itertools.pairwise(rows) if a == b and s != t}


def _shared(*groups: str) -> Callable[[Tensor, list[str]], set[int]]:
    def answer(bases: Tensor, splits: list[str]) -> set[int]:
        pairs = list(zip(bases.tolist(), splits, strict=True))
        inside = [{base for base, split in pairs if split == group} for group in groups]
        return set.intersection(*inside)

    return answer


def _row_numbers(bases: Tensor, splits: list[str]) -> set[int]:
    bad = leaking_bases(bases, splits)
    return {row for row, base in enumerate(bases.tolist()) if base in bad}


def _clean(bases: Tensor, splits: list[str]) -> set[int]:
    return set(bases.tolist()) - leaking_bases(bases, splits)


LEAKING_BASES = Exercise(
    id="00.2",
    title="Does this split leak?",
    kind="warm-up",
    trains="leaks between the splits of a data set",
    minutes=10,
    level=1,
    optional=True,
    task="""
        The skin tones of one emoji share their outline. If one tone is in the training set and another in the test
        set, a network has seen the test outline before, and the test says too much good of it: the split *leaks*.
        Write `leaking_bases(bases, splits)`, which returns the set of bases whose rows are in more than one split.
        For a clean split that is the empty set.
    """,
    reference=leaking_bases,
    cases=_split_cases,
    mistakes=(
        Mistake(
            "You returned the bases that occur more than once. That is no leak: "
            "six tones of one base in the same split are fine, in different splits they are not.",
            _repeated,
        ),
        Mistake(
            "You compared train with test only. There are three splits, and a base may leak between any two of them.",
            _shared("train", "test"),
        ),
        Mistake(
            "You returned the bases that are in all three splits. Two splits are enough for a leak.",
            _shared("train", "validation", "test"),
        ),
        Mistake(
            "You compared each row with the next one only. The rows of one base need not be neighbours.",
            _neighbours,
        ),
        Mistake("You returned row numbers. Return the bases themselves, the values in `bases`.", _row_numbers),
        Mistake("You returned the bases that are kept apart. Return those that are not.", _clean),
    ),
    hints=(
        "For one base, collect the splits of all its rows. When is that a leak?",
        "A dict from base to the set of its splits is handy: go through the rows once and add each split.",
        "`splits_of.setdefault(base, set()).add(split)` collects; a base leaks if its set has more than one element. "
        "`bases.tolist()` gives Python integers.",
    ),
    why="a base leaks exactly if the set of splits of its rows has more than one element.",
)
