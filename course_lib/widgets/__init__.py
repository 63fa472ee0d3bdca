"""Interactive figures: sliders beside a picture, and a static picture where no kernel runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.widgets.explorer import Explorer as Explorer
    from course_lib.widgets.weighted_answers import answer_weights as answer_weights

# No module has the name of what it defines: importing it would put the module in that name's place.
_HOMES = {"Explorer": "explorer", "answer_weights": "weighted_answers"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
