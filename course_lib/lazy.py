"""The face of a package: its public names, each imported from its own file on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

Face = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def face(package: str, files: Mapping[str, str]) -> Face:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose files are imported on first use.

    ``__getattr__, __dir__, __all__ = face(__name__, {"pixel": "l1 mse", "colour": "srgb_to_lab"})`` says once which
    names there are and where; ``package.l1`` then imports ``package/pixel.py`` when it is asked for, and not before.

    Args:
        package: its ``__name__``.
        files: by the file's name, the public names that it defines, separated by spaces.
    """
    homes = {name: file for file, names in files.items() for name in names.split()}

    def getattr_(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return getattr_, dir_, sorted(homes)
