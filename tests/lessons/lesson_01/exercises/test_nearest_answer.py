"""Exercise 01.3: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.nearest_answer import nearest_answer


def _cdist(outputs, answers):
    flat = answers.flatten(2)
    distance = torch.cdist(outputs.flatten(1).unsqueeze(1), flat).squeeze(1)
    return distance.min(1).values / flat.shape[2] ** 0.5


def _by_loops(outputs, answers):
    found = []
    for output, own in zip(outputs, answers, strict=True):
        found.append(min(float((output - one).square().mean().sqrt()) for one in own))
    return torch.tensor(found)


@pytest.mark.parametrize(
    "answer",
    [
        _cdist,
        _by_loops,
        lambda outputs, answers: (outputs[:, None] - answers).square().mean((2, 3, 4)).amin(1).sqrt(),
    ],
)
def test_nearest_answer_right(answer: Any) -> None:
    assert judge(find("01.3"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            lambda outputs, answers: nearest_answer(outputs, answers).view(-1, 1),
            "expected shape (4,), got shape (4, 1)",
        ),
        (lambda outputs, answers: nearest_answer(outputs, answers).tolist(), "expected a torch tensor, got "),
        (lambda outputs, answers: torch.zeros(len(outputs)), "expected values from "),
        (lambda outputs, answers: 2 * nearest_answer(outputs, answers), "your result is 2 times the right one"),
        (
            lambda outputs, answers: nearest_answer(outputs, answers[:, :1]),
            "You compared with one of the K answers alone",
        ),
        (lambda outputs, answers: nearest_answer(outputs, answers).sin(), "On four inputs with six answers"),
        (lambda outputs, answers: (outputs - answers).square().mean(), "stopped with RuntimeError"),
        (lambda outputs, answers: outputs.unsqueeze(1).sub_(answers[:, :1]).mean((1, 2, 3, 4)), "On four inputs"),
    ],
)
def test_nearest_answer_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("01.3", answer)
    assert message in str(caught.value)


def test_an_output_changed_in_place_is_told() -> None:
    def answer(outputs, answers):
        found = nearest_answer(outputs, answers)
        outputs.clamp_(-0.5, 0.5)
        return found

    assert judge(find("01.3"), answer).startswith("Your function changes its input outputs")
