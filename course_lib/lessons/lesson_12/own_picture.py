"""Lesson 12: give a photograph of your own, and see it painted by one pass through a network."""

from __future__ import annotations

import base64
import html
import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import ipywidgets
import torch
import traitlets
from PIL import Image
from torch import Tensor

from course_lib.errors import CourseError, DataError, ShapeError
from course_lib.plotting.style import COLOURS
from course_lib.widgets.explorer import Explorer, Picture
from course_lib.widgets.picture_files import LARGEST_FILE, check_size, picture_with_notes
from course_lib.widgets.sheets import check_picture, css_width, picture_rows, to_array, to_jpeg, to_keep, to_png

HEIGHT, STILL_HEIGHT = 384.0, 192.0  # of the pictures on the page at most, in CSS pixels
ACCEPTED = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff"
EXAMPLE = "the example"
# Jupyter's server closes the connection at a message that is too large, and nobody can say so to the learner.
HINT = f"At most {LARGEST_FILE / 1e6:.0f} MB. A larger file may never arrive: then run this cell again."
LONGEST_NAME = 40  # letters of a file's name that are shown


class Painter(Protocol):
    """What paints: a ``StyleTransfer`` system."""

    @property
    def device(self) -> torch.device: ...

    def stylise(self, images: Tensor) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture and what it is called.

    Args:
        name: of its file.
        picture: ``(3, H, W)`` in [-1, 1].
        note: how it was read, if that is to be known, in one sentence.
    """

    name: str
    picture: Tensor
    note: str = ""


class PictureUpload(ipywidgets.VBox):
    """A button that takes a file from the learner's machine; what is no picture is refused in a sentence.

    Args:
        start: what it holds at first.
        side: the longer side of a picture in pixels, at most.

    Attributes:
        value: the last ``Photograph`` that could be read; one observes it as the ``value`` of any control.
        button: the ``FileUpload``.
        message: the widget with the sentence, which stands where its owner puts it.
    """

    value = traitlets.Any()

    def __init__(self, start: Photograph, side: int) -> None:
        self._side = side
        self.message = ipywidgets.HTML()
        self.button = ipywidgets.FileUpload(
            accept=ACCEPTED,
            multiple=False,
            description="your picture",
            layout={"width": "max-content"},
        )
        super().__init__([self.button], value=start)
        self.say("")
        self.button.observe(self._uploaded, names="value")

    def take(self, name: str, data: bytes) -> None:
        """Read a file; ``value`` is the new picture, or stays as it was and ``message`` says why."""
        name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        try:
            picture, notes = picture_with_notes(data, self._side)
        except DataError as error:
            self.say(f"{name}: {error}")
        else:
            self.say("")
            self.value = Photograph(name, picture, f"{name}: {'; '.join(notes)}." if notes else "")

    def say(self, sentence: str) -> None:
        """Show a sentence, or, where there is none, what may be given."""
        self.message.value = f"<p role='alert'>{html.escape(sentence)}</p>" if sentence else f"<p>{HINT}</p>"

    def _uploaded(self, change: dict[str, Any]) -> None:
        given = change["new"]
        if given:
            # A tuple of files; of ipywidgets 7, which Colab has, a dict of them by name.
            files = [(name, file["content"]) for name, file in given.items()] if isinstance(given, dict) else []
            name, content = files[-1] if files else (given[0]["name"], given[0]["content"])
            self.take(str(name), bytes(content))
            # The bytes need not be kept, and the same file may be given again.
            self.button.set_trait("value", type(given)())


def paint_your_picture(systems: Mapping[str, Painter], example: Tensor, side: int = 384) -> Explorer:
    """Return a widget that takes a picture and shows it beside its painting, with the time of the pass.

    Whatever goes wrong, with the file or in the network, is said in a sentence, and the last painting stays. Where no
    kernel runs, the example and its painting stand there.

    Args:
        systems: trained ``StyleTransfer`` systems by the title of their painting, at least one.
        example: the picture that it begins with, ``(3, H, W)`` in [-1, 1].
        side: the longer side of a given picture in pixels, at most; the example stays as it is.

    Returns:
        The widget; ``controls["photograph"]`` is a ``PictureUpload``, ``controls["painting"]`` holds the title.

    Raises:
        DataError: if ``side`` is below 16 or no whole number.
        ShapeError: if there is no system, or the example has another shape or type.
    """
    if not systems:
        raise ShapeError("There is no system that could paint: give at least one by the title of its painting.")
    check_picture("The example", example)
    check_size(side)
    upload = PictureUpload(Photograph(EXAMPLE, example), side)
    menu = ipywidgets.Dropdown(
        options=list(systems),
        description="painting",
        style={"description_width": "max-content"},
        layout={"width": "max-content"},
    )
    link = ipywidgets.HTML()
    last: list[Picture] = []

    @lru_cache(maxsize=8)
    def painted(photograph: Photograph, title: str) -> tuple[Tensor, float]:
        return timed_pass(systems[title], photograph.picture)

    def row(photograph: Photograph, title: str) -> dict[str, Tensor]:
        height, width = photograph.picture.shape[1:]
        painting, seconds = painted(photograph, title)
        return {
            f"{photograph.name}, {width} × {height}": photograph.picture,
            f"{title}, {1000 * seconds:.0f} ms": painting,
        }

    def text(photograph: Photograph, title: str) -> str:
        taken = f"{1000 * painted(photograph, title)[1]:.0f} ms"
        return f"A picture, {photograph.name}, and beside it the same in the manner of {title}, painted in {taken}"

    @lru_cache(maxsize=8)
    def finished(photograph: Photograph, title: str) -> tuple[Picture, str]:
        sheet = picture_rows([row(photograph, title)], HEIGHT)
        shown = Picture(to_jpeg(sheet), text(photograph, title), css_width(sheet))
        return shown, download_link(painted(photograph, title)[0], title)

    def draw(photograph: Photograph, painting: str) -> Picture:
        try:
            drawn, link.value = finished(photograph, painting)
        except Exception as error:  # the network's fault: said beside the last painting, if there is one
            if not last:
                raise
            fault = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
            upload.say(f"The network of {painting} cannot paint {photograph.name}, so the last painting stays: {fault}")
            return last[0]
        upload.say(photograph.note)
        last[:] = [drawn]
        return drawn

    def still() -> Picture:
        shown = upload.value, menu.value
        sheet = picture_rows([row(*shown)], STILL_HEIGHT, fine=1)
        return to_keep(sheet, text(*shown))

    explorer = Explorer(draw, {"photograph": upload, "painting": menu}, columns=2, still=still)
    boxes, picture = explorer.children
    explorer.children = (boxes, upload.message, picture, link)
    return explorer


def timed_pass(system: Painter, picture: Tensor) -> tuple[Tensor, float]:
    """Return a painted picture and the seconds of the pass.

    Args:
        system: that paints.
        picture: ``(3, H, W)`` in [-1, 1].

    Returns:
        The same shape, on the CPU; and the seconds from picture to painting.

    Raises:
        ShapeError: if the system returns no picture of this shape, or one with NaN.
    """
    begun = time.perf_counter()
    y_hat = system.stylise(picture[None].to(system.device))
    if not isinstance(y_hat, Tensor) or y_hat.shape != (1, *picture.shape):
        what = tuple(y_hat.shape) if isinstance(y_hat, Tensor) else type(y_hat).__name__
        raise ShapeError(f"stylise returned {what}: let it return a picture of the shape {(1, *picture.shape)}.")
    painting = y_hat[0].detach().cpu()  # waits for the device
    seconds = time.perf_counter() - begun
    if not bool(painting.isfinite().all()):
        raise ShapeError("The output is not finite: load a network that was trained to the end.")
    return painting, seconds


def download_link(picture: Tensor, title: str) -> str:
    """Return a link, as HTML, that saves a picture ``(3, H, W)`` under a name made of its title, as a PNG."""
    data = base64.b64encode(to_png(Image.fromarray(to_array(picture)))).decode()
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "painting"
    look = f"color: {COLOURS['blue']}; text-decoration: underline"
    return f"<a download='{name}.png' style='{look}' href='data:image/png;base64,{data}'>Save the painting</a>"
