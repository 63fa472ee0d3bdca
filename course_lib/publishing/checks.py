"""Faults of a built notebook, one sentence each: what a learner would stumble over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from course_lib.publishing.derive import CHECK
from course_lib.publishing.lessons import describe

LARGEST_FILE = 1_500_000
LONGEST_RUN = 120
EXERCISES = 4
PARTS = ("Train", "Measure", "Play", "Where it fails", "Exercise", "Summary", "References")
PARTS_OF_START = ("Exercise", "Summary")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/~-])/(?:home|root|work|opt|usr|tmp|var|Users|private)/\w|[A-Z]:\\+Users|site-packages"
)
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
PICTURE = re.compile(r"image/(png|jpeg|gif|webp|svg\+xml)")


def file_faults(notebook: NotebookNode, path: Path) -> list[str]:
    """Return what is wrong with a notebook as a file: size, seconds, outputs.

    Args:
        notebook: an executed notebook.
        path: its file.
    """
    faults = [f"cell {number}: {fault}" for number, cell in enumerate(notebook.cells) for fault in _cell_faults(cell)]
    size = path.stat().st_size
    if size > LARGEST_FILE:
        faults.append(f"the file has {size / 1e6:.2f} MB, more than {LARGEST_FILE / 1e6:.1f} MB")
    seconds = notebook.metadata.get("course", {}).get("seconds", 0)
    if seconds > LONGEST_RUN:
        faults.append(f"it ran for {seconds} s, more than {LONGEST_RUN} s")
    return faults


def anatomy_faults(name: str, notebook: NotebookNode) -> list[str]:
    """Return which parts a lesson lacks.

    Args:
        name: the lesson's name, for example ``01_regression_blur``.
        notebook: either edition.
    """
    lesson = describe(name, notebook)
    faults = []
    if not lesson.title.startswith(f"{lesson.number} "):
        faults.append(f"its title does not begin with its number: {lesson.title!r}")
    if not lesson.question.endswith("?"):
        faults.append("its first cell asks no question: a paragraph `**Question.** ...?`")
    if not re.search(r"minute|second", notebook.cells[0].source):
        faults.append("its first cell does not say how long it takes")
    if [cell.id for cell in notebook.cells if cell.cell_type == "code"][:1] != ["setup"]:
        faults.append("its first code cell is not the set-up cell")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = [heading.lower() for heading in re.findall(r"^##+ +(.+)", text, re.MULTILINE)]
    for part in PARTS_OF_START if lesson.number == "00" else PARTS:
        if not any(heading.startswith(part.lower()) for heading in headings):
            faults.append(f"it has no heading that begins with {part!r}")
    least = 1 if lesson.number == "00" else EXERCISES
    if len(lesson.exercises) < least:
        faults.append(f"it has {len(lesson.exercises)} exercises, fewer than {least}")
    faults += [f"exercise {one} belongs to another lesson" for one in lesson.exercises if one[:2] != lesson.number]
    boxed = {
        point
        for cell in notebook.cells
        if re.search(r"often written, not so", cell.source, re.IGNORECASE)
        for point in cell.metadata.get("syllabus", [])
    }
    for point in lesson.points:
        if point.startswith("E") and point not in boxed:
            faults.append(f'{point} has no box "Often written, not so"')
    return faults


def _cell_faults(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type != "code":
        if "](attachment:" in cell.source or re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=)", cell.source):
            yield "a picture in the text has no alt text"
        return
    if cell.source.strip() and cell.execution_count is None:
        yield "it has not been run"
    checked = CHECK in cell.metadata.get("tags", []) or "NBVAL_CHECK_OUTPUT" in cell.source
    if checked and not any(output.output_type in ("stream", "execute_result") for output in cell.outputs):
        yield "its output is to be checked but it has none"
    for output in cell.outputs:
        yield from _output_faults(output)


def _output_faults(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"an error is left in it: {output.get('ename')}"
        return
    if output.get("name") == "stderr":
        yield f"it writes to stderr: {output.text.strip()[:100]!r}"
    data, metadata = output.get("data", {}), output.get("metadata", {})
    for kind in data:
        if PICTURE.fullmatch(kind) and not (metadata.get("alt") or metadata.get(kind, {}).get("alt")):
            yield "a figure has no alt text"
    texts = [output.get("text", "")] + [data.get(kind, "") for kind in ("text/plain", "text/html", "text/markdown")]
    for text in texts:
        if found := MACHINE_PATH.search(text):
            yield f"a path of a machine is in its output: {text[found.start() : found.end() + 30]!r}"
        if found := ADDRESS.search(text):
            yield f"an address in memory is in its output: {text[max(0, found.start() - 30) : found.end()]!r}"
