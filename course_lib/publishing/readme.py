"""The tables of lessons in README.md and of decks in slides/README.md, written between two marker comments each."""

from __future__ import annotations

import math
import re

from course_lib.errors import CourseError
from course_lib.publishing.lessons import Lesson, read_lesson
from course_lib.publishing.settings import House
from course_lib.publishing.slides import deck_of

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


def table_of_decks(house: House, lessons: list[str]) -> str:
    """Return in Markdown how many slides each deck has, and how long its notes say that talk and exercises take."""
    rows = ["| Deck | slides | minutes of talk | minutes of exercises |", "| --- | ---: | ---: | ---: |"]
    for lesson in lessons:
        slides, talk, exercises = deck_of(house, lesson).times()
        rows.append(f"| {lesson} | {slides} | {talk} | {exercises} |")
    return "\n".join(rows)


def with_table(text: str, made: str, name: str = "README.md") -> str:
    """Return a text with a fresh table between its markers.

    Args:
        text: of the file.
        made: the table.
        name: of the file, for messages.

    Raises:
        CourseError: if the markers are missing.
    """
    if BEGIN not in text or END not in text:
        raise CourseError(f"{name} has no place for its table: it needs the lines {BEGIN} and {END}.")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    block = f"{BEGIN}\n\n{made}\n\n{END}"
    return between.sub(lambda _: block, text, count=1)


def update(house: House) -> bool:
    """Write both tables and return whether that changed a file."""
    names = house.lessons()
    made = {
        house.root / "README.md": table([read_lesson(house, name) for name in names]),
        house.slides / "README.md": table_of_decks(house, names),
    }
    changed = False
    for path, fresh in made.items():
        old = path.read_text(encoding="utf-8")
        new = with_table(old, fresh, path.relative_to(house.root).as_posix())
        if new != old:
            path.write_text(new, encoding="utf-8")
            changed = True
    return changed
