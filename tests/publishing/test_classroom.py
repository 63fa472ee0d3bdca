"""Exercises handed out and graded: six kinds of hand-in for each lesson get the points that they deserve."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.exercises import Exercise, exercises, lessons
from course_lib.publishing.__main__ import main
from course_lib.publishing.classroom import POINTS, assignment_of, grade, write_assignment
from course_lib.publishing.exercise_cells import check_line
from course_lib.publishing.settings import House, this_house

COURSE = this_house()
LESSONS = [name for name in COURSE.lessons() if name[:2] in lessons()]
Write = Callable[[Exercise | None, str, str], str | None]
"""Takes the exercise of a cell, the kind of the cell and its text; returns another text, or None."""


def kind_of(cell: NotebookNode) -> str:
    """Return the kind of a cell as nbgrader names it, ``answer-03-1``; "" for a cell that it does not know."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def hand_in(release: Path, target: Path, write: Write) -> None:
    """Write a hand-in: the notebook that was handed out, with other texts in some cells."""
    notebook = nbformat.read(release, as_version=4)
    known = exercises(release.stem[:2])
    for cell in notebook.cells:
        kind, _, number = kind_of(cell).partition("-")
        exercise = known[number.replace("-", ".")] if kind in ("answer", "check") else None
        text = write(exercise, kind, cell.source)
        cell.source = cell.source if text is None else text
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def right(exercise: Exercise | None, kind: str, text: str) -> str | None:
    return exercise.solution_code if exercise and kind == "answer" else None


def wrong(exercise: Exercise | None, kind: str, text: str) -> str | None:
    """Answer the first exercise by its likeliest mistake, and the others rightly."""
    if exercise and kind == "answer" and exercise.id.endswith(".1"):
        variant = f'find("{exercise.id}").mistakes[0].answers[0]'
        return f"from course_lib.exercises import find\n{exercise.name} = {variant}"
    return right(exercise, kind, text)


def tampered(exercise: Exercise | None, kind: str, text: str) -> str | None:
    """Answer nothing, and put something else in the place of what grades."""
    if exercise and kind == "check":
        return "pass"
    return f"def check(name, answer):\n    return answer\n\n\n{text}" if exercise and kind == "answer" else None


def endless(exercise: Exercise | None, kind: str, text: str) -> str | None:
    """Never come to an end: in the cell of the first exercise, and in the answer to the second."""
    if exercise and kind == "answer" and exercise.id.endswith(".1"):
        return "while True:\n    pass"
    if exercise and kind == "answer" and exercise.id.endswith(".2"):
        head = exercise.stub.replace("raise NotImplementedError", "while True:\n        pass")
        return head if exercise.is_function else "while True:\n    pass"
    return right(exercise, kind, text)


def slow(exercise: Exercise | None, kind: str, text: str) -> str | None:
    answer = right(exercise, kind, text)
    return answer and f"import time\n\ntime.sleep(0.5)\n{answer}"


def empty(exercise: Exercise | None, kind: str, text: str) -> str | None:
    return None


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_kind_of_hand_in_gets_what_it_deserves(lesson: str, tmp_path: Path) -> None:
    root, folder = tmp_path / "class", tmp_path / "hand-ins"
    release = write_assignment(COURSE, lesson, root)
    for write in (right, empty, wrong, tampered, endless, slow):
        hand_in(release, folder / f"{write.__name__}.ipynb", write)
    grades = grade(COURSE, lesson, folder, root, seconds=15)
    whole = {name: float(POINTS[one.kind]) for name, one in exercises(lesson[:2]).items()}
    nothing = dict.fromkeys(whole, 0.0)
    first, second = f"{lesson[:2]}.1", f"{lesson[:2]}.2"
    points = {row.student: dict(row.points) for row in grades.rows}
    assert points == {
        "right": whole,
        "slow": whole,
        "empty": nothing,
        "tampered": nothing,
        "wrong": whole | {first: 0.0},
        "endless": whole | {first: 0.0, second: 0.0},
    }
    assert not any(row.note for row in grades.rows)
    for row in grades.rows:
        page = grades.feedback / row.student / lesson / f"{lesson}.html"
        assert "Exercise" in page.read_text(encoding="utf-8")
    with grades.table.open(encoding="utf-8") as file:
        table = {row["student"]: row for row in csv.DictReader(file)}
    assert float(table["right"]["total"]) == float(table["right"]["of"]) == sum(whole.values())


