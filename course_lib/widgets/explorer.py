"""The one way in which this course joins controls to a figure."""

from __future__ import annotations

import base64
import html
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[..., "tuple[Figure, str]"]


class Explorer(ipywidgets.VBox):
    """Controls above a figure that is drawn again when one of them changes.

    Where no kernel runs (a web page, a printed deck) the notebook shows the figure as a picture instead: the display
    data hold both. Whatever goes wrong in a drawing is said in the place of the figure and kept in ``error``: an
    exception in a callback would otherwise vanish.

    Args:
        draw: called with the controls' values by name; returns a figure and its alt text.
        controls: widgets with a ``value``, by name of the argument.
        columns: how many controls stand side by side.

    Attributes:
        controls: as given.
        error: what the last drawing raised, or ``None``.
        alt: text of the present figure; empty after an error.
        png: bytes of the present figure; empty after an error.
        picture: the widget that holds the figure, or the sentence in its place.
    """

    def __init__(self, draw: Draw, controls: dict[str, Any], columns: int = 2) -> None:
        self._draw_figure = draw
        self.controls = controls
        self.error: Exception | None = None
        self.alt = ""
        self.png = b""
        self._metadata: dict[str, Any] = {}
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
        try:
            self._draw()
        except Exception as error:  # said to the learner: a callback has nobody else to tell
            self.error, self.alt, self.png, self._metadata = error, "", b"", {}
            self.picture.value = f"<p role='alert'>{html.escape(self._sentence(error))}</p>"
        else:
            self.error = None

    def _draw(self) -> None:
        from course_lib import plotting

        figure, alt = self._draw_figure(**{name: control.value for name, control in self.controls.items()})
        try:
            data, self._metadata = plotting.mime_bundle(figure, alt)
        finally:
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close(figure)  # or figures would pile up, one a movement of a slider
        self.png, self.alt = data["image/png"], data["text/plain"]
        source = base64.b64encode(self.png).decode()
        width = self._metadata["image/png"]["width"]
        self.picture.value = f"<img alt='{html.escape(self.alt)}' width='{width}' src='data:image/png;base64,{source}'>"

    @staticmethod
    def _sentence(error: Exception) -> str:
        text = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
        return f"This figure cannot be drawn. {text}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        if not bundle:
            return bundle
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        if self.error is not None:
            return data | {"text/plain": self._sentence(self.error)}, {}
        data |= {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}
        return data, self._metadata
