"""Run notebooks as a learner would, and keep of their outputs what a reader needs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_output

from course_lib.errors import CourseError
from course_lib.plotting.told_apart import STRICT
from course_lib.publishing.derive import EDITIONS, code_digest, save
from course_lib.publishing.settings import House
from course_lib.widgets.explorer import CANNOT
from course_lib.widgets.explorer import VIEW as WIDGET_VIEW

CELL_SECONDS = 900
HINT = "This is a picture. Run the cells from the top to this one, and it moves."
HINT_MARK = "picture of a widget"


def execute(notebook: NotebookNode, folder: Path, cell_seconds: int = CELL_SECONDS) -> float:
    """Run all cells of a notebook in place and return the seconds that it took, or would take on a quiet machine.

    Where the kernel used fewer seconds of processor time than passed on the clock, it was kept waiting by other
    programs, and its own time is returned.

    Args:
        notebook: changed in place: outputs, execution counts, ``metadata.course``.
        folder: working folder of the kernel.
        cell_seconds: limit for one cell.

    Raises:
        CourseError: if a cell fails, with the cell's text and the error.
    """
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    begin, used = time.monotonic(), _children_seconds()
    try:
        # The solutions are right, and nobody's progress; and every figure must be one that all can read.
        client.execute(env=os.environ | {"COURSE_PROGRESS": "off", STRICT: "1"})
    except (CellExecutionError, CellTimeoutError, DeadKernelError, NoSuchKernel) as error:
        raise CourseError(f"The notebook stopped: {error}") from error
    seconds = min(time.monotonic() - begin, _children_seconds() - used)
    tidy(notebook)
    notebook.metadata["course"] = NotebookNode(
        code=code_digest(notebook), preset=os.environ.get("COURSE_PRESET", "cpu"), seconds=round(seconds)
    )
    return seconds


def _children_seconds() -> float:
    """Return the processor time of all ended child processes; infinity where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_lesson(house: House, lesson: str, edition: str) -> float:
    """Run one edition of a lesson from its own folder, write it back, and return the seconds that it took."""
    path = house.notebook(lesson, edition)
    notebook = nbformat.read(path, as_version=4)
    seconds = execute(notebook, path.parent)
    save(notebook, path)
    return seconds


def stale(house: House, lesson: str) -> list[str]:
    """Return the editions of a lesson whose outputs were made by other code than they hold now."""
    found = []
    for edition in EDITIONS:
        notebook = nbformat.read(house.notebook(lesson, edition), as_version=4)
        if notebook.metadata.get("course", {}).get("code") != code_digest(notebook):
            found.append(edition)
    return found


def tidy(notebook: NotebookNode) -> None:
    """Join streams, drop what only the run needed, and put pictures in the place of widgets.

    A widget lives as long as its kernel. Whoever opens a notebook that somebody else ran would see "Loading widget" for
    ever; so its picture is kept, with a line that says how to bring it to life.
    """
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [still for output in _joined(cell.outputs) for still in _stills(output)]
    notebook.metadata["language_info"] = NotebookNode(name="python")
    notebook.metadata.pop("widgets", None)


def is_hint(output: NotebookNode) -> bool:
    """Return whether an output is the line above the picture of a widget."""
    return bool(output.get("metadata", {}).get("course") == HINT_MARK)


def _stills(output: NotebookNode) -> Iterator[NotebookNode]:
    """Yield what is kept of an output: of a widget a line and its picture, of a progress bar nothing."""
    data = output.get("data", {})
    if WIDGET_VIEW not in data:
        yield output
        return
    del data[WIDGET_VIEW]
    if re.match(r"\s*\d+%\|", "".join(data.get("text/plain", ""))):
        return
    line = {"text/markdown": f"*{HINT}*", "text/plain": HINT}
    yield new_output("display_data", data=line, metadata={"course": HINT_MARK})
    if not set(data) <= {"text/plain"}:
        yield output
    elif (text := "".join(data.get("text/plain", ""))).startswith(CANNOT):  # a widget swallows the error, and says it
        raise CourseError(f"The picture of a widget is missing: {text}")


def _joined(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    waiting: NotebookNode | None = None
    for output in outputs:
        if waiting is not None and output.output_type == "stream" and output.name == waiting.name:
            waiting.text += output.text
            continue
        if waiting is not None:
            yield waiting
        waiting = output if output.output_type == "stream" else None
        if waiting is None:
            yield output
    if waiting is not None:
        yield waiting
