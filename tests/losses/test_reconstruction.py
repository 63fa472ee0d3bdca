"""Pixel losses against hand-made values, and their minimisers against brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import (
    distance_to_interval,
    mae_minimisers,
    mean_absolute_error,
    mean_squared_error,
    mse_minimiser,
)


def test_values_by_hand():
    output = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(2, 1, 1, 2)
    target = torch.tensor([1.0, -1.0, 1.0, 3.0]).view(2, 1, 1, 2)
    assert mean_squared_error(output, target) == pytest.approx((1 + 1 + 0 + 4) / 4)
    assert mean_absolute_error(output, target) == pytest.approx((1 + 1 + 0 + 2) / 4)


@pytest.mark.parametrize("loss", [mean_squared_error, mean_absolute_error])
def test_broadcasting_is_refused(loss):
    with pytest.raises(ShapeError, match="must have the same shape"):
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))


answers_and_weights = st.integers(1, 6).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-1, 1, width=32), min_size=k, max_size=k),
        st.lists(st.integers(0, 5), min_size=k, max_size=k).filter(lambda w: sum(w) > 0),
    )
)


@settings(max_examples=60, deadline=None)
@given(answers_and_weights)
def test_minimisers_beat_every_other_value(case):
    values, weights = torch.tensor(case[0], dtype=torch.float64), torch.tensor(case[1], dtype=torch.float64)
    grid = torch.linspace(-1.2, 1.2, 241, dtype=torch.float64)
    share = weights / weights.sum()

    def squared(c):
        return (share * (values - c) ** 2).sum()

    def absolute(c):
        return (share * (values - c).abs()).sum()

    mean = mse_minimiser(values[:, None], weights)[0]
    low, high = (end[0] for end in mae_minimisers(values[:, None], weights))
    assert low <= high
    assert squared(mean) <= min(squared(c) for c in grid) + 1e-12
    best = min(min(absolute(c) for c in grid), min(absolute(v) for v in values))
    for c in (low, high, (low + high) / 2):
        assert absolute(c) == pytest.approx(float(best), abs=1e-9) or absolute(c) < best
    # outside the interval the loss rises: the ends are really the ends
    for c in (low - 0.01, high + 0.01):
        assert absolute(c) > absolute(low)


def test_black_and_white():
    """Half black, half white: the mean is mid-grey, and every grey is a median. At 60:40 the median takes the side."""
    answers = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    assert mse_minimiser(answers) == pytest.approx(0.5)
    assert [float(end) for end in mae_minimisers(answers)] == [0.0, 1.0]
    weights = torch.tensor([0.4, 0.6])
    assert mse_minimiser(answers, weights) == pytest.approx(0.6)
    assert [float(end) for end in mae_minimisers(answers, weights)] == [1.0, 1.0]


def test_six_answers_leave_an_interval():
    answers = torch.tensor([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]).view(6, 1)
    low, high = mae_minimisers(answers)
    assert (float(low), float(high)) == (3.0, 4.0)


@pytest.mark.parametrize("weights", [torch.ones(3), torch.tensor([1.0, -1.0]), torch.zeros(2)])
def test_weights_that_do_not_fit_are_refused(weights):
    for function in (mse_minimiser, mae_minimisers):
        with pytest.raises(ShapeError, match="as many weights, none negative"):
            function(torch.zeros(2, 4), weights)


def test_distance_to_interval():
    low, high = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 1.0])
    gap = distance_to_interval(torch.tensor([-0.5, 0.3, 1.25]), low, high)
    assert gap.tolist() == [0.5, 0.0, 0.25]
