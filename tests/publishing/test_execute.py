"""Notebooks are run as a learner would run them, and their outputs are tidied."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_lib.errors import CourseError
from course_lib.publishing.__main__ import main
from course_lib.publishing.checks import file_faults
from course_lib.publishing.derive import differences, write
from course_lib.publishing.execute import HINT, WIDGET_VIEW, execute, is_hint, stale, tidy
from course_lib.publishing.settings import House

LESSON = "90_middle"


def printed(notebook: NotebookNode) -> str:
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))


def test_both_editions_run_and_agree_with_their_source(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_PRESET", "cpu")
    assert main(["--root", str(house.root), "notebooks", "--execute", "90"]) == 0
    assert differences(house, LESSON) == []
    editions = {}
    for edition in ("learner", "solution"):
        path = house.notebook(LESSON, edition)
        editions[edition] = nbformat.read(path, as_version=4)
        assert file_faults(editions[edition], path) == []
        assert editions[edition].metadata["course"]["preset"] == "cpu"
        assert stale(house, LESSON) == []
    assert "90.1 not attempted" in printed(editions["learner"])
    assert "90.1 right" in printed(editions["solution"])
    assert "lowest at 0.33" in printed(editions["learner"])
    assert set(editions["learner"].metadata) == {"kernelspec", "language_info", "course"}
    outputs = [output for cell in editions["learner"].cells for output in cell.get("outputs", [])]
    assert any(is_hint(output) for output in outputs)  # in the place of the slider
    assert not any(WIDGET_VIEW in output.get("data", {}) for output in outputs)
    assert main(["--root", str(house.root), "check"]) == 0
    assert write(house, LESSON) == []
    assert "executing 90_middle, solution edition" in capsys.readouterr().out


def test_a_failing_cell_is_shown(tmp_path: Path) -> None:
    notebook = new_notebook(cells=[new_code_cell("one = 1"), new_code_cell("one / 0")])
    with pytest.raises(CourseError, match=r"(?s)one / 0.*ZeroDivisionError"):
        execute(notebook, tmp_path)


def test_the_working_folder_is_the_notebooks_own(tmp_path: Path) -> None:
    notebook = new_notebook(cells=[new_code_cell("import os; print(os.path.basename(os.getcwd()))")])
    (tmp_path / "here").mkdir()
    seconds = execute(notebook, tmp_path / "here")
    assert printed(notebook) == "here\n"
    assert seconds > 0
    assert "execution" not in notebook.cells[0].metadata  # no time stamps


def view(text: str, **data: str) -> NotebookNode:
    widget = {WIDGET_VIEW: {"model_id": "m", "version_major": 2, "version_minor": 0}, "text/plain": text}
    return new_output("display_data", data=widget | data)


def test_a_picture_and_a_line_stand_where_a_widget_stood() -> None:
    outputs = [view("Explorer(children=())", **{"image/png": "x"}), view("  0%|    | 0/5"), view("VBox(children=())")]
    notebook = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"m": {}}}}
    tidy(notebook)
    assert "widgets" not in notebook.metadata
    line, picture, lone = notebook.cells[0].outputs
    assert is_hint(line)
    assert is_hint(lone)
    assert not is_hint(picture)
    assert line.data["text/markdown"] == f"*{HINT}*"
    assert set(picture.data) == {"image/png", "text/plain"}


def test_a_widget_whose_picture_failed_ends_the_execution() -> None:
    """A widget says its error in the place of its figure, and no cell fails."""
    failed = view("This figure cannot be drawn. CourseError: Not everyone can read this figure.")
    with pytest.raises(CourseError, match=r"The picture of a widget is missing: .* Not everyone can read"):
        tidy(new_notebook(cells=[new_code_cell("x", outputs=[failed])]))


def test_streams_are_joined() -> None:
    texts = [new_output("stream", name=name, text=text) for name, text in (("stdout", "a"), ("stdout", "b"))]
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[*texts, new_output("stream", name="stderr", text="c")])])
    tidy(notebook)
    assert [(output.name, output.text) for output in notebook.cells[0].outputs] == [("stdout", "ab"), ("stderr", "c")]
