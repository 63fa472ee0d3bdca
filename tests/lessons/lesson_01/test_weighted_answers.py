"""The widget of lesson 01: its pictures are the minimisers, by brute force, and it says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_01.weighted_answers import answer_weights
from course_lib.widgets.explorer import Explorer

NAMES = ["red", "green", "blue", "grey"]


@pytest.fixture
def answers() -> Tensor:
    return (torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(3)) * 2 - 1).round(decimals=2)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Write down what each figure shows."""
    calls: list[dict[str, Any]] = []
    draw = plotting.image_grid

    def note(rows: Any, **options: Any) -> Any:
        calls.append({"pictures": list(rows[0])} | options)
        return draw(rows, **options)

    monkeypatch.setattr(plotting, "image_grid", note, raising=False)
    return calls


def set_weights(widget: Explorer, *weights: float) -> None:
    for number, weight in enumerate(weights):
        widget.controls[f"w{number}"].value = weight


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (3, 1, 0, 0.5), (0, 2, 2, 0), (1, 1, 2, 4.5), (0, 0, 5, 0)])
def test_mean_median_and_mode_by_brute_force(
    answers: Tensor, shown: list[dict[str, Any]], weights: tuple[float, ...]
) -> None:
    widget = answer_weights(answers, NAMES)
    set_weights(widget, *weights)
    assert widget.error is None
    *six, mean, median, mode = shown[-1]["pictures"]
    assert torch.equal(torch.stack(six), answers)
    share = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    grid = torch.linspace(-1, 1, 401, dtype=torch.float64).view(-1, 1, 1, 1, 1)
    gap = grid - answers.double()
    weighted = share.view(1, -1, 1, 1, 1)
    best = grid.flatten()[(weighted * gap.square()).sum(dim=1).argmin(dim=0)]
    assert (mean - best).abs().max() <= 0.0026  # half a step of the grid
    least = (weighted * gap.abs()).sum(dim=1).amin(dim=0)
    loss = (share.view(-1, 1, 1, 1) * (median - answers).abs()).sum(dim=0)
    assert (loss - least).abs().max() < 1e-6
    assert any(torch.equal(mode, answers[k]) for k in range(4) if weights[k] == max(weights))


def test_titles_and_text_say_the_chances(answers: Tensor, shown: list[dict[str, Any]]) -> None:
    widget = answer_weights(answers, NAMES)
    assert shown[-1]["column_titles"][0] == "red\n25 %"
    assert shown[-1]["column_titles"][-1] == "mode\n(one of 4)"
    assert widget.alt.endswith("one of the 4 most likely answers, red")
    set_weights(widget, 0, 1, 3, 1)
    assert shown[-1]["column_titles"] == [
        "red\n0 %", "green\n20 %", "blue\n60 %", "grey\n20 %",
        "mean\n(MSE)", "median\n(MAE)", "mode\n(most likely)",
    ]  # fmt: skip
    assert "(red 0 %, green 20 %, blue 60 %, grey 20 %)" in widget.alt
    assert widget.alt.endswith("the most likely answer, blue")


def test_the_picture_changes_with_a_slider_and_comes_back(answers: Tensor) -> None:
    widget = answer_weights(answers, NAMES)
    even = widget.alt
    set_weights(widget, 2)
    first = widget.png
    set_weights(widget, 4)
    assert widget.png != first
    set_weights(widget, 2)
    assert widget.png == first
    set_weights(widget, 1)
    assert widget.alt == even


def test_without_any_weight_it_says_so_and_recovers(answers: Tensor) -> None:
    widget = answer_weights(answers, NAMES)
    set_weights(widget, 0, 0, 0, 0)
    assert isinstance(widget.error, ShapeError)
    assert "All weights are zero: give at least one answer some weight." in widget.picture.value
    assert "<img" not in widget.picture.value
    assert widget.png == b""
    set_weights(widget, 0, 0, 0.5)
    assert widget.error is None
    assert "<img" in widget.picture.value


@pytest.mark.parametrize(
    ("shape", "dtype", "names", "sentence"),
    [
        ((4, 3, 4, 4), torch.float32, NAMES[:3], "3 names do not fit"),
        ((3, 4, 4), torch.float32, NAMES[:3], "3 names do not fit"),
        ((0, 3, 4, 4), torch.float32, [], "0 names do not fit"),
        ((4, 3, 4, 4), torch.uint8, NAMES, r"x\.float\(\) / 127\.5 - 1"),
    ],
)
def test_answers_that_do_not_fit(shape: tuple[int, ...], dtype: torch.dtype, names: list[str], sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        answer_weights(torch.zeros(shape, dtype=dtype), names)
