"""What a learner sees in a notebook: messages without a traceback, hints and solutions as Markdown."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib.exercises import find

CHECK = 'squared_error = check("01.4", squared_error)'
CELLS = [
    "import torch\nfrom course_lib.exercises import check, hint, solution",
    find("01.4").stub + "\n" + CHECK,
    "def squared_error(output, target):\n    return (output - target).square().mean()\n\n" + CHECK,
    "def squared_error(output, target):\n    return (output - target).view(2).sum()\n\n" + CHECK,
    'hint("01.4")\nhint("01.4")',
    'solution("01.4")',
    find("01.4").cell + "\n" + CHECK,
    "from course_lib.exercises import limits\nlimits.SECONDS, limits.TICK = 0.3, 0.05",
    "def squared_error(output, target):\n    while True:\n        pass\n\n" + CHECK,
    'def squared_error(output, target):\n    return input("?")\n\n' + CHECK,
]


@pytest.fixture(scope="module")
def outputs() -> list[list[nbformat.NotebookNode]]:
    """Return the outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, timeout=300, kernel_name="python3", allow_errors=True).execute()
    return [cell.outputs for cell in notebook.cells]


def test_an_open_exercise_goes_on(outputs: list[list[nbformat.NotebookNode]]) -> None:
    assert [output.text for output in outputs[1]] == [
        "Exercise 01.4 is not attempted yet, and the lesson goes on with our `squared_error`; "
        'hint("01.4") gives a first hint.\n'
    ]


def test_a_wrong_answer_shows_its_message_and_no_traceback(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (error,) = outputs[2]
    assert error.output_type == "error"
    assert error.traceback == [f"ExerciseError: Exercise 01.4: {find('01.4').mistakes[0].message}"]


def test_an_error_is_shown_with_the_learners_own_line(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (error,) = outputs[3]
    (text,) = error.traceback
    assert text.endswith("(in the line `return (output - target).view(2).sum()`).")
    assert "\n" not in text


def test_hints_and_solution_are_markdown(outputs: list[list[nbformat.NotebookNode]]) -> None:
    first, second = (output.data for output in outputs[4])
    assert first["text/markdown"].startswith("**Hint 1 of 3.** ")
    assert second["text/plain"].startswith("Hint 2 of 3. ")
    (shown,) = (output.data for output in outputs[5])
    assert "```python\ndef squared_error(" in shown["text/markdown"]
    assert "```" not in shown["text/plain"]


def test_a_right_answer_prints_one_line(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (right,) = outputs[6]
    assert right.text == f"Exercise 01.4 is right: {find('01.4').why}\n"


def test_a_loop_without_an_end_gives_the_kernel_back(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (error,) = outputs[8]
    (text,) = error.traceback
    assert "your function had not come to its end after a long time (in the line `" in text


def test_a_question_is_not_waited_for(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (error,) = outputs[9]
    assert 'asks with `input()` (in the line `return input("?")`)' in error.traceback[0]