def test_hand_ins_that_cannot_be_graded_hold_nobody_up(tmp_path: Path) -> None:
    root, folder = tmp_path / "class", tmp_path / "hand-ins"
    release = write_assignment(COURSE, LESSONS[0], root)
    hand_in(release, folder / "ada" / f"{LESSONS[0]}.ipynb", right)
    shutil.copy(folder / "ada" / f"{LESSONS[0]}.ipynb", folder / "ada" / "older.ipynb")
    (folder / "broken.ipynb").write_text("no notebook")
    (folder / "nobody").mkdir()
    rows = {row.student: row for row in grade(COURSE, LESSONS[0], folder, root, seconds=15).rows}
    assert rows["ada"].total == sum(POINTS[one.kind] for one in exercises(LESSONS[0][:2]).values())
    assert rows["broken"].total == rows["nobody"].total == 0
    assert rows["broken"].note == "the notebook could not be read (NotJSONError)"
    assert rows["nobody"].note == f"there is no notebook, or more than one and none called {LESSONS[0]}.ipynb"


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_assignment_holds_all_that_grading_needs(lesson: str) -> None:
    cells = {kind_of(cell): cell for cell in assignment_of(COURSE, lesson).cells if kind_of(cell)}
    assert "given-setup" in cells
    assert cells["given-setup"].metadata.nbgrader.locked
    for one in exercises(lesson[:2]).values():
        number = one.id.replace(".", "-")
        answer, grading = cells[f"answer-{number}"], cells[f"check-{number}"]
        assert answer.source == one.cell
        assert answer.metadata.nbgrader.solution
        assert not answer.metadata.nbgrader.locked
        assert grading.metadata.nbgrader.points == POINTS[one.kind]
        assert grading.metadata.nbgrader.locked
        hidden, _, line = grading.source.partition("### END HIDDEN TESTS\n")
        assert f'check("{one.id}", {one.name})' in hidden
        assert line == check_line(one)
        if one.given:
            assert any(cell.source == one.given and cell.metadata.nbgrader.locked for cell in cells.values())


def test_what_a_student_gets_shows_no_solution(tmp_path: Path) -> None:
    release = write_assignment(COURSE, LESSONS[0], tmp_path).read_text(encoding="utf-8")
    assert "HIDDEN" not in release
    assert "BEGIN SOLUTION" not in release
    assert "YOUR CODE HERE" in release


def test_a_lesson_without_exercises_is_refused(house: House, known: dict[str, Exercise]) -> None:
    known.clear()
    with pytest.raises(CourseError, match=r"^Lesson 90 has no exercises"):
        assignment_of(house, "90_middle")


def test_a_folder_without_hand_ins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"^There is no folder .*missing: give the folder .* FROM=folder\.$"):
        grade(COURSE, LESSONS[0], tmp_path / "missing", tmp_path)
    with pytest.raises(CourseError, match=r"^There are no hand-ins in "):
        grade(COURSE, LESSONS[0], tmp_path, tmp_path / "class")


def test_the_readme_can_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its five lines, with the folder of the class in another place."""
    readme = (COURSE.root / "README.md").read_text(encoding="utf-8")
    steps = readme.partition("- Hand-out and grading")[2].partition("\n## ")[0]
    commands, files = re.findall(r"`make ([^`]*)`", steps), re.findall(r"`((?:classroom|hand-ins)/[^`]*)`", steps)
    assert len(commands) == 2
    for command in commands:  # what make would run, without the installation before it
        said = subprocess.run(
            ["make", "-n", "-o", ".venv/.ready-teach", *command.split()],
            cwd=COURSE.root,
            capture_output=True,
            text=True,
        )
        assert f"-m course_lib.publishing {command.split()[0]} 03" in said.stdout
    place = tmp_path / "classroom"
    assert main(["assignment", "03", "--root", str(place)]) == 0
    release = tmp_path / next(name for name in files if "release" in name)
    for name in (one for one in files if one.startswith("hand-ins/")):
        hand_in(release, tmp_path / name, right)
    assert main(["grade", "03", str(tmp_path / "hand-ins"), "--root", str(place)]) == 0
    assert all((tmp_path / name).is_file() for name in files)
    assert "ada" in capsys.readouterr().out
