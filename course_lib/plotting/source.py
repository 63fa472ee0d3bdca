"""The course's own code, shown in a lesson instead of hidden in an import."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_lib.errors import CourseError


@dataclass(frozen=True)
class Source:
    """The text of a function, which a notebook shows with colours and a terminal as it is."""

    text: str

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"

    def __repr__(self) -> str:
        return self.text


def show_source(function: Callable[..., Any]) -> Source:
    """Return the source of a function, without its docstring's long parts, as the last value of a cell.

    Args:
        function: any function or method of the course.

    Raises:
        CourseError: if it has no source in Python.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (TypeError, OSError) as error:
        raise CourseError(f"{function!r} has no source in Python: give a function of the course.") from error
    document = function.__doc__
    if document and "\n" in document.strip():
        first, _, rest = document.strip().partition("\n")
        text = text.replace(document, first, 1) if rest else text
    return Source(text)
