"""Exercises handed out and graded: a lesson as an assignment of nbgrader, and the hand-ins of a class.

What stands in the notebooks and in the files of the exercises is enough; nothing is marked by hand. An answer counts
where ``check`` calls it right, and points go by the kind of the exercise.
"""

from __future__ import annotations

import ast
import csv
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_lib.errors import CourseError
from course_lib.publishing import exercise_cells
from course_lib.publishing.derive import derive
from course_lib.publishing.rules import tags_of
from course_lib.publishing.settings import House

if TYPE_CHECKING:
    from nbgrader.apps import NbGraderAPI

FOLDER = "classroom"
POINTS = {
    "warm-up": 1,
    "prediction to test": 1,
    "derivation to code": 2,
    "bug to find": 2,
    "open extension": 3,
}
CELL_SECONDS = 120
"""After which a cell of a hand-in is stopped; the checks have limits of their own, which are shorter."""
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS\n"


@dataclass(frozen=True)
class Row:
    """What one hand-in got.

    Args:
        student: name of the file or folder that was handed in.
        points: for each exercise.
        note: why there are none at all; empty if the notebook could be graded.
    """

    student: str
    points: Mapping[str, float]
    note: str = ""

    @property
    def total(self) -> float:
        """The sum of the points."""
        return sum(self.points.values())


@dataclass(frozen=True)
class Grades:
    """The grades of a class: most points for each exercise, a row for each hand-in, and the files that say so."""

    most: Mapping[str, float]
    rows: list[Row] = field(default_factory=list)
    table: Path = Path()
    feedback: Path = Path()


def assignment_of(house: House, lesson: str) -> NotebookNode:
    """Return a lesson as the instructor's source of an assignment, with the metadata that nbgrader asks for.

    An exercise is three cells: its task, the answer, and what grades it, which a student cannot change for good. The
    set-up, the imports and code that an exercise is about are locked, too.

    Args:
        house: the course.
        lesson: for example ``03_vae``.

    Raises:
        CourseError: if the lesson has no exercises.
    """
    known = exercise_cells.exercises_of(lesson[:2])
    if not known:
        raise CourseError(f"Lesson {lesson[:2]} has no exercises, so that there is nothing to hand out.")
    notebook = derive(house.source(lesson), "solution", house.repository())
    lines = {exercise_cells.check_line(exercise): exercise for exercise in known.values()}
    given = {exercise.given for exercise in known.values() if exercise.given}
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        exercise = lines.get(cell.source.rpartition("\n")[2])
        if exercise is None or cell.cell_type != "code":
            if cell.cell_type == "code" and ("setup" in tags_of(cell) or cell.source in given or _imports_alone(cell)):
                cell.metadata["nbgrader"] = _metadata(f"given-{cell.id}", locked=True)
            cells.append(cell)
            continue
        number = exercise.id.replace(".", "-")
        answer = new_code_cell(exercise.cell, id=cell.id, metadata=NotebookNode(cell.metadata))
        answer.metadata["nbgrader"] = _metadata(f"answer-{number}", solution=True)
        hidden = f'from course_lib.exercises import check\n\ncheck("{exercise.id}", {exercise.name})'
        grading = new_code_cell(HIDDEN.format(hidden) + exercise_cells.check_line(exercise), id=f"{cell.id}-check")
        grading.metadata["nbgrader"] = _metadata(f"check-{number}", locked=True, points=POINTS[exercise.kind])
        cells += [answer, grading]
    notebook.cells = cells
    notebook.metadata.pop("course", None)
    return notebook


def write_assignment(house: House, lesson: str, root: Path | None = None) -> Path:
    """Write a lesson's assignment and return the notebook to hand out.

    Args:
        house: the course.
        lesson: for example ``03_vae``.
        root: folder of the class, with nbgrader's gradebook; None: ``classroom`` in the course.

    Raises:
        CourseError: if the lesson has no exercises, or nbgrader refuses it.
    """
    root = root or house.root / FOLDER
    source = root / "source" / lesson / f"{lesson}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(assignment_of(house, lesson), source)
    with _nbgrader(root) as api:
        _succeed(api.generate_assignment(lesson), f"The assignment of {lesson} could not be made")
    return root / "release" / lesson / f"{lesson}.ipynb"


