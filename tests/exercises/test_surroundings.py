"""What an answer changes outside itself is as before after each check: settings, functions, chance, the folder."""

from __future__ import annotations

import builtins
import math
import os
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.exercises import surroundings
from course_lib.exercises.checking import judge
from course_lib.exercises.running import Stopped
from tests.exercises.test_checking import make

ENDINGS: dict[str, Callable[[torch.Tensor], Any]] = {
    "right": lambda numbers: torch.add(numbers, numbers),
    "wrong": lambda numbers: numbers + 7,
    "raises": lambda numbers: numbers.no_such_thing,
}


def check_with(change: Callable[[], object], ending: str) -> str:
    def answer(numbers):
        change()
        return ENDINGS[ending](numbers)

    try:
        return judge(make(), answer)
    except Stopped as error:
        return str(error)


def _environment() -> None:
    os.environ["COURSE_TEST_OF_AN_ANSWER"] = "1"
    os.environ.pop("PATH", None)


SETTINGS: dict[str, tuple[Callable[[], object], Callable[[], object], str]] = {
    "dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype, "torch.set_default_dtype"),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled, "torch.set_grad_enabled"),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        torch.are_deterministic_algorithms_enabled,
        "torch.use_deterministic_algorithms",
    ),
    "device": (lambda: torch.set_default_device("meta"), torch.get_default_device, "torch.set_default_device"),
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads, "torch.set_num_threads"),
    "anomalies": (
        lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
        torch.is_anomaly_enabled,
        "torch.autograd.set_detect_anomaly",
    ),
    "recursion": (lambda: sys.setrecursionlimit(5000), sys.getrecursionlimit, "sys.setrecursionlimit"),
    "folder": (lambda: os.chdir(Path.cwd().parent), os.getcwd, "os.chdir"),
    "environment": (_environment, os.environ.copy, ""),
    "warnings": (lambda: warnings.simplefilter("ignore"), lambda: list(warnings.filters), ""),
    "numpy": (lambda: np.seterr(all="ignore"), np.geterr, ""),
    "seed of Python": (lambda: random.seed(3), random.getstate, ""),
    "seed of NumPy": (lambda: np.random.seed(3), lambda: str(np.random.get_state()), ""),
    "seed of torch": (lambda: torch.manual_seed(3), lambda: torch.get_rng_state().tolist(), "torch.manual_seed"),
    "draws": (lambda: (random.random(), np.random.rand(), torch.rand(1)), random.getstate, ""),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_as_before(name: str, ending: str) -> None:
    change, read, told = SETTINGS[name]
    before = read()
    text = check_with(change, ending)
    assert read() == before
    if ending == "right":
        wanted = f"Your function changes a setting of the whole program (`{told}`): leave it as it was."
        assert text == (wanted if told else "")


FUNCTIONS: dict[str, tuple[Any, str, str]] = {
    "of torch": (torch, "exp", "torch.exp"),
    "of F": (torch.nn.functional, "mse_loss", "torch.nn.functional.mse_loss"),
    "a method": (torch.Tensor, "backward", "torch.Tensor.backward"),
    "an inherited method": (torch.Tensor, "square", "torch.Tensor.square"),
    "of networks": (torch.nn.Module, "train", "torch.nn.Module.train"),
    "of math": (math, "log", "math.log"),
    "of Python": (builtins, "sum", "sum"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_as_before(name: str, ending: str) -> None:
    place, key, told = FUNCTIONS[name]
    before = getattr(place, key)
    text = check_with(lambda: setattr(place, key, lambda *values: 0), ending)
    assert getattr(place, key) == before
    assert ("square" in vars(torch.Tensor)) is False
    if ending == "right":
        assert text == f"Your function puts something else in the place of `{told}`, for all: choose another name."


def test_one_function_of_torch_in_the_place_of_another_is_put_back_too() -> None:
    F = torch.nn.functional
    before = F.mse_loss
    text = check_with(lambda: setattr(F, "mse_loss", F.l1_loss), "right")
    assert "`torch.nn.functional.mse_loss`" in text
    assert F.mse_loss is before


def test_what_torch_replaces_itself_at_a_first_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrapped(seed: int) -> None:
        raise AssertionError("not called here")

    wrapped.__module__ = "torch.random"
    monkeypatch.setattr(torch, "manual_seed", torch.manual_seed)  # so that it is undone after this test
    assert check_with(lambda: setattr(torch, "manual_seed", wrapped), "right") == ""
    assert torch.manual_seed is wrapped


def test_a_function_replaced_by_a_cell_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference would call it too, so that a wrong answer could be right."""

    def log(x: float) -> float:
        return 0.0

    log.__module__ = "__main__"
    monkeypatch.setattr(torch, "log", log)
    assert judge(make(), lambda numbers: 2 * numbers) == (
        "A cell has put something else in the place of `torch.log`: restart the kernel and choose other names."
    )
    monkeypatch.setattr(torch, "log", 3)
    assert "`torch.log`" in judge(make(), lambda numbers: 2 * numbers)


def test_a_function_replaced_by_a_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "log", lambda x: x)
    assert surroundings.replaced_by_the_notebook() == ""


def test_a_setting_of_the_user_is_no_fault_of_the_answer() -> None:
    torch.set_default_device("meta")
    try:
        assert judge(make(), lambda numbers: 2 * numbers) == ""
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)
    with torch.device("meta"):
        assert judge(make(), lambda numbers: 2 * numbers) == ""
        assert torch.zeros(1).device.type == "meta"


def test_a_variant_is_not_spoiled_by_what_the_answer_set() -> None:
    """Known mistakes are tried after the answer, in the settings from before."""

    def answer(numbers):
        torch.set_default_dtype(torch.float64)
        return numbers**2

    assert judge(make(), answer) == "You squared."


def test_chance_of_numpy_and_python_is_the_same_in_each_check() -> None:
    texts = {judge(make(), lambda numbers: numbers + random.random() + float(np.random.rand())) for _ in range(3)}
    assert len(texts) == 1
