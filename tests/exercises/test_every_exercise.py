"""What holds for every exercise of every lesson."""

from __future__ import annotations

import ast
import re
import time
from typing import Any

import nbformat
import pytest
import torch
from nbgrader.preprocessors import ClearSolutions

from course_lib.errors import ExerciseError
from course_lib.exercises import Exercise, check, exercises, lessons
from course_lib.exercises.checking import judge
from course_lib.exercises.running import NotAttempted, Stopped

EVERY = [exercise for lesson in lessons() for exercise in exercises(lesson).values()]
every = pytest.mark.parametrize("exercise", EVERY, ids=lambda exercise: exercise.id)
every_mistake = pytest.mark.parametrize(
    "exercise, message, answer",
    [
        pytest.param(exercise, mistake.message, answer, id=f"{exercise.id}-{number}-{variant}")
        for exercise in EVERY
        for number, mistake in enumerate(exercise.mistakes)
        for variant, answer in enumerate(mistake.answers)
    ],
)


def _takes_networks(exercise: Exercise) -> bool:
    """Return whether a constant cannot be made from the reference: such an exercise tests one of its own."""
    assert exercise.cases is not None
    return any(isinstance(value, torch.nn.Module) for value in exercise.cases()[0].inputs)


def in_notebook(exercise: Exercise, code: str) -> Any:
    """Run a cell with nothing but what every lesson imports, and return what it defines."""
    names: dict[str, Any] = {"torch": torch, "F": torch.nn.functional}
    exec(compile(code, f"cell of {exercise.id}", "exec"), names)
    return names[exercise.name]


@every
def test_the_reference_is_right(exercise: Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    check(exercise.id, exercise.reference)
    assert capsys.readouterr().out == f"Exercise {exercise.id} is right: {exercise.why}\n"


@every_mistake
def test_each_wrong_variant_gets_its_message(exercise: Exercise, message: str, answer: Any) -> None:
    with pytest.raises(ExerciseError) as caught:
        check(exercise.id, answer)
    assert str(caught.value) == f"Exercise {exercise.id}: {message}"


@every
def test_the_stub_is_not_attempted_and_the_solution_is_right(
    exercise: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    check(exercise.id, in_notebook(exercise, exercise.stub))
    assert "not attempted yet" in capsys.readouterr().out
    for code in (exercise.solution_code, exercise.cell):
        check(exercise.id, in_notebook(exercise, code))
        assert "is right" in capsys.readouterr().out


@every
def test_the_cell_is_cut_to_an_open_exercise(exercise: Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(exercise.cell)])
    notebook.cells[0].metadata["nbgrader"] = {"solution": True, "grade": False, "grade_id": "x", "schema_version": 3}
    cut, _ = ClearSolutions().preprocess(notebook, {})
    assert "SOLUTION" not in cut.cells[0].source
    assert "NotImplementedError" in cut.cells[0].source
    check(exercise.id, in_notebook(exercise, cut.cells[0].source))
    assert "not attempted yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "exercise", [exercise for exercise in EVERY if not _takes_networks(exercise)], ids=lambda exercise: exercise.id
)
def test_a_constant_fails(exercise: Exercise) -> None:
    assert exercise.cases is not None
    for case in exercise.cases():
        constant = exercise.reference(*case.inputs)
        assert judge(exercise, lambda *inputs, constant=constant: constant) != ""


@every
def test_an_answer_for_one_shape_fails(exercise: Exercise) -> None:
    assert exercise.cases is not None
    first = [_shape(value) for value in exercise.cases()[0].inputs]

    def answer(*inputs: Any) -> Any:
        if [_shape(value) for value in inputs][-1] != first[-1]:
            raise RuntimeError("this size was not foreseen")
        return exercise.reference(*inputs)

    with pytest.raises(Stopped, match="this size was not foreseen"):
        judge(exercise, answer)


def _shape(value: Any) -> Any:
    return value.shape if isinstance(value, torch.Tensor) else value


@every
def test_an_answer_that_stops_is_told_with_its_inputs(exercise: Exercise) -> None:
    def answer(*inputs: Any) -> Any:
        raise ValueError("some trouble")

    with pytest.raises(ExerciseError) as caught:
        check(exercise.id, answer)
    text = str(caught.value)
    assert text.startswith(f"Exercise {exercise.id}: On ")
    assert "your function stopped with ValueError: some trouble (in the line `raise ValueError(" in text
    assert "\n" not in text


@every
@pytest.mark.parametrize("answer", [None, ...])
def test_none_and_dots_are_not_attempted(exercise: Exercise, answer: Any) -> None:
    with pytest.raises(NotAttempted):
        judge(exercise, answer)


@every
def test_cases_are_the_same_at_each_call(exercise: Exercise) -> None:
    answer = exercise.mistakes[-1].answers[-1]
    assert exercise.cases is not None
    assert len(exercise.cases()) >= 3
    assert judge(exercise, answer) == judge(exercise, answer)


@every
def test_a_check_takes_less_than_two_seconds(exercise: Exercise) -> None:
    def other(*inputs: Any) -> Any:
        return torch.full((2, 2), 0.123)

    for answer in (exercise.reference, exercise.mistakes[-1].answers[-1], other):
        start = time.process_time()  # of this process: a busy machine does not count
        judge(exercise, answer)
        assert time.process_time() - start < 2


@every
def test_messages_are_short_and_name_no_place(exercise: Exercise) -> None:
    messages = [mistake.message for mistake in exercise.mistakes]
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert len(message) <= 230, message
        assert message.endswith("."), message
        assert len(re.findall(r"[.?:] +[A-Z`]|\.$", message)) <= 3, message
        assert not re.search(r"/\w+/|\\|\n", message), message


@every
def test_hints_and_reasons_are_sentences(exercise: Exercise) -> None:
    for text in exercise.hints:
        assert len(text) <= 300, text
        assert text[-1] in ".?", text
    assert exercise.why[-1] == "."
    assert not exercise.why[0].isupper()  # it goes on after "is right:"
    assert "\n" not in exercise.why


@every
def test_the_task_names_the_function(exercise: Exercise) -> None:
    assert f"`{exercise.name}" in exercise.task
    assert exercise.markdown.startswith(f"### Exercise {exercise.id}: ")


@every
def test_the_solution_is_plain_code(exercise: Exercise) -> None:
    tree = ast.parse(exercise.solution_code)
    assert isinstance(tree.body[0], ast.FunctionDef)
    assert not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(tree))
    assert max(len(line) for line in exercise.solution_code.splitlines()) <= 120
