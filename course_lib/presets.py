"""How big a run is: ``COURSE_PRESET`` is ``smoke`` (seconds), ``cpu`` (default) or ``gpu`` (paper scale).

A preset changes sizes and steps only, never the code path.
"""

from __future__ import annotations

import os
from typing import TypeVar

from course_lib.errors import CourseError

PRESETS = ("smoke", "cpu", "gpu")
T = TypeVar("T")


def preset() -> str:
    """Return the preset in force: the value of ``COURSE_PRESET``, or ``"cpu"``.

    Raises:
        CourseError: if the variable holds another word.
    """
    name = os.environ.get("COURSE_PRESET", "cpu")
    if name not in PRESETS:
        raise CourseError(f"COURSE_PRESET is {name!r}: set it to one of {', '.join(PRESETS)}.")
    return name


def choose(*, smoke: T, cpu: T, gpu: T) -> T:
    """Return the value for the preset in force, for example ``epochs = choose(smoke=1, cpu=4, gpu=40)``."""
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[preset()]
