"""The errors that a user can cause. Each message is one sentence that says what to do."""

from __future__ import annotations


class CourseError(Exception):
    """Base of all errors that this package raises on purpose.

    In a notebook only the message is shown, without the traceback: the sentence says what to do,
    and the frames of this package would only hide it.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class DataError(CourseError):
    """A bundled or downloaded file is missing, corrupt or of the wrong kind, or a name is unknown."""


class ShapeError(CourseError, ValueError):
    """A tensor has a shape, type or range that the called function cannot take."""


class TrainingError(CourseError):
    """Training cannot go on: a loss is not finite, memory ran out, or a checkpoint does not fit."""


class Stopped(TrainingError):
    """A training that another one waits for was stopped before its end.

    Args:
        message: one sentence.
        reason: what ``History.stopped`` says.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ExerciseError(CourseError):
    """An answer to an exercise is wrong; the message names the likely mistake."""
