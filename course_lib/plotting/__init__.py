"""Figures in one house style, each with a text for those who cannot see it; every name is imported on first use.

A figure is made by one of the functions here (or by hand from ``subplots``) and leaves through ``show(figure,
alt=...)``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.plotting.charts import bars_with_spread as bars_with_spread
    from course_lib.plotting.charts import curves as curves
    from course_lib.plotting.charts import points_with_spread as points_with_spread
    from course_lib.plotting.distributions import histogram_plot as histogram_plot
    from course_lib.plotting.distributions import spectrum_plot as spectrum_plot
    from course_lib.plotting.grids import image_grid as image_grid
    from course_lib.plotting.output import mime_bundle as mime_bundle
    from course_lib.plotting.output import show as show
    from course_lib.plotting.output import to_png as to_png
    from course_lib.plotting.source import show_source as show_source
    from course_lib.plotting.style import COLOURS as COLOURS
    from course_lib.plotting.style import apply_style as apply_style
    from course_lib.plotting.style import subplots as subplots
    from course_lib.plotting.tables import Table as Table
    from course_lib.plotting.tables import metric_table as metric_table

_HOME = {
    "COLOURS": "style",
    "Table": "tables",
    "apply_style": "style",
    "bars_with_spread": "charts",
    "curves": "charts",
    "histogram_plot": "distributions",
    "image_grid": "grids",
    "metric_table": "tables",
    "mime_bundle": "output",
    "points_with_spread": "charts",
    "show": "output",
    "show_source": "source",
    "spectrum_plot": "distributions",
    "subplots": "style",
    "to_png": "output",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
