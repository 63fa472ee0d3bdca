"""The lessons' widgets in a real JupyterLab: each is moved, and answers."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from course_lib.publishing.execute import HINT, is_hint
from course_lib.publishing.settings import this_house

SLOWEST = 2000
"""Milliseconds after which a widget looks dead on a busy machine; the aim on a quiet one is 150 (`-s` prints them)."""

# Notes when a control is moved, and when another picture stands in the widget.
WATCH = """root => {
  window.moved = window.drawn = null;
  const move = () => { window.moved = performance.now(); };
  for (const kind of ['keydown', 'change', 'pointerup']) document.addEventListener(kind, move, true);
  const shows = (node) => node.nodeName === 'IMG' || node.querySelector?.('img');
  new MutationObserver((all) => {
    if (all.some((one) => [...one.addedNodes].some(shows))) window.drawn = performance.now();
  }).observe(root, { subtree: true, childList: true });
}"""


def milliseconds(page: Any, widget: Any) -> float:
    """Move a widget once more than it was and return how long its picture took to follow."""
    widget.evaluate(WATCH)
    if widget.locator("canvas.course-drawing").count():
        return float("nan")  # a network answers there, and takes what it takes
    if widget.locator(".noUi-handle").count():
        widget.locator(".noUi-handle").first.press("ArrowLeft")
    else:
        widget.locator("select").first.select_option(index=0)
    page.wait_for_function("() => window.moved !== null && window.drawn > window.moved")
    return float(page.evaluate("() => window.drawn - window.moved"))


def play(page: Any, widget: Any, steps: int) -> None:
    """Move a widget's first slider, or else choose from its first menu, and wait until its picture has changed."""
    place = widget.locator("img").first.evaluate_handle("image => image.parentElement")
    before = place.evaluate("place => place.innerHTML")
    if widget.locator(".noUi-handle").count():
        handle = widget.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(steps):
            handle.press("ArrowRight")
    else:
        widget.locator("select").first.select_option(index=1)
    page.wait_for_function("([place, before]) => place.innerHTML !== before", arg=[place, before])


def widgets(page: Any) -> list[Any]:
    """Return the outputs of the open notebook that show a widget with a picture."""
    return page.locator(".jp-OutputArea-output:has(.jupyter-widgets):has(img)").all()


