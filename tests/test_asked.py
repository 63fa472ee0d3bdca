"""What a user asked for: numbers, paths and functions are taken in their usual forms, and refused in a sentence."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_lib.asked import function, is_number, is_whole, number, path_of, shown, whole
from course_lib.errors import DataError, ShapeError, TrainingError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_becomes_pythons_own(value: Any) -> None:
    assert is_whole(value)
    assert whole("n", value) == 3
    assert type(whole("n", value)) is int


@pytest.mark.parametrize("value", [True, 2.0, "3", None, [1], np.float32(1)])
def test_what_is_no_whole_number(value: Any) -> None:
    assert not is_whole(value)
    with pytest.raises(ShapeError, match=r"n is .*: give a whole number of at least 1"):
        whole("n", value)


def test_bounds_of_whole_numbers() -> None:
    assert (whole("n", 0, 0), whole("n", 9, below=10)) == (0, 9)
    with pytest.raises(TrainingError, match="n is 10: give a whole number from 1 to 9"):
        whole("n", 10, below=10, error=TrainingError)
    with pytest.raises(ShapeError, match="n is -1: give a whole number of at least 0"):
        whole("n", -1, 0)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), Fraction(1, 2)])
def test_a_number_becomes_pythons_own_and_keeps_its_kind(value: Any) -> None:
    assert is_number(value)
    assert type(number("x", value)) is (int if type(value) is int else float)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", None, True, 1j, 10**400])
def test_what_is_no_finite_number(value: Any) -> None:
    with pytest.raises(ShapeError, match=r"x is .*: give a finite number of at least 0"):
        number("x", value)


def test_bounds_of_numbers() -> None:
    assert (number("x", 0), number("x", 1.0, most=1.0), number("x", -2, -2)) == (0, 1.0, -2)
    for options, value, words in (
        ({"above": 0.0}, 0.0, "above 0"),
        ({"below": 1.0}, 1.0, "of at least 0 and below 1"),
        ({"most": 1.0}, 1.5, "of at least 0 and at most 1"),
    ):
        with pytest.raises(ShapeError, match=f"x is {value}: give a finite number {words}\\."):
            number("x", value, **options)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert path_of("folder", "~/a") == path_of("folder", Path("~/a")) == tmp_path / "a"
    assert path_of("folder", "a/~") == Path("a/~")
    for wrong in (3, None, "", True):
        with pytest.raises(DataError, match=r"folder is .*: give a path, for example"):
            path_of("folder", wrong)
    with pytest.raises(DataError, match="no such home folder: write the path out"):
        path_of("folder", "~nobody at all/x")


def test_functions_and_what_is_shown_of_a_value() -> None:
    function("f", None, "lambda: 0")
    function("f", len, "lambda: 0")
    with pytest.raises(ShapeError, match="f is of type list: give a function, for example lambda: 0"):
        function("f", [1], "lambda: 0")
    assert [shown(value) for value in (None, "a", 2.5, {})] == ["None", "'a'", "2.5", "of type dict"]
