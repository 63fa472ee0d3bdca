"""What holds for every exercise of every lesson."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import replace
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from nbgrader.preprocessors import ClearSolutions
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib.errors import ExerciseError
from course_lib.exercises import Exercise, check, exercises, lessons
from course_lib.exercises.checking import _cases, judge
from course_lib.exercises.running import NotAttempted, Stopped, _state, observe

EVERY = [exercise for lesson in lessons() for exercise in exercises(lesson).values()]
every = pytest.mark.parametrize("exercise", EVERY, ids=lambda exercise: exercise.id)
MOST_CALLS, MOST_NUMBERS = 100_000, 100_000_000  # of torch, for a check: a second or two on one core


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


@every
def test_each_wrong_variant_gets_its_message(exercise: Exercise) -> None:
    for number, mistake in enumerate(exercise.mistakes):
        for variant, answer in enumerate(mistake.answers):
            with pytest.raises(ExerciseError) as caught:
                check(exercise.id, answer)
            assert str(caught.value) == f"Exercise {exercise.id}: {mistake.message}", f"mistake {number}-{variant}"


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


def _arguments(exercise: Exercise) -> list[list[Any]]:
    """Return all that the reference is given in a check, one list an argument."""
    seen: list[list[Any]] = [[] for _ in inspect.signature(exercise.reference).parameters]

    def spy(*inputs: Any) -> Any:
        for values, value in zip(seen, inputs, strict=False):
            values.append(value)
        return exercise.reference(*inputs)

    judge(exercise, spy)
    return seen


@every
def test_no_number_or_word_may_be_hard_coded(exercise: Exercise) -> None:
    for place, values in enumerate(_arguments(exercise)):
        known = {value for value in values if isinstance(value, (int, float, str)) and not isinstance(value, bool)}
        for fixed in known:

            def answer(*inputs: Any, place: int = place, fixed: Any = fixed) -> Any:
                return exercise.reference(*inputs[:place], fixed, *inputs[place + 1 :])

            assert _told(exercise, answer) != "", f"argument {place + 1} is always {fixed}"


@every
def test_no_tensor_may_be_left_out(exercise: Exercise) -> None:
    for place, values in enumerate(_arguments(exercise)):
        if not isinstance(values[0], torch.Tensor):
            continue

        def answer(*inputs: Any, place: int = place) -> Any:
            return exercise.reference(*inputs[:place], torch.zeros_like(inputs[place]), *inputs[place + 1 :])

        assert _told(exercise, answer) != "", f"argument {place + 1} is 0"


def _told(exercise: Exercise, answer: Any) -> str:
    try:
        return judge(exercise, answer)
    except Stopped as error:
        return str(error)


ODD = [
    "text", 3, float("nan"), [], {}, set(), (torch.zeros(2), torch.zeros(2)), torch.zeros(0), torch.zeros(2, 3),
    torch.tensor(1.0), torch.zeros(3).to_sparse(), torch.zeros(2) + 1j, torch.zeros(2, device="meta"), np.zeros(3),
    object(), object, torch.nn.Linear(1, 1), torch.zeros(3, dtype=torch.int64), None,
]  # fmt: skip


@every
def test_a_result_of_any_kind_is_told_in_words(exercise: Exercise) -> None:
    """No error of the check's own lines reaches the learner."""
    assert exercise.cases is not None
    keys: list[str] = []

    def spy(*inputs: Any) -> Any:
        found = exercise.reference(*inputs)
        keys.extend(found if isinstance(found, dict) else ())
        return found

    judge(exercise, spy)
    for odd in [*ODD, *([dict.fromkeys(keys, value) for value in ODD[::3]] if keys else [])]:
        kept = [odd]
        told = judge(exercise, lambda *inputs, kept=kept: kept[0])
        assert told, odd
        assert not re.search(r"[A-Z]\w*Error\b", told), told


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
    """What the reference and the variants give is remembered, so that it must not depend on the call."""
    if not exercise.is_function:
        return
    first, again = _cases(exercise), _cases(exercise)
    assert len(first) == len(again) >= 3
    answer = exercise.mistakes[-1].answers[-1]
    for one, other in zip(first, again, strict=True):
        assert one.label == other.label
        results = [observe(exercise, answer, case) for case in (one, other)]
        assert _state(results[0]) == _state(results[1])


class Count(TorchDispatchMode):
    """Counts calls of torch, and the numbers that they return."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        self.calls += 1
        self.numbers += sum(one.numel() for one in tree_leaves(found) if isinstance(one, torch.Tensor))
        return found


@every
def test_the_first_check_is_over_soon_and_the_next_needs_less(exercise: Exercise) -> None:
    """What checks cost is counted, and not timed; what is remembered for the next must not be changed by it."""
    fresh = replace(exercise)
    answers = [answer for mistake in fresh.mistakes for answer in mistake.answers]
    with Count() as first:
        assert judge(fresh, answers[-1])  # runs the reference and, to recognise the last, (nearly) all variants
    assert first.calls < MOST_CALLS
    assert first.numbers < MOST_NUMBERS
    assert id(fresh.reference) in fresh.remembered
    assert len(fresh.remembered) > len(answers) // 2
    before = _state(fresh.remembered)
    for answer in [fresh.reference, *answers[::5]]:
        judge(fresh, answer)
    assert _state(fresh.remembered) == before
    with Count() as second:
        judge(fresh, answers[-1])
    assert second.calls < 0.7 * first.calls or not first.calls


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
