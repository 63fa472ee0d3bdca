"""Figures of a recorded game of two players: where the generator is, what the discriminator says, and what it costs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_02.game_frame import GameFrame
from course_lib.lessons.lesson_02.game_parts import (
    LOG_4,
    LineScene,
    LossScene,
    PlaneScene,
    Scene,
    colour_bar,
    legend,
    merge,
)
from course_lib.plotting.style import subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = (9.0, 4.4)  # inches of 100 CSS pixels


class GameFigure:
    """The figure of a game, built once; going to another frame moves what is drawn, which is fast enough to play.

    Args:
        frames: of one game, in the order of their steps.
        data_points: ``(N, 2)`` to show behind the samples of a game in the plane.

    Attributes:
        figure: as it is now.
        width: on the page, in CSS pixels.

    Raises:
        ShapeError: if there are no frames, or those of different games.
    """

    def __init__(self, frames: Sequence[GameFrame], data_points: Tensor | None = None) -> None:
        self.frames = _checked(frames)
        line = frames[0].on_line
        self.figure, grid = subplots(2 if line else 1, 2, size=_SIZE, width_ratios=(1.25, 1) if line else (1.15, 1))
        scene: Scene
        if line:
            loss, first = merge(self.figure, grid[:, 1]), grid[0, 0]
            scene = LineScene(first, grid[1, 0], frames)
            grid[1, 0].set_xlabel("y")
            legend(first, LineScene.densities)
            legend(grid[1, 0], LineScene.judges)
        else:
            first, loss = grid
            scene = PlaneScene(first, frames, data_points)
            colour_bar(self.figure, scene.image, first, shrink=0.8)
            legend(first, scene.names())
        self._title = first.set_title(" ", y=1)  # matplotlib moves a title that is not seen if it may
        loss.set_title("Loss of D")
        self._scenes: list[Scene] = [scene, LossScene(loss, frames)]
        self._still: Any = None
        self.width = round(100 * _SIZE[0])

    def at(self, k: int) -> Figure:
        """Return the figure, moved to frame ``k``.

        Raises:
            ShapeError: if there is no such frame.
        """
        frame = _frame(self.frames, k)
        for scene in self._scenes:
            scene.move(k)
        self._title.set_text(f"Step {frame.step:,}")
        return self.figure

    def png(self, k: int) -> bytes:
        """Return frame ``k`` as a PNG that is drawn in a few hundredths of a second: what stays is drawn only once.

        Raises:
            ShapeError: if there is no such frame.
        """
        import numpy as np
        from PIL import Image

        figure = self.at(k)
        canvas: Any = figure.canvas
        moving = [artist for scene in self._scenes for artist in scene.moving()] + [self._title]
        if self._still is None:
            figure.draw_without_rendering()  # the layout, with the title in its place
            figure.set_layout_engine("none")
            for artist in moving:
                artist.set_visible(False)
            canvas.draw()
            self._still = canvas.copy_from_bbox(figure.bbox)
            for artist in moving:
                artist.set_visible(True)
        canvas.restore_region(self._still)
        for artist in moving:
            artist.draw(canvas.get_renderer())
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def line_game_figure(frames: Sequence[GameFrame], k: int) -> Figure:
    """Return frame ``k`` of a game on the line: both densities, D beside the best D, and D's loss up to there.

    Args:
        frames: of one game, in the order of their steps.
        k: which frame, from 0; negative from the end.

    Raises:
        ShapeError: if there is no such frame, or the game is not played on the line.
    """
    if not _checked(frames)[0].on_line:
        raise ShapeError("These frames are of a game in the plane: draw them with plane_game_figure.")
    return GameFigure(frames).at(k)


def plane_game_figure(frames: Sequence[GameFrame], k: int, data_points: Tensor | None = None) -> Figure:
    """Return frame ``k`` of a game in the plane: D as colours, the samples of G on them, and D's loss up to there.

    Args:
        frames: of one game, in the order of their steps.
        k: which frame, from 0; negative from the end.
        data_points: ``(N, 2)`` to show behind the samples; a few hundred.

    Raises:
        ShapeError: if there is no such frame, or the game is not played in the plane.
    """
    if _checked(frames)[0].on_line:
        raise ShapeError("These frames are of a game on the line: draw them with line_game_figure.")
    return GameFigure(frames, data_points).at(k)


def film_figure(frames: Sequence[GameFrame], data_points: Tensor | None = None, count: int = 5) -> Figure:
    """Return a strip of frames from the first to the last, and below it D's loss with those frames marked.

    Args:
        frames: of one game, in the order of their steps.
        data_points: as for :func:`plane_game_figure`.
        count: how many frames, at least 2; fewer where the game has fewer.

    Raises:
        ShapeError: if there are no frames.
    """
    chosen = film_frames(_checked(frames), count)
    line, columns = frames[0].on_line, len(chosen)
    rows, ratios, height = (3, (1, 1, 0.9), 5.4) if line else (2, (1, 0.75), 4.4)
    figure, grid = subplots(rows, columns, size=(9.0, height), squeeze=False, height_ratios=ratios)
    loss = merge(figure, grid[-1])
    for column, k in enumerate(chosen):
        above = grid[:-1, column]
        scene = LineScene(above[0], above[1], frames) if line else PlaneScene(above[0], frames, data_points)
        scene.move(k)
        above[0].set_title(f"Step {frames[k].step:,}", size=12)
        above[-1].locator_params(axis="x", nbins=4, integer=True, prune="both")
        if column:
            for axes in above:
                axes.tick_params(labelleft=False)
                axes.set_ylabel("")
    if isinstance(scene, PlaneScene):
        colour_bar(figure, scene.image, grid[0].tolist(), shrink=0.9, aspect=14)
        names = scene.names()
    else:
        names = LineScene.densities | LineScene.judges
    legend(figure, names)
    loss.set_title("Loss of D", size=12)
    LossScene(loss, frames, marked=chosen).move(len(frames) - 1)
    return figure


def film_frames(frames: Sequence[GameFrame], count: int) -> list[int]:
    """Return which frames a film of ``count`` shows: the first, the last, and others evenly between them."""
    count = min(max(2, count), len(frames))
    return [round(n * (len(frames) - 1) / max(1, count - 1)) for n in range(count)]


def game_text(frames: Sequence[GameFrame], k: int) -> str:
    """Return what frame ``k`` shows, for those who cannot see it.

    Args and Raises: as for :func:`line_game_figure`, for games of both kinds.
    """
    frame = _frame(_checked(frames), k)
    low, high = float(frame.d.min()), float(frame.d.max())
    said = f"D lies between {low:.2f} and {high:.2f}; its loss is {frame.d_loss:.2f}, and log 4 is {LOG_4:.2f}"
    if frame.on_line:
        return f"Step {frame.step}: p_data and p_G share {100 * frame.overlap():.0f} % of their mass; {said}."
    points = frame.plane()[0]
    middle, spread = points.mean(dim=0), points.std(dim=0)
    return (
        f"Step {frame.step}: {len(points)} samples of G about ({_signed(middle[0])}, {_signed(middle[1])}), "
        f"{float(spread.mean()):.1f} wide; {said}."
    )


def film_text(frames: Sequence[GameFrame], count: int = 5) -> str:
    """Return what a film shows, for those who cannot see it: its frames one by one."""
    return " ".join(["A film of the game.", *(game_text(frames, k) for k in film_frames(_checked(frames), count))])


def _checked(frames: Sequence[GameFrame]) -> Sequence[GameFrame]:
    if not len(frames):
        raise ShapeError("There is no frame to draw: record a game first.")
    if len({(frame.on_line, frame.d.shape) for frame in frames}) > 1:
        raise ShapeError("The frames are of different games: give those of one record.")
    return frames


def _frame(frames: Sequence[GameFrame], k: int) -> GameFrame:
    if not -len(frames) <= k < len(frames):
        raise ShapeError(f"There is no frame {k}: choose one from 0 to {len(frames) - 1}.")
    return frames[k]


def _signed(number: Tensor) -> str:
    return f"{float(number):.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")
