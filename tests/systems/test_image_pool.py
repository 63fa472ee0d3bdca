from __future__ import annotations

import random

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.systems.image_pool import ImagePool


def numbered(start: int, count: int) -> torch.Tensor:
    """Images that are constant and equal to their number."""
    return torch.arange(start, start + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone()


def test_first_fifty_come_back_as_they_are() -> None:
    pool = ImagePool()
    for start in range(0, 50, 5):
        images = numbered(start, 5)
        assert torch.equal(pool.query(images), images)
    assert len(pool) == 50


def test_then_half_are_exchanged_for_stored_ones() -> None:
    """Over 4000 queries the share of old images is 1/2 within four standard deviations, and every place is used."""
    random.seed(0)
    pool, old = ImagePool(50), 0
    pool.query(numbered(0, 50))
    for start in range(50, 4050, 10):
        images = numbered(start, 10)
        returned = pool.query(images)
        old += int((returned != images).flatten(1).any(1).sum())
        assert len(pool) == 50
    assert abs(old / 4000 - 0.5) < 4 * 0.5 / 4000**0.5
    assert min(float(image[0, 0, 0]) for image in pool.images) >= 50  # none of the first fifty survives 2000 exchanges


def test_an_exchanged_image_leaves_the_pool() -> None:
    random.seed(1)
    pool, seen = ImagePool(4), []
    for start in range(400):
        seen.append(float(pool.query(numbered(start, 1))[0, 0, 0, 0]))
    given_out = seen[4:]
    assert len(set(given_out)) == len(
        given_out
    )  # no image comes out twice (the first four came out as they were stored)


def test_size_zero_switches_off_and_nothing_is_shared_with_the_caller() -> None:
    images = numbered(0, 3).requires_grad_()
    assert torch.equal(ImagePool(0).query(images), images)
    pool = ImagePool(3)
    returned = pool.query(images)
    assert not returned.requires_grad
    with torch.no_grad():
        returned.fill_(-1)
        images.fill_(-1)
    assert [float(i[0, 0, 0]) for i in pool.images] == [0, 1, 2]


def test_state_goes_round_and_a_change_of_size_is_refused() -> None:
    pool, other = ImagePool(5), ImagePool(5)
    other.load_state_dict(pool.state_dict())
    assert len(other) == 0
    pool.query(numbered(0, 4))
    other.load_state_dict(pool.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(pool.images, other.images, strict=True))
    with pytest.raises(ShapeError, match="one pool for each image size"):
        pool.query(torch.zeros(1, 1, 4, 4))
