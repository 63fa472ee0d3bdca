"""Held-out figures of lesson 01: exact values for systems whose outputs are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from course_lib.data.answers import AnswerSet
from course_lib.data.containers import PairedSet
from course_lib.lessons.lesson_01.displaced import moved
from course_lib.lessons.lesson_01.held_out import (
    displaced_figures,
    displaced_inputs,
    outline_figures,
    outline_figures_all,
    usual_places,
)


def plays(function: Callable[[Tensor], Tensor]) -> SimpleNamespace:
    """Return a system without noise that gives the rows of a function of x."""
    return SimpleNamespace(device=torch.device("cpu"), noisy=False, translate=function)


def draws(function: Callable[[Tensor], Tensor], quiet: Callable[[Tensor], Tensor]) -> SimpleNamespace:
    """Return a system that gives the rows of one function with noise, and those of another without."""
    return SimpleNamespace(
        device=torch.device("cpu"), noisy=True, translate=lambda x, noise=True: (function if noise else quiet)(x)
    )


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> AnswerSet:
    """Four outlines of 32 x 32, each with six answers; the outlines hold their own number."""
    x = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 32, 32)
    answers = AnswerSet("test", x, pictures(4, 6, 3, 32, 32), list("abcd"), list("123456"), "")
    monkeypatch.setattr("course_lib.lessons.lesson_01.held_out.emoji_answers", lambda split: answers)
    return answers


def number_of(x: Tensor) -> Tensor:
    return ((x[:, 0, 0, 0] + 1) * 127.5).round().long()


def test_the_exact_mean_is_at_no_distance_to_the_mean(known: AnswerSet) -> None:
    mean = known.targets().mean(dim=1)
    found = outline_figures(plays(lambda x: mean[number_of(x)]), repeats=2)
    assert found["to the mean"] == pytest.approx(0, abs=1e-6)
    assert found["to the nearest answer"] > 0.3
    assert found["answers found"] == 1


def test_one_right_answer_after_the_other_finds_as_many(known: AnswerSet) -> None:
    calls = iter([0, 1, 2, 2, 1, 0])

    def answer(x: Tensor) -> Tensor:
        return known.targets()[number_of(x), next(calls)]

    mean = known.targets().mean(dim=1)
    found = outline_figures(draws(answer, quiet=lambda x: mean[number_of(x)]), repeats=6)
    assert found["answers found"] == 3
    assert found["to the mean"] == pytest.approx(0, abs=1e-6)  # all else is told of the output without noise


def test_noise_is_that_of_seed_0_and_leaves_no_trace(known: AnswerSet) -> None:
    system = draws(lambda x: torch.rand(len(x), 3, 32, 32) * 2 - 1, quiet=lambda x: torch.zeros(len(x), 3, 32, 32))
    torch.manual_seed(8)
    expected = torch.rand(2)
    torch.manual_seed(8)
    first = outline_figures(system, repeats=3)
    assert torch.equal(torch.rand(2), expected)
    assert outline_figures(system, repeats=3) == first


def test_equal_pictures_have_perfect_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    y = pictures(5, 3, 32, 32)
    pairs = PairedSet(name="pairs", split="test", x=y, y=y)
    monkeypatch.setattr("course_lib.lessons.lesson_01.held_out.emoji_pairs", lambda split, x, y: pairs)
    found = outline_figures_all(plays(lambda x: x))
    assert found == {"L1": 0.0, "PSNR": math.inf, "SSIM": pytest.approx(1)}
    shifted = outline_figures_all(plays(lambda x: (x + 0.2).clamp(max=1)))
    assert 0.17 < shifted["L1"] < 0.2
    assert shifted["PSNR"] == pytest.approx(20 * math.log10(2 / 0.2), abs=0.4)


def test_displaced_figures_of_answers_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.lessons.lesson_01.held_out.DISPLACED", 6)
    monkeypatch.setattr(
        "course_lib.lessons.lesson_01.held_out.displaced_inputs", lambda split: displaced_inputs(split, 6)
    )
    by = torch.tensor([-3, -3, 1, 1, 1, 2])
    found = displaced_figures(plays(lambda x: moved(x, by)), "validation")
    assert found["to the nearest answer"] == pytest.approx(0, abs=1e-6)
    assert found["in the two usual places"] == pytest.approx(5 / 6)
    assert found["sharpness"] == pytest.approx(1, abs=0.05)


def test_inputs_are_of_different_roles_and_always_the_same() -> None:
    first = displaced_inputs("validation", 20)
    assert first.shape == (20, 3, 64, 64)
    assert torch.equal(first, displaced_inputs("validation", 20))
    assert torch.cdist(first.flatten(1), first.flatten(1)).fill_diagonal_(9).min() > 0


def test_usual_places_are_counted() -> None:
    answers = torch.linspace(-1, 1, 4).view(1, 4, 1, 1, 1).expand(6, 4, 3, 8, 8)
    outputs = answers[torch.arange(6), torch.tensor([0, 0, 0, 2, 2, 3])]
    assert usual_places(outputs, answers) == pytest.approx(5 / 6)
    assert usual_places(outputs, answers, places=1) == pytest.approx(1 / 2)
