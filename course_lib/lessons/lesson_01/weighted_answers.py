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
        answers: ``(K, C, H, W)`` float in [-1, 1], C = 1 or 3: the right answers of one input.
        names: K names.

    Returns:
        The widget; the sliders are in ``controls``, named ``"w0"`` to ``"w<K - 1>"``, in the order of the answers.

    Raises:
        ShapeError: if the answers are no float pictures, or there are not as many names as answers.
    """
    if answers.dim() != 4 or len(names) != len(answers) or not names:
        raise ShapeError(f"{len(names)} names do not fit answers of shape {tuple(answers.shape)}: give one a row.")
    if not answers.is_floating_point():
        raise ShapeError(f"The answers are {answers.dtype}: give floats in [-1, 1], for example x.float() / 127.5 - 1.")

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
    chances = [f"{100 * part:.0f} %" for part in (weights / weights.sum()).tolist()]
    mean = mse_minimiser(answers, weights)
    low, high = mae_minimisers(answers, weights)
    first = int(weights.argmax())
    ties = int((weights == weights.max()).sum())
    pictures = [*answers, mean, (low + high) / 2, answers[first]]
    titles = [f"{name}\n{chance}" for name, chance in zip(names, chances, strict=True)]
    titles += ["mean\n(MSE)", "median\n(MAE)", "mode\n(most likely)" if ties == 1 else f"mode\n(one of {ties})"]
    figure = plotting.image_grid([pictures], column_titles=titles)
    listed = ", ".join(f"{name} {chance}" for name, chance in zip(names, chances, strict=True))
    likely = "the most likely answer" if ties == 1 else f"one of the {ties} most likely answers"
    alt = (
        f"{len(names)} answers with their chances ({listed}), then their weighted mean, their weighted median, "
        f"and {likely}, {names[first]}"
    )
    return figure, alt
