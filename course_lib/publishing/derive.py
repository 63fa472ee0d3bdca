"""From a source file in py:percent to the learner's notebook and the solution notebook.

The text of both editions is a function of the source and the repository setting alone. Outputs that an older
build of the same notebook holds are kept where a cell's text has not changed.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.publishing.deck_text import for_decks, for_notebooks, refuse_lost_text
from course_lib.publishing.exercise_cells import expand
from course_lib.publishing.rules import demand, tags_of
from course_lib.publishing.settings import House
from course_lib.publishing.stamp import LINKS_MARKER, setup_cell, stamp_markdown

EDITIONS = ("learner", "solution")
SLIDES = "slides"
NOT_IN = {
    "learner": {"solution-only", "slides-only"},
    "solution": {"learner-only", "slides-only"},
    SLIDES: {"solution-only"},
}
"""The cells that an edition leaves out, by their tags. Decks are the learner's edition and what is said there alone."""
CELL_METADATA = ("tags", "slideshow", "syllabus")
CHECK = "nbval-check-output"
FOLDED = "hide-input"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def read_source(path: Path) -> NotebookNode:
    """Return a source file as a notebook: exercises in their places, stable cell ids, known metadata alone.

    Raises:
        CourseError: if the file breaks a rule that both editions rely on.
    """
    if not path.is_file():
        raise CourseError(f"There is no source {path.name} in notebooks/source.")
    notebook = jupytext.read(path, fmt="py:percent")
    demand(
        notebook.metadata.get("kernelspec", {}).get("name") == "python3", path, "needs a header with the kernel python3"
    )
    cells = notebook.cells
    demand(bool(cells) and cells[0].cell_type == "markdown", path, "must begin with a Markdown cell")
    demand(cells[0].source.startswith("# "), path, "must begin with a title, `# ...`")
    setups = [cell for cell in cells if "setup" in tags_of(cell)]
    demand(len(setups) == 1, path, f'needs exactly one cell with tags=["setup"], not {len(setups)}')
    demand(not setups[0].source.strip("# \n"), path, "must leave its set-up cell empty: it is stamped")
    links = sum(cell.source.count(LINKS_MARKER) for cell in cells if cell.cell_type == "markdown")
    demand(links == 1, path, f"needs the line {LINKS_MARKER} exactly once, not {links} times")
    notebook.cells = expand(cells, path)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n")
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata})
        refuse_lost_text(cell, path)
        plain = for_notebooks(cell.source) if cell.cell_type == "markdown" else cell.source
        cell.id = _cell_id(cell, plain, seen)  # what is said to a class alone changes no notebook
    return notebook


