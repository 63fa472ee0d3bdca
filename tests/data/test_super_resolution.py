"""Small and large versions of photographs: the degradation by hand, and splits by photograph."""

from __future__ import annotations

import pytest
import torch

from course_lib.data.super_resolution import shrink, super_resolution_pairs
from course_lib.errors import DataError, ShapeError


def test_a_colour_stays_and_a_ramp_keeps_its_slope() -> None:
    flat = torch.tensor([0, 100, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 16, 24)
    assert torch.equal(shrink(flat, 4), flat[..., :4, :6])
    ramp = (5 * torch.arange(48)).to(torch.uint8).expand(1, 1, 16, 48)
    small = shrink(ramp, 4)[0, 0, 0].double()
    middles = 5 * (4 * torch.arange(12) + 1.5)  # the middle of four pixels lies between the second and the third
    assert (small - middles)[2:-2].abs().max() <= 0.5


def test_stripes_finer_than_the_result_become_grey() -> None:
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(32).expand(1, 1, 64, 64)
    small = shrink(stripes, 4).int()
    assert (small[..., 2:-2] - 127.5).abs().max() <= 2  # every fourth pixel alone would be black


def test_an_edge_does_not_wrap_around() -> None:
    edge = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    edge[..., 16:] = 255
    small = shrink(edge, 4)[0, 0, 0].int()  # bicubic overshoots on both sides: below 0 and above 255
    assert small.tolist() == sorted(small.tolist())
    assert small[2] == 0 < small[3] < 64
    assert small[3] + small[4] == small[5] == 255


def test_many_images_are_shrunk_as_each_alone() -> None:
    images = torch.randint(0, 256, (300, 1, 8, 8), dtype=torch.uint8)
    together = shrink(images, 2)
    assert together.shape == (300, 1, 4, 4)
    for row in (0, 255, 256, 299):
        assert torch.equal(together[row], shrink(images[row : row + 1], 2)[0])


@pytest.mark.parametrize("factor", [1, 0, 3, 2.0])
def test_a_factor_that_does_not_divide(factor: int) -> None:
    with pytest.raises(DataError, match=f"16 x 16 cannot be shrunk by {factor}: choose a divisor of both, at least 2"):
        shrink(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), factor)


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 16, 16), torch.zeros(3, 16, 16, dtype=torch.uint8)])
def test_images_that_are_no_bytes(images: torch.Tensor) -> None:
    with pytest.raises(ShapeError, match=r"takes uint8 \(N, C, H, W\)"):
        shrink(images, 4)


def test_pairs_of_the_photographs() -> None:
    test = super_resolution_pairs("test", size=96)
    validation = super_resolution_pairs("validation", size=48, stride=96, factor=2)
    assert test.x.shape == (len(test), 3, 24, 24)
    assert test.y.shape == (len(test), 3, 96, 96)
    assert validation.x.shape[2:] == (24, 24)
    assert validation.y.shape[2:] == (48, 48)
    assert torch.equal(test.x[:3], shrink(test.y[:3], 4))
    assert (test.split, validation.split) == ("test", "validation")
    assert test.factors is not None
    assert test.factor_names is not None
    assert validation.factor_names is not None
    assert int(test.factors["photo"].max()) + 1 == len(test.factor_names["photo"])
    assert not set(test.factor_names["photo"]) & set(validation.factor_names["photo"])
    batch = next(test.batches(2, flip=True))
    assert batch.x.shape == (2, 3, 24, 24)
    assert batch.y.min() >= -1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"split": "all"}, "no split 'all'"), ({"split": "test", "size": 90}, "90 x 90 cannot be shrunk by 4")],
)
def test_pairs_that_cannot_be(options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        super_resolution_pairs(**options)
