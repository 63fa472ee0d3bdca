"""What goes into a deck (how it looks is tested in tests/browser)."""

from __future__ import annotations

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_lib.errors import CourseError
from course_lib.publishing import slides
from course_lib.publishing.derive import save, write
from course_lib.publishing.execute import HINT, WIDGET_VIEW, tidy
from course_lib.publishing.settings import House


@pytest.fixture
def deck(house: House) -> str:
    write(house, "90_middle")
    path = house.notebook("90_middle", "learner")
    notebook = nbformat.read(path, as_version=4)
    figure = next(cell for cell in notebook.cells if "hide-input" in cell.metadata.get("tags", []))
    data = {"image/png": "iVBORw0KGgo=", WIDGET_VIEW: {"model_id": "m"}, "text/plain": "A parabola"}
    figure.outputs = [new_output("display_data", data=data, metadata={"image/png": {"alt": 'A "parabola" & more'}})]
    tidy(notebook)
    save(notebook, path)
    return slides.export(house, "90_middle").read_text(encoding="utf-8")


def test_deck_holds_the_slides_alone(deck: str) -> None:
    assert deck.count("<section") == 2 * 4  # each slide is a stack of one; the exercise has its own
    assert "Which number lies in the middle?" in deck
    assert "Ask for a guess" in re.search(r'(?s)<aside class="notes">.*?</aside>', deck)[0]
    for absent in ("import matplotlib", "median()", "course_folder", "[Solutions]", "slides/build", "the same"):
        assert absent not in deck
    assert "<title>90 · Which number lies in the middle?</title>" in deck


def test_a_figure_keeps_its_alt_text_and_stands_for_its_widget(deck: str) -> None:
    assert [image["alt"] for image in BeautifulSoup(deck, "html.parser").select("img")] == ['A "parabola" & more']
    assert "widget-view" not in deck
    assert HINT not in deck  # nothing can be run in a deck


def test_deck_names_local_files_alone(house: House, deck: str) -> None:
    named = re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["']([^"']+)""", deck)
    assert named
    for name in named:
        if not name.startswith("data:"):
            assert (house.slides / "build" / name).is_file(), name


def test_scripts_come_with_their_licences(house: House) -> None:
    for folder in (house.slides / "vendor").iterdir():
        if folder.is_dir():
            assert (folder / "LICENSE").is_file(), folder.name


def test_missing_notebook_slides_and_browser(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CourseError, match="make notebooks"):
        slides.export(house, "90_middle")
    with pytest.raises(CourseError, match="No cell is a slide"):
        slides.slides_of(new_notebook(cells=[new_code_cell("1")]))
    monkeypatch.setattr(slides, "find_browser", lambda: None)
    with pytest.raises(CourseError, match="COURSE_BROWSER"):
        slides.print_pdf(house.slides / "deck.html")
