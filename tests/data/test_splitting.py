"""Which pictures are held out: disjoint, repeatable, and not moved by a picture that comes later."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.splitting import SPLITS, check_split, chosen
from course_lib.errors import DataError

KEYS = [f"photo_{number}" for number in range(1000)]


def taken(keys: list[str], split: str, *rest: Any, **options: Any) -> set[str]:
    return {keys[place] for place in chosen(keys, split, *rest, **options)}


@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=40), st.one_of(st.none(), st.integers(0, 99)))
@settings(max_examples=60, deadline=None)
def test_splits_are_disjoint_and_leave_nothing_out(names: set[str], seed: int | None) -> None:
    keys = sorted(names)
    seen: list[int] = []
    sentences: list[str] = []
    for split in SPLITS:
        try:
            seen += chosen(keys, split, None, seed)
        except DataError as error:
            sentences.append(str(error))
    assert all("shares leave none" in text for text in sentences)
    assert sorted(seen) == list(range(len(keys))) == chosen(keys, "all")


def test_a_picture_that_comes_later_moves_no_other() -> None:
    before = {split: taken(KEYS[::2], split) for split in SPLITS}
    after = {split: taken(KEYS, split) for split in SPLITS}
    for split in SPLITS:
        assert before[split] <= after[split]
    assert 760 <= len(after["train"]) <= 840
    assert 70 <= len(after["test"]) <= 130
    # pinned: a split that a learner has measured on must be the same in the next release
    assert chosen(KEYS, "test")[:5] == [27, 38, 52, 65, 85]


def test_a_seed_gives_exact_shares() -> None:
    sizes = [len(chosen(KEYS, split, (0.5, 0.2, 0.3), 7)) for split in SPLITS]
    assert sizes == [500, 200, 300]
    assert chosen(KEYS, "test", None, 7) == chosen(KEYS, "test", None, 7) != chosen(KEYS, "test", None, 8)
    assert taken(list(reversed(KEYS)), "test", None, 7) == taken(KEYS, "test", None, 7)  # not a matter of the order


@pytest.mark.parametrize("seed", [None, 3])
def test_groups_stay_together(seed: int | None) -> None:
    keys = [f"{person}/{number}" for person in range(40) for number in range(5)]
    for split in SPLITS:
        persons = [key.partition("/")[0] for key in taken(keys, split, None, seed, lambda key: key.partition("/")[0])]
        assert len(persons) == 5 * len(set(persons))


def test_names_and_patterns() -> None:
    keys = ["a1", "a2", "b/a3", "b/x1", "x2"]
    splits = {"train": "a*", "validation": ["b/x?"], "test": ["x2.png"]}
    assert taken(keys, "train", splits) == {"a1", "a2", "b/a3"}  # the last part matches too
    assert taken(keys, "validation", splits) == {"b/x1"}
    assert taken(keys, "test", splits) == {"x2"}
    assert taken(["a.b"], "train", {"train": ["a.b"]}) == {"a.b"}  # no suffix of a picture
    with pytest.raises(DataError, match=r"'a1' is in the splits train and test: change splits"):
        chosen(keys, "train", {"train": "a*", "test": "*1"})
    with pytest.raises(DataError, match=r"names 2 pictures that are not there, such as 'no': check the names"):
        chosen(keys, "test", {"test": ["a1", "no", "x9.jpg"]})
    with pytest.raises(DataError, match=r"No picture of 5 is in the split 'test', since splits .* matches none"):
        chosen(keys, "test", {"test": "*.png"})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("val", None, None), r"did you mean 'validation'\?"),
        (("tset", None, None), r"There is no split 'tset': choose one of .* \(did you mean 'test'\?\)"),
        ((None, None, None), "There is no split None"),
        (("all", None, 1.5), r"seed is 1\.5: give a whole number"),
        (("all", None, True), "seed is True"),
        (("all", (0.8, 0.2), None), "splits is .*: give three shares"),
        (("all", (0.8, 0.1, 0.2), None), "three shares that add up to 1"),
        (("all", (1.2, -0.1, -0.1), None), "three shares"),
        (("all", 0.8, None), "three shares"),
        (("all", "train", None), "three shares"),
        (("all", {}, None), "splits has no keys: give names or patterns for train"),
        (("all", {"val": "a*"}, None), "splits has the keys 'val': give names or patterns for train, validation"),
        (("all", {"test": []}, None), r"splits\['test'\] is of type list: give a pattern"),
        (("all", {"test": [3]}, None), "give a pattern"),
        (("test", {"train": "a*"}, None), "splits says nothing about 'test'"),
    ],
)
def test_what_cannot_be(arguments: tuple[Any, Any, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        check_split(*arguments)
