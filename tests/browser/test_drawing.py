"""The drawing widget in a real JupyterLab: a stroke of the mouse is on the canvas and in the translation."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

# The translation is the negative, so that each of its pixels says what the network was given.
CELL = """
from course_lib.lessons.lesson_10.drawing import draw_and_translate

def negative(x):
    if float((x < 0).float().mean()) > {limit}:
        raise ValueError("too much ink")
    return -x.repeat(1, 3, 1, 1)

draw_and_translate(negative)
"""
INK = """(canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [...data].filter((_, place) => place % 4 === 0);
}"""
SIDE = 64


COLOURS = """
from course_lib.lessons.lesson_10.colouring import colour_and_translate

colour_and_translate(lambda x: x[:, 1:4])
"""


def translation(page: Any, mode: str = "L") -> np.ndarray:
    """Return the picture beside the canvas, grey or in colour, at the size of the drawing."""
    source = page.locator(".jp-OutputArea-output:has(canvas) img").get_attribute("src")
    picture = Image.open(io.BytesIO(base64.b64decode(source.partition("base64,")[2]))).convert(mode)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(int)


def sheet(page: Any) -> np.ndarray:
    """Return what is on the canvas."""
    return np.array(page.locator("canvas.course-drawing").evaluate(INK)).reshape(SIDE, SIDE)


def settled(page: Any, until: Any) -> bool:
    """Return whether something becomes true within some seconds."""
    for _ in range(50):
        if until():
            return True
        page.wait_for_timeout(100)
    return False


def test_a_stroke_changes_the_translation(page: Any, lab: Any) -> None:
    lab.run(page, lab.write("drawing.ipynb", CELL.format(limit=1)))
    assert lab.errors(page) == []
    assert settled(page, lambda: np.abs(sheet(page) + translation(page) - 255).max() <= 1)
    assert (sheet(page) < 128).sum() > 50  # the outline that one starts from

    page.get_by_role("button", name="clear", exact=True).click()
    assert settled(page, lambda: sheet(page).min() == 255)
    assert settled(page, lambda: translation(page).max() == 0)
    lab.stroke(page, (0.25, 0.5), (0.75, 0.5))
    assert settled(page, lambda: sheet(page)[30:34, 20:44].min(axis=0).max() < 160)  # the line is whole
    assert sheet(page)[:28].min() == sheet(page)[36:].min() == 255
    assert np.abs(sheet(page) + translation(page) - 255).max() <= 1

    page.get_by_role("button", name="eraser").click()
    lab.stroke(page, (0.5, 0.4), (0.5, 0.6))
    assert settled(page, lambda: sheet(page)[:, 31:33].min() == 255)
    assert sheet(page)[30:34, 20:26].min() < 160
    assert np.abs(sheet(page) + translation(page) - 255).max() <= 1
    assert lab.errors(page) == []


def test_a_page_that_is_loaded_again_shows_the_drawing(page: Any, lab: Any) -> None:
    path = lab.write("again.ipynb", CELL.format(limit=1))
    lab.run(page, path)
    page.get_by_role("button", name="clear", exact=True).click()
    assert settled(page, lambda: sheet(page).min() == 255)
    lab.stroke(page, (0.25, 0.25), (0.75, 0.75))
    drawn = translation(page)
    lab.save(page)
    lab.open(page, path)
    page.wait_for_selector("canvas.course-drawing")
    assert settled(page, lambda: np.abs(sheet(page) + drawn - 255).max() <= 1)
    lab.stroke(page, (0.25, 0.75), (0.75, 0.25))
    assert settled(page, lambda: np.abs(sheet(page) + translation(page) - 255).max() <= 1)
    assert (sheet(page) < drawn.max()).sum() > 0


def test_a_click_leaves_a_dot_of_the_colour(page: Any, lab: Any) -> None:
    """The translation is what the network was told of the dots, so that it shows them alone."""
    lab.run(page, lab.write("colours.ipynb", COLOURS))
    assert lab.errors(page) == []
    assert settled(page, lambda: (translation(page) < 250).sum() > 30)  # the dots that one starts from
    page.get_by_role("button", name="clear", exact=True).click()
    assert settled(page, lambda: translation(page).min() == 255)
    page.get_by_title("green", exact=True).click()
    lab.stroke(page, (0.5, 0.5), (0.5, 0.5))
    assert settled(page, lambda: (translation(page) < 250).sum() == 9)
    middle = translation(page, "RGB")[SIDE // 2, SIDE // 2]
    assert np.abs(middle - (0x3F, 0xAE, 0x49)).max() <= 2
    page.get_by_role("button", name="eraser").click()
    lab.stroke(page, (0.4, 0.5), (0.6, 0.5))
    assert settled(page, lambda: translation(page).min() == 255)
    assert lab.errors(page) == []


def test_an_error_is_said(page: Any, lab: Any) -> None:
    lab.run(page, lab.write("fault.ipynb", CELL.format(limit=0.05)))
    page.wait_for_selector("[role='alert']")
    (sentence,) = lab.errors(page)
    assert sentence == "This figure cannot be drawn. ValueError: too much ink"
    page.get_by_role("button", name="clear", exact=True).click()
    page.wait_for_selector(".jp-OutputArea-output:has(canvas) img")
    assert lab.errors(page) == []
