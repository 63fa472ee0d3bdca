"""Controls joined to a figure: it follows them, it has a text, and no error vanishes."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from course_lib import plotting
from course_lib.errors import CourseError, ShapeError
from course_lib.widgets.explorer import Explorer, Picture

VIEW = "application/vnd.jupyter.widget-view+json"


def draw(level: float, word: str) -> tuple[Any, str]:
    """Draw a bar of a height, and fail where it is negative or above 5."""
    if level < 0:
        raise ShapeError("The level is below zero: <choose> another.")
    if level > 5:
        raise ZeroDivisionError("division by zero")
    figure, axes = plotting.subplots(size=(3, 2))
    axes.bar([0], [level])
    axes.set_ylim(0, 5)
    return figure, f'a bar as high as "{level}", called {word}'


@pytest.fixture
def explorer() -> Explorer:
    controls = {
        "level": ipywidgets.FloatSlider(value=1, min=-1, max=9),
        "word": ipywidgets.Dropdown(options=["one", "two"]),
    }
    return Explorer(draw, controls)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two files show the same picture, in a palette or in all its colours."""
    return pixels(one).shape == pixels(other).shape and bool(np.abs(pixels(one) - pixels(other)).max() <= 48)


def test_the_figure_follows_the_controls(explorer: Explorer) -> None:
    assert explorer.error is None
    low, shown = explorer.png, explorer.picture.value
    explorer.controls["level"].value = 4
    assert explorer.png != low
    assert explorer.picture.value != shown
    blue = np.array([0, 0x72, 0xB2])
    high = explorer.png
    bar = [(np.abs(pixels(png) - blue).max(axis=2) < 20).sum() for png in (low, high)]
    assert bar[1] == pytest.approx(4 * bar[0], rel=0.1)
    explorer.controls["level"].value = 1
    assert alike(explorer.png, low)
    assert not alike(explorer.png, high)
    explorer.controls["word"].value = "two"
    assert explorer.alt == 'a bar as high as "1.0", called two'


def test_the_picture_in_the_widget_is_the_figure_with_its_text(explorer: Explorer) -> None:
    match = re.fullmatch(r"<img alt='(.*)' width='(\d+)' src='data:image/png;base64,(.*)'>", explorer.picture.value)
    assert match
    assert match[1] == "a bar as high as &quot;1.0&quot;, called one"
    assert base64.b64decode(match[3]) == explorer.png
    assert pixels(explorer.png).shape[1] > int(match[2]) >= 300  # more pixels than it is wide: sharp on fine screens


def test_the_display_holds_the_widget_and_the_picture(explorer: Explorer) -> None:
    data, metadata = explorer._repr_mimebundle_()
    assert data[VIEW]["model_id"] == explorer.model_id
    assert base64.b64decode(data["image/png"]) == explorer.png
    assert data["text/plain"] == explorer.alt
    assert metadata["alt"] == metadata["image/png"]["alt"] == 'a bar as high as "1.0", called one'
    assert metadata["image/png"]["width"] == 300


def test_what_a_moved_widget_leaves_in_the_notebook_is_small(explorer: Explorer) -> None:
    """A slider's picture is drawn quickly and is large; it is drawn anew for the notebook."""
    explorer.controls["level"].value = 2
    quick = explorer.png
    kept = base64.b64decode(explorer._repr_mimebundle_()[0]["image/png"])
    assert len(kept) < len(quick)
    assert alike(kept, quick)


