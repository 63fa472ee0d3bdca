"""Which pictures are for training and which are held out: by their names, by shares, or by a hash that never moves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch

from course_lib.asked import is_number, shown, whole
from course_lib.data.picture_paths import SUFFIXES
from course_lib.errors import DataError
from course_lib.words import suggest

SPLITS = ("train", "validation", "test")
FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What folders of splits are called, in small letters."""
SHARES = (0.8, 0.1, 0.1)

Splits = Sequence[float] | Mapping[str, str | Sequence[str]]


def check_split(split: Any, splits: Any, seed: Any) -> None:
    """Raise unless a split can be asked for so; the arguments are those of ``chosen``.

    Raises:
        DataError: in one sentence that says which argument to change.
    """
    known = (*SPLITS, "all")
    if not isinstance(split, str) or split not in known:
        named = FOLDERS.get(str(split).lower())
        hint = f" (did you mean {named!r}?)" if named else suggest(split, known)
        raise DataError(f"There is no split {shown(split)}: choose one of {', '.join(map(repr, known))}{hint}.")
    if seed is not None:
        whole("seed", seed, least=0, below=2**63, error=DataError)
    if splits is None:
        return
    if isinstance(splits, Mapping):
        if not splits or not set(splits) <= set(SPLITS):
            keys = f"the keys {', '.join(map(shown, splits))}" if splits else "no keys"
            raise DataError(f"splits has {keys}: give names or patterns for {', '.join(SPLITS)}.")
        for key, patterns in splits.items():
            listed = isinstance(patterns, (str, list, tuple, set, frozenset)) and bool(patterns)
            if not listed or not all(isinstance(pattern, str) and pattern for pattern in _patterns(patterns)):
                raise DataError(
                    f"splits[{key!r}] is {shown(patterns)}: give a pattern such as 'a*', or a list of names."
                )
        if split != "all" and split not in splits:
            raise DataError(f"splits says nothing about {split!r}: add the key {split!r}, or choose another split.")
        return
    numbers = isinstance(splits, (list, tuple)) and len(splits) == 3
    numbers = numbers and all(is_number(share) and 0 <= share <= 1 for share in splits)
    if not numbers or abs(sum(splits) - 1) > 1e-6:
        given = repr(splits) if numbers else shown(splits)
        raise DataError(
            f"splits is {given}: give three shares that add up to 1, such as {SHARES}, or names or patterns by split."
        )


def chosen(
    keys: Sequence[str],
    split: str,
    splits: Splits | None = None,
    seed: int | None = None,
    group: Callable[[str], str] | None = None,
) -> list[int]:
    """Return the places of the keys that belong to a split.

    Args:
        keys: the pictures' names without suffix, each once.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        splits: three shares of train, validation and test; or names or patterns (``"2019/*"``) by split, which a key
            matches as a whole or with its last part; names may have a suffix, patterns must not. ``None`` is 80, 10
            and 10 of 100.
        seed: of a random order of all keys, cut at the shares; ``None`` goes by a hash of each key, so that a new key
            moves no other, and the shares are met roughly.
        group: what must stay in one split: it gets a key and returns the name of its group, for example the person.

    Raises:
        DataError: if nothing is left, or a key belongs to two splits.
    """
    if split == "all":
        return list(range(len(keys)))
    if isinstance(splits, Mapping):
        places = _by_pattern(keys, split, splits)
    else:
        groups = [str(group(key)) if group else key for key in keys]
        shares = SHARES if splits is None else splits
        places = _by_share(groups, SPLITS.index(split), shares, seed)
    if not places:
        how = "splits (without suffixes) matches none" if isinstance(splits, Mapping) else "the shares leave none"
        remedy = "change splits" if isinstance(splits, Mapping) or seed is not None else "give a seed, or other splits"
        raise DataError(f"No picture of {len(keys):,} is in the split {split!r}, since {how}: {remedy}.")
    return places


def _patterns(patterns: str | Sequence[str]) -> Sequence[str]:
    return (patterns,) if isinstance(patterns, str) else patterns


def _by_pattern(keys: Sequence[str], split: str, splits: Mapping[str, str | Sequence[str]]) -> list[int]:
    last = [key.rpartition("/")[2] for key in keys]
    there = {*keys, *last}
    homes: dict[str, set[int]] = {}
    for name, given in splits.items():
        exact, globs = set(), []
        for one in _patterns(given):
            if any(letter in one for letter in "*?["):
                globs.append(one)
            else:
                stem, suffix = os.path.splitext(one)
                exact.add(stem if suffix.lower() in SUFFIXES else one)
        absent = sorted(exact - there)
        if absent and name == split:
            raise DataError(
                f"splits[{name!r}] names {len(absent)} pictures that are not there, such as {absent[0]!r}: "
                "check the names."
            )
        homes[name] = {
            place
            for place, key in enumerate(keys)
            if key in exact or last[place] in exact or any(_matches(key, last[place], one) for one in globs)
        }
    mine = homes[split]
    for name, others in homes.items():
        both = sorted(mine & others) if name != split else []
        if both:
            raise DataError(
                f"{keys[both[0]]!r} is in the splits {split} and {name}: change splits so that it is in one."
            )
    return sorted(mine)


def _matches(key: str, last: str, pattern: str) -> bool:
    return fnmatchcase(key, pattern) or fnmatchcase(last, pattern)


def _by_share(groups: Sequence[str], number: int, shares: Sequence[float], seed: int | None) -> list[int]:
    low, high = sum(shares[:number]), sum(shares[: number + 1])
    if number == 2:
        high = 2.0  # whatever the rounding
    if seed is None:
        return [place for place, name in enumerate(groups) if low <= _uniform(name) < high]
    names = sorted(set(groups))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    first, last = round(low * len(names)), round(min(high, 1.0) * len(names))
    mine = {names[place] for place in order[first:last]}
    return [place for place, name in enumerate(groups) if name in mine]


def _uniform(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
