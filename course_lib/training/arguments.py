"""What ``fit`` is asked for besides settings, looked at before a system is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_lib.asked import function, is_number, path_of, shown, whole
from course_lib.errors import TrainingError
from course_lib.systems.base import System
from course_lib.training.settings import Settings


def must_be_system(system: Any, settings: Any) -> None:
    """Raise a TrainingError unless a system is to be trained with settings."""
    if isinstance(system, type):
        raise TrainingError(f"The system is the class {system.__name__}: build one, {system.__name__}(...).")
    if not isinstance(system, System):
        raise TrainingError(
            f"The system is {shown(system)}: give one of course_lib.systems first and the data set after it."
        )
    if settings is not None and not isinstance(settings, Settings):
        raise TrainingError(
            f"settings is {shown(settings)}: give Settings(...), or settings by name, such as steps=100."
        )


def must_be_callable(**functions: Any) -> None:
    """Raise a TrainingError unless each argument is a function or None."""
    examples = {"evaluate": "lambda system: {'L1': ...}", "on_step": "lambda system, step: ..."}
    for name, value in functions.items():
        function(name, value, examples.get(name, "lambda system, history: ..."), TrainingError)


def must_be_steps(**numbers: Any) -> None:
    """Raise a TrainingError unless each argument is a whole number of steps of at least 1, or None."""
    for name, value in numbers.items():
        if value is not None:
            whole(name, value, error=TrainingError)


def must_be_flags(**flags: Any) -> None:
    """Raise a TrainingError unless each argument is true or false: a text such as "no" would count as true."""
    for name, value in flags.items():
        if not isinstance(value, (bool, int)):
            raise TrainingError(f"{name} is {shown(value)}: give True or False.")


def must_be_seconds(time_limit: Any) -> None:
    """Raise a TrainingError unless a time limit is None or a number of at least 0; 0 is one step."""
    if time_limit is not None and not (is_number(time_limit) and time_limit >= 0):
        raise TrainingError(f"time_limit is {shown(time_limit)}: give seconds, or None for no limit.")


def folder(what: str, value: Any) -> Path | None:
    """Return the folder that was named, with ``~`` as the home folder, or None.

    Raises:
        TrainingError: if it is no path.
    """
    return None if value is None else path_of(what, value, TrainingError)


def held_out_figures(found: Any) -> dict[str, float]:
    """Return what ``evaluate`` found as numbers by name.

    Raises:
        TrainingError: if it is no dict of single numbers.
    """
    if not hasattr(found, "items"):
        raise TrainingError(f"evaluate returned {shown(found)}: return figures by name, such as {{'L1': 0.1}}.")
    figures = {}
    for name, value in found.items():
        try:
            figures[str(name)] = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(f"evaluate returned for {name!r} a value {shown(value)}: return one number.") from error
    return figures
