"""A number that a training should reach: one line, or a sentence that stops."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import reached


@pytest.fixture(autouse=True)
def _cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PRESET", "cpu")


@pytest.mark.parametrize(("value", "bound"), [(8, {"at_least": 8}), (2.5, {"at_most": 2.5}), (9.0, {"at_least": 8})])
def test_what_is_reached_is_said_in_a_line(value, bound, capsys):
    reached("points covered", torch.tensor(value), **bound)
    word = "at least 8" if "at_least" in bound else "at most 2.5"
    assert capsys.readouterr().out == f"points covered: {value:.4g}, and {word} was asked for. Well done.\n"


@pytest.mark.parametrize(("value", "bound"), [(7, {"at_least": 8}), (2.6, {"at_most": 2.5})])
def test_what_is_not_reached_stops_with_what_to_look_at(value, bound, capsys):
    with pytest.raises(ExerciseError, match=rf"points covered: {value}, and at .* was asked for\. Look at D\."):
        reached("points covered", value, otherwise="Look at D.", **bound)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "8", torch.zeros(2), True])
def test_what_is_no_number_stops(value):
    with pytest.raises(ExerciseError, match="is no finite number"):
        reached("points covered", value, at_least=0)


def test_a_bound_is_one():
    for bounds in ({}, {"at_least": 1, "at_most": 2}):
        with pytest.raises(ExerciseError, match="Give one bound"):
            reached("points covered", 1, **bounds)


def test_after_a_smoke_test_nothing_is_judged(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    reached("points covered", 1, at_least=8)
    assert "not judged" in capsys.readouterr().out
