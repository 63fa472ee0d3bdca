"""Penalties on gradients against slopes that are known, and bounds on weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from course_lib.errors import ShapeError
from course_lib.losses.penalties import between, clip_weights, gradient_penalty, r1_penalty


def test_penalties_of_known_slopes() -> None:
    """Rows with the norms 0, 1, 5 and 13: ((0-1)^2 + 0 + 16 + 144) / 4, and (0 + 1 + 25 + 169) / 4 / 2."""
    gradient = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 4.0], [5.0, -12.0]])
    assert float(gradient_penalty(gradient)) == pytest.approx((1 + 0 + 16 + 144) / 4, rel=1e-5)
    assert float(gradient_penalty(gradient, target=0.0)) == pytest.approx((0 + 1 + 25 + 169) / 4, rel=1e-5)
    assert float(r1_penalty(gradient)) == pytest.approx((0 + 1 + 25 + 169) / 8, rel=1e-6)


def test_the_norm_is_over_all_values_of_a_picture_and_not_over_the_batch() -> None:
    gradient = torch.full((3, 2, 2, 2), 0.5)
    assert float(gradient_penalty(gradient)) == pytest.approx((math.sqrt(8 * 0.25) - 1) ** 2, rel=1e-5)
    assert float(r1_penalty(gradient)) == pytest.approx(1.0)


def test_a_slope_of_zero_has_a_finite_gradient() -> None:
    gradient = torch.zeros(2, 3, requires_grad=True)
    gradient_penalty(gradient).backward()
    assert torch.isfinite(gradient.grad).all()


def test_points_between_lie_on_lines_one_share_a_row() -> None:
    real, fake = torch.zeros(200, 1, 2, 2), torch.ones(200, 1, 2, 2, requires_grad=True)
    middle = between(real, fake)
    assert middle.requires_grad
    assert middle.is_leaf
    shares = middle.detach().flatten(1)
    assert torch.equal(shares, shares[:, :1].expand(-1, 4))
    assert 0 <= float(shares.min()) < 0.1
    assert 0.9 < float(shares.max()) <= 1
    assert len(shares[:, 0].unique()) > 190
    with pytest.raises(ShapeError, match="must have the same shape"):
        between(real, fake[:3])


def test_weights_are_clipped_in_place() -> None:
    network = nn.Linear(3, 2)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.5, -0.5, 0.01], [0.0, 2.0, -3.0]]))
    clip_weights(network, 0.1)
    expected = torch.tensor([[0.1, -0.1, 0.01], [0.0, 0.1, -0.1]])
    torch.testing.assert_close(network.weight.detach(), expected)
    assert float(network.bias.detach().abs().max()) <= 0.1 + 1e-7
    with pytest.raises(ShapeError, match="above 0"):
        clip_weights(network, 0.0)
