"""What wrong results have in common, said in a sentence; and nothing where nothing fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from course_lib.exercises.patterns import pattern

RIGHT = [torch.tensor([[-2.0, 0.5], [3.0, -0.1]]), torch.tensor([[0.2, -7.0], [1.0, 4.0], [5.0, 6.0]])]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda right: -2 * right, "On every input your result is -2 times the right one."),
        (lambda right: right + 0.5, "On every input your result is 0.5 too large."),
        (lambda right: right - 0.25, "On every input your result is 0.25 too small."),
        (torch.abs, "its sign is lost"),
        (torch.relu, "0 wherever the right one is below 0"),
        (lambda right: right.clamp(-1, 1), "never goes below -1 or above 1, as if it were cut off there"),
        (lambda right: right.clamp(max=2), "never goes above 2,"),
        (lambda right: right.mean(0, keepdim=True).expand_as(right), "the mean of all right ones"),
        (lambda right: right[:1].expand_as(right), "the right one of the first row"),
        (lambda right: right.flip(0), "in the opposite order"),
        (lambda right: right.sin(), ""),
        (lambda right: right * torch.nan, ""),
    ],
)
def test_values(change: Callable[[Tensor], Tensor], said: str) -> None:
    found = pattern([change(right) for right in RIGHT], RIGHT, "value", 1e-4, 1e-5)
    assert said in found
    assert bool(found) == bool(said)


def test_numbers_are_taken_as_well_as_tensors() -> None:
    assert "0.5 times" in pattern([1.0, 2.0], [2, 4], "value", 1e-4, 1e-5)
    assert "whatever the input is" in pattern([1.0, 1.0], [2, 4], "value", 1e-4, 1e-5)
    assert pattern(["a", "b"], ["c", "d"], "value", 1e-4, 1e-5) == ""


@pytest.mark.parametrize(
    ("mine", "right", "said"),
    [
        ((), (1,), "An axis of length 1 is lost"),
        ((3,), (3, 1), "An axis of length 1 is lost"),
        ((1, 4), (4,), "too many: leave `keepdim` out"),
        ((3,), (), "should have been summed or averaged"),
        ((2, 3), (3, 2), "Axes have changed places."),
        ((), (5,), "one is to be kept"),
        ((4,), (5,), ""),
    ],
)
def test_shapes(mine: tuple[int, ...], right: tuple[int, ...], said: str) -> None:
    found = pattern([torch.zeros(mine)], [torch.zeros(right)], "shape", 1e-4, 1e-5)
    assert said in found
    assert bool(found) == bool(said)
