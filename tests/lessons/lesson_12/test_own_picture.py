"""A picture of one's own: it is painted by the chosen network, and whatever goes wrong leaves the last painting."""

from __future__ import annotations

import base64
import datetime
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import DataError, ShapeError
from course_lib.lessons.lesson_12.own_picture import (
    HINT,
    Photograph,
    PictureUpload,
    download_link,
    paint_your_picture,
    timed_pass,
)
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.widgets.explorer import Explorer

VIEW = "application/vnd.jupyter.widget-view+json"
EXAMPLE = torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1).repeat(1, 40, 60)  # red


class Turning:
    """Paints by turning the colours round; red becomes green, and again blue."""

    device = torch.device("cpu")

    def __init__(self, places: int) -> None:
        self.places = places
        self.given: list[Tensor] = []
        self.fault: Exception | None = None

    def stylise(self, images: Tensor) -> Tensor:
        if self.fault is not None:
            raise self.fault
        self.given.append(images)
        return images.roll(self.places, dims=1)


@pytest.fixture
def systems() -> dict[str, Turning]:
    return {"Green Harvest": Turning(1), "Blue Waves": Turning(2)}


@pytest.fixture
def widget(systems: dict[str, Turning]) -> Explorer:
    return paint_your_picture(systems, EXAMPLE, side=48)


def upload_of(widget: Explorer) -> PictureUpload:
    return widget.controls["photograph"]


def png_of(width: int, height: int, colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def colours(png: bytes) -> list[str]:
    """Return the plain colours from left to right that fill a part of the sheet."""
    line = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[-60]
    line = np.where(line < 12, 0, np.where(line > 243, 255, line))  # what a notebook keeps is a JPEG
    names = {(255, 0, 0): "red", (0, 255, 0): "green", (0, 0, 255): "blue"}
    found = [names[tuple(pixel)] for pixel in line.tolist() if tuple(pixel) in names]
    return list(dict.fromkeys(found))


def test_a_file_of_colabs_ipywidgets_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = PictureUpload(Photograph("x", EXAMPLE), 64)
    left: list[Any] = []
    monkeypatch.setattr(upload.button, "set_trait", lambda name, value: left.append((name, value)), raising=False)
    data = png_of(40, 30, "red")
    upload._uploaded({"new": {"mine.png": {"metadata": {"name": "mine.png", "size": len(data)}, "content": data}}})
    assert upload.value.name == "mine.png"
    assert upload.value.picture.shape == (3, 30, 40)
    assert left == [("value", {})]


def give(widget: Explorer, name: str, data: bytes) -> None:
    """Hand over a file as the button does."""
    file = {"name": name, "type": "image/png", "size": len(data), "content": memoryview(data)}
    upload_of(widget).button.value = ({**file, "last_modified": datetime.datetime.now(datetime.timezone.utc)},)


def test_it_begins_with_the_example(widget: Explorer, systems: dict[str, Turning]) -> None:
    assert widget.error is None
    assert colours(widget.png) == ["red", "green"]
    assert torch.equal(systems["Green Harvest"].given[0], EXAMPLE[None])  # as it is, though longer than the side
    assert systems["Blue Waves"].given == []
    assert re.fullmatch(
        r"A picture, the example, and beside it the same in the manner of Green Harvest, painted in \d+ ms", widget.alt
    )
    assert widget.controls["painting"].options == ("Green Harvest", "Blue Waves")
    assert HINT in upload_of(widget).message.value
    assert upload_of(widget).message in widget.children
    assert "10 MB" in HINT


def test_a_file_is_painted(widget: Explorer, systems: dict[str, Turning]) -> None:
    give(widget, "sea.png", png_of(96, 64, "blue"))
    assert widget.error is None
    assert colours(widget.png) == ["blue", "red"]
    (given,) = systems["Green Harvest"].given[1:]
    assert given.shape == (1, 3, 32, 48)
    assert "A picture, sea.png, and beside it" in widget.alt
    assert upload_of(widget).button.value == ()  # ready for another, or for the same again
    give(widget, "sea.png", png_of(96, 64, "red"))
    assert colours(widget.png) == ["red", "green"]


def test_another_painting_paints_the_same_picture(widget: Explorer, systems: dict[str, Turning]) -> None:
    give(widget, "sea.png", png_of(40, 40, "blue"))
    widget.controls["painting"].value = "Blue Waves"
    assert colours(widget.png) == ["blue", "green"]
    assert torch.equal(systems["Blue Waves"].given[0], systems["Green Harvest"].given[-1])
    before = widget.png
    widget.controls["painting"].value = "Green Harvest"
    widget.controls["painting"].value = "Blue Waves"
    assert widget.png == before  # with the same milliseconds: no pass is made twice
    assert [len(system.given) for system in systems.values()] == [2, 1]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "a&lt;b.png: This file is empty: choose a picture."),
        (b"I am a letter", "a&lt;b.png: This file is no picture that can be read"),
        (png_of(200, 200, "red")[:-40], "a&lt;b.png: This picture is cut off or damaged"),
        (png_of(9, 200, "red"), "a&lt;b.png: This picture has 9 × 200 pixels"),
        (bytes(10_000_001), "a&lt;b.png: This file has 10.0 MB"),
    ],
)
def test_a_bad_file_leaves_the_last_painting(
    widget: Explorer, systems: dict[str, Turning], data: bytes, sentence: str
) -> None:
    give(widget, "sea.png", png_of(40, 40, "blue"))
    png, alt, passes = widget.png, widget.alt, len(systems["Green Harvest"].given)
    give(widget, "a<b.png", data)
    message = upload_of(widget).message
    assert message.value.startswith(f"<p role='alert'>{sentence}")
    assert (widget.png, widget.alt, widget.error) == (png, alt, None)
    assert "<img" in widget.picture.value
    assert len(systems["Green Harvest"].given) == passes
    give(widget, "a<b.png", data)  # the same again
    assert sentence in message.value
    give(widget, "sky.png", png_of(40, 40, "red"))
    assert message.value == f"<p>{HINT}</p>"
    assert "sky.png" in widget.alt


