"""Each deck in a real browser without a network: nothing fetched, nothing broken, nothing cut off, and as a PDF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from course_lib.publishing.derive import write
from course_lib.publishing.settings import House, this_house
from course_lib.publishing.slides import export, print_pdf

WAIT_SECONDS = 120
SMALLEST_FIGURE = 150  # of a page's 720 units
# Every leaf slide with what is wrong with it; run while the slide is the present one.
LOOK = """() => {
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale(), page = slide.getBoundingClientRect();
  const name = slide.querySelector('h1, h2, h3')?.innerText.replace('¶', '') ?? slide.innerText.slice(0, 40);
  const faults = [];
  const high = slide.scrollHeight - 720, wide = slide.scrollWidth - slide.clientWidth;
  if (high > 1) faults.push(`is ${high} units too high`);
  if (wide > 1) faults.push(`is ${wide} units too wide`);
  for (const part of slide.querySelectorAll('img, pre, table, mjx-container, p, li')) {
    const box = part.getBoundingClientRect();
    if (!box.width || part.closest('aside, mjx-assistive-mml')) continue;
    if (box.bottom > page.bottom + 1 || box.right > page.right + 1)
      faults.push(`cuts off ${part.tagName} ${part.innerText?.slice(0, 30) ?? part.alt}`);
  }
  for (const figure of slide.querySelectorAll('.jp-RenderedImage img')) {
    const height = figure.getBoundingClientRect().height;
    if (height < SMALLEST * scale) faults.push(`shows a figure too small to read: ${figure.alt}`);
    if (!figure.alt) faults.push('shows a figure without alt text');
  }
  const text = [...slide.querySelectorAll('p, li')].filter((part) =>
    !part.closest('aside, table, mjx-container') && !part.querySelector('p, ul, ol, mjx-container[display="true"]') && part.innerText.trim());
  const lines = text.reduce((sum, part) =>
    sum + Math.max(1, Math.round(part.getBoundingClientRect().height / scale / parseFloat(getComputedStyle(part).lineHeight))), 0);
  const most = slide.querySelector('.jp-RenderedImage img, video, canvas') ? FEW : MANY;
  if (lines > most) faults.push(`has ${lines} lines of text, more than ${most}`);
  for (const part of slide.querySelectorAll('p, li, h1, h2, h3, td, th, pre, code')) {
    if (!part.innerText.trim() || part.closest('aside, mjx-container')) continue;
    const size = parseFloat(getComputedStyle(part).fontSize), least = part.closest('table, pre, code') ? TABLE : TEXT;
    if (size < least) { faults.push(`has type of ${size} units, less than ${least}: ${part.innerText.slice(0, 30)}`); break; }
  }
  for (const arrow of document.querySelectorAll('.controls button')) {
    const there = arrow.getBoundingClientRect();
    for (const part of slide.querySelectorAll('img, p, li, pre, table')) {
      const box = part.getBoundingClientRect();
      if (there.width && box.width && !part.closest('aside') && box.right > there.left && box.bottom > there.top + 1 && box.left < there.right)
        faults.push(`an arrow covers ${part.tagName}`);
    }
  }
  for (const printed of slide.querySelectorAll('.jp-RenderedText pre, .jp-RenderedMarkdown pre')) {
    const high = printed.getBoundingClientRect().height / scale, one = parseFloat(getComputedStyle(printed).lineHeight);
    if (high > one * (printed.textContent.trimEnd().split('\\n').length + 0.5)) faults.push('wraps a line of code or of what was printed');
  }
  const broken = '[data-mml-node="merror"], [data-mjx-error], mjx-container [fill="red"]';
  if (slide.querySelector(broken)) faults.push('has a formula that cannot be set');
  if (/\\$\\$|\\\\\\(|\\\\frac/.test(slide.innerText)) faults.push('shows a formula as text');
  return faults.map((fault) => `${name}: ${fault}`);
}"""
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
