"""Answers that would not stop by themselves are stopped, told in words, and leave nothing behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from course_lib.exercises import checking, limits
from course_lib.exercises.checking import check, judge
from course_lib.exercises.running import Stopped
from tests.exercises.test_checking import make

CELL = "On two numbers (numbers: [1, 2]) your function "


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer run for a fifth of a second."""
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    monkeypatch.setattr(limits, "TICK", 0.02)
    monkeypatch.setattr(checking, "TIMES", 0)


def _for_ever(numbers):
    while True:
        numbers = numbers + 1


def _catches_all(numbers):
    while True:
        try:  # noqa: SIM105
            numbers = numbers + 1
        except Exception:
            pass


def _catches_really_all(numbers):
    while True:
        try:  # noqa: SIM105
            numbers = numbers + 1
        except:  # noqa: E722
            pass


def _sleeps(numbers):
    time.sleep(600)


def told(answer: Any) -> str:
    with pytest.raises(Stopped) as caught:
        judge(make(), answer)
    return str(caught.value)


@pytest.mark.parametrize("answer", [_for_ever, _catches_all, _catches_really_all, _sleeps])
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer of the system")
def test_an_endless_answer_is_stopped_in_the_main_thread(soon: None, answer: Callable[..., Any]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    text = told(answer)
    assert text.startswith(CELL + "had not come to its end after a long time (in the line `")
    assert text.endswith("`): look for a loop whose condition stays true.")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_endless_answer_is_stopped_in_any_other_thread(soon: None) -> None:
    """As on Windows, and where a notebook runs its cells in a thread; no thread is left behind."""
    threads, found = threading.active_count(), list[str]()
    thread = threading.Thread(target=lambda: found.append(told(_catches_all)))
    thread.start()
    thread.join()
    assert "had not come to its end" in found[0]
    assert threading.active_count() == threads


def test_a_timer_of_somebody_else_goes_on(soon: None) -> None:
    rang = list[int]()
    handler = signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 100.0)
        assert "had not come" in told(_for_ever)
        assert 90 < signal.getitimer(signal.ITIMER_REAL)[0] < 100
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert not rang


def test_a_right_answer_may_be_a_hundred_times_slower_than_the_reference(soon: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(checking, "TIMES", 1e6)

    def slow(numbers):
        time.sleep(0.25)
        return 2 * numbers

    assert judge(make(), slow) == ""


def test_the_usual_limit_is_far_from_what_a_check_takes() -> None:
    assert limits.SECONDS >= 20


def test_memory_that_grows_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORY", 40 * 2**20)
    monkeypatch.setattr(limits, "TICK", 0.02)

    def hoards(numbers):
        kept = []
        while True:
            kept.append(bytes(2**20))

    text = told(hoards)
    assert text.startswith(CELL + "took more and more memory (in the line `")
    assert text.endswith("`): look for what grows in a loop.")


def test_one_tensor_that_is_too_large_is_told() -> None:
    text = told(lambda numbers: torch.zeros(2**50))
    assert text.startswith(CELL + "asked for more memory than there is (in the line `")
    assert "Allocator" not in text


def test_recursion_without_an_end_is_told() -> None:
    def answer(numbers):
        return 2 * answer(numbers)

    text = told(answer)
    assert text.startswith(CELL + "calls itself without an end (in the line `return 2 * answer(numbers)`): ")
    assert "RecursionError" not in text


def test_a_question_and_an_exit_are_told() -> None:
    def asks(numbers):
        return float(input("How many? ")) * numbers

    def leaves(numbers):
        raise SystemExit(0)

    assert told(asks) == CELL + (
        'asks with `input()` (in the line `return float(input("How many? ")) * numbers`), and nobody is there: '
        "take all from its arguments."
    )
    assert told(leaves) == CELL + (
        "ends Python itself (in the line `raise SystemExit(0)`): leave the function with `return`."
    )


def test_the_learners_own_interrupt_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(numbers):
        torch.set_default_dtype(torch.float64)
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "find", lambda exercise_id: make())
    with pytest.raises(KeyboardInterrupt):
        check("99.1", interrupted)
    assert torch.get_default_dtype() == torch.float32
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_flood_of_prints_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    def prints(numbers):
        for number in range(20_000):
            print("line", number)
        return 2 * numbers

    assert judge(make(), prints) == ""
    out = capsys.readouterr().out
    assert out.startswith("line 0\nline 1\n")
    assert out.count("the rest is left out") == 3  # one an input
    assert len(out) < 3 * (limits.PRINTED + 200)


def test_what_is_printed_for_debugging_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def prints(numbers):
        print(len(numbers), end=";", flush=True)
        return 2 * numbers

    assert judge(make(), prints) == ""
    assert capsys.readouterr().out == "2;5;1;"