def derive(path: Path, edition: str, repository: str) -> NotebookNode:
    """Return the notebook of one edition, without outputs.

    Args:
        path: the source file; its stem is the lesson's name.
        edition: ``learner``, ``solution``, or ``slides``, which has the learner's cells and those for decks alone:
            speaker notes, and shorter text.
        repository: the address that links and the set-up cell are stamped with, or "".

    Raises:
        CourseError: if the source breaks a rule.
    """
    if edition not in NOT_IN:
        raise CourseError(f"There is no edition {edition!r}: choose learner, solution or slides.")
    notebook = read_source(path)
    notebook.cells = [cell for cell in notebook.cells if not NOT_IN[edition] & set(tags_of(cell))]
    if edition == SLIDES:
        notebook.cells = [part for cell in notebook.cells for part in for_decks(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = for_notebooks(cell.source)
        if "setup" in tags_of(cell):
            cell.source = setup_cell(repository)
        elif cell.cell_type == "markdown":
            cell.source = stamp_markdown(
                cell.source, path.stem, "learner" if edition == SLIDES else edition, repository
            )
        _mark_checked(cell, edition)
        if FOLDED in tags_of(cell):  # JupyterLab folds the code away, and Colab shows a form in its place
            cell.metadata |= {"jupyter": NotebookNode(source_hidden=True), "cellView": "form"}
    if edition != "solution":
        notebook = _clear(notebook, path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = []
    notebook.metadata = NotebookNode({"kernelspec": NotebookNode(KERNEL), "language_info": NotebookNode(name="python")})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def code_digest(notebook: NotebookNode) -> str:
    """Return a short hash of all code of a notebook: what its outputs depend on, as far as its own text goes."""
    text = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep_outputs(new: NotebookNode, old: NotebookNode) -> None:
    """Copy outputs from an older build into ``new`` for each code cell whose text has not changed."""
    kept = {(cell.id, cell.source): cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        match = kept.get((cell.id, cell.source)) if cell.cell_type == "code" else None
        if match is not None:
            cell.outputs = match.outputs
            cell.execution_count = match.execution_count
    if "course" in old.metadata:
        new.metadata["course"] = old.metadata["course"]


def write(house: House, lesson: str) -> list[Path]:
    """Derive both editions of a lesson, keep outputs where the text is the same, and return the files that changed."""
    changed = []
    for edition in EDITIONS:
        notebook = derive(house.source(lesson), edition, house.repository())
        target = house.notebook(lesson, edition)
        if target.is_file():
            keep_outputs(notebook, nbformat.read(target, as_version=4))
        if save(notebook, target):
            changed.append(target)
    return changed


def save(notebook: NotebookNode, path: Path) -> bool:
    """Write a notebook if its text differs from the file's; return whether it did."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=4) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".ipynb.tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return True


def differences(house: House, lesson: str) -> list[str]:
    """Return how the notebooks of a lesson disagree with its source, one sentence each; empty if they agree."""
    problems = []
    for edition in EDITIONS:
        path = house.notebook(lesson, edition)
        name = path.relative_to(house.root).as_posix()
        if not path.is_file():
            problems.append(f"{name} is missing: run `make notebooks`.")
            continue
        is_now, must = nbformat.read(path, as_version=4), derive(house.source(lesson), edition, house.repository())
        if _text(is_now) != _text(must):
            where = next(
                (i for i, (a, b) in enumerate(zip(_text(is_now), _text(must), strict=False)) if a != b), len(must.cells)
            )
            problems.append(f"{name} differs from its source from cell {where} on: run `make notebooks`.")
        course = is_now.metadata.get("course", {})
        if course.get("code") != code_digest(must):
            problems.append(f"The outputs of {name} come from other code: run `make notebooks`.")
        elif course.get("preset") != "cpu":
            problems.append(f"{name} was run with the preset {course.get('preset')}: run `make notebooks`.")
        extra = set(is_now.metadata) - {"kernelspec", "language_info", "course"}
        if extra:
            problems.append(f"{name} has metadata that nobody asked for ({', '.join(sorted(extra))}).")
    return problems


def _text(notebook: NotebookNode) -> list[tuple[Any, ...]]:
    return [(cell.cell_type, cell.id, cell.source, dict(cell.metadata)) for cell in notebook.cells]


def _cell_id(cell: NotebookNode, source: str, seen: Counter[str]) -> str:
    if "setup" in tags_of(cell):
        return "setup"
    text = f"{cell.cell_type}\n{source}"
    seen[text] += 1
    return hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()[:8]


def _mark_checked(cell: NotebookNode, edition: str) -> None:
    """Turn the source's tags ``checked`` and ``checked-at-cpu`` into nbval's tag, the second in the solutions alone."""
    tags = tags_of(cell)
    wanted = "checked" in tags or ("checked-at-cpu" in tags and edition == "solution")
    tags = [tag for tag in tags if tag not in ("checked", "checked-at-cpu")] + [CHECK] * wanted
    if tags:
        cell.metadata["tags"] = tags
    else:
        cell.metadata.pop("tags", None)


def _clear(notebook: NotebookNode, path: Path) -> NotebookNode:
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

    before = {cell.id: cell.source for cell in notebook.cells}
    try:
        notebook, resources = ClearSolutions(enforce_metadata=False).preprocess(notebook, {})
        notebook, _ = ClearHiddenTests(enforce_metadata=False).preprocess(notebook, resources)
    except RuntimeError as error:
        raise CourseError(f"notebooks/source/{path.name}: {error}.") from error
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source != before[cell.id]:
            demand(
                not _raises_at_top(cell.source), path, "has a solution outside a function: the learner's run would stop"
            )
    return notebook


def _raises_at_top(code: str) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.parse(code).body)
