"""Standard errors count what is independent."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import standard_error


def test_without_groups_it_is_the_usual_one():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0])
    usual = float(values.double().std(correction=1)) / 2
    assert standard_error(values) == pytest.approx(usual)
    assert standard_error(values, torch.tensor([7, 3, 5, 1])) == pytest.approx(usual)


def test_copies_tell_nothing_new():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0])
    groups = torch.arange(4).repeat_interleave(10)
    assert standard_error(values.repeat_interleave(10), groups) == pytest.approx(standard_error(values))
    assert standard_error(values.repeat_interleave(10)) < 0.3 * standard_error(values)


def test_by_hand_with_groups_of_two_sizes():
    """Mean 3; the groups are 1 + 2 - 6 = -3 and 6 - 3 = 3 above it: sqrt(2 / 1 * (9 + 9)) / 3."""
    error = standard_error(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([0, 0, 1]))
    assert error == pytest.approx(math.sqrt(2 * 18) / 3)


@pytest.mark.parametrize(
    ("values", "groups", "says"),
    [
        (torch.ones(1), None, "two at least"),
        (torch.ones(4), torch.zeros(4, dtype=torch.long), "two at least"),
        (torch.ones(4), torch.zeros(3, dtype=torch.long), "one integer for each"),
        (torch.ones(4), torch.zeros(4), "one integer for each"),
        (torch.ones(2, 2), None, r"give \(N,\)"),
        (torch.tensor([1.0, math.nan]), None, "all finite"),
    ],
)
def test_what_cannot_be(values, groups, says):
    with pytest.raises(ShapeError, match=says):
        standard_error(values, groups)
