"""The built notebooks, one fixture a notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course_lib.publishing.settings import House, this_house

EDITIONS = ("learner", "solution")


@pytest.fixture(scope="session")
def house() -> House:
    """Return this course."""
    return this_house()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with ``lesson``, and with ``edition`` if it asks for one, for each that exists."""
    lessons = this_house().lessons()
    if "edition" in metafunc.fixturenames:
        metafunc.parametrize("lesson, edition", [(lesson, edition) for lesson in lessons for edition in EDITIONS])
    elif "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", lessons)


@pytest.fixture
def path(house: House, lesson: str, edition: str) -> Path:
    """Return the file of one edition of one lesson."""
    return house.notebook(lesson, edition)


@pytest.fixture
def notebook(path: Path) -> NotebookNode:
    """Return one edition of one lesson as it lies on disk."""
    assert path.is_file(), f"{path.name} is missing: run `make notebooks`"
    return nbformat.read(path, as_version=4)
