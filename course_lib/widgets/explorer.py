"""The one way in which this course joins controls to a figure."""

from __future__ import annotations

import base64
import html
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CANNOT = "This figure cannot be drawn."
VIEW = "application/vnd.jupyter.widget-view+json"

Draw = Callable[..., "Picture | tuple[Figure, str]"]


@dataclass(frozen=True)
class Picture:
    """A figure that is drawn already: what a web page needs of it.

    Args:
        png: the file's bytes; a JPEG may be given as well.
        alt: what is to be seen, for those who cannot see it.
        width: on the page, in CSS pixels.

    Raises:
        CourseError: if the text is missing.
    """

    png: bytes
    alt: str
    width: int

    def __post_init__(self) -> None:
        if len(self.alt.split()) < 3:
            raise CourseError('A picture needs a text for those who cannot see it: say what it shows in alt="...".')

    @property
    def kind(self) -> str:
        """The type of the file, as a web page names it."""
        return "image/jpeg" if self.png.startswith(b"\xff\xd8") else "image/png"

    @classmethod
    def of(cls, figure: Figure, alt: str, quick: bool = False) -> Picture:
        """Draw a matplotlib figure with its text as ``plotting.show`` does, and close it.

        Args:
            figure: to draw.
            alt: what is to be seen.
            quick: in a quarter of the time and a larger file, for what follows a slider.

        Raises:
            CourseError: if the text is missing.
        """
        from course_lib import plotting

        try:
            data, metadata = plotting.mime_bundle(figure, alt, quick=quick)
        finally:
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close(figure)  # or figures would pile up, one a movement of a slider
        return cls(data["image/png"], data["text/plain"], metadata["image/png"]["width"])


class Explorer(ipywidgets.VBox):
    """Controls above a figure that is drawn again when one of them changes.

    Where no kernel runs (a web page, a printed deck) the notebook shows a picture instead, the present figure or a
    ``still`` of its own: the display data hold both. Whatever goes wrong in a drawing is said in the place of the
    figure and kept in ``error``: an exception in a callback would otherwise vanish.

    Args:
        draw: called with the controls' values by name; returns a figure and its alt text, or a ``Picture`` of them.
        controls: widgets with a ``value``, by name of the argument.
        columns: how many controls stand side by side.
        helpers: widgets that stand before the controls and are no arguments of ``draw``, such as a play button.
        still: makes the picture for where no kernel runs, as ``draw`` does, from no arguments and at most once; None:
            the present figure.

    Attributes:
        controls: as given.
        helpers: as given.
        error: what the last drawing raised, or ``None``.
        alt: text of the present figure; empty after an error.
        png: bytes of the present figure; empty after an error.
        picture: the widget that holds the figure, or the sentence in its place.
    """

    def __init__(
        self,
        draw: Draw,
        controls: dict[str, Any],
        columns: int = 2,
        helpers: Sequence[Any] = (),
        still: Draw | None = None,
    ) -> None:
        self._draw_figure, self._draw_still = draw, still
        self.controls, self.helpers = controls, list(helpers)
        self.error: Exception | None = None
        self.alt = ""
        self.png = b""
        self._drawn: Picture | None = None
        self._still: Picture | None = None
        self._waiting = self._in_haste = False
        self.picture = ipywidgets.HTML()
        boxes = ipywidgets.GridBox(
            [*helpers, *controls.values()],
            layout=ipywidgets.Layout(grid_template_columns=f"repeat({columns}, max-content)"),
        )
        super().__init__([boxes, self.picture])
        self.redraw()
        for control in controls.values():
            control.observe(self.redraw, names="value")

    def redraw(self, change: Any = None) -> None:
        """Draw the figure for the present values of the controls, quickly where a ``change`` of one asks for it."""
        if self._waiting:
            return
        self._in_haste = change is not None
        values = {name: control.value for name, control in self.controls.items()}
        try:
            drawn = _drawn(self._draw_figure(**values), quick=self._in_haste)
        except Exception as error:  # said to the learner: a callback has nobody else to tell
            self.error, self.alt, self.png, self._drawn = error, "", b"", None
            self.picture.value = f"<p role='alert'>{html.escape(self._sentence(error))}</p>"
        else:
            self.error, self.alt, self.png, self._drawn = None, drawn.alt, drawn.png, drawn
            source = base64.b64encode(drawn.png).decode()
            self.picture.value = (
                f"<img alt='{html.escape(drawn.alt)}' width='{drawn.width}' src='data:{drawn.kind};base64,{source}'>"
            )

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside the block controls may change without a drawing; at its end the figure is drawn once."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False
            self.redraw("together")

    @staticmethod
    def _sentence(error: Exception | None) -> str:
        text = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
        return f"{CANNOT} {text}"

    if not hasattr(ipywidgets.VBox, "_repr_mimebundle_"):  # ipywidgets 7, which Colab has: it would show no still
        _ipython_display_ = None

    def _repr_mimebundle_(self, **options: Any) -> Any:
        own = getattr(super(), "_repr_mimebundle_", None)
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        bundle = own(**options) if own else {VIEW: view}
        if not bundle:
            return bundle
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        if self._in_haste and not self._draw_still:
            self.redraw()  # what the notebook keeps is small
        error, shown = self.error, self._drawn
        if error is None and self._draw_still:
            try:
                shown = self._still = self._still or _drawn(self._draw_still())
            except Exception as fault:  # the widget itself can still be used
                error = fault
        if error is not None or shown is None:
            return data | {"text/plain": self._sentence(error)}, {}
        data |= {shown.kind: base64.b64encode(shown.png).decode(), "text/plain": shown.alt}
        return data, {shown.kind: {"alt": shown.alt, "width": shown.width}, "alt": shown.alt}


def _drawn(result: Picture | tuple[Figure, str], quick: bool = False) -> Picture:
    return result if isinstance(result, Picture) else Picture.of(*result, quick=quick)
