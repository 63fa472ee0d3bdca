"""Lesson 02: play a recorded game of two players, stop it, and go back and forth in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets
from torch import Tensor

from course_lib.widgets.explorer import Explorer, Picture

if TYPE_CHECKING:
    from course_lib.lessons.lesson_02.game_frame import GameFrame

INTERVAL_MS = 300  # between two frames: more than the drawing of one takes


def game_player(frames: Sequence[GameFrame], data_points: Tensor | None = None, film: int = 5) -> Explorer:
    """Return a widget that plays a game; where no kernel runs a film of some frames stands in its place.

    The play button moves the slider in the browser. A frame is drawn once: going back to it costs nothing.

    Args:
        frames: of one game, in the order of their steps, as ``metrics.game_record`` keeps them.
        data_points: ``(N, 2)`` to show behind the samples of a game in the plane.
        film: frames of the film.

    Returns:
        The widget; the slider is ``controls["frame"]``, from 0, and the play button ``helpers[0]``.

    Raises:
        ShapeError: if there are no frames, or those of different games.
    """
    from course_lib.lessons.lesson_02.games import GameFigure, film_figure, film_text, game_text

    figure = GameFigure(frames, data_points)
    drawn: dict[int, Picture] = {}

    def draw(frame: int) -> Picture:
        if frame not in drawn:
            drawn[frame] = Picture(figure.png(frame), game_text(frames, frame), figure.width)
        return drawn[frame]

    def still() -> Picture:
        return Picture.of(film_figure(frames, data_points, film), film_text(frames, film))

    last = len(frames) - 1
    slider = ipywidgets.IntSlider(value=0, min=0, max=last, description="frame", layout={"width": "26em"})
    play = ipywidgets.Play(value=0, min=0, max=last, interval=INTERVAL_MS, description="play the game")
    ipywidgets.jslink((play, "value"), (slider, "value"))
    return Explorer(draw, {"frame": slider}, columns=2, helpers=[play], still=still)