# Of each control of a widget the name that a screen reader says.
NAMES = """() => [...document.querySelectorAll(
  '.jupyter-widgets .noUi-handle, .widget-play button, .jupyter-widgets canvas, canvas.course-drawing'
)].filter((one) => one.getBoundingClientRect().width)
  .map((one) => one.getAttribute('aria-label') || one.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_every_widget_of_a_lesson_answers(page: Any, lab: Any, lesson: str) -> None:
    path = f"notebooks/{lesson}.ipynb"
    cells = nbformat.read(lab.folder / path, as_version=4).cells
    lab.run(page, path)
    assert lab.errors(page) == []
    shown = widgets(page)
    assert len(shown) == sum(cell.metadata["widget"] for cell in cells)
    assert shown or lesson.startswith("00"), "the lesson has no picture to play with"
    assert [name for name in page.evaluate(NAMES) if name.startswith("<")] == []
    for number, widget in enumerate(shown, start=1):
        if widget.locator("canvas.course-drawing").count():
            lab.stroke(page, (0.2, 0.3), (0.8, 0.7))
        else:
            play(page, widget, steps=3)
            took = milliseconds(page, widget)
            print(f"{lesson}, widget {number}: {took:.0f} ms")
            assert took <= SLOWEST
        assert lab.errors(page) == []


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_opened_and_not_run_a_lesson_has_its_pictures_and_their_texts(page: Any, lab: Any, lesson: str) -> None:
    notebook = nbformat.read(this_house().notebook(lesson, "learner"), as_version=4)
    nbformat.write(notebook, lab.folder / "notebooks" / f"opened_{lesson}.ipynb")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    wanted = [
        output.metadata[kind]["alt"]
        for output in outputs
        for kind in ("image/png", "image/jpeg")
        if kind in output.get("data", {})
    ]
    lab.open(page, f"notebooks/opened_{lesson}.ipynb")
    pictures = page.locator(".jp-RenderedImage img")
    page.wait_for_function("n => document.querySelectorAll('.jp-RenderedImage img').length === n", arg=len(wanted))
    assert pictures.evaluate_all("all => all.map((image) => image.alt)") == wanted
    hints = sum(is_hint(output) for output in outputs)
    assert page.locator(".jp-RenderedMarkdown", has_text=HINT).count() == hints
    assert "Loading widget" not in page.locator(".jp-Notebook").inner_text()
    assert page.evaluate("[...document.querySelectorAll('.jp-Notebook img')].every((one) => one.naturalWidth > 0)")


def test_notebook_7_runs_a_lesson_and_its_sliders_hear_the_keys(page: Any, lab: Any) -> None:
    """The same cells in the other front end: the picture follows the arrow keys, and pictures have their texts."""
    pytest.importorskip("notebook", minversion="7", reason="Notebook 7 is not installed")
    path = "notebooks/02_gan_optimality.ipynb"
    lab.run(page, path, place="notebooks")
    assert lab.errors(page) == []
    assert [name for name in page.evaluate(NAMES) if name.startswith("<")] == []
    assert page.locator(".jp-Notebook img:not([alt])").count() == 0
    sliders = [widget for widget in widgets(page) if widget.locator(".noUi-handle").count()]
    assert sliders
    for widget in sliders:
        play(page, widget, steps=3)
    assert lab.errors(page) == []


def test_code_that_draws_is_folded_away_and_unfolds(page: Any, lab: Any) -> None:
    folded = nbformat.v4.new_code_cell("print('drawn')", metadata={"jupyter": {"source_hidden": True}})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 'open'"), folded])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "notebooks" / "folded.ipynb")
    lab.open(page, "notebooks/folded.ipynb")
    page.wait_for_selector(".jp-InputPlaceholder")
    assert page.locator(".jp-CodeCell .jp-InputArea-editor").count() == 1
    page.locator(".jp-InputPlaceholder").click()
    page.wait_for_function("() => document.querySelectorAll('.jp-CodeCell .jp-InputArea-editor').length === 2")


CELLS = {
    "a = 1": True,  # the first cell makes the notebook ready
    "import torch\nfrom course_lib.training import fit": True,
    "from course_lib.lessons.lesson_03.rate_slider import beta_slider": True,
    "b = [torch.zeros(3), 0]\nc = 5": True,
    "c = [x for x in range(c)]": False,
    "system = object()\nfit(system, b)": True,
    "torch.manual_seed(0)\nprint(system, b)": False,
    "b[0] = 7\nx = 3": True,
    "d = 4": False,  # overwritten in the next
    "c, d = 3, 4": True,
    "def f(system):\n    return c * d": True,
    "for c in range(2):\n    b.append(c)": True,
    "slider = beta_slider(f(b), system)\nslider": True,
    "b.clear()": False,
}


def test_what_a_widget_needs(needed_cells: Any) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    assert [cell.source for cell in needed_cells(cells)] == [source for source, kept in CELLS.items() if kept]


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
        (widget,) = widgets(page)
        play(page, widget, 1)
        assert lab.errors(page) == []
        play(page, widget, steps)
        page.wait_for_selector("[role='alert']")
    assert any(fault in one for one in lab.errors(page))


def test_an_error_ends_the_run(page: Any, lab: Any) -> None:
    """A run that waits for the cells behind the error fails at its time limit."""
    lab.run(page, lab.write("stopped.ipynb", "print(1)", "1 / 0", "print(3)"))
    (error,) = lab.errors(page)
    assert "ZeroDivisionError" in error
