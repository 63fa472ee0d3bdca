"""The training loop and what it needs: checkpoints, averaged weights, image pool, schedules, seeding."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "EMA": "ema",
    "History": "history",
    "ImagePool": "pool",
    "constant": "schedules",
    "cosine": "schedules",
    "fit": "loop",
    "linear_decay": "schedules",
    "load_weights": "weights",
    "meta_step": "checks",
    "read_checkpoint": "checkpoints",
    "rng_untouched": "seeding",
    "save_weights": "weights",
    "schedule": "schedules",
    "seed_everything": "seeding",
    "warmup": "schedules",
    "weights_metadata": "weights",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
