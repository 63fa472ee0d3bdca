"""Notebooks are run as a learner would run them, and their outputs are tidied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_lib.errors import CourseError
from course_lib.publishing.__main__ import main
from course_lib.publishing.checks import file_faults
from course_lib.publishing.derive import differences, write
from course_lib.publishing.execute import WIDGET_STATE, WIDGET_STATE_BYTES, WIDGET_VIEW, execute, stale, tidy
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
    assert set(editions["learner"].metadata) == {"kernelspec", "language_info", "course", "widgets"}
    state = editions["learner"].metadata["widgets"][WIDGET_STATE]["state"]
    assert {model["model_name"] for model in state.values()} >= {"FloatSliderModel"}
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


def view(model: str, text: str) -> NotebookNode:
    data = {WIDGET_VIEW: {"model_id": model, "version_major": 2, "version_minor": 0}, "text/plain": text}
    return new_output("display_data", data=data)


def with_widgets(*outputs: NotebookNode, **states: Any) -> NotebookNode:
    notebook = new_notebook(cells=[new_code_cell("x", outputs=list(outputs))])
    notebook.metadata["widgets"] = {WIDGET_STATE: {"version_major": 2, "version_minor": 0, "state": states}}
    return notebook


def test_only_shown_widgets_are_kept() -> None:
    states = {"box": {"state": {"children": ["IPY_MODEL_inner"]}}, "inner": {"state": {}}, "gone": {"state": {}}}
    notebook = with_widgets(view("box", "VBox(...)"), **states)
    tidy(notebook)
    assert set(notebook.metadata["widgets"][WIDGET_STATE]["state"]) == {"box", "inner"}
    assert WIDGET_VIEW in notebook.cells[0].outputs[0].data


def test_large_states_are_dropped_with_their_views() -> None:
    states = {"box": {"state": {"picture": "x" * WIDGET_STATE_BYTES}}}
    picture = view("box", "A picture of the widget")
    picture.data["image/png"] = "x"
    notebook = with_widgets(view("box", "VBox(children=())"), view("box", "  0%|    | 0/5"), picture, **states)
    tidy(notebook)
    assert "widgets" not in notebook.metadata
    (kept,) = notebook.cells[0].outputs
    assert set(kept.data) == {"image/png", "text/plain"}


def test_streams_are_joined() -> None:
    texts = [new_output("stream", name=name, text=text) for name, text in (("stdout", "a"), ("stdout", "b"))]
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[*texts, new_output("stream", name="stderr", text="c")])])
    tidy(notebook)
    assert [(output.name, output.text) for output in notebook.cells[0].outputs] == [("stdout", "ab"), ("stderr", "c")]
