"""Skin by tone: the truth has no error, a turn of hue is seen as purple, and other data are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from course_lib.data.pixels import normalise
from course_lib.errors import DataError, ShapeError
from course_lib.lessons.lesson_10.runs import flat_pairs
from course_lib.lessons.lesson_10.skin import skin_by_tone

TONES = ["none", "light", "medium-light", "medium", "medium-dark", "dark"]


@pytest.fixture(scope="module")
def pairs():
    return flat_pairs("validation")


def test_the_truth_is_right(pairs) -> None:
    found = skin_by_tone(normalise(pairs.y), pairs)
    assert list(found) == TONES
    for figures in found.values():
        assert figures["error in a, b"] == 0
        assert figures["purple"] == figures["purple, truth"]
    assert found["dark"]["chroma"] < found["medium"]["chroma"] < found["none"]["chroma"]


def test_only_skin_counts(pairs) -> None:
    """The lightest tone is changed where all tones are equal, and then everywhere."""
    y = normalise(pairs.y)
    assert pairs.factors is not None
    rows = torch.arange(len(y))
    same = torch.ones(len(y), 1, *y.shape[2:], dtype=torch.bool)
    owners = torch.stack([pairs.factors[name] for name in ("base", "role", "gender")], dim=1)
    for row in rows:
        six = y[(owners == owners[row]).all(1)]
        same[row] = ((six.amax(0) - six.amin(0)).mean(0) <= 0.3)[None]
    beside = torch.where(same, -y, y)
    assert skin_by_tone(beside, pairs)["light"]["error in a, b"] == 0
    everywhere = skin_by_tone(-y, pairs)["light"]
    assert everywhere["error in a, b"] > 10


def test_a_colour_turned_to_blue_is_purple(pairs) -> None:
    red, green, blue = normalise(pairs.y).unbind(1)
    turned = torch.stack([red, green, torch.maximum(red, blue)], dim=1)
    found = skin_by_tone(turned, pairs)
    assert all(figures["purple"] > figures["purple, truth"] + 0.2 for figures in found.values())


def test_what_is_refused(pairs) -> None:
    with pytest.raises(ShapeError, match="made"):
        skin_by_tone(normalise(pairs.y)[:3], pairs)
    with pytest.raises(DataError, match="no factor 'base'"):
        skin_by_tone(normalise(pairs.y), replace(pairs, factors=None, factor_names=None))
    with pytest.raises(DataError, match="Nobody occurs in every tone"):
        skin_by_tone(normalise(pairs.y)[:10], pairs[torch.arange(10)])
