"""Colours in CIE Lab, their histograms and the overlap of two, against values by hand."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import colour_bins, colour_histograms, histogram_intersection, not_white, srgb_to_lab

RED, GREEN, BLUE, WHITE, BLACK = (1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1), (-1, -1, -1)


def plain(*colours: tuple[float, float, float], size: int = 4) -> torch.Tensor:
    """One picture of each colour."""
    return torch.tensor(colours, dtype=torch.float32)[:, :, None, None].expand(-1, -1, size, size).clone()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        (RED, (53.24, 80.09, 67.20)),  # as published for sRGB and D65
        (GREEN, (87.73, -86.18, 83.18)),
        (BLUE, (32.30, 79.19, -107.86)),
        (WHITE, (100, 0, 0)),
        (BLACK, (0, 0, 0)),
        ((1, 1, -1), (97.14, -21.55, 94.48)),
    ],
)
def test_known_colours(colour, lab):
    assert srgb_to_lab(plain(colour))[0, :, 0, 0].tolist() == pytest.approx(lab, abs=0.03)


@pytest.mark.parametrize("level", [0.004, 0.03, 0.2, 0.4663, 0.9])
def test_greys_by_the_formula(level):
    linear = level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
    lightness = 116 * linear ** (1 / 3) - 16 if linear > (6 / 29) ** 3 else linear * 24389 / 27
    grey = 2 * level - 1
    assert srgb_to_lab(plain((grey, grey, grey)))[0, :, 0, 0].tolist() == pytest.approx([lightness, 0, 0], abs=1e-3)


def test_histograms_by_hand():
    pictures = plain(RED, BLUE, WHITE, BLACK)
    found = colour_histograms(pictures)
    for axis, values in {"L": (53.24, 32.30, 100, 0), "a": (80.09, 79.19, 0, 0), "b": (67.2, -107.86, 0, 0)}.items():
        expected = torch.zeros(55)
        for value in values:
            expected[(colour_bins(axis) - value).abs().argmin()] += 0.25
        assert torch.equal(found[axis], expected), axis
    assert found["a"][27] == 0.5  # grey is in the middle of the middle bin
    assert colour_bins("a")[27] == 0
    assert colour_bins("L")[[0, -1]].tolist() == pytest.approx([100 / 110, 100 - 100 / 110])


def test_greys_with_rounding_stay_in_one_bin():
    grey = noise(8, 1, 16, 16).expand(-1, 3, -1, -1)
    found = colour_histograms(grey)
    assert float(found["a"][27]) == float(found["b"][27]) == 1
    assert int((found["L"] > 0).sum()) > 40


def test_shares_do_not_depend_on_the_number_of_pictures():
    pictures = noise(70, 3, 8, 8)  # more than are taken at once
    found, twice = colour_histograms(pictures), colour_histograms(torch.cat([pictures, pictures.flip(0)]))
    for axis in "Lab":
        assert float(found[axis].sum()) == pytest.approx(1)
        assert torch.allclose(found[axis], twice[axis])


def test_intersection():
    pictures = noise(4, 3, 16, 16)
    assert histogram_intersection(pictures, pictures.flip(0)) == pytest.approx({"L": 1, "a": 1, "b": 1})
    assert histogram_intersection(plain(RED), plain(GREEN)) == {"L": 0, "a": 0, "b": 0.0}
    # Three of four against one of four: min(3/4, 1/4) + min(1/4, 3/4).
    some, others = plain(RED, RED, RED, BLUE), plain(RED, BLUE, BLUE, BLUE)
    overlap = histogram_intersection(some, others)
    assert overlap["L"] == overlap["b"] == 0.5
    assert overlap["a"] == 1  # 80.09 and 79.19 share a bin
    assert histogram_intersection(some, others, bins=1001)["a"] == 0.5
    assert histogram_intersection(others, some) == overlap


def test_averages_have_narrower_histograms():
    truth = plain(RED, GREEN, BLUE, (1, 1, -1), WHITE).repeat(4, 1, 1, 1)
    safe = 0.5 * truth + 0.5 * truth.mean(dim=0)
    width = {
        name: float((colour_histograms(s)["b"] * colour_bins("b").square()).sum())
        for name, s in {"truth": truth, "safe": safe}.items()
    }
    assert width["safe"] < 0.5 * width["truth"]
    assert histogram_intersection(safe, truth)["b"] < 0.5


def test_which_pixels_are_white():
    grounds = plain(WHITE, (0.99, 0.99, 0.99), (0.97, 1, 1), (1, 1, 0.98), RED)
    assert not_white(grounds)[:, 0, 0, 0].tolist() == [False, False, True, True, True]
    assert not_white(grounds).shape == (5, 1, 4, 4)


def half_white(colour: tuple[float, float, float], ground: float = 1.0) -> torch.Tensor:
    picture = torch.full((1, 3, 4, 4), ground)
    picture[..., :2] = torch.tensor(colour, dtype=torch.float32)[:, None, None]
    return picture


def test_a_white_ground_counts_unless_it_is_left_out():
    truth, wrong = half_white(RED), half_white(GREEN)
    assert histogram_intersection(wrong, truth)["a"] == 0.5
    assert histogram_intersection(wrong, truth, mask=not_white(truth))["a"] == 0
    assert histogram_intersection(wrong, truth, ignore_white=True)["a"] == 0
    # A ground that is a little off: judged at the truth's places it does not count, on its own it counts fully.
    off = half_white(RED, ground=0.9)
    assert histogram_intersection(off, truth, mask=not_white(truth))["L"] == 1
    assert histogram_intersection(off, truth, ignore_white=True)["L"] == 0.5
    # What was made white: the truth's mask sees it.
    gone = torch.ones(1, 3, 4, 4)
    assert histogram_intersection(gone, truth, mask=not_white(truth))["a"] == 0
    # Both at once: what is in the mask and not white.
    both = colour_histograms(truth, mask=torch.ones(1, 1, 4, 4, dtype=torch.bool), ignore_white=True)
    assert float(both["a"].max()) == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: colour_histograms(noise(1, 3, 4, 4), bins=50), "odd number"),
        (lambda: colour_histograms(torch.ones(1, 3, 4, 4), ignore_white=True), "No pixel is left"),
        (lambda: colour_histograms(noise(1, 3, 4, 4), mask=torch.ones(1, 4, 4, dtype=torch.bool)), r"\(1, 1, 4, 4\)"),
        (lambda: colour_histograms(noise(1, 3, 4, 4), mask=torch.ones(1, 1, 4, 4)), "torch.float32"),
        (lambda: colour_histograms(noise(1, 1, 4, 4)), "expand"),
        (lambda: srgb_to_lab(noise(1, 3, 4, 4) * 127), "127.5"),
        (lambda: colour_bins("R"), "L, a, b"),
        (lambda: histogram_intersection(plain(RED, RED), plain(RED), mask=not_white(plain(RED))), "not_white"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()


def test_nothing_lies_outside_the_histograms():
    """The corners of the cube of colours are the ends of what a screen shows."""
    corners = torch.cartesian_prod(*[torch.linspace(-1, 1, 9)] * 3)[:, :, None, None]
    lab = srgb_to_lab(corners).amax(dim=(0, 2, 3)), srgb_to_lab(corners).amin(dim=(0, 2, 3))
    assert math.isclose(float(lab[0][1]), 98.2, abs_tol=0.1)
    assert float(torch.stack(lab)[:, 1:].abs().max()) < 110