def test_colabs_ipywidgets_show_the_same(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 7 displays a widget by another method, which knows nothing of a picture: ours takes its place there."""
    newer = explorer._repr_mimebundle_()
    monkeypatch.delattr(ipywidgets.Widget, "_repr_mimebundle_")
    older = explorer._repr_mimebundle_()
    assert older[0][VIEW]["model_id"] == explorer.model_id
    assert {**older[0], VIEW: None} == {**newer[0], VIEW: None}
    assert older[1] == newer[1]


@pytest.mark.parametrize(
    ("level", "kind", "sentence"),
    [
        (-0.5, ShapeError, "The level is below zero: &lt;choose&gt; another."),
        (6, ZeroDivisionError, "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_is_said_in_the_place_of_the_figure(
    explorer: Explorer, level: float, kind: type[Exception], sentence: str
) -> None:
    before = explorer.png
    explorer.controls["level"].value = level
    assert isinstance(explorer.error, kind)
    assert explorer.error.__traceback__ is not None  # for those who look for the cause
    assert explorer.picture.value == f"<p role='alert'>This figure cannot be drawn. {sentence}</p>"
    assert (explorer.png, explorer.alt) == (b"", "")
    data, metadata = explorer._repr_mimebundle_()
    assert data[VIEW]["model_id"] == explorer.model_id
    assert "image/png" not in data
    assert data["text/plain"].startswith("This figure cannot be drawn.")
    assert metadata == {}
    explorer.controls["level"].value = 1
    assert explorer.error is None
    assert alike(explorer.png, before)
    assert explorer.picture.value.startswith("<img ")


def test_the_first_drawing_may_fail_too() -> None:
    broken = Explorer(draw, {"level": ipywidgets.IntSlider(value=-1, min=-1), "word": ipywidgets.Text("x")})
    assert isinstance(broken.error, ShapeError)
    broken.controls["level"].value = 2
    assert broken.error is None


def test_a_figure_without_a_text_is_an_error() -> None:
    silent = Explorer(lambda level: (plotting.subplots(size=(3, 2))[0], ""), {"level": ipywidgets.IntSlider(1)})
    assert "alt=" in str(silent.error)
    assert silent.png == b""


def test_pyplot_keeps_no_figure() -> None:
    from matplotlib import pyplot

    def with_pyplot(level: int) -> tuple[Any, str]:
        figure, axes = pyplot.subplots(figsize=(2, 2))
        axes.plot([0, level])
        return figure, "a line that rises"

    line = Explorer(with_pyplot, {"level": ipywidgets.IntSlider(1)})
    line.controls["level"].value = 3
    assert line.error is None
    assert pyplot.get_fignums() == []


def square(side: int) -> Picture:
    """Draw a grey square by hand."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 99).save(buffer, "PNG")
    return Picture(buffer.getvalue(), f"a square of {side} pixels", 2 * side)


def test_a_picture_drawn_by_hand_is_shown_as_it_is() -> None:
    explorer = Explorer(square, {"side": ipywidgets.IntSlider(5, min=1)})
    assert explorer.png == square(5).png
    explorer.controls["side"].value = 7
    assert explorer.png == square(7).png
    assert "alt='a square of 7 pixels' width='14'" in explorer.picture.value
    data, metadata = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == explorer.png
    assert metadata == {"image/png": {"alt": "a square of 7 pixels", "width": 14}, "alt": "a square of 7 pixels"}


@pytest.mark.parametrize("alt", ["", "a figure", "   "])
def test_a_picture_without_a_text_is_an_error(alt: str) -> None:
    with pytest.raises(CourseError, match="alt="):
        Picture(b"", alt, 10)


def test_a_figure_becomes_a_picture() -> None:
    figure, alt = draw(2, "two")
    picture = Picture.of(figure, alt)
    assert (picture.png, picture.alt, picture.width) == (plotting.to_png(draw(2, "two")[0]), alt, 300)


def test_a_still_stands_in_where_no_kernel_runs_and_is_made_once() -> None:
    made: list[int] = []

    def still() -> Picture:
        made.append(1)
        return square(40)

    explorer = Explorer(square, {"side": ipywidgets.IntSlider(5, min=1)}, still=still)
    assert made == []
    for _ in range(2):
        data, metadata = explorer._repr_mimebundle_()
        assert data[VIEW]["model_id"] == explorer.model_id
        assert base64.b64decode(data["image/png"]) == square(40).png
        assert data["text/plain"] == metadata["alt"] == "a square of 40 pixels"
    assert made == [1]
    assert explorer.png == square(5).png


def test_a_still_that_fails_is_said_and_the_widget_lives() -> None:
    explorer = Explorer(square, {"side": ipywidgets.IntSlider(5, min=1)}, still=lambda: draw(-1, "x"))
    data, metadata = explorer._repr_mimebundle_()
    assert data[VIEW]["model_id"] == explorer.model_id
    assert "image/png" not in data
    assert data["text/plain"] == "This figure cannot be drawn. The level is below zero: <choose> another."
    assert metadata == {}
    assert explorer.error is None
    assert "<img" in explorer.picture.value


def test_a_helper_stands_with_the_controls_and_is_no_argument() -> None:
    play = ipywidgets.Play()
    slider = ipywidgets.IntSlider(5, min=1)
    explorer = Explorer(square, {"side": slider}, helpers=[play])
    assert explorer.children[0].children == (play, slider)
    before = explorer.png
    play.value = 3
    assert alike(explorer.png, before)


def test_controls_that_change_together_are_drawn_once() -> None:
    calls: list[tuple[int, int]] = []

    def note(a: int, b: int) -> Picture:
        calls.append((a, b))
        return square(5)

    explorer = Explorer(note, {"a": ipywidgets.IntSlider(1), "b": ipywidgets.IntSlider(1)})
    with explorer.together():
        explorer.controls["a"].value = 2
        explorer.controls["b"].value = 3
    assert calls == [(1, 1), (2, 3)]
    explorer.controls["a"].value = 4
    assert calls[-1] == (4, 3)


def test_a_jpeg_is_kept_as_a_jpeg() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (7, 7), "red").save(buffer, "JPEG")
    explorer = Explorer(lambda: Picture(buffer.getvalue(), "a square of 7 pixels", 14), {})
    assert "src='data:image/jpeg;base64," in explorer.picture.value
    data, metadata = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/jpeg"]) == buffer.getvalue()
    assert "image/png" not in data
    assert metadata == {"image/jpeg": {"alt": "a square of 7 pixels", "width": 14}, "alt": "a square of 7 pixels"}
