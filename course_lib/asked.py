"""What a user asked for, looked at before anything is done with it: numbers, names of folders, functions."""

from __future__ import annotations

import math
import numbers
import os
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError, DataError, ShapeError

Error = type[CourseError]


def shown(value: Any) -> str:
    """Return a word or a number as it is, and of anything else, which may be long, the type alone."""
    short = value is None or isinstance(value, (str, numbers.Number))
    return repr(value) if short else f"of type {type(value).__name__}"


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return whether a value is a real number that is not NaN; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return not math.isnan(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def whole(what: str, value: Any, least: int = 1, below: int | None = None, error: Error = ShapeError) -> int:
    """Return a whole number as Python's own.

    Args:
        what: the name of the argument, for the message.
        value: what was given.
        least: the smallest that is taken.
        below: the smallest that is too large; None: there is none.
        error: what is raised.

    Raises:
        CourseError: of the kind ``error``, if the value is no whole number or too small or large.
    """
    if not is_whole(value) or value < least or (below is not None and value >= below):
        size = f"of at least {least}" if below is None else f"from {least} to {below - 1}"
        raise error(f"{what} is {shown(value)}: give a whole number {size}.")
    return int(value)


def number(
    what: str,
    value: Any,
    least: float = 0.0,
    most: float = math.inf,
    *,
    above: float | None = None,
    below: float | None = None,
    error: Error = ShapeError,
) -> float:
    """Return a finite number, as Python's own.

    Args:
        what: the name of the argument, for the message.
        value: what was given.
        least: the smallest that is taken.
        most: the largest that is taken.
        above: if given, it must be larger than this, instead of ``least``.
        below: if given, it must be smaller than this, instead of ``most``.
        error: what is raised.

    Raises:
        CourseError: of the kind ``error``, if the value is no finite number, or not in these bounds.
    """
    fits = is_number(value) and math.isfinite(value)
    fits = fits and (value >= least if above is None else value > above)
    if not (fits and (value <= most if below is None else value < below)):
        start = f"at least {least:g}" if least > -math.inf else ""
        end = f"at most {most:g}" if most < math.inf else ""
        ends = [start if above is None else f"above {above:g}", end if below is None else f"below {below:g}"]
        bounds = " and ".join(filter(None, ends))
        raise error(
            f"{what} is {shown(value)}: give a finite number{' of' * bounds.startswith('at')} {bounds}".rstrip() + "."
        )
    return value if type(value) in (int, float) else float(value)


def fields(
    config: Any,
    *,
    above_0: tuple[str, ...] = (),
    from_0: tuple[str, ...] = (),
    decays: tuple[str, ...] = (),
    shares: tuple[str, ...] = (),
    counts: tuple[str, ...] = (),
    counts_from_0: tuple[str, ...] = (),
    or_none: tuple[str, ...] = (),
) -> None:
    """Look at the numbers of a config.

    Args:
        config: a dataclass.
        above_0: names of finite numbers above 0, such as a learning rate.
        from_0: names of finite numbers of at least 0, such as the weight of a term.
        decays: names of numbers from 0 to below 1, such as Adam's.
        shares: names of numbers from 0 to 1.
        counts: names of whole numbers of at least 1; a field may hold a tuple of them.
        counts_from_0: names of whole numbers of at least 0.
        or_none: names of whole numbers of at least 1, or None.

    Raises:
        ShapeError: with the name of the field and of the config, if one cannot be.
    """
    title = type(config).__name__

    def check(names: tuple[str, ...], look: Any, **bounds: Any) -> None:
        for name in names:
            value = getattr(config, name)
            for one in value if isinstance(value, tuple) else (value,):
                look(f"{name} of {title}", one, **bounds)

    check(above_0, number, above=0.0)
    check(from_0, number)
    check(decays, number, below=1.0)
    check(shares, number, most=1.0)
    check(counts, whole)
    check(counts_from_0, whole, least=0)
    check(tuple(name for name in or_none if getattr(config, name) is not None), whole)


def path_of(what: str, value: Any, error: Error = DataError) -> Path:
    """Return a path as its user means it: ``~`` is the home folder.

    Args:
        what: the name of the argument, for the message.
        value: a text or a path.
        error: what is raised.

    Raises:
        CourseError: of the kind ``error``, if the value is no path, or names nobody's home folder.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise error(f"{what} is {shown(value)}: give a path, for example 'runs/mine'.")
    try:
        return Path(value).expanduser()
    except RuntimeError as fault:
        raise error(f"{what} is {os.fspath(value)!r}, and there is no such home folder: write the path out.") from fault


def function(what: str, value: Any, example: str, error: Error = ShapeError) -> None:
    """Raise an error of the kind ``error`` unless a value is a function or None.

    Args:
        what: the name of the argument, for the message.
        value: what was given.
        example: of what it could be.
        error: what is raised.
    """
    if value is not None and not callable(value):
        raise error(f"{what} is {shown(value)}: give a function, for example {example}.")
