"""Interactive figures: sliders beside a picture, and a static picture where no kernel runs."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {"Explorer": "explorer", "answer_weights": "answer_weights"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
