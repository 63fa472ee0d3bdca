"""Pictures of any size come to one size: what is kept, what is cut off, and what is white."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from course_lib.data.fitting import FITS, check_fit, fitted
from course_lib.data.reading import PictureError
from course_lib.errors import DataError


def stripes(width: int, height: int) -> Image.Image:
    """Return a picture whose red grows from left to right and whose green grows from top to bottom, in its pixels."""
    values = np.zeros((height, width, 3), np.uint8)
    values[..., 0] = np.arange(width)
    values[..., 1] = np.arange(height)[:, None]
    return Image.fromarray(values)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(8, 8), (6, 10), (10, 6)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_fit_gives_the_size(fit: str, size: tuple[int, int], mode: str) -> None:
    for shape in ((40, 20), (20, 40), (10, 10), (13, 11)):
        made = fitted(stripes(*shape).convert(mode), size, fit)
        assert (made.height, made.width, made.mode) == (*size, mode)


def test_crop_keeps_the_middle_of_the_longer_side() -> None:
    made = np.asarray(fitted(stripes(100, 40), (40, 40), "crop"))
    assert np.array_equal(made, np.asarray(stripes(100, 40))[:, 30:70])
    tall = np.asarray(fitted(stripes(40, 100), (20, 20), "crop")).astype(int)
    assert abs(tall[0, 0, 1] - 30.5) <= 1
    assert abs(tall[-1, 0, 1] - 68.5) <= 1


def test_centre_does_not_scale() -> None:
    assert np.array_equal(np.asarray(fitted(stripes(11, 8), (4, 5), "centre")), np.asarray(stripes(11, 8))[2:6, 3:8])
    with pytest.raises(PictureError, match=r"^a\.png has 11 × 8 pixels, and no middle of 5 × 9: choose another fit"):
        fitted(stripes(11, 8), (9, 5), "centre", "a.png")


def test_pad_fills_up_with_white_alike_on_both_sides() -> None:
    made = np.asarray(fitted(Image.new("RGB", (40, 20), "blue"), (20, 20), "pad"))
    assert (made[:5] == 255).all()
    assert (made[15:] == 255).all()
    assert (made[5:15] == (0, 0, 255)).all()
    grey = np.asarray(fitted(Image.new("L", (20, 40), 7), (20, 20), "pad"))
    assert (grey[:, :5] == 255).all()
    assert (grey[:, 5:15] == 7).all()


def test_stretch_keeps_the_corners() -> None:
    made = np.asarray(fitted(stripes(100, 40), (20, 20), "stretch")).astype(int)
    assert made[0, 0, 0] < 5 < 95 < made[0, -1, 0]
    assert made[0, 0, 1] < 3 < 36 < made[-1, 0, 1]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_dots_and_lines_keep_their_colour(fit: str, shape: tuple[int, int]) -> None:
    made = np.asarray(fitted(Image.new("RGB", shape, (200, 100, 50)), (16, 16), fit)).reshape(-1, 3)
    coloured = made[(made != 255).any(1)]
    assert len(coloured)
    assert np.abs(coloured.astype(int) - (200, 100, 50)).max() <= 1


@pytest.mark.parametrize(
    ("fit", "size", "sentence"),
    [
        ("cover", 64, r"fit is 'cover': choose one of 'crop', 'centre', 'pad', 'stretch'"),
        ("center", 64, r"did you mean 'centre'\?"),
        (None, 64, "fit is None"),
        ("pad", 0, "size is 0: give a whole number"),
        ("pad", 64.0, r"size is 64\.0: give a whole number"),
        ("pad", True, "size is True"),
        ("pad", (64,), "size is"),
        ("pad", (64, 64, 3), "size is"),
        ("pad", (), "size is"),
        ("pad", (64, -1), "size is"),
        ("pad", "64", "size is '64'"),
    ],
)
def test_sizes_and_fits_that_cannot_be(fit: Any, size: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        check_fit(fit, size)


def test_sizes_that_can_be() -> None:
    assert check_fit("pad", 64) == (64, 64)
    assert check_fit("crop", [48, 64]) == (48, 64)
    assert check_fit("crop", np.int16(32)) == (32, 32)