def test_what_was_decided_for_a_picture_is_said(widget: Explorer) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("blue", "red")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    give(widget, "sea.gif", buffer.getvalue())
    sentence = "<p role='alert'>sea.gif: only the first of its 2 frames was taken.</p>"
    message = upload_of(widget).message
    assert message.value == sentence
    widget.controls["painting"].value = "Blue Waves"
    assert message.value == sentence
    give(widget, "sky.png", png_of(40, 40, "red"))
    assert message.value == f"<p>{HINT}</p>"


def test_a_network_that_fails_leaves_the_last_painting(widget: Explorer, systems: dict[str, Turning]) -> None:
    png = widget.png
    systems["Blue Waves"].fault = RuntimeError("not enough <memory>")
    widget.controls["painting"].value = "Blue Waves"
    message = upload_of(widget).message
    assert message.value == (
        "<p role='alert'>The network of Blue Waves cannot paint the example, so the last painting stays: "
        "RuntimeError: not enough &lt;memory&gt;</p>"
    )
    assert (widget.png, widget.error) == (png, None)
    systems["Blue Waves"].fault = None
    give(widget, "sky.png", png_of(40, 40, "red"))
    assert message.value == f"<p>{HINT}</p>"
    assert colours(widget.png) == ["red", "blue"]


def test_a_sentence_goes_when_something_is_painted(widget: Explorer, systems: dict[str, Turning]) -> None:
    message = upload_of(widget).message
    give(widget, "letter.png", b"I am a letter")
    assert "alert" in message.value
    widget.controls["painting"].value = "Blue Waves"
    assert message.value == f"<p>{HINT}</p>"
    systems["Green Harvest"].fault = RuntimeError("no")
    give(widget, "sky.png", png_of(40, 40, "red"))
    widget.controls["painting"].value = "Green Harvest"
    assert "alert" in message.value
    widget.controls["painting"].value = "Blue Waves"
    assert message.value == f"<p>{HINT}</p>"


def test_a_network_that_fails_at_once_is_said_in_the_place_of_the_figure(systems: dict[str, Turning]) -> None:
    systems["Green Harvest"].fault = RuntimeError("no")
    widget = paint_your_picture(systems, EXAMPLE)
    assert widget.picture.value == "<p role='alert'>This figure cannot be drawn. RuntimeError: no</p>"
    widget.controls["painting"].value = "Blue Waves"
    assert widget.error is None
    assert colours(widget.png) == ["red", "blue"]


def test_outputs_that_are_no_painting() -> None:
    class Wrong(Turning):
        def stylise(self, images: Tensor) -> Tensor:
            return images[0] if self.places else images * float("nan")

    with pytest.raises(ShapeError, match=r"stylise returned \(3, 40, 60\): let it return a picture of the shape"):
        timed_pass(Wrong(1), EXAMPLE)
    with pytest.raises(ShapeError, match="not finite"):
        timed_pass(Wrong(0), EXAMPLE)


def test_a_real_system_paints() -> None:
    torch.manual_seed(0)
    system = StyleTransfer(StyleTransferConfig(base_channels=4, blocks=1))
    widget = paint_your_picture({"Café Terrace at Night": system}, EXAMPLE)
    assert widget.error is None
    painting, seconds = timed_pass(system, EXAMPLE)
    assert torch.equal(painting, system.stylise(EXAMPLE[None])[0])
    assert 0 < seconds < 10
    assert not painting.requires_grad


def test_the_painting_can_be_saved(widget: Explorer) -> None:
    link = widget.children[-1].value
    match = re.search(r"download='green-harvest\.png' .*href='data:image/png;base64,([^']*)'", link)
    assert match
    image = Image.open(io.BytesIO(base64.b64decode(match[1])))
    assert image.size == (60, 40)  # its own size, not that on the page
    assert image.getpixel((3, 3)) == (0, 255, 0)
    assert "download='cafe-de-nuit-2.png'" in download_link(EXAMPLE, "Café <de> 'Nuit' №2".replace("№", "-"))
    assert "download='painting.png'" in download_link(EXAMPLE, "夜")


def test_where_no_kernel_runs_example_and_painting_stand_there(widget: Explorer, systems: dict[str, Turning]) -> None:
    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert data["text/plain"] == metadata["alt"] == widget.alt
    assert colours(base64.b64decode(data["image/jpeg"])) == ["red", "green"]
    assert metadata["image/jpeg"]["width"] <= 900
    assert len(systems["Green Harvest"].given) == 1


def test_a_long_name_is_shortened() -> None:
    upload = PictureUpload(Photograph("x", EXAMPLE), 64)
    upload.take("n" * 90 + ".png", png_of(40, 40, "red"))
    assert upload.value.name == "n" * 39 + "…"
    upload.take("n" * 90, b"")
    assert f"{'n' * 39}…: This file is empty" in upload.message.value


def test_what_cannot_be_painted(systems: dict[str, Turning]) -> None:
    with pytest.raises(ShapeError, match="no system that could paint"):
        paint_your_picture({}, EXAMPLE)
    with pytest.raises(ShapeError, match=r"The example is \(1, 3, 40, 60\)"):
        paint_your_picture(systems, EXAMPLE[None])
    with pytest.raises(DataError, match="side is 8"):
        paint_your_picture(systems, EXAMPLE, side=8)
