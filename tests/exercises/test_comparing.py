"""Differences between results and what was expected, in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exercises.comparing import describe, differences


def only(got: object, expected: object) -> tuple[str, str]:
    found = differences(got, expected)
    assert len(found) == 1, found
    return found[0].kind, found[0].text


@pytest.mark.parametrize(
    "got, expected",
    [
        (1, 1.0),
        (0.3333333, 1 / 3),
        (torch.tensor(2.0), 2.0),
        (torch.tensor([2.0]), 2.0),
        (np.float32(2), 2.0),
        (float("nan"), float("nan")),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.000001])),
        (torch.zeros(2, requires_grad=True), torch.zeros(2)),
        (torch.tensor(float("nan")), torch.tensor(float("nan"))),
        ({"a": 1, "b": 2, "more": 3}, {"a": 1.0, "b": 2.0}),
        ((1, 2), [1.0, 2.0]),
        ({1, 2}, {2, 1}),
        (frozenset(), set()),
        (True, True),
        ("mean", "mean"),
    ],
)
def test_no_difference(got: object, expected: object) -> None:
    assert differences(got, expected) == []


@pytest.mark.parametrize(
    "got, expected, kind, text",
    [
        (None, 1.0, "type", "expected a number, got nothing (None): is a `return` missing?"),
        ("1", 1.0, "type", "expected a number, got '1'"),
        (True, 1.0, "type", "expected a number, got True"),
        (torch.zeros(2), 1.0, "type", "expected a number, got a float32 tensor of shape (2,)"),
        (2, 1.0, "value", "expected 1, got 2"),
        (1.0, torch.tensor(1.0), "type", "expected a torch tensor, got 1"),
        (np.zeros((2, 3)), torch.zeros(2, 3), "type", "expected a torch tensor, got a NumPy array of shape (2, 3)"),
        (torch.zeros(2, 3), torch.zeros(3, 2), "shape", "expected shape (3, 2), got shape (2, 3)"),
        (torch.zeros(1), torch.tensor(0.0), "shape", "expected a scalar (shape ()), got shape (1,)"),
        (torch.zeros(2).long(), torch.zeros(2), "dtype", "expected dtype float32, got int64"),
        (torch.zeros(2), torch.zeros(2).long(), "dtype", "expected dtype int64, got float32"),
        (torch.ones(2) / 0, torch.ones(2), "value", "expected finite numbers, got NaN or infinity in 2 of 2 places"),
        ([1], (1, 2), "type", "expected a tuple of 2, got [1]"),
        ({1}, {1, 2}, "value", "expected {1, 2}, got {1}"),
        ({1}, set(), "value", "expected the empty set, got {1}"),
        ([1], {1}, "type", "expected a set, got [1]"),
        (1, True, "type", "expected True, got 1"),
        (False, True, "value", "expected True, got False"),
        ([], {"a": 1}, "type", 'expected a dict with the keys "a", got []'),
        ({"b": 1}, {"a": 1}, "keys", 'expected a dict with the keys "a", got the keys "b"'),
        ({}, {"a": 1}, "keys", 'expected a dict with the keys "a", got an empty dict'),
        (len, {"a": 1}, "type", 'expected a dict with the keys "a", got a function'),
    ],
)
def test_difference(got: object, expected: object, kind: str, text: str) -> None:
    assert only(got, expected) == (kind, text)


def test_floats_of_another_precision_will_do_unless_the_dtype_is_asked_for() -> None:
    for got in (torch.ones(2).double(), torch.ones(2).half(), torch.ones(2).bfloat16()):
        assert differences(got, torch.ones(2)) == []
        (found,) = differences({"a": got}, {"a": torch.ones(2)}, exact=True)
        assert (found.kind, found.part) == ("dtype", "a")


@pytest.mark.parametrize("got", [torch.ones(2).to_sparse(), torch.ones(2) + 0j, torch.ones(2, device="meta")])
def test_tensors_that_cannot_be_compared_are_refused_in_words(got: torch.Tensor) -> None:
    assert only(got, torch.ones(2))[0] == "type"
    assert only(torch.ones((), device="meta"), 1.0)[0] == "type"


def test_what_has_no_text_is_described_by_its_class() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise ValueError("no text")

    assert describe(Silent()) == "a Silent"
    assert describe(torch.zeros((), device="meta")) == "a Tensor"


def test_tensors_in_a_set_are_named() -> None:
    kind, text = only({torch.tensor(1)}, {1})
    assert kind == "type"
    assert ".item()" in text


def test_a_wrong_range_is_said_before_a_place() -> None:
    expected = torch.linspace(-1, 1, 8)
    assert only((expected + 1) / 2, expected)[1] == "expected values from -1 to 1, got values from 0 to 1"


def test_the_worst_place_is_named() -> None:
    expected = torch.linspace(-1, 1, 12).view(3, 4)
    got = expected.clone()
    got[1, 2] = 0.9
    assert only(got, expected)[1] == "1 of 12 values are wrong: at [1, 2] expected 0.09091, got 0.9"


def test_each_part_of_a_dict_is_compared() -> None:
    found = differences({"a": 1, "b": torch.zeros(1), "c": None}, {"a": 2, "b": torch.zeros(2), "c": 1})
    assert [(item.part, item.kind) for item in found] == [("a", "value"), ("b", "shape"), ("c", "type")]
    assert found[2].text == "expected a number, got None"


def test_each_part_of_a_tuple_is_compared() -> None:
    assert [item.part for item in differences((1, 2, 4), (1, 3, 5))] == ["result 2", "result 3"]


def test_the_tolerance_counts() -> None:
    assert differences(1.001, 1.0, rtol=1e-2) == []
    assert differences(1.001, 1.0, rtol=1e-4) != []


@pytest.mark.parametrize(
    "value, text",
    [
        (torch.zeros(2, 3, dtype=torch.uint8), "a uint8 tensor of shape (2, 3)"),
        (torch.tensor(0.25), "0.25 (a tensor without dimensions)"),
        (torch.nn.Linear(2, 2), "a network"),
        (1 / 3, "0.3333"),
        (list(range(100)), "a list of 100"),
        ((torch.zeros(1), torch.zeros(1)), "a tuple of 2"),
        (torch.zeros(2, 2).min(dim=1), "both results of torch's `min`: take its `.values`"),
        (object, "a function"),
        ("x" * 100, "a str"),
        ("word", "'word'"),
    ],
)
def test_describe(value: object, text: str) -> None:
    assert describe(value) == text


def test_what_cannot_be_compared_is_the_authors_error() -> None:
    with pytest.raises(TypeError, match="cannot compare object"):
        differences(1, object())
