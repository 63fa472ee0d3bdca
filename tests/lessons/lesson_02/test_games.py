"""Figures of a recorded game: what they show at a frame, the film of them, and that the fast way draws the same."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.data.mixtures import GaussianMixture, ring, two_humps
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_02.games import (
    GameFigure,
    GameFrame,
    film_figure,
    film_frames,
    film_text,
    game_text,
    line_game_figure,
    plane_game_figure,
)
from course_lib.plotting.style import COLOURS

GRID = torch.linspace(-4, 4, 81)


def line_frames(count: int = 4) -> list[GameFrame]:
    """Return a game in which one Gaussian moves from -2 to 0, where the data are."""
    normal = GaussianMixture("normal", torch.zeros(1, 1), 0.5)
    p = normal.density(GRID[:, None])
    frames = []
    for k in range(count):
        q = normal.density(GRID[:, None] + 2 - 2 * k / (count - 1))
        loss = 0.4 + (math.log(4) - 0.4) * k / (count - 1)
        frames.append(GameFrame(100 * k, loss, 0.7, torch.full((81,), 0.2 + 0.1 * k), grid=GRID, p_data=p, p_g=q))
    return frames


def plane_frames(count: int = 4) -> list[GameFrame]:
    points = ring().sample(50, torch.Generator().manual_seed(0))
    extent = (-3.0, 3.0, -3.0, 3.0)
    rise = torch.linspace(0, 1, 16)[:, None].expand(16, 16)
    return [GameFrame(50 * k, 1.2, 0.7, rise * k / count, points=points * k, extent=extent) for k in range(count)]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def line_called(axes: Any, colour: str) -> Any:
    return next(line for line in axes.lines if line.get_color() == colour and len(line.get_xdata()) > 2)


def test_a_line_shows_the_densities_d_and_the_best_d() -> None:
    frames = line_frames()
    figure = line_game_figure(frames, 1)
    densities, judge, loss = figure.axes
    assert densities.get_title("left") == "Step 100"
    assert np.allclose(line_called(densities, "#222222").get_ydata(), frames[1].p_data)
    assert np.allclose(line_called(densities, "#0072B2").get_ydata(), frames[1].p_g)
    assert np.allclose(line_called(judge, "#D55E00").get_ydata(), 0.3)
    best = line_called(judge, COLOURS["green"]).get_ydata()
    p, q = frames[1].p_data.double(), frames[1].p_g.double()
    seen = ~np.isnan(best)
    assert 20 < seen.sum() < 81  # nothing is said where neither density has mass
    assert np.allclose(best[seen], (p / (p + q)).numpy()[seen], atol=1e-5)
    assert any(np.allclose(line.get_ydata(), 0.5) for line in judge.lines)
    assert any(np.allclose(line.get_ydata(), math.log(4)) for line in loss.lines)
    assert "log 4" in [text.get_text() for text in loss.texts]
    assert np.allclose(loss.lines[1].get_xdata(), [0, 100])
    assert np.allclose(loss.lines[1].get_ydata(), [frames[0].d_loss, frames[1].d_loss])


def test_a_plane_shows_d_about_one_half_and_the_points() -> None:
    frames = plane_frames()
    data = torch.randn(30, 2)
    figure = plane_game_figure(frames, -1, data)
    left, loss, bar = figure.axes
    (image,) = left.images
    assert np.allclose(image.get_array(), frames[3].d)
    assert image.get_clim() == (0, 1)
    assert image.cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)
    low, high = image.cmap(0.0), image.cmap(1.0)
    assert low[0] > low[2]  # fake is warm, real is cold
    assert high[2] > high[0]
    assert bar.get_ylabel() == "D"
    assert [len(line.get_xdata()) for line in left.lines] == [30, 50]
    assert np.allclose(np.stack(left.lines[1].get_data(), 1), frames[3].points)
    assert len(loss.lines[1].get_xdata()) == 4
    names = [text.get_text() for text in left.get_legend().get_texts()]
    assert names == ["data", "samples of G"]
    without = plane_game_figure(frames, 0).axes[0].get_legend()
    assert [text.get_text() for text in without.get_texts()] == ["samples of G"]


@pytest.mark.parametrize("make", [line_frames, plane_frames])
def test_the_fast_way_draws_what_the_slow_way_draws(make: Any) -> None:
    frames = make()
    fast = GameFigure(frames)
    for k in (2, 0, 3, 2):
        shown = pixels(fast.png(k))
        slow = GameFigure(frames)
        slow.at(k).canvas.draw()
        expected = np.asarray(slow.figure.canvas.buffer_rgba())[..., :3].astype(int)
        assert shown.shape == expected.shape
        assert (np.abs(shown - expected).max(axis=2) > 40).mean() < 2e-4, k
    assert fast.png(1) == fast.png(1) != fast.png(2)


@pytest.mark.parametrize("make", [line_frames, plane_frames])
def test_nothing_is_cut_off(make: Any) -> None:
    frames = make()
    for figure in (GameFigure(frames).at(0), GameFigure(frames).at(3), film_figure(frames)):
        figure.draw_without_rendering()
        drawn, page = figure.get_tightbbox(), figure.bbox_inches
        assert drawn.x0 >= page.x0 - 0.01
        assert drawn.y0 >= page.y0 - 0.01
        assert drawn.x1 <= page.x1 + 0.01
        assert drawn.y1 <= page.y1 + 0.01


def test_a_peak_beyond_the_axis_is_named() -> None:
    frames = line_frames()
    tall = GameFrame(0, 1.0, 0.7, frames[0].d, grid=GRID, p_data=frames[0].p_data, p_g=5 * frames[0].p_g)
    peak = f"peak {5 * float(frames[0].p_g.max()):.1f} ↑"
    assert peak in [text.get_text() for text in line_game_figure([tall], 0).axes[0].texts]
    assert peak not in [text.get_text() for text in line_game_figure(frames, 0).axes[0].texts]


def test_overlap_is_one_where_the_densities_agree() -> None:
    frames = line_frames()
    assert frames[-1].overlap() == pytest.approx(1, abs=1e-3)
    # two normals of width s, d apart, share 2 Phi(-d / 2s)
    assert frames[0].overlap() == pytest.approx(math.erfc(2 / math.sqrt(2)), abs=2e-3)
    assert torch.nanmean((frames[-1].best_d() - 0.5).abs()) < 1e-6


def test_a_film_runs_from_the_first_frame_to_the_last() -> None:
    assert film_frames([None] * 41, 5) == [0, 10, 20, 30, 40]  # type: ignore[list-item]
    assert film_frames([None] * 3, 5) == [0, 1, 2]  # type: ignore[list-item]
    assert film_frames([None], 5) == [0]  # type: ignore[list-item]
    figure = film_figure(line_frames(9))
    titles = [axes.get_title("left") for axes in figure.axes]
    assert [title for title in titles if title.startswith("Step")] == [f"Step {100 * k}" for k in (0, 2, 4, 6, 8)]
    loss = figure.axes[titles.index("Loss of D")]
    assert loss.lines[2].get_xdata() == [0, 200, 400, 600, 800]
    assert len(film_figure(plane_frames(), torch.zeros(3, 2), count=2).axes) == 4  # two maps, a loss, a colour bar
    assert len(film_figure(line_frames()[:2]).axes) == 5
    assert len(film_figure(line_frames()[:1] or []).axes) == 3


def test_texts_say_where_the_game_stands() -> None:
    frames = line_frames()
    assert game_text(frames, 3) == (
        "Step 300: p_data and p_G share 100 % of their mass; D lies between 0.50 and 0.50; "
        "its loss is 1.39, and log 4 is 1.39."
    )
    assert "50 samples of G about (0.0, 0.0), 0.0 wide" in game_text(plane_frames(), 0)
    assert film_text(frames, 2).count("Step") == 2


def test_what_fits_no_game() -> None:
    line, plane = line_frames(), plane_frames()
    with pytest.raises(ShapeError, match="makes no frame"):
        GameFrame(0, 1.0, 1.0, torch.zeros(5), grid=torch.zeros(4), p_data=torch.zeros(5), p_g=torch.zeros(5))
    with pytest.raises(ShapeError, match="makes no frame"):
        GameFrame(0, 1.0, 1.0, torch.zeros(5, 5), points=torch.zeros(3, 2))
    with pytest.raises(ShapeError, match="no frame 4: choose one from 0 to 3"):
        line_game_figure(line, 4)
    with pytest.raises(ShapeError, match="plane_game_figure"):
        line_game_figure(plane, 0)
    with pytest.raises(ShapeError, match="line_game_figure"):
        plane_game_figure(line, 0)
    with pytest.raises(ShapeError, match="record a game first"):
        film_figure([])
    with pytest.raises(ShapeError, match="different games"):
        GameFigure([line[0], plane[0]])


def test_two_humps_alone_have_a_best_d_of_one() -> None:
    p = two_humps().density(GRID[:, None])
    best = GameFrame(0, 1.0, 1.0, p, grid=GRID, p_data=p, p_g=torch.zeros(81)).best_d()
    assert set(best[~best.isnan()].tolist()) == {1.0}
