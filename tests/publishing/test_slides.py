"""What goes into a deck (how it looks is tested in tests/browser)."""

from __future__ import annotations

import re

import pytest

from course_lib.errors import CourseError
from course_lib.publishing import slides
from course_lib.publishing.derive import write
from course_lib.publishing.settings import House


@pytest.fixture
def deck(house: House) -> str:
    write(house, "90_middle")
    return slides.export(house, "90_middle").read_text(encoding="utf-8")


def test_deck_holds_the_slides_alone(deck: str) -> None:
    assert deck.count("<section") == 2 * 3  # each slide is a stack of one
    assert "Which number lies in the middle?" in deck
    assert "Ask for a guess" in re.search(r'(?s)<aside class="notes">.*?</aside>', deck)[0]
    for absent in ("import matplotlib", "median()", "course_folder", "[Solutions]", "slides/build", "the same"):
        assert absent not in deck
    assert "<title>90 · Which number lies in the middle?</title>" in deck


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
    source = house.source("90_middle")
    source.write_text(source.read_text().replace("slideshow", "other"))
    write(house, "90_middle")
    with pytest.raises(CourseError, match="No cell is a slide"):
        slides.export(house, "90_middle")
    monkeypatch.setattr(slides, "find_browser", lambda: None)
    with pytest.raises(CourseError, match="COURSE_BROWSER"):
        slides.print_pdf(house.slides / "deck.html")
