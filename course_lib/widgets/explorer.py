"""The one way in which this course joins controls to a figure."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[..., "tuple[Figure, str]"]


class Explorer(ipywidgets.VBox):
    """Controls above a figure that is drawn again when one of them changes.

    Where no kernel runs (a web page, a printed deck) the notebook shows the first figure as a picture instead: the
    display data hold both. Whatever goes wrong in a drawing is shown in the place of the figure and kept in
    ``error``: an exception in a callback would otherwise vanish.

    Args:
        draw: called with the controls' values by name; returns a figure and its alt text.
        controls: widgets with a ``value``, by name of the argument.
        columns: how many controls stand side by side.
    """

    def __init__(self, draw: Draw, controls: dict[str, Any], columns: int = 2) -> None:
        self._draw_figure = draw
        self.controls = controls
        self.error: Exception | None = None
        self.alt = ""
        self.png = b""
        self.picture = ipywidgets.HTML()
        boxes = ipywidgets.GridBox(
            list(controls.values()), layout=ipywidgets.Layout(grid_template_columns=f"repeat({columns}, max-content)")
        )
        super().__init__([boxes, self.picture])
        self.redraw()
        for control in controls.values():
            control.observe(self.redraw, names="value")

    def redraw(self, _: Any = None) -> None:
        """Draw the figure for the present values of the controls."""
        from course_lib import plotting

        try:
            figure, self.alt = self._draw_figure(**{name: control.value for name, control in self.controls.items()})
            self.png = plotting.to_png(figure)
        except Exception as error:  # shown to the learner: a callback has nobody else to tell
            self.error = error
            text = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
            self.picture.value = f"<p role='alert'>This figure cannot be drawn. {html.escape(text)}</p>"
            return
        self.error = None
        source = base64.b64encode(self.png).decode()
        self.picture.value = f"<img alt='{html.escape(self.alt, quote=True)}' src='data:image/png;base64,{source}'>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        if not bundle or not self.png:
            return bundle
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        data["image/png"] = base64.b64encode(self.png).decode()
        data["text/plain"] = self.alt
        return data, {"image/png": {"alt": self.alt}, "alt": self.alt}
