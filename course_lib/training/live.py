"""What is seen while a training runs: a line of progress, and in a notebook a figure that redraws in place."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tqdm.std import tqdm

from course_lib.history import History
from course_lib.systems.base import System
from course_lib.training.seeding import rng_untouched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Bundle = tuple[dict[str, Any], dict[str, Any]]
    Draw = Callable[[System, History], "Figure | tuple[Figure, str] | Bundle"]


def in_notebook() -> bool:
    """Return whether this is a Jupyter kernel (a notebook, Colab, a lab console)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class _NotebookLine(tqdm):
    """A progress bar as one line of plain text, which a saved notebook keeps as it last was.

    The bar of ``tqdm.notebook`` is a widget, which a saved notebook shows as it was at the start, or not at all.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from IPython.display import display

        self._handle: Any = display({"text/plain": ""}, raw=True, display_id=True)
        super().__init__(*args, file=io.StringIO(), ncols=100, ascii=False, **kwargs)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        self._handle.update({"text/plain": (msg or str(self)).rstrip()}, raw=True)


class ProgressLine:
    """A progress bar over steps with the newest losses: a line of text in a notebook, tqdm's own in a terminal.

    Args:
        total: steps of the whole run.
        done: steps done before.
        show: whether to show anything.
    """

    def __init__(self, total: int, done: int, show: bool) -> None:
        options: dict[str, Any] = {"total": total, "initial": done, "unit": "step", "disable": not show}
        if show and in_notebook():
            self.bar: tqdm = _NotebookLine(mininterval=0.5, **options)
        else:
            interactive = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()
            self.bar = tqdm(mininterval=0.2 if interactive else 60.0, dynamic_ncols=True, **options)
        self._next_look = 0.0

    def advance(self, history: History) -> None:
        """Count one step."""
        if not self.bar.disable:
            if time.perf_counter() >= self._next_look:
                self._look(history)
            self.bar.update()

    def close(self, history: History) -> None:
        """Leave the line as it is at the end."""
        if not self.bar.disable:
            self._look(history)
            self.bar.refresh()
        self.bar.close()

    def _look(self, history: History) -> None:
        losses = {name: f"{history.last(name):.3g}" for name in history.names}
        self.bar.set_postfix(losses, refresh=False)
        self._next_look = time.perf_counter() + 0.2


class LiveFigure:
    """A figure that is redrawn in place while a system trains, and stays as one PNG with its text.

    Outside notebooks it does nothing. Drawing does not disturb the training: the system is in eval mode meanwhile, and
    all global random states are put back.

    Args:
        draw: called with the system and the history; returns a matplotlib figure, or a figure and its alt text, or
            the data and metadata of a notebook output (``course_lib.plotting.mime_bundle``).
        every: steps between two drawings; None draws as often as a tenth of the time allows.
    """

    def __init__(self, draw: Draw | None, every: int | None) -> None:
        self.draw = draw if in_notebook() else None
        self.every = every
        self._handle: Any = None
        self._next_time = 0.0
        self._drawn_at = -1

    def update(self, system: System, history: History, *, last: bool = False) -> None:
        """Redraw if it is time to, or if this is the last call."""
        if self.draw is None or not history or self._drawn_at == system.step:
            return
        due = time.perf_counter() >= self._next_time if self.every is None else system.step % self.every == 0
        if not (due or last):
            return
        from IPython.display import display

        started = time.perf_counter()
        data, metadata = self._bundle(system, history)
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)
        self._drawn_at = system.step
        now = time.perf_counter()
        self._next_time = now + 9 * (now - started)

    def _bundle(self, system: System, history: History) -> Bundle:
        from matplotlib import pyplot

        assert self.draw is not None
        open_before, training = set(pyplot.get_fignums()), system.training
        system.eval()
        try:
            with rng_untouched():
                drawn = self.draw(system, history)
            if isinstance(drawn, tuple) and isinstance(drawn[0], dict):
                return drawn
            figure, alt = drawn if isinstance(drawn, tuple) else (drawn, "")
            alt = alt or f"{type(system).__name__} after {system.step} training steps."
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", bbox_inches="tight")
            return {"image/png": buffer.getvalue(), "text/plain": alt}, {"image/png": {"alt": alt}, "alt": alt}
        finally:
            system.train(training)
            for number in set(pyplot.get_fignums()) - open_before:  # or they would be shown again below the cell
                pyplot.close(number)
