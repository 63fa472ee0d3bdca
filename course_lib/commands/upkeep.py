"""``course bench``, ``course doctor`` and ``course slides``: how fast, how well, and the decks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import tyro

from course_lib.errors import CourseError


@dataclass(frozen=True)
class Bench:
    """Time the training step of every system: images a second, GFLOP, share of this machine's peak, memory."""

    seconds: float = 5.0
    """How long each system is timed."""


@dataclass(frozen=True)
class Doctor:
    """Check the machine and the course: versions, device, memory, and the hash of every bundled file."""


@dataclass(frozen=True)
class Slides:
    """Export the decks of the lessons to slides/build/."""

    lessons: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Numbers, for example 01; all if none is given."""


def bench(command: Bench) -> int:
    """Time every system; return the exit status.

    Raises:
        CourseError: if the time is no positive number.
    """
    if not 0 < command.seconds < math.inf:
        raise CourseError(f"--seconds is {command.seconds:g}: give a positive number, for example --seconds 5.")
    from course_lib.bench import bench

    bench(command.seconds)
    return 0


def doctor(_: Doctor) -> int:
    """Print the report; return 1 if something has to be mended."""
    from course_lib.doctor import doctor

    return 0 if doctor() else 1


def slides(command: Slides) -> int:
    """Export the decks; return 2 if that cannot be, which has been said."""
    from course_lib.publishing.__main__ import main as publish

    return 2 if publish(["slides", *command.lessons]) else 0
