"""The framework, on exercises made for the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, ExerciseError
from course_lib.exercises import Case, Exercise, Mistake, checking
from course_lib.exercises.checking import check, judge
from course_lib.exercises.running import NotAttempted, Stopped


def double(numbers: torch.Tensor) -> torch.Tensor:
    """Return twice the numbers.

    Args:
        numbers: float32, shape (N,).
    """
    twice = 2 * numbers
    return twice


def _cases() -> list[Case]:
    return [
        Case("two numbers", torch.tensor([1.0, 2.0])),
        Case("five numbers", torch.rand(5)),
        Case("", torch.tensor([3.0])),
    ]


def make(**changes: Any) -> Exercise:
    fields: dict[str, Any] = {
        "id": "99.1",
        "title": "Twice",
        "kind": "warm-up",
        "trains": "doubling",
        "minutes": 1,
        "level": 1,
        "task": "Double the numbers.",
        "reference": double,
        "cases": _cases,
        "mistakes": (
            Mistake("You squared.", lambda numbers: numbers**2),
            Mistake("You halved.", lambda numbers: numbers / 2),
            Mistake("It is float64.", lambda numbers: 2 * numbers.double()),
        ),
        "hints": ("One.", "Two.", "Three."),
        "why": "twice is twice.",
    }
    return Exercise(**(fields | changes))


def three(*answers: Any) -> tuple[Mistake, ...]:
    return tuple(Mistake(f"Mistake {number}.", answer) for number, answer in enumerate(answers, start=1))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Exercise]:
    """Return a function that makes an exercise known to `check` under its id."""

    def add(**changes: Any) -> Exercise:
        exercise = make(**changes)
        monkeypatch.setattr(checking, "find", lambda exercise_id: exercise)
        return exercise

    return add


def test_right_prints_one_line_and_hands_the_answer_back(known: Any, capsys: pytest.CaptureFixture[str]) -> None:
    known()

    def answer(numbers: Tensor) -> Tensor:
        return numbers + numbers

    assert check("99.1", answer) is answer
    assert capsys.readouterr().out == "Exercise 99.1 is right: twice is twice.\n"


def test_wrong_raises_a_course_error_with_the_id(known: Any, capsys: pytest.CaptureFixture[str]) -> None:
    known()
    with pytest.raises(ExerciseError) as caught:
        check("99.1", lambda numbers: numbers * numbers)
    assert str(caught.value) == "Exercise 99.1: You squared."
    assert isinstance(caught.value, CourseError)
    assert capsys.readouterr().out == ""


def _stub(numbers):
    raise NotImplementedError


def _stub_with_words(numbers):
    # YOUR CODE HERE
    raise NotImplementedError("write me")


def _stub_dots(numbers):
    """Return twice the numbers."""
    ...


def _stub_pass(numbers):
    pass


def _stub_return_dots(numbers):
    return ...


@pytest.mark.parametrize(
    "answer", [None, ..., NotImplemented, _stub, _stub_with_words, _stub_dots, _stub_pass, _stub_return_dots]
)
def test_not_attempted_prints_one_line_and_goes_on(
    answer: Any, known: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known()
    assert check("99.1", answer) is double  # ours, with which the lesson goes on
    told = "Exercise 99.1 is not attempted yet, and the lesson goes on with our `double`; "
    assert capsys.readouterr().out == told + 'hint("99.1") gives a first hint.\n'
    monkeypatch.setenv("COURSE_GRADING", "1")
    with pytest.raises(ExerciseError, match="not attempted"):
        check("99.1", answer)


def test_nothing_returned_is_an_attempt_where_there_is_code() -> None:
    def answer(numbers):
        numbers + 1

    text = "On two numbers (numbers: [1, 2]), expected a torch tensor, got nothing (None): is a `return` missing?"
    assert judge(make(), answer) == text


def test_an_error_of_the_answer_is_told_in_one_line() -> None:
    def answer(numbers):
        return numbers.view(2) * 2

    with pytest.raises(Stopped) as caught:
        judge(make(), answer)
    text = str(caught.value)
    assert text.startswith(
        "On five numbers (numbers: float32 (5,)) your function stopped with RuntimeError: shape '[2]'"
    )
    assert text.endswith("(in the line `return numbers.view(2) * 2`).")


def test_paths_and_further_lines_of_an_error_are_left_out() -> None:
    def answer(numbers):
        text = "cannot open /home/me/secret/file.txt" + chr(10) + "second line"
        raise ValueError(text)

    with pytest.raises(Stopped) as caught:
        judge(make(), answer)
    assert str(caught.value).endswith(
        "stopped with ValueError: cannot open a file (in the line `raise ValueError(text)`)."
    )


def test_torch_errors_of_the_type_not_implemented_are_errors() -> None:
    with pytest.raises(Stopped):
        judge(make(), lambda numbers: torch.empty(2, device="meta").tolist())


def test_the_stub_raised_later_is_named() -> None:
    def answer(numbers):
        if len(numbers) == 5:
            raise NotImplementedError
        return 2 * numbers

    assert "float32 (5,)) your function still raises NotImplementedError." in judge(make(), answer)
    with pytest.raises(NotAttempted):
        judge(make(), _stub)


def test_wrong_arguments_are_told_before_anything_runs() -> None:
    assert judge(make(), lambda a, b: a) == "The function should take (numbers), but yours takes (a, b)."
    assert judge(make(), lambda: 1) == "The function should take (numbers), but yours takes ()."
    assert judge(make(), lambda numbers, extra=1: 2 * numbers) == ""
    assert judge(make(), lambda *anything: 2 * anything[0]) == ""


def test_a_result_in_place_of_the_function() -> None:
    assert judge(make(), torch.ones(2)) == (
        'Hand over the function itself, check("99.1", double): this is a float32 tensor of shape (2,).'
    )


def test_inputs_changed_in_place_are_told() -> None:
    def answer(numbers):
        return numbers.mul_(2)

    assert judge(make(), answer) == (
        "Your function changes its input numbers: work on a copy, without in-place operations such as `x -= 1`."
    )


def test_answers_cannot_spoil_the_next_case_or_the_next_check() -> None:
    kept = torch.tensor([1.0, 2.0])
    exercise = make(cases=lambda: [Case("", kept), Case("", kept), Case("", torch.rand(3))])
    judge(exercise, lambda numbers: numbers.mul_(2))
    assert kept.tolist() == [1, 2]


def test_networks_changed_are_told() -> None:
    def apply(net: torch.nn.Module, numbers: torch.Tensor) -> torch.Tensor:
        """Apply the network."""
        return net(numbers)

    def freezes(net, numbers):
        net.requires_grad_(False)
        return net(numbers)

    def evaluates(net, numbers):
        return net.eval()(numbers)

    def trains(net, numbers):
        with torch.no_grad():
            net.weight.add_(1)
            return net(numbers) - numbers.sum()

    exercise = make(
        reference=apply,
        cases=lambda: [Case(str(n), nn.Linear(2, 1), torch.rand(n, 2)) for n in (1, 2)],
        mistakes=three(*[lambda net, numbers, k=k: net(numbers) * k for k in (2, 3, 4)]),
    )
    assert judge(exercise, apply) == ""
    assert judge(exercise, freezes) == (
        "Your function leaves `requires_grad` of `net.weight` off, and it was on before: put it back before you return."
    )
    assert judge(exercise, evaluates) == (
        "Your function leaves net in eval mode, and it came in training mode: put the mode back before you return."
    )
    assert judge(exercise, trains) != ""


def test_an_answer_may_draw_random_numbers_and_leaves_the_callers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    judge(make(), lambda numbers: 2 * numbers + 0 * torch.rand(1))
    assert torch.equal(torch.rand(3), expected)


def test_a_check_is_deterministic() -> None:
    assert len({judge(make(), lambda numbers: numbers + torch.rand(1)) for _ in range(3)}) == 1


def test_gradients_are_on_whatever_the_caller_set() -> None:
    def answer(numbers):
        leaf = numbers.clone().requires_grad_()
        (leaf * leaf).sum().backward()
        return leaf.grad

    with torch.no_grad():
        assert judge(make(), answer) == ""


def test_the_first_mistake_that_explains_all_cases_is_named() -> None:
    exercise = make(mistakes=three(lambda n: n + 1, lambda n: 3 * n, lambda n: 4 * n))
    assert judge(exercise, lambda numbers: numbers * 3) == "Mistake 2."
    mixed = judge(exercise, lambda numbers: 3 * numbers if len(numbers) == 2 else 4 * numbers)
    assert mixed.startswith("On two numbers")


def test_a_mistake_may_have_several_variants() -> None:
    mistakes = (Mistake("Adds.", lambda n: n + 1, lambda n: n + 2), *three(lambda n: 3 * n, lambda n: 4 * n))
    assert judge(make(mistakes=mistakes), lambda numbers: numbers + 2) == "Adds."


def test_a_second_slip_in_dtype_does_not_hide_the_mistake() -> None:
    exact = make(exact_dtype=True)
    assert judge(exact, lambda numbers: numbers.double() ** 2) == "You squared."
    assert judge(exact, lambda numbers: 2 * numbers.double()) == "It is float64."
    assert judge(make(), lambda numbers: 2 * numbers.double()) == ""
    assert "expected dtype float32, got int64" in judge(
        make(cases=lambda: [Case("", torch.arange(4.0))]), lambda numbers: (2 * numbers).long()
    )


def test_a_factor_and_a_constant_are_pointed_out() -> None:
    assert judge(make(), lambda numbers: 7 * numbers).endswith(
        " On every input your result is 3.5 times the right one."
    )

    def total(numbers: torch.Tensor) -> float:
        """Add up the numbers."""
        return float(numbers.sum())

    exercise = make(reference=total, mistakes=three(*[lambda n, k=k: float(n.sum()) + k for k in (1, 2, 3)]))
    assert judge(exercise, lambda numbers: 3.0) == (
        "On five numbers (numbers: float32 (5,)), expected 1.792, got 3. "
        "Your function returns this whatever the input is."
    )


def sums(numbers: torch.Tensor) -> dict[str, float]:
    """Return the sum and the mean."""
    return {"sum": float(numbers.sum()), "mean": float(numbers.mean())}


PARTS = {
    "reference": sums,
    "mistakes": three(
        lambda n: sums(n) | {"sum": float(n.mean())},
        lambda n: sums(n) | {"mean": float(n.median())},
        lambda n: sums(n) | {"mean": 0.5},
    ),
}


def test_of_a_dict_only_the_parts_in_which_a_variant_is_wrong_need_agree() -> None:
    exercise = make(**PARTS)
    assert judge(exercise, sums) == ""
    assert judge(exercise, lambda n: {"sum": -1.0, "mean": float(n.median())}) == "Mistake 2."
    assert judge(exercise, lambda n: {"sum": float(n.mean()), "mean": -1.0}) == "Mistake 1."
    assert judge(exercise, lambda n: {"sum": float(n.sum()), "mean": -1.0}) == (
        "On two numbers (numbers: [1, 2]), mean: expected 1.5, got -1. "
        "Your function returns this whatever the input is."
    )


def test_where_a_variant_happens_to_be_right_the_answer_must_be_right() -> None:
    exercise = make(**PARTS)
    # The median is the mean of a single number; an answer that is wrong there has not just taken the median.
    told = judge(exercise, lambda n: sums(n) | {"mean": float(n.median()) if len(n) > 1 else 9.0})
    assert told == "On two numbers (numbers: [1, 2]), mean: expected 1.5, got 1."


def test_compare_decides_what_counts() -> None:
    def anywhere(result: Tensor, expected: Tensor, numbers: Tensor) -> list:
        return [] if result.sum() == expected.sum() else checking.differences(result, expected)

    exercise = make(compare=anywhere, cases=lambda: [Case("", torch.arange(float(n))) for n in (3, 4)])
    assert judge(exercise, lambda numbers: 2 * numbers.flip(0)) == ""
    assert judge(exercise, lambda numbers: numbers**2) == "You squared."


def test_observe_may_run_what_an_answer_builds() -> None:
    def build(width: int) -> torch.nn.Module:
        """Return a network from two numbers to ``width`` numbers, without a bias."""
        return torch.nn.Linear(2, width, bias=False)

    def look(answer: Callable[[int], Any], width: int) -> dict[str, Any]:
        net = answer(width)
        if not isinstance(net, nn.Module):
            raise ExerciseError("Return a network.")
        output = net(torch.zeros(3, 2))
        return {"the shape of its output": tuple(output.shape), "the output of zeros": output.detach()}

    exercise = make(
        reference=build,
        observe=look,
        cases=lambda: [Case("a narrow one", 1), Case("a wide one", 5)],
        mistakes=(
            Mistake("It has a bias.", lambda width: _biased(width)),
            *three(lambda width: nn.Linear(2, width + 1, bias=False), lambda width: nn.Linear(2, 1, bias=False)),
        ),
    )
    assert judge(exercise, lambda width: nn.Sequential(nn.Linear(2, width, bias=False))) == ""
    assert judge(exercise, lambda width: "a net") == "Return a network."
    assert judge(exercise, lambda width: _biased(width)) == "It has a bias."


def _biased(width: int) -> nn.Module:
    net = nn.Linear(2, width)
    nn.init.ones_(net.bias)
    return net


VALUE = {
    "reference": {"loss": 0.25, "output": 0.5},
    "cases": None,
    "name": "prediction",
    "mistakes": three(
        {"loss": 0.5, "output": 0.5},
        {"loss": 0.25, "output": 1.0},
        {"loss": 0.25, "output": 0.0},
    ),
}


def test_a_value_is_compared_as_it_is(known: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = known(**VALUE)
    check("99.1", {"loss": torch.tensor(0.25), "output": 0.5})
    assert capsys.readouterr().out.startswith("Exercise 99.1 is right")
    check("99.1", {"loss": ..., "output": ...})
    assert "not attempted" in capsys.readouterr().out
    assert judge(exercise, {"loss": 7, "output": 1}) == "Mistake 2."
    assert judge(exercise, {"loss": 7, "output": 0.5}) == "Loss is not right."
    assert judge(exercise, {"loss": 0.25}) == 'Expected a dict with the keys "loss", "output", got the keys "loss".'
    assert judge(exercise, lambda: 1) == 'Hand over the value, check("99.1", prediction): this is a function.'
    assert exercise.stub == "prediction = {'loss': ..., 'output': ...}"
    assert exercise.solution_code == "prediction = {'loss': 0.25, 'output': 0.5}"