def grade(house: House, lesson: str, hand_ins: Path, root: Path | None = None, seconds: int = CELL_SECONDS) -> Grades:
    """Grade all hand-ins of a lesson, and write feedback and a table.

    Only the answers run, and cells that the student has added: the lesson's own cells, with their trainings, do not.

    Args:
        house: the course.
        lesson: for example ``03_vae``.
        hand_ins: folder with a notebook for each student, or a folder for each that holds one.
        root: see ``write_assignment``.
        seconds: after which a cell is stopped.

    Returns:
        The grades. A notebook that cannot be read gets no points, and a note; the others are graded all the same.

    Raises:
        CourseError: if there are no hand-ins.
    """
    root = root or house.root / FOLDER
    found = _hand_ins(hand_ins, lesson)
    write_assignment(house, lesson, root)
    lessons_own = {cell.id for cell in assignment_of(house, lesson).cells}
    most = {exercise.id: float(POINTS[exercise.kind]) for exercise in exercise_cells.exercises_of(lesson[:2]).values()}
    rows: list[Row] = []
    with _nbgrader(root, lessons_own, seconds) as api:
        for student, notebook in found.items():
            rows.append(_grade_one(api, root, lesson, student, notebook, most))
    table = root / f"grades_{lesson}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", *most, "total", "of", "note"])
        for row in rows:
            writer.writerow([row.student, *row.points.values(), row.total, sum(most.values()), row.note])
    return Grades(most, rows, table, root / "feedback")


def _grade_one(
    api: NbGraderAPI, root: Path, lesson: str, student: str, notebook: Path | None, most: Mapping[str, float]
) -> Row:
    nothing = dict.fromkeys(most, 0.0)
    if notebook is None:
        return Row(student, nothing, f"there is no notebook, or more than one and none called {lesson}.ipynb")
    try:
        nbformat.validate(nbformat.read(notebook, as_version=4))
    except Exception as error:  # whatever a file can hold
        return Row(student, nothing, f"the notebook could not be read ({type(error).__name__})")
    target = root / "submitted" / student / lesson / f"{lesson}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(notebook, target)
    done = api.autograde(lesson, student, force=True)
    if not done["success"]:
        return Row(student, nothing, _last_line(done) or "nbgrader could not grade the notebook")
    api.generate_feedback(lesson, student, force=True)
    points = dict(nothing)
    with api.gradebook as gradebook:
        for one in gradebook.find_submission_notebook(lesson, lesson, student).grades:
            points[one.name.removeprefix("check-").replace("-", ".")] = float(one.score)
    return Row(student, points)


def _hand_ins(folder: Path, lesson: str) -> dict[str, Path | None]:
    """Return the notebook of each student by name."""
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: give the folder that holds the hand-ins, FROM=folder.")
    found: dict[str, Path | None] = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    for each in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        notebooks = sorted(path for path in each.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
        named = [path for path in notebooks if path.stem == lesson]
        fits = named if len(named) == 1 else notebooks
        found[each.name] = fits[0] if len(fits) == 1 else None
    if not found:
        raise CourseError(f"There are no hand-ins in {folder}: put a notebook there for each student, NAME.ipynb.")
    return found


def _metadata(name: str, *, locked: bool = False, solution: bool = False, points: int = 0) -> NotebookNode:
    """Return what nbgrader wants to know of a code cell."""
    cell = {"grade_id": name, "schema_version": 3, "locked": locked, "solution": solution, "task": False}
    return NotebookNode(cell | {"grade": bool(points)} | ({"points": points} if points else {}))


def _imports_alone(cell: NotebookNode) -> bool:
    body = ast.parse(cell.source).body
    return bool(body) and all(isinstance(one, (ast.Import, ast.ImportFrom)) for one in body)


@contextmanager
def _nbgrader(root: Path, lessons_own: set[str] | None = None, seconds: int = CELL_SECONDS) -> Iterator[NbGraderAPI]:
    """Give nbgrader for the folder of a class, while an answer that is not attempted is an error."""
    from nbgrader.apps import NbGraderAPI
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from course_lib.publishing.graded_cells import LeaveTheLessonOut

    root.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.CourseDirectory.root = str(root.resolve())
    config.CourseDirectory.course_id = "course"
    config.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
    config.OverwriteCells.add_missing_cells = True
    config.Execute.timeout = seconds
    config.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR", "--HistoryManager.hist_file=:memory:"]
    config.LeaveTheLessonOut.lessons_own = sorted(lessons_own or ())
    kept = list(Autograde.autograde_preprocessors.default_args[0])
    config.Autograde.autograde_preprocessors = [LeaveTheLessonOut, *kept]
    before = {name: os.environ.get(name) for name in ("COURSE_GRADING", "PATH", "PYTHONPATH")}
    os.environ["COURSE_GRADING"] = "1"
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # alembic
    course = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [course, os.environ.get("PYTHONPATH", "")]))
    try:
        yield NbGraderAPI(CourseDirectory(config=config), config=config)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _succeed(done: Mapping[str, Any], what: str) -> None:
    if not done["success"]:
        raise CourseError(f"{what}: {_last_line(done)}")


def _last_line(done: Mapping[str, Any]) -> str:
    lines = [line.strip() for line in str(done.get("error") or done.get("log") or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""
