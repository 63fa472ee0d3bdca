"""Run notebooks as a learner would, and keep of their outputs what a reader needs."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.publishing.derive import EDITIONS, code_digest, save
from course_lib.publishing.settings import House

CELL_SECONDS = 900
WIDGET_STATE_BYTES = 250_000
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


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
        store_widget_state=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    begin, used = time.monotonic(), _children_seconds()
    try:
        client.execute(env=os.environ | {"COURSE_PROGRESS": "off"})  # the solutions are right, and nobody's progress
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
    """Join streams, drop what only the run needed, and keep widget states only where they are small."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = list(_joined(cell.outputs))
    notebook.metadata["language_info"] = NotebookNode(name="python")
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    views = [out.data[WIDGET_VIEW]["model_id"] for out in _outputs(notebook) if WIDGET_VIEW in out.get("data", {})]
    used = _reachable(state, views)
    if used and len(json.dumps(used)) <= WIDGET_STATE_BYTES:
        notebook.metadata["widgets"][WIDGET_STATE]["state"] = used
    else:
        notebook.metadata.pop("widgets", None)
        used = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not _forget_view(out, used)]


def _forget_view(output: NotebookNode, states: dict[str, Any]) -> bool:
    """Remove the view of a widget whose state is not kept; return whether nothing worth showing is left."""
    data = output.get("data", {})
    if WIDGET_VIEW not in data or data[WIDGET_VIEW]["model_id"] in states:
        return False
    del data[WIDGET_VIEW]
    text = "".join(data.get("text/plain", ""))
    return set(data) <= {"text/plain"} and re.match(r"\w+\(|\s*\d+%\|", text) is not None


def _reachable(states: dict[str, Any], roots: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    todo = [root for root in roots if root in states]
    while todo:
        key = todo.pop()
        if key in found:
            continue
        found[key] = states[key]
        todo += [ref for ref in re.findall(r"IPY_MODEL_(\w+)", json.dumps(states[key])) if ref in states]
    return {key: states[key] for key in states if key in found}


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


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
