"""The notebooks as files: they agree with their sources, are whole, and teach what they owe."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import NotebookNode

from course_lib.publishing.checks import anatomy_faults, file_faults
from course_lib.publishing.derive import differences
from course_lib.publishing.lessons import coverage, read_lesson, read_points
from course_lib.publishing.settings import House


def test_pair_agrees(house: House, lesson: str) -> None:
    assert differences(house, lesson) == []


def test_no_notebook_without_a_source(house: House) -> None:
    lessons = set(house.lessons())
    for folder in (house.notebooks, house.solutions):
        assert {path.stem for path in folder.glob("*.ipynb")} == lessons


def test_file_is_whole(notebook: NotebookNode, path: Path) -> None:
    assert file_faults(notebook, path) == []


def test_anatomy(lesson: str, notebook: NotebookNode) -> None:
    assert anatomy_faults(lesson, notebook) == []


def test_learner_sees_no_solution(house: House, lesson: str) -> None:
    text = house.notebook(lesson, "learner").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert "YOUR CODE HERE" in text


@pytest.mark.parametrize("which", ["learner", "solution"])
def test_every_point_has_its_section(house: House, which: str) -> None:
    points = read_points(house.notebooks / "syllabus.csv")
    faults, pending = coverage(points, [read_lesson(house, name, which) for name in house.lessons()])
    assert faults == []
    if pending:
        print(f"\n{len(pending)} of {len(points)} points wait for their lesson: " + " ".join(p.id for p in pending))
