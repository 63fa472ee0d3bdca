"""Sheets of pictures: equally high, in their proportions, with their own colours, and no text cut off."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.widgets.sheets import (
    FINE,
    beside,
    check_picture,
    css_width,
    picture_rows,
    to_array,
    to_keep,
    to_png,
    written,
)


def plain(height: int, width: int, *colour: float) -> Tensor:
    return torch.tensor(colour).view(3, 1, 1).expand(3, height, width)


RED, GREEN, BLUE = (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0)


def box(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of all pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def ink(sheet: Image.Image) -> np.ndarray:
    """Return where there is dark grey text."""
    pixels = np.asarray(sheet).astype(int)
    return (pixels.max(axis=2) < 150) & (np.ptp(pixels, axis=2) < 12)


def test_pictures_are_equally_high_and_keep_their_proportions() -> None:
    row = {"wide": plain(20, 40, *RED), "high": plain(90, 30, *GREEN), "square": plain(7, 7, *BLUE)}
    sheet = picture_rows([row], height=120)
    boxes = [box(sheet, colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    for (left, top, right, bottom), proportion in zip(boxes, (2, 1 / 3, 1), strict=True):
        assert bottom - top == 120 * FINE
        assert right - left == pytest.approx(120 * FINE * proportion, abs=1)
        assert top == boxes[0][1]
    assert boxes[0][2] < boxes[1][0] < boxes[1][2] < boxes[2][0]
    assert css_width(sheet) == round(sheet.width / FINE)


def test_a_row_that_is_too_wide_is_made_lower() -> None:
    row = {str(k): plain(10, 20, *RED) for k in range(5)}
    sheet = picture_rows([row], height=400)
    assert 800 < css_width(sheet) <= 900
    left, top, right, bottom = box(sheet, (255, 0, 0))
    assert (right - left) / 5 / (bottom - top) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("title", ["one", "a title that is much longer than its picture is wide", "Incomprehensibly"])
@pytest.mark.parametrize("note", ["", "a note that is longer than the one small picture above it, and so takes lines"])
def test_no_text_is_cut_off(title: str, note: str) -> None:
    sheet = picture_rows([{title: plain(40, 20, *RED)}, {"two": plain(40, 20, *RED)}], height=60, note=note)
    dark = ink(sheet)
    edge = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    assert not edge.any()
    _, top, _, bottom = box(sheet, (255, 0, 0))
    assert dark[:top].any()
    assert dark[bottom:].any() == bool(note)


def test_what_is_enlarged_much_keeps_its_pixels() -> None:
    squares = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).expand(3, 2, 2)
    sheet = np.asarray(picture_rows([{"four pixels": squares}], height=100))
    assert set(np.unique(sheet[60:130, 40:100])) == {0, 255}
    smooth = torch.tensor([1.0, -1.0]).repeat(30).expand(3, 60, 60)
    assert len(np.unique(np.asarray(picture_rows([{"many": smooth}], height=70))[60:100, 30:90])) > 2


def test_bytes_and_floats_are_the_same_picture() -> None:
    picture = torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    one, other = (picture_rows([{"it": tile}], 80) for tile in (picture, to_array(picture)))
    assert np.array_equal(np.asarray(one), np.asarray(other))
    ends = torch.tensor([-1.0, 0.0, 1.0, -7.0, 7.0, float("nan")]).expand(3, 1, 6)
    assert to_array(ends)[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]


def test_what_is_kept_is_small_and_looks_the_same() -> None:
    ramp = torch.linspace(-1, 1, 200).expand(3, 150, 200).clone()
    ramp[0] += 0.02 * torch.randn(150, 200, generator=torch.Generator().manual_seed(0))
    sheet = picture_rows([{"ramp": ramp}], 150, fine=1)
    kept = to_keep(sheet, "a ramp of greys")
    assert kept.width == sheet.width
    assert len(kept.png) < len(to_png(sheet)) / 2
    again = np.asarray(Image.open(io.BytesIO(kept.png)).convert("RGB")).astype(int)
    assert np.abs(again - np.asarray(sheet)).mean() < 5
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(to_png(sheet)))), np.asarray(sheet))


def test_two_sheets_are_level() -> None:
    both = beside(Image.new("RGB", (30, 50), "red"), Image.new("RGB", (20, 70), "blue"), fine=1)
    assert box(both, (255, 0, 0)) == (0, 0, 30, 50)
    left, top, right, bottom = box(both, (0, 0, 255))
    assert (top, bottom, right - left, right) == (0, 70, 20, both.width)
    assert left > 30


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1,230,000"), (0.012345, "0.0123"), (999.6, "1,000"), (0, "0"), (-5.5, "-5.5"), (1e-7, "1e-07")],
)
def test_written(value: float, text: str) -> None:
    assert written(value) == text


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (torch.zeros(1, 3, 8, 8), r"The thing is \(1, 3, 8, 8\), float32: give one picture"),
        (torch.zeros(1, 8, 8), r"\(1, 8, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "uint8"),
        (torch.zeros(3, 0, 8), r"\(3, 0, 8\)"),
    ],
)
def test_what_is_no_picture(picture: Tensor, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        check_picture("The thing", picture)
