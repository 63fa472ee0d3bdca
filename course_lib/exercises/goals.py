"""Judge what a learner has trained: by one number, and a bound that it should reach."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from course_lib.asked import is_number
from course_lib.errors import ExerciseError
from course_lib.presets import preset


def reached(
    what: str, value: Any, *, at_least: float | None = None, at_most: float | None = None, otherwise: str = ""
) -> None:
    """Say in one line how far a training came, and stop where that is not far enough.

    With the preset ``smoke``, whose trainings are too short to learn anything, nothing is judged.

    Args:
        what: the number is, with its unit: ``"nats a picture"``.
        value: a number, or a tensor of one value.
        at_least: what it must not be below.
        at_most: what it must not be above.
        otherwise: what to look at if it is not reached, a sentence.

    Raises:
        ExerciseError: if the number is beyond its bound, or no finite number.
    """
    if (at_least is None) == (at_most is None):
        raise ExerciseError("Give one bound, at_least=... or at_most=...")
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    hint = f" {otherwise.strip()}" if otherwise else ""
    if not is_number(value) or not math.isfinite(value):
        raise ExerciseError(f"{what}: {value!r} is no finite number.{hint}")
    bound, fits = (f"at least {at_least:g}", value >= at_least) if at_least is not None else _at_most(value, at_most)
    if preset() == "smoke":
        print(f"{what}: {value:.4g} ({bound} is asked for, and not judged after so short a training)")
    elif fits:
        print(f"{what}: {value:.4g}, and {bound} was asked for. Well done.")
    else:
        raise ExerciseError(f"{what}: {value:.4g}, and {bound} was asked for.{hint}")


def _at_most(value: float, bound: float | None) -> tuple[str, bool]:
    assert bound is not None
    return f"at most {bound:g}", value <= bound
