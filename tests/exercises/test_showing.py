"""Hints one after the other, and solutions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from course_lib.errors import ExerciseError
from course_lib.exercises import find, hint, showing, solution


@pytest.fixture(autouse=True)
def _no_hints_given() -> Iterator[None]:
    showing._given.clear()
    yield
    showing._given.clear()


def test_hints_grow_stronger_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    hints = find("01.4").hints
    for number, text in enumerate(hints, start=1):
        hint("01.4")
        assert capsys.readouterr().out == f"Hint {number} of {len(hints)}. {text}\n"
    for _ in range(2):
        hint("01.4")
        out = capsys.readouterr().out
        assert out.startswith(f"There are {len(hints)} hints for exercise 01.4 and no more")
        assert 'solution("01.4")' in out
    hint("01.2")
    assert capsys.readouterr().out.startswith("Hint 1 of ")


def test_a_given_level_leaves_the_count_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    hint("01.4", level=2)
    hint("01.4", level=1)
    hint("01.4", level=9)
    hint("01.4")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["Hint 2 of", "Hint 1 of", "There are", "Hint 1 of"]


@pytest.mark.parametrize("level", [0, -1, 1.5, "2", True])
def test_a_level_that_is_none(level: object) -> None:
    with pytest.raises(ExerciseError, match=r"it has hints 1 to \d"):
        hint("01.4", level=level)  # type: ignore[arg-type]


def test_the_solution_is_code_and_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    solution("01.4")
    out = capsys.readouterr().out
    assert "def squared_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:" in out
    assert ".square().sum(dim=(1, 2, 3))" in out
    assert out.rstrip().endswith(find("01.4").why[1:])
    assert "```" not in out
    assert "**" not in out


@pytest.mark.parametrize("ask", [hint, solution])
def test_an_unknown_id_lists_the_lessons_ids(ask: object) -> None:
    with pytest.raises(ExerciseError, match=r"lesson 01 has 01\.1, 01\.2"):
        ask("01.99")  # type: ignore[operator]
