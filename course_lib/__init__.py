"""The companion package of a course on conditional generative models.

Sub-packages are imported on first use, so that ``import course_lib`` costs next to nothing.

    data       what is learned from: bundled sets, splits, batches, opt-in downloads
    models     networks and nothing else, one file a paper family
    losses     pure functions from tensors to a scalar
    systems    which models, which losses, which optimisers, and one training step
    training   the loop, checkpoints and resume, averaged weights, seeding
    metrics    figures on held-out data
    plotting   figures with alt text
    runs       the engine of the long trainings behind the bundled checkpoints
    widgets    the engine of interactive figures, each with a static fallback
    exercises  the engine of checks, hints and solutions
    lessons    one room a lesson: its runs, exercises, widgets and figures
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__version__ = "0.1.0"

_PARTS = sorted(part.name for part in pkgutil.iter_modules(__path__) if not part.name.startswith("_"))


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS])
