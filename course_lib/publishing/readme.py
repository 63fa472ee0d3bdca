"""The table of lessons in README.md, written between two marker comments."""

from __future__ import annotations

import math
import re

from course_lib.errors import CourseError
from course_lib.publishing.lessons import Lesson, read_lesson
from course_lib.publishing.settings import House

BEGIN, END = "<!-- lessons: begin (written by `make notebooks`) -->", "<!-- lessons: end -->"


def minutes(seconds: int | None) -> str:
    """Return seconds as minutes for a table, rounded up to the next half."""
    if seconds is None:
        return "?"
    return f"{max(1, math.ceil(seconds / 30)) / 2:g}"


def table(lessons: list[Lesson]) -> str:
    """Return the table of lessons in Markdown."""
    rows = ["| Lesson | The question | CPU minutes | Solutions |", "| --- | --- | ---: | --- |"]
    for lesson in lessons:
        rows.append(
            f"| [{lesson.title}](notebooks/{lesson.name}.ipynb) | {lesson.question} | {minutes(lesson.seconds)} "
            f"| [solutions](notebooks/solutions/{lesson.name}.ipynb) |"
        )
    return "\n".join(rows)


def with_table(readme: str, lessons: list[Lesson]) -> str:
    """Return the text of README.md with a fresh table between its markers.

    Raises:
        CourseError: if the markers are missing.
    """
    if BEGIN not in readme or END not in readme:
        raise CourseError(f"README.md has no place for the table of lessons: it needs the lines {BEGIN} and {END}.")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    block = f"{BEGIN}\n\n{table(lessons)}\n\n{END}"
    return between.sub(lambda _: block, readme, count=1)


def update(house: House) -> bool:
    """Write the table of lessons into README.md and return whether that changed it."""
    path = house.root / "README.md"
    old = path.read_text(encoding="utf-8")
    new = with_table(old, [read_lesson(house, name) for name in house.lessons()])
    if new != old:
        path.write_text(new, encoding="utf-8")
    return new != old
