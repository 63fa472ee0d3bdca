"""Words for messages: the nearest known name to one that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(wrong: object, known: Sequence[str]) -> str | None:
    """Return the known word that is nearest to a wrong one, or ``None`` if none is near."""
    return next(iter(difflib.get_close_matches(str(wrong).lower(), known, n=1)), None)


def suggest(wrong: object, known: Sequence[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known word, or an empty text if none is near."""
    near = nearest(wrong, known)
    return f" (did you mean {near!r}?)" if near else ""
