"""Lesson 01: give the right answers other weights, and see which picture each loss asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets
import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import mae_minimisers, mse_minimiser
from course_lib.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def answer_weights(answers: Tensor, names: list[str]) -> Explorer:
    """Return a widget with one slider an answer; it shows the mean, the median and the mode of the weighted answers.

    Args:
        answers: ``(K, 3, H, W)`` in [-1, 1], the right answers of one input.
        names: K names.

    Raises:
        ShapeError: if there are not as many names as answers.
    """
    if answers.dim() != 4 or len(names) != len(answers):
        raise ShapeError(f"{len(names)} names do not fit answers of shape {tuple(answers.shape)}: give one a row.")

    def draw(**values: float) -> tuple[Figure, str]:
        return _figure(answers, names, torch.tensor([values[f"w{k}"] for k in range(len(names))]))

    sliders = {
        f"w{k}": ipywidgets.FloatSlider(
            value=1.0,
            min=0.0,
            max=5.0,
            step=0.5,
            description=name,
            readout_format=".1f",
            style={"description_width": "7em"},
        )
        for k, name in enumerate(names)
    }
    return Explorer(draw, sliders, columns=2)


def _figure(answers: Tensor, names: list[str], weights: Tensor) -> tuple[Figure, str]:
    from course_lib import plotting

    if float(weights.sum()) == 0:
        raise ShapeError("All weights are zero: give at least one answer some weight.")
    share = weights / weights.sum()
    mean = mse_minimiser(answers, weights)
    low, high = mae_minimisers(answers, weights)
    mode = answers[int(weights.argmax())]
    pictures = [*answers, mean, (low + high) / 2, mode]
    titles = [f"{name}\n{100 * part:.0f} %" for name, part in zip(names, share.tolist(), strict=True)]
    titles += ["mean\n(MSE)", "median\n(MAE)", "mode\n(most likely)"]
    figure = plotting.image_grid([pictures], column_titles=titles)
    likely = names[int(weights.argmax())]
    alt = (
        f"{len(names)} answers with their chances, and the weighted mean, the weighted median and the most likely "
        f"answer, which is {likely}"
    )
    return figure, alt
