"""Whoever sees fewer colours can read the figures: what is refused, and the house's own colours."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from course_lib import plotting
from course_lib.errors import CourseError
from course_lib.plotting.style import COLOURS, INK
from course_lib.plotting.told_apart import APART, KINDS, STRICT, faults, least_distance, seen_by


def drawn(**second: Any) -> Any:
    figure, axes = plotting.subplots()
    axes.plot([0, 1], [0, 1], color="#0072B2", linestyle="-", label="data")
    axes.plot([0, 1], [1, 0], **({"color": "#D55E00", "linestyle": "-", "label": "samples"} | second))
    axes.legend()
    return figure


def test_a_legend_of_colours_alone_is_refused() -> None:
    (fault,) = faults(drawn())
    assert fault == "'data' and 'samples' differ in colour alone: give them other dashes or markers."


@pytest.mark.parametrize("change", [{"linestyle": "--"}, {"marker": "o"}, {"linewidth": 5}])
def test_one_more_difference_is_enough(change: dict[str, Any]) -> None:
    assert faults(drawn(**change)) == []


def test_two_that_are_alike_are_named() -> None:
    assert faults(drawn(color="#0072B2"))[0] == "'data' and 'samples' look alike in a legend."


def test_vermilion_and_ochre_are_one_for_some() -> None:
    figure, axes = plotting.subplots()
    for colour, name in (("#D55E00", "vermilion"), ("#A87900", "ochre")):
        axes.scatter([0], [1], color=colour, label=name)
    axes.legend()
    assert any("apart for some" in one for one in faults(figure))


def test_marks_and_bars_of_one_form_are_refused_and_hatching_is_a_form() -> None:
    figure, axes = plotting.subplots()
    for place, colour in enumerate(("#0072B2", "#D55E00")):
        axes.bar([place], [1], color=colour, label=colour)
    axes.legend()
    assert "differ in colour alone" in faults(figure)[0]
    axes.clear()
    for place, hatch in enumerate(("", "//")):
        axes.bar([place], [1], color=list(COLOURS.values())[place], hatch=hatch, label=f"row {place}")
    axes.legend()
    assert faults(figure) == []
    axes.clear()
    for place, marker in enumerate("ox"):
        axes.scatter([place], [1], color=list(COLOURS.values())[place], marker=marker, label=marker)
    axes.legend()
    assert faults(figure) == []


@pytest.mark.parametrize(("second", "count"), [("o-", 1), ("s--", 0)])
def test_lines_with_error_bars_are_told_by_their_lines(second: str, count: int) -> None:
    figure, axes = plotting.subplots()
    for form, colour in (("o-", "#0072B2"), (second, "#D55E00")):
        axes.errorbar([0, 1], [1, 2], yerr=[0.1, 0.1], fmt=form, color=colour, label=colour)
    axes.legend()
    assert len(faults(figure)) == count


@pytest.mark.parametrize("name", ["hsv", "RdYlGn", "twilight", "prism"])
def test_a_map_without_an_order_is_refused(name: str) -> None:
    figure, axes = plotting.subplots()
    axes.imshow(np.eye(3), cmap=name)
    assert faults(figure) == [f"The colour map {name!r} has no order that all can see: use one such as 'viridis'."]


def test_maps_with_an_order_and_pictures_are_taken() -> None:
    figure, axes = plotting.subplots()
    for name in ("viridis_r", "cividis", "magma", "gray", "Greys", "RdBu", "PuOr"):
        axes.imshow(np.eye(3), cmap=name)
    axes.imshow(np.zeros((3, 3, 3)))  # a picture has its own colours
    assert faults(figure) == []


def test_a_figure_is_asked_where_lessons_are_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRICT, raising=False)
    plotting.mime_bundle(drawn(), "two lines that cross")
    monkeypatch.setenv(STRICT, "1")
    with pytest.raises(CourseError, match=r"Not everyone can read this figure\. 'data' and 'samples' differ in colour"):
        plotting.mime_bundle(drawn(), "two lines that cross")


def test_the_colours_of_the_house_stay_apart() -> None:
    """For each kind; dashes and markers tell apart beside them."""
    near = {
        (one, other): round(least_distance(COLOURS[one], COLOURS[other]), 1) for one, other in combinations(COLOURS, 2)
    }
    assert {pair: distance for pair, distance in near.items() if distance < APART} == {}
    assert all(least_distance(colour, INK) > APART for colour in COLOURS.values())


def test_who_sees_less_sees_grey_as_grey() -> None:
    for kind in KINDS:
        seen = seen_by(["#808080", "white", "black"], kind)
        assert np.allclose(seen, [[128 / 255] * 3, [1] * 3, [0] * 3], atol=0.02), kind
    with pytest.raises(CourseError, match="There is no kind 'red'"):
        seen_by(["red"], "red")
