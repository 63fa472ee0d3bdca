"""Luma and the two channels of colour: known colours, the way back, and what is refused."""

from __future__ import annotations

import pytest
import torch

from course_lib.data.luma import colour_channels, coloured, luma
from course_lib.data.pixels import to_bytes
from course_lib.errors import ShapeError


def pictures(count: int = 2, side: int = 16) -> torch.Tensor:
    return 2 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) - 1


def test_known_colours():
    colours = torch.tensor([[1.0, -1, -1], [-1, -1, 1], [0.4, 0.4, 0.4]]).view(3, 3, 1, 1)  # red, blue, grey
    found = colour_channels(colours).flatten(1)
    expected = torch.tensor([[-0.299 / 0.886, 1.0], [1.0, -0.114 / 0.701], [0.0, 0.0]])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_there_and_back_is_the_picture():
    images = pictures()
    grey = (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(coloured(grey, colour_channels(images)), images, atol=1e-5, rtol=0)


def test_whatever_the_colours_the_luma_stays():
    grey, colour = 0.5 * pictures()[:, :1], 0.1 * pictures()[:, 1:]
    assert (luma(to_bytes(coloured(grey, colour))).int() - to_bytes(grey).int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: coloured(pictures()[:, :1], pictures(1)[:, :2]), "same shape"),
        (lambda: colour_channels(torch.zeros(1, 3, 4, 4, dtype=torch.uint8)), "give floats"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong, says):
    with pytest.raises(ShapeError, match=says):
        wrong()
