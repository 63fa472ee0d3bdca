"""The course's own sources: each derives, shows every exercise as its file has it, and is sound with them in place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from course_lib.exercises import exercises
from course_lib.publishing.derive import derive
from course_lib.publishing.settings import this_house

STUB = "raise NotImplementedError"
every_lesson = pytest.mark.parametrize("lesson", this_house().lessons())


@every_lesson
@pytest.mark.parametrize("edition", ["learner", "solution"])
def test_each_exercise_is_shown_as_its_file_has_it(lesson: str, edition: str) -> None:
    sources = [cell.source for cell in derive(this_house().source(lesson), edition, "").cells]
    assert exercises(lesson[:2])
    for exercise in exercises(lesson[:2]).values():
        open_answer = exercise.stub.replace(STUB, "# YOUR CODE HERE\n    raise NotImplementedError()")
        answer = exercise.cell if edition == "solution" else open_answer
        given = [exercise.given] if exercise.given else []
        wanted = [exercise.markdown, *given, f'{answer}\n\n\ncheck("{exercise.id}", {exercise.name})']
        place = sources.index(exercise.markdown)
        assert sources[place : place + len(wanted)] == wanted
    assert (edition == "solution") == ("SOLUTION" in "\n".join(sources))


@every_lesson
def test_names_are_defined_and_imports_used(lesson: str, root: Path) -> None:
    """Run what `make lint` leaves out for the sources, where the exercises are not in their places."""
    text = jupytext.writes(derive(this_house().source(lesson), "solution", ""), fmt="py:percent")
    text += "\n\n_ = solution  # for learners to call\n"
    command = [sys.executable, "-m", "ruff", "check", "--select=F401,F821", "--output-format=concise"]
    run = subprocess.run(
        [*command, "--stdin-filename=derived.py", "-"],
        input=text,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
