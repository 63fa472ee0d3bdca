"""Find what the lessons' rooms hold: the library never imports a lesson by name."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from types import ModuleType

ROOMS = "course_lib.lessons"


@cache
def rooms() -> tuple[str, ...]:
    """Return the names of the lessons' rooms in order: ``("lesson_00", "lesson_01", ...)``."""
    found = (module.name for module in pkgutil.iter_modules(importlib.import_module(ROOMS).__path__))
    return tuple(sorted(name for name in found if name.startswith("lesson_")))


def module_of(room: str, name: str) -> ModuleType | None:
    """Return a module of a room, for example ``module_of("lesson_01", "runs")``; ``None`` if the room has none."""
    whole = f"{ROOMS}.{room}.{name}"
    return importlib.import_module(whole) if importlib.util.find_spec(whole) else None


def submodules(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package, imported, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]
