"""What counts as an attempt."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from course_lib.exercises.running import is_placeholder


@pytest.mark.parametrize("answer", [{"a": ..., "b": None}, (..., ...), [None]])
def test_an_empty_form_is_a_placeholder(answer: Any) -> None:
    assert is_placeholder(answer)


@pytest.mark.parametrize(
    "answer", [0, False, "", {}, [], {"a": 1, "b": ...}, lambda numbers: 0, print, torch.relu, nn.Linear(1, 1)]
)
def test_an_attempt_is_no_placeholder(answer: Any) -> None:
    assert not is_placeholder(answer)
