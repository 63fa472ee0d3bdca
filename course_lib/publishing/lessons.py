"""What a lesson's notebooks say about themselves: title, question, seconds, syllabus points, exercises."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.publishing.settings import House

EXERCISE = re.compile(r"""\bcheck\(\s*["'](\d\d\.\d+)["']""")


@dataclass(frozen=True)
class Lesson:
    """One lesson as its notebooks show it.

    Args:
        name: for example ``01_regression_blur``.
        title: first heading, without ``#``.
        question: the sentence after ``**Question.**``.
        seconds: seconds that the learner's edition took on the machine that built it, or ``None``.
        points: syllabus and errata ids of its cells, in order, without repeats.
        exercises: ids of its exercises, in order, without repeats.
    """

    name: str
    title: str
    question: str
    seconds: int | None
    points: tuple[str, ...]
    exercises: tuple[str, ...]

    @property
    def number(self) -> str:
        """Two digits, for example ``01``."""
        return self.name[:2]


@dataclass(frozen=True)
class Point:
    """One syllabus or errata point: its id, the numbers of the lessons that teach it, and what it is."""

    id: str
    lessons: tuple[str, ...]
    text: str


def describe(name: str, notebook: NotebookNode) -> Lesson:
    """Return what a notebook says about itself.

    Args:
        name: the lesson's name.
        notebook: either edition.
    """
    cells = notebook.cells
    first = cells[0].source if cells else ""
    title = re.match(r"# +(.+)", first)
    question = re.search(r"^\*\*Question\.\*\* +(.+?)(?:\n\n|\Z)", first, re.MULTILINE | re.DOTALL)
    points = [point for cell in cells for point in cell.metadata.get("syllabus", [])]
    exercises = [found for cell in cells if cell.cell_type == "code" for found in EXERCISE.findall(cell.source)]
    return Lesson(
        name=name,
        title=title[1].strip() if title else "",
        question=" ".join(question[1].split()) if question else "",
        seconds=notebook.metadata.get("course", {}).get("seconds"),
        points=tuple(dict.fromkeys(points)),
        exercises=tuple(dict.fromkeys(exercises)),
    )


def read_lesson(house: House, name: str, edition: str = "learner") -> Lesson:
    """Return what a lesson's notebook on disk says about itself.

    Raises:
        CourseError: if the notebook has not been built.
    """
    path = house.notebook(name, edition)
    if not path.is_file():
        raise CourseError(f"{path.relative_to(house.root).as_posix()} is missing: run `make notebooks`.")
    return describe(name, nbformat.read(path, as_version=4))


def read_points(path: Path) -> dict[str, Point]:
    """Return the points of ``notebooks/syllabus.csv`` by id."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: Point(row["id"], tuple(row["lessons"].split()), row["point"]) for row in rows}


def coverage(points: dict[str, Point], lessons: list[Lesson]) -> tuple[list[str], list[Point]]:
    """Hold the table of points against the lessons.

    Args:
        points: the table.
        lessons: the lessons that exist.

    Returns:
        The faults, one sentence each, and the points that wait for a lesson which does not exist yet.
    """
    faults = []
    taught = {lesson.number: set(lesson.points) for lesson in lessons}
    for lesson in lessons:
        for point in lesson.points:
            if point not in points:
                faults.append(f"{lesson.name} has a section on {point}, which notebooks/syllabus.csv does not know.")
            elif lesson.number not in points[point].lessons:
                where = " and ".join(points[point].lessons)
                faults.append(f"{lesson.name} has a section on {point}, which belongs to lesson {where}.")
    for owed in points.values():
        for number in owed.lessons:
            if number in taught and owed.id not in taught[number]:
                faults.append(f"Lesson {number} has no section on {owed.id}: {owed.text}.")
    pending = [point for point in points.values() if not set(point.lessons) <= set(taught)]
    return faults, pending
