"""Figures in one house style, each with a text for those who cannot see it; every name is imported on first use.

A figure is made by one of the functions here (or by hand from ``subplots``) and leaves through ``show(figure,
alt=...)``.
"""

from __future__ import annotations

from course_lib.lazy import face

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "charts": "bars_with_spread curves points_with_spread",
        "diagrams": "Arrow Box diagram",
        "distributions": "histogram_plot spectrum_plot",
        "grids": "image_grid",
        "output": "mime_bundle show to_png",
        "source": "show_source",
        "style": "COLOURS apply_style subplots",
        "tables": "Table metric_table",
    },
)
