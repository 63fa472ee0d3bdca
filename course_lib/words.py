"""Words for messages: the nearest known name to one that is unknown, and flags where a command was typed."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar


def nearest(wrong: object, known: Sequence[str]) -> str | None:
    """Return the known word that is nearest to a wrong one, or ``None`` if none is near."""
    return next(iter(difflib.get_close_matches(str(wrong).lower(), known, n=1)), None)


def suggest(wrong: object, known: Sequence[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known word, or an empty text if none is near."""
    near = nearest(wrong, known)
    return f" (did you mean {near!r}?)" if near else ""


_typed: ContextVar[bool] = ContextVar("_typed", default=False)


@contextmanager
def for_the_shell() -> Iterator[None]:
    """Inside the block, messages name flags of the command line, not arguments of functions."""
    token = _typed.set(True)
    try:
        yield
    finally:
        _typed.reset(token)


def either(argument: str, flag: str) -> str:
    """Return the wording that the user can act on: ``flag`` where a command was typed, else ``argument``."""
    return flag if _typed.get() else argument


def plain(text: object) -> str:
    """Return a text in small letters and without accents, so that a name is found however it was typed."""
    return unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode().lower()
