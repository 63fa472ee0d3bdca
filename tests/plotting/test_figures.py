"""Grids, curves and bars: what they show, and that no text is cut off or covers another."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.plotting.charts import _moving_average, decimals_for, mean_and_spread, spread_apart
from course_lib.plotting.style import COLOURS, PAPER
from course_lib.plotting.text import block_width, wrap

SEEDS = {"MSE": [0.21, 0.22, 0.23], "a name that is long enough to be broken": (0.3, 0.02), "truth": 0.0}


def pixels(figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(plotting.to_png(figure, palette=False))).convert("RGB")).astype(int)


def figures():
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    history = {
        "G": list(np.linspace(3, 1, 50)),
        "D, the discriminator on real and fake": list(np.linspace(1, 1.01, 50)),
    }
    yield (
        "grid",
        plotting.image_grid(
            [pictures, pictures],
            row_titles=["short", "a longer title of a row that is broken into lines"],
            column_titles=["a", "two words", "incomprehensibilities", "q"],
            captions=[["L1 0.22"] * 4, ["jumping quickly, again and again"] * 4],
            title="A title",
        ),
    )
    yield "curves", plotting.curves(history, smooth=5, title="A title", y_label="loss", references={"log 4": 1.386})
    yield "log", plotting.curves({"a": [1, 0.1, 0.01]}, log=True, y_label="loss")
    yield "bars", plotting.bars_with_spread(SEEDS, title="A title", x_label="L1", reference=("here", 0.25))
    yield "panels", plotting.points_with_spread({"L1": SEEDS, "KID": SEEDS}, title="A title", reference=("here", 0.25))


@pytest.mark.parametrize(("name", "figure"), list(figures()))
def test_all_text_lies_inside_the_figure(name, figure):
    figure.draw_without_rendering()
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    tolerance = 0.5 / figure.dpi
    assert drawn.x0 >= page.x0 - tolerance
    assert drawn.y0 >= page.y0 - tolerance
    assert drawn.x1 <= page.x1 + tolerance
    assert drawn.y1 <= page.y1 + tolerance


@pytest.mark.parametrize(("name", "figure"), list(figures()))
def test_no_text_covers_another(name, figure, no_text_covers_another):
    no_text_covers_another(figure, name, at_least=4)


@pytest.mark.parametrize(("name", "figure"), list(figures()))
def test_same_bytes(name, figure):
    assert plotting.to_png(figure) == plotting.to_png(figure)


def test_grid_shows_each_pixel_as_a_square():
    picture = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shown = pixels(plotting.image_grid([[picture]]))
    rows = np.flatnonzero((shown != 255).any(axis=(1, 2)))
    columns = np.flatnonzero((shown != 255).any(axis=(0, 2)))
    tile = shown[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]]  # without the hair line
    assert tile.shape[0] == tile.shape[1]
    assert tile.shape[0] % 16 == 0
    step = tile.shape[0] // 16
    expected = picture.permute(1, 2, 0).numpy()
    for offset in (0, step - 1):
        assert np.array_equal(tile[offset::step, offset::step], expected)


def test_grid_ranges_and_sizes():
    black, grey, white = (torch.full((1, 8, 8), level) for level in (-1.0, 0.0, 1.0))
    shown = pixels(plotting.image_grid([[black, grey, white]]))
    assert set(np.unique(shown)) == {0, 128, 217, 255}  # 217 is the hair line
    shown = pixels(plotting.image_grid([[black * 0, grey + 0.5, white]], value_range=(0, 1)))
    assert {0, 128, 255} <= set(np.unique(shown))
    small, large = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(3, 32, 32, dtype=torch.uint8)
    figure = plotting.image_grid([[small, large], [None, small]])
    dark = (pixels(figure) == 0).all(axis=2)
    assert dark.sum() == 3 * 128**2
    batch = torch.zeros(10, 1, 8, 8)
    wide, narrow = plotting.image_grid(batch), plotting.image_grid(batch, columns=5)
    assert wide.get_size_inches()[0] > narrow.get_size_inches()[0]


def test_a_wide_grid_fits_the_page():
    figure = plotting.image_grid([torch.zeros(16, 3, 64, 64)] * 2, row_titles=["one", "another row"])
    assert figure.get_size_inches()[0] * 100 <= 910


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plotting.image_grid(torch.zeros(3, 8, 8)), r"\(N, C, H, W\)"),
        (lambda: plotting.image_grid([torch.zeros(2, 2, 8, 8)]), "C = 1 or 3"),
        (lambda: plotting.image_grid([torch.zeros(2, 3, 8, 8, dtype=torch.int64)]), "uint8 or float"),
        (lambda: plotting.image_grid([]), "no picture"),
        (lambda: plotting.image_grid([torch.zeros(2, 3, 8, 8)], column_titles=["a"]), "one column title for each: 2"),
        (lambda: plotting.image_grid([torch.zeros(2, 3, 8, 8)], row_titles=["a", "b"]), "one row title for each: 1"),
        (lambda: plotting.curves({"G": [1, 2]}, names=["D"]), "choose from G"),
        (lambda: plotting.curves({"G": ([1, 2, 3], [1, 2])}), "as many x as y"),
        (lambda: plotting.bars_with_spread({}), "nothing to draw"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()


def test_curves_draw_the_numbers():
    history = SimpleNamespace(values={"G": [3.0, float("nan"), 1.0], "D": [1.0, 1.0, 1.0]})
    (axes,) = plotting.curves(history, names={"G": "generator"}).axes
    assert len(axes.lines) == 1
    assert np.array_equal(axes.lines[0].get_xdata(), [1, 2, 3])
    assert np.array_equal(axes.lines[0].get_ydata(), [3, np.nan, 1], equal_nan=True)
    assert [text.get_text() for text in axes.texts] == ["generator"]
    (axes,) = plotting.curves({"a": ([10, 20], [1, 2])}, smooth=3, references={"log 4": 1.4}).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 2], [1.5, 1.5], [1.4, 1.4]]


def test_moving_average_by_hand():
    found = _moving_average(np.array([1.0, 2.0, np.nan, 4.0, 9.0]), 3)
    assert found.tolist() == [1.5, 1.5, 3.0, 6.5, 6.5]


def test_names_are_pushed_apart_in_order():
    places = spread_apart([0.5, 0.5, 0.51, 0.99], [0.1, 0.1, 0.2, 0.1])
    assert places == sorted(places)
    for low, high, one, other in zip(places, places[1:], [0.1, 0.1, 0.2], [0.1, 0.2, 0.1], strict=False):
        assert high - low >= (one + other) / 2 - 1e-9
    assert spread_apart([0.2, 0.8], [0.1, 0.1]) == [0.2, 0.8]
    assert max(spread_apart([1.0, 1.0], [0.1, 0.1])) <= 1.03


def test_mean_and_spread():
    numbers, mean, spread = mean_and_spread([1.0, 2.0, 3.0])
    assert (numbers.tolist(), mean, spread) == ([1, 2, 3], 2, 1)  # divisor n - 1
    assert mean_and_spread((2.0, 0.5))[1:] == (2, 0.5)
    assert mean_and_spread(4)[1:] == (4, 0)
    assert mean_and_spread([5.0])[1:] == (5, 0)
    assert [decimals_for([x]) for x in (0.0123, 0.221, 1.5, 24.3, 250.0, 0.0)] == [4, 3, 2, 1, 0, 2]


def test_bars_start_at_zero_and_points_show_each_seed():
    figure = plotting.bars_with_spread(SEEDS)
    assert figure.axes[0].get_xlim()[0] == 0
    assert [patch.get_width() for patch in figure.axes[0].patches] == pytest.approx([0.22, 0.3, 0.0])
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.220 ± 0.010", "0.300 ± 0.020", "0.000"]
    points = plotting.points_with_spread({"MSE": [0.21, 0.22, 0.23]})
    assert any(np.allclose(line.get_xdata(), [0.21, 0.22, 0.23]) for line in points.axes[0].lines)
    panels = plotting.bars_with_spread({"L1": SEEDS, "KID": {"MSE": 1.0}}, reference={"KID": ("best", 0.5)})
    assert [axes.get_xlabel() for axes in panels.axes] == ["L1", "KID"]
    assert [len(axes.patches) for axes in panels.axes] == [3, 1]


def test_wrapping():
    text = "one two three four five six"
    broken = wrap(text, 80, 12)
    assert broken.replace("\n", " ") == text
    assert block_width(broken, 12) <= 80
    lines = broken.split("\n")
    assert len(lines) == 3
    assert wrap("incomprehensibilities", 10, 12) == "incomprehensibilities"
    assert wrap("a\nb", 1000, 12) == "a\nb"


def luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colours_have_contrast_with_the_paper():
    for name, colour in COLOURS.items():
        contrast = (luminance(PAPER) + 0.05) / (luminance(colour) + 0.05)
        assert contrast >= 3, (name, contrast)


# Machado, Oliveira and Fernandes 2009, severity 1: how linear RGB looks to those who lack a kind of cone.
PROTAN = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTAN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
NORMAL = np.eye(3)


@pytest.mark.parametrize("sight", [NORMAL, PROTAN, DEUTAN], ids=["normal", "protan", "deutan"])
def test_the_first_four_colours_stay_apart(sight):
    """By CIELAB distance; a just noticeable difference is about 2."""

    def lab(colour: str) -> np.ndarray:
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        linear = np.clip(np.asarray(sight) @ linear, 0, 1)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
        scaled = xyz / [0.9505, 1.0, 1.089]
        f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    for one, other in itertools.combinations(list(COLOURS.values())[:4], 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 15, (one, other)
