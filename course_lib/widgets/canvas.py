"""Canvases in notebooks: what a widget that draws in the browser needs on Colab."""

from __future__ import annotations

import importlib
import sys


def let_colab_show_canvases() -> None:
    """Colab shows widgets that do not come with Jupyter only where it is told to."""
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
