"""Pictures of one autoencoder beside the rate and distortion of several."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03.rate_distortion import rate_distortion_figure

MEASURED = {4.0: (7.0, 270.0), 0.5: (22.0, 245.0), 1.0: (15.0, 252.0)}
ROWS = {"originals": torch.full((5, 1, 28, 28), -1.0), "samples": torch.full((10, 1, 28, 28), -1.0)}


def test_the_present_system_is_marked_among_all() -> None:
    figure = rate_distortion_figure(ROWS, MEASURED, 1.0)
    (axes,) = figure.axes
    line, mark = axes.lines
    assert np.allclose(np.stack(line.get_data(), 1), [(22, 245), (15, 252), (7, 270)])  # in the order of beta
    assert np.allclose(np.stack(mark.get_data(), 1), [(15, 252)])
    assert [text.get_text() for text in axes.texts] == ["0.5", "β = 1", "4"]
    assert "nats" in axes.get_xlabel()
    assert "nats" in axes.get_ylabel()


def test_all_pictures_are_there_whole_and_nothing_is_cut_off() -> None:
    figure = rate_distortion_figure(ROWS, MEASURED, 4.0)
    figure.draw_without_rendering()
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    assert drawn.x1 <= page.x1 + 0.01
    assert drawn.y0 >= page.y0 - 0.01
    png = plotting.to_png(figure, palette=False)
    shown = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    assert (shown == 0).all(axis=2).sum() == 15 * 84**2  # three pixels of the file for each of a picture's 28
    assert shown.shape[1] / figure.dpi <= 9.0


def test_a_beta_that_was_not_measured() -> None:
    with pytest.raises(ShapeError, match=r"beta = 2: choose from 4\.0, 0\.5, 1\.0"):
        rate_distortion_figure(ROWS, MEASURED, 2.0)
