"""The player of games: the slider and the play button are joined, frames are drawn once, and a film stands in."""

from __future__ import annotations

import base64
import gc
import time
from statistics import median

import ipywidgets
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from ipywidgets.widgets.widget_link import Link

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_02.game_frame import GameFrame
from course_lib.lessons.lesson_02.games import GameFigure, film_figure, film_text, game_text
from course_lib.lessons.lesson_02.recorded_game import INTERVAL_MS, game_player
from course_lib.widgets.explorer import Explorer

GRID = torch.linspace(-3, 3, 61)


@pytest.fixture
def frames() -> list[GameFrame]:
    p = torch.exp(-0.5 * GRID.square())
    return [
        GameFrame(10 * k, 1 + k / 20, 0.7, torch.full((61,), k / 12), grid=GRID, p_data=p, p_g=p.roll(6 - k))
        for k in range(7)
    ]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Write down which frames are drawn."""
    calls: list[int] = []
    png = GameFigure.png

    def note(figure: GameFigure, k: int) -> bytes:
        calls.append(k)
        return png(figure, k)

    monkeypatch.setattr(GameFigure, "png", note)
    return calls


def test_the_figure_follows_the_slider_and_each_frame_is_drawn_once(frames: list[GameFrame], drawn: list[int]) -> None:
    player = game_player(frames)
    assert player.error is None
    slider = player.controls["frame"]
    assert (slider.min, slider.max, slider.value) == (0, 6, 0)
    first = player.png
    slider.value = 3
    assert player.alt == game_text(frames, 3)
    assert player.png != first
    assert "width='900'" in player.picture.value
    slider.value = 0
    assert player.png == first
    slider.value = 3
    assert drawn == [0, 3]


def test_play_moves_the_slider_in_the_browser(frames: list[GameFrame]) -> None:
    player = game_player(frames)
    (play,) = player.helpers
    assert isinstance(play, ipywidgets.Play)
    assert (play.min, play.max, play.interval) == (0, 6, INTERVAL_MS)
    assert play in player.children[0].children
    gc.collect()  # the link must outlive the function that made it
    links = [widget for widget in _instances.values() if isinstance(widget, Link)]
    assert ((play, "value"), (player.controls["frame"], "value")) in [(link.source, link.target) for link in links]


def test_where_no_kernel_runs_there_is_a_film(frames: list[GameFrame]) -> None:
    player = game_player(frames, film=4)
    data, metadata = player._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == plotting.to_png(film_figure(frames, count=4))
    assert data["text/plain"] == metadata["alt"] == metadata["image/png"]["alt"] == film_text(frames, 4)
    assert data["text/plain"].count("Step") == 4
    assert metadata["image/png"]["width"] == 900
    assert base64.b64decode(data["image/png"]) != player.png


def test_a_game_in_the_plane() -> None:
    extent = (-1.0, 1.0, -1.0, 1.0)
    frames = [GameFrame(k, 1.0, 0.7, torch.rand(8, 8), points=torch.randn(9, 2), extent=extent) for k in range(3)]
    player = game_player(frames, torch.randn(20, 2))
    assert player.error is None
    assert "9 samples of G" in player.alt
    assert game_player(frames).png != player.png  # without the data


def test_a_new_frame_is_drawn_fast_enough_to_play(frames: list[GameFrame]) -> None:
    player = game_player(frames)
    seconds = []
    for k in range(1, 7):
        begin = time.thread_time()
        player.controls["frame"].value = k
        seconds.append(time.thread_time() - begin)
    assert median(seconds) < 0.1


def test_what_cannot_be_drawn_is_said(frames: list[GameFrame]) -> None:
    with pytest.raises(ShapeError, match="record a game first"):
        game_player([])
    player: Explorer = game_player(frames)
    player.controls["frame"].max = 99
    player.controls["frame"].value = 50
    assert "There is no frame 50: choose one from 0 to 6." in player.picture.value
    player.controls["frame"].value = 1
    assert player.error is None
