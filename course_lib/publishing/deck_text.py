"""What a Markdown cell of a source says to a class and not to a reader: speaker notes, and where the slide ends.

A cell may hold, as comments of HTML, which a source shows and no notebook has:

- ``<!-- notes 3 min ... -->``: what the speaker says and asks, and for how long;
- ``<!-- the slide ends here -->``: what follows is in the notebooks alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_lib.publishing.rules import demand

NOTES = re.compile(r"\n*<!-- notes (\d+) min\n(.*?)\n?-->", re.DOTALL)
END = "<!-- the slide ends here -->"
NEW_SLIDE = ("slide", "subslide")
LEAST, MOST = 15, 35  # slides of a lesson
EXERCISE = "## Try it"  # how the slide of an exercise begins
MINUTES = re.compile(r"\*\*(\d+) min\.")


def slide_type(cell: NotebookNode) -> str:
    """Return the slide type of a cell, ``skip`` if it has none."""
    return str(cell.metadata.get("slideshow", {}).get("slide_type", "skip"))


def for_notebooks(text: str) -> str:
    """Return the text of a Markdown cell without what is meant for a class."""
    return re.sub(rf"\n*{END}\n*", "\n\n", NOTES.sub("", text)).strip("\n")


def refuse_lost_text(cell: NotebookNode, path: Path) -> None:
    """Refuse what would be said to nobody.

    Args:
        cell: of a source.
        path: the source, for messages.

    Raises:
        CourseError: if a cell that is not in the deck has notes or says where a slide ends, or one has two notes.
    """
    kind, text = slide_type(cell), cell.source
    demand(kind != "notes", path, "has notes as a cell: write <!-- notes 3 min ... --> into the text of the slide")
    if cell.cell_type != "markdown":
        return
    notes = NOTES.findall(text)
    demand(kind != "skip" or not notes, path, f"has notes in a cell that is no slide: {text[:40]!r}")
    demand(kind != "skip" or END not in text, path, f"ends a slide in a cell that is none: {text[:40]!r}")
    demand(len(notes) <= 1, path, f"has two notes in one cell: {text[:40]!r}")
    demand(text.count("<!-- notes") == len(notes), path, f"has notes without their minutes: {text[:40]!r}")


def for_decks(cell: NotebookNode) -> list[NotebookNode]:
    """Return a cell as a deck has it: up to the end of its slide, and its notes behind it; code as it is."""
    notes = NOTES.search(cell.source)
    if cell.cell_type != "markdown" or slide_type(cell) == "skip":
        return [cell]
    cell.source = NOTES.sub("", cell.source).partition(END)[0].strip("\n")
    if notes is None:
        return [cell]
    said = new_markdown_cell(f"**{notes[1]} min.** {notes[2].strip()}", id=f"{cell.id}-n")
    said.metadata = NotebookNode(slideshow=NotebookNode(slide_type="notes"))
    return [cell, said]


@dataclass(frozen=True, eq=False)
class Deck:
    """The slides of a lesson: their cells, in order.

    Args:
        cells: those with a slide type, speaker notes among them.
    """

    cells: list[NotebookNode]

    @property
    def slides(self) -> list[list[NotebookNode]]:
        """The cells of each slide."""
        slides: list[list[NotebookNode]] = []
        for cell in self.cells:
            if slide_type(cell) in NEW_SLIDE:
                slides.append([])
            if slides:
                slides[-1].append(cell)
        return slides

    def times(self) -> tuple[int, int, int]:
        """Return how many slides there are, and how many minutes of talk and of exercises, by their notes."""
        talk, tries = 0, 0
        for slide in self.slides:
            minutes = sum(int(found[1]) for cell in slide if (found := MINUTES.match(cell.source)))
            if EXERCISE in slide[0].source:
                tries += minutes
            else:
                talk += minutes
        return len(self.slides), talk, tries

    def faults(self, least: int = LEAST) -> list[str]:
        """Return what the deck lacks, one sentence each: headings, notes on every slide, a length that can be taught.

        Args:
            least: how many slides it must have.
        """
        found = []
        for number, slide in enumerate(self.slides, 1):
            text = "\n".join(
                cell.source for cell in slide if cell.cell_type == "markdown" and slide_type(cell) != "notes"
            )
            heading = re.search(r"^#{1,3} +(.+)", text, re.MULTILINE)
            name = f"slide {number} ({heading[1]})" if heading else f"slide {number}"
            if heading is None:
                found.append(f"{name} has no heading: {text[:60] or slide[0].source[:60]!r}")
            if not any(slide_type(cell) == "notes" for cell in slide):
                found.append(f"{name} has no speaker notes: add <!-- notes 2 min ... --> to its text")
        count = len(self.slides)
        if not MOST >= count >= least:
            found.append(f"it has {count} slides: give it {least} to {MOST}")
        return found
