"""Decks from the learner's executed notebooks: reveal.js, MathJax and the theme beside them, no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.publishing.deck_text import Deck, slide_type
from course_lib.publishing.derive import FOLDED, SLIDES, derive, keep_outputs
from course_lib.publishing.execute import is_hint
from course_lib.publishing.lessons import describe
from course_lib.publishing.settings import House
from course_lib.publishing.stamp import links

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PRINT_SECONDS = 120


def slides_of(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook that holds the cells with a slide type alone, slides below others as slides.

    So one key leads through the whole deck.

    Raises:
        CourseError: if no cell has one.
    """
    deck = NotebookNode(notebook)
    kept = [cell for cell in notebook.cells if slide_type(cell) != "skip"]
    if not kept:
        raise CourseError('No cell is a slide: give cells slideshow={"slide_type": "slide"} in notebooks/source.')
    for cell in kept:
        if slide_type(cell) == "subslide":
            cell.metadata["slideshow"]["slide_type"] = "slide"
    deck.cells = kept
    return deck


def deck_of(house: House, lesson: str) -> Deck:
    """Return the deck of a lesson as its source has it, without outputs.

    Raises:
        CourseError: if the source breaks a rule, or no cell of it is a slide.
    """
    return Deck(slides_of(derive(house.source(lesson), SLIDES, house.repository())).cells)


def export(house: House, lesson: str) -> Path:
    """Write the deck of a lesson to ``slides/build`` and return its file.

    Raises:
        CourseError: if the learner's notebook is missing, or no cell of the source is a slide.
    """
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    source = house.notebook(lesson, "learner")
    if not source.is_file():
        raise CourseError(f"{source.relative_to(house.root).as_posix()} is missing: run `make notebooks`.")
    notebook = derive(house.source(lesson), SLIDES, house.repository())
    keep_outputs(notebook, nbformat.read(source, as_version=4))
    title = describe(lesson, notebook).title
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # a deck is read away from its notebook
            cell.source = cell.source.replace(links(lesson, "learner", house.repository()), "").rstrip()
    deck = slides_of(notebook)
    for cell in deck.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_hint(output)]  # nothing can be run here
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {FOLDED, "output-in-decks"}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {"hide-output"}
    exporter = SlidesExporter(
        config=config, template_name="template", extra_template_basedirs=[str(house.slides)], reveal_url_prefix="vendor"
    )
    page, _ = exporter.from_notebook_node(deck, resources={"course": {"title": title}})
    build = house.slides / "build"
    for folder in ("vendor", "theme"):
        shutil.copytree(house.slides / folder, build / folder, dirs_exist_ok=True)
    target = build / f"{lesson}.html"
    target.write_text(page, encoding="utf-8")
    return target


def find_browser() -> str | None:
    """Return the Chromium or Chrome on the path (``COURSE_BROWSER`` overrides), or ``None``."""
    named = os.environ.get("COURSE_BROWSER")
    return named or next((found for name in BROWSERS if (found := shutil.which(name))), None)


def browser_flags() -> list[str]:
    """Return the flags that keep a headless Chromium quiet and, for root, able to start."""
    flags = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    if hasattr(os, "getuid") and os.getuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to sandbox root
    return flags


def print_pdf(deck: Path, *, notes: bool = False) -> Path:
    """Print a deck beside itself, one page a slide, and return the PDF.

    Args:
        deck: the file that ``export`` returned.
        notes: after each slide a page with what the speaker says: ``NN_topic.notes.pdf``.

    Raises:
        CourseError: if there is no browser or it fails.
    """
    browser = find_browser()
    if browser is None:
        raise CourseError("No Chromium or Chrome was found: install one, or set COURSE_BROWSER to its program.")
    target = deck.with_suffix(".notes.pdf" if notes else ".pdf")
    target.unlink(missing_ok=True)
    asked = f"{deck.resolve().as_uri()}?print-pdf{'&showNotes=separate-page' if notes else ''}"
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *browser_flags(), f"--user-data-dir={profile}", "--virtual-time-budget=8000"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={target}", asked]
        subprocess.run(command, check=False, capture_output=True, timeout=PRINT_SECONDS)
    if not target.is_file():
        raise CourseError(f"The browser could not print {deck.name}: open it with ?print-pdf and print by hand.")
    return target
