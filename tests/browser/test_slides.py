"""Each deck in a real browser without a network: nothing fetched, nothing broken, nothing cut off, and as a PDF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from course_lib.publishing.derive import write
from course_lib.publishing.settings import House, this_house
from course_lib.publishing.slides import deck_of, export, print_pdf

WAIT_SECONDS = 120
SMALLEST_FIGURE = 150  # of a page's 720 units
LOOK = (Path(__file__).parent / "look_at_slide.js").read_text(encoding="utf-8")
for word, number in {"SMALLEST": SMALLEST_FIGURE, "FEW": 3, "MANY": 8, "TABLE": 20, "TEXT": 24}.items():
    LOOK = re.sub(rf"\b{word}\b", str(number), LOOK)


def lone_house(tmp_path: Path, source: House) -> House:
    """Return a house in a temporary folder that reads this course's slides and notebooks, but builds its own decks."""
    house = House(tmp_path)
    house.slides.mkdir()
    for folder in ("template", "theme", "vendor"):
        (house.slides / folder).symlink_to(source.slides / folder)
    (tmp_path / "pyproject.toml").symlink_to(source.root / "pyproject.toml")
    return house


def walk(chromium: Any, deck: Path) -> tuple[list[str], int]:
    """Open a deck, go through it, and return its faults and how many slides it has."""
    faults: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    loud = ("error", "warning")
    page.on("console", lambda message: message.type in loud and faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", lambda request: request.url[:5] in ("http:", "https", "ws://") and faults.append(request.url))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.goto(deck.as_uri())
    page.wait_for_selector("html[data-ready=true]", state="attached")
    count = page.evaluate("Reveal.getTotalSlides()")
    for _ in range(count):
        page.wait_for_timeout(60)
        faults += page.evaluate(LOOK)
        while page.evaluate("Reveal.availableFragments().next"):
            page.evaluate("Reveal.nextFragment()")
        if not page.evaluate("Reveal.isLastSlide()"):
            page.evaluate("Reveal.next()")
    assert page.evaluate("Reveal.isLastSlide()")
    formulas = page.evaluate("document.querySelectorAll('mjx-container').length")
    text = deck.read_text(encoding="utf-8")
    if re.search(r"\$[^$\n]+\$", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)) and not formulas:
        faults.append("no formula was set")
    context.close()
    return faults, count


def pages(pdf: Path) -> int:
    """Return how many pages a PDF of Chromium's has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_deck(chromium: Any, tmp_path: Path, lesson: str) -> None:
    house = lone_house(tmp_path, this_house())
    house.notebooks.symlink_to(this_house().notebooks)
    deck = export(house, lesson)
    faults, count = walk(chromium, deck)
    assert faults == []
    assert count >= (3 if lesson.startswith("00") else 8)
    assert pages(print_pdf(deck)) == count


def test_nobody_is_left_out(chromium: Any, tmp_path: Path) -> None:
    """Contrast, names and texts, slide by slide, as axe sees them."""
    house = lone_house(tmp_path, this_house())
    house.notebooks.symlink_to(this_house().notebooks)
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    page.goto(export(house, "10_pix2pix").as_uri())
    page.wait_for_selector("html[data-ready=true]", state="attached")
    found = set()
    for _ in range(page.evaluate("Reveal.getTotalSlides()")):
        while page.evaluate("Reveal.availableFragments().next"):
            page.evaluate("Reveal.nextFragment()")
        for one in Axe().run(page, options={"preload": False}).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                found.add(f"{one['id']}: {one['nodes'][0]['html'][:80]}")
        page.evaluate("Reveal.next()")
    context.close()
    assert found == set()


def test_a_speaker_has_the_notes_on_screen_and_on_paper(chromium: Any, tmp_path: Path) -> None:
    house = lone_house(tmp_path, this_house())
    house.notebooks.symlink_to(this_house().notebooks)
    deck = export(house, "00_start_here")
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    page.goto(deck.as_uri())
    page.wait_for_selector("html[data-ready=true]", state="attached")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    notes.filter(has_text="Everybody opens lesson 00").wait_for()
    context.close()
    count = deck_of(this_house(), "00_start_here").times()[0]
    assert pages(print_pdf(deck, notes=True)) >= 2 * count


SAMPLE = Path(__file__).parents[1] / "publishing" / "sample" / "90_middle.py"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("is smallest at the mean:", "\n# ".join(["one\n#"] * 20), "too high"),
        (r"\frac{1}{n}\sum_i a_i$$", r"\undefined{1}$$", "cannot be set"),
        ("is smallest at the mean:", '<img alt="x" src="https://example.org/x.png">', "example.org"),
    ],
)
def test_faults_of_a_deck_are_seen(chromium: Any, tmp_path: Path, old: str, new: str, fault: str) -> None:
    house = lone_house(tmp_path, this_house())
    house.sources.mkdir(parents=True)
    text = SAMPLE.read_text(encoding="utf-8").replace('# %% tags=["exercise:90.1"]\n', "")
    assert old in text
    house.source("90_middle").write_text(text.replace(old, new) if old else text, encoding="utf-8")
    write(house, "90_middle")
    faults, count = walk(chromium, export(house, "90_middle"))
    assert count == 3
    assert [one for one in faults if fault in one] if fault else faults == []
