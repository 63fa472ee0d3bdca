"""One file a system: which networks, which losses, which optimisers, and one training step."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "System": "base",
    "adam": "base",
    "Regression": "regression",
    "RegressionConfig": "regression",
    "Pix2Pix": "pix2pix",
    "Pix2PixConfig": "pix2pix",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
