"""The outlines whose six right answers are known."""

from __future__ import annotations

import pytest
import torch

from course_lib.data import emoji, emoji_pairs
from course_lib.data.answers import AnswerSet, emoji_answers
from course_lib.errors import DataError

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def known() -> dict[str, AnswerSet]:
    return {split: emoji_answers(split) for split in SPLITS}


def test_209_of_the_210_bases_are_in_and_no_name_is_in_two_splits(known: dict[str, AnswerSet]) -> None:
    assert sum(len(part) for part in known.values()) == 209
    names = [name for part in known.values() for name in part.names]
    assert len(set(names)) == 209
    for split, part in known.items():
        assert repr(part) == f"AnswerSet({split}: {len(part)} outlines x 6 answers)"
        assert part.x.shape == (len(part), 1, 64, 64)
        assert part.answers.shape == (len(part), 6, 3, 64, 64)
        assert part.x.dtype == part.answers.dtype == torch.uint8
        assert part.licence == "MIT"


def test_each_answer_is_the_picture_of_its_base_in_its_tone(known: dict[str, AnswerSet]) -> None:
    part = known["test"]
    pictures = emoji("test", style="3d", subset="factorial")
    assert pictures.factors is not None
    assert pictures.factor_names is not None
    assert pictures.names is not None
    place = {
        (pictures.factor_names["base"][base], pictures.factor_names["tone"][tone]): row
        for row, (base, tone) in enumerate(
            zip(pictures.factors["base"].tolist(), pictures.factors["tone"].tolist(), strict=True)
        )
    }
    for row, name in enumerate(part.names):
        for number, tone in enumerate(part.tones):
            assert torch.equal(part.answers[row, number], pictures.images[place[name, tone]])


def test_the_outline_belongs_to_all_six(known: dict[str, AnswerSet]) -> None:
    part = known["validation"]
    pairs = emoji_pairs("validation", x="outline", y="3d", subset="factorial")
    for row in range(len(part)):
        same = (pairs.y[:, None] == part.answers[row]).flatten(2).all(dim=2).nonzero()[:, 0]
        assert len(same) >= 6
        assert all(torch.equal(pairs.x[other], part.x[row]) for other in same.tolist())


def test_tones_go_from_light_to_dark(known: dict[str, AnswerSet]) -> None:
    part = known["train"]
    assert part.tones == ["none", "light", "medium-light", "medium", "medium-dark", "dark"]
    light, *others = part.targets()[:, 1:].mean(dim=(0, 2, 3, 4)).tolist()
    assert others == sorted(others, reverse=True)
    assert light > others[1]  # than medium; medium-light has fair hair, light has black


def test_networks_take_floats_from_minus_one_to_one(known: dict[str, AnswerSet]) -> None:
    part = known["test"]
    for floats, stored in ((part.condition(), part.x), (part.targets(), part.answers)):
        assert floats.dtype == torch.float32
        assert floats.shape == stored.shape
        assert torch.equal(((floats + 1) * 127.5).round().to(torch.uint8), stored)
    assert part.condition().max() == 1
    assert part.condition().min() < -0.9


def test_other_styles() -> None:
    lines = emoji_answers("test", y="openmoji_line")
    assert lines.answers.shape[1:] == (6, 1, 64, 64)
    assert "CC BY-SA 4.0" in lines.licence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split": "all"}, "no split 'all': choose one of train, validation, test"),
        ({"y": "4d"}, "no style '4d': choose one of"),
        ({"y": "labels"}, "'labels' holds class ids, which have no mean: choose a style of pictures"),
        ({"y": "outline"}, "choose two styles"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        emoji_answers(**options)
