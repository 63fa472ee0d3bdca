"""The lessons in a real JupyterLab: all cells run, and a widget answers."""

from __future__ import annotations

from typing import Any

import pytest

from course_lib.publishing.settings import this_house


def play(page: Any, steps: int) -> bool:
    """Move the first slider that stands with a picture; return whether the picture's place changed, False if none."""
    widget = page.locator(".jp-OutputArea-output:has(.noUi-handle):has(img)").first
    if not widget.count():
        return False
    place = widget.locator("img").first.evaluate_handle("image => image.parentElement")
    before = place.evaluate("place => place.innerHTML")
    handle = widget.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    handle.focus()
    for _ in range(steps):
        handle.press("ArrowRight")
    page.wait_for_function("([place, before]) => place.innerHTML !== before", arg=[place, before])
    return True


def draw(page: Any, lab: Any) -> bool:
    """Draw a line on the lesson's canvas and wait for the picture to change; return False if there is none."""
    if not page.locator("canvas.course-drawing").count():
        return False
    lab.stroke(page, (0.2, 0.3), (0.8, 0.7))
    return True


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_lesson_runs_and_its_widgets_answer(page: Any, lab: Any, lesson: str) -> None:
    lab.run(page, f"notebooks/{lesson}.ipynb")
    assert lab.errors(page) == []
    played = play(page, steps=3) or draw(page, lab) or lesson.startswith("00")
    assert played, "the lesson has no picture to play with, by a slider or on a canvas"
    assert lab.errors(page) == []


PROBE = """
import ipywidgets
import matplotlib.pyplot as plt
from course_lib.widgets.explorer import Explorer

def draw(value):
    if value > 2:
        raise ValueError("drawn too far")
    figure, axis = plt.subplots()
    axis.plot([0, value])
    return figure, f"a line up to {value}"

Explorer(draw, {"value": ipywidgets.IntSlider(value=0, max=5)})
"""


@pytest.mark.parametrize(("code", "steps", "fault"), [("1 / 0", 0, "ZeroDivisionError"), (PROBE, 5, "drawn too far")])
def test_what_goes_wrong_is_seen(page: Any, lab: Any, code: str, steps: int, fault: str) -> None:
    lab.run(page, lab.write("probe.ipynb", code))
    if steps:
        assert lab.errors(page) == []
        assert play(page, 1)
        assert lab.errors(page) == []
        play(page, steps)
        page.wait_for_selector("[role='alert']")
    assert any(fault in one for one in lab.errors(page))


def test_an_error_ends_the_run(page: Any, lab: Any) -> None:
    """A run that waits for the cells behind the error fails at its time limit."""
    lab.run(page, lab.write("stopped.ipynb", "print(1)", "1 / 0", "print(3)"))
    (error,) = lab.errors(page)
    assert "ZeroDivisionError" in error
