"""The slider over style weights: its own picture for each ratio, in order, with what is known of it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_12.style_slider import outcome, readable, style_weight_slider

VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass
class Record:
    picture: Tensor
    loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def plain(*colour: float, height: int = 32, width: int = 48) -> Tensor:
    return torch.tensor(colour).view(3, 1, 1).repeat(1, height, width)


CONTENT, STYLE = plain(0.0, -1.0, 1.0), plain(1.0, 1.0, -1.0, height=60, width=30)
COLOURS = {1e-3: (1.0, -1.0, -1.0), 1e-5: (-1.0, 1.0, -1.0), 3e-5: (-1.0, -1.0, 1.0)}


@pytest.fixture
def records() -> dict[float, Record]:
    return {ratio: Record(plain(*colour)) for ratio, colour in COLOURS.items()}


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def shows(image: np.ndarray, *colour: float) -> int:
    """Return how many pixels have a colour, given in [-1, 1]."""
    wanted = (np.array(colour) + 1) * 127.5
    return int((np.abs(image - wanted).max(axis=2) < 20).sum())


def test_each_ratio_shows_its_own_picture_between_the_two_others(records: dict[float, Record]) -> None:
    widget = style_weight_slider(records, CONTENT, STYLE)
    slider = widget.controls["ratio"]
    assert [ratio for _, ratio in slider.options] == [1e-5, 3e-5, 1e-3]
    assert [name for name, _ in slider.options] == ["10⁻⁵", "3 × 10⁻⁵", "10⁻³"]
    assert slider.value == 3e-5  # the middle
    for ratio in (1e-5, 1e-3, 3e-5):
        slider.value = ratio
        assert widget.error is None
        image = pixels(widget.png)
        area = shows(image, *COLOURS[ratio])
        assert area > 10_000
        assert all(shows(image, *colour) == 0 for other, colour in COLOURS.items() if other != ratio)
        assert shows(image, 0.0, -1.0, 1.0) == pytest.approx(area, rel=0.02)  # the content, of the same size
        assert shows(image, 1.0, 1.0, -1.0) == pytest.approx(area / 3, rel=0.02)  # 1:2 beside 3:2, equally high
        assert widget.alt.endswith(f"painted with style over content weight {readable(ratio)}")


def test_a_ratio_is_drawn_once(records: dict[float, Record]) -> None:
    widget = style_weight_slider(records, CONTENT, STYLE)
    kept: dict[float, bytes] = {}
    for ratio in (1e-5, 1e-3, 1e-5, 1e-3):
        widget.controls["ratio"].value = ratio
        assert kept.setdefault(ratio, widget.png) is widget.png


def test_what_is_known_is_said_in_one_line(records: dict[float, Record]) -> None:
    records[1e-5].loss, records[1e-5].seconds = [1e6, 1234.5, 2000.0], [0.5, 1.0, 95.2]
    records[1e-5].settings = {"content": 0.0812, "style": 4e-6, "side": 256}
    widget = style_weight_slider(records, CONTENT, STYLE)
    widget.controls["ratio"].value = 1e-5
    line = (
        "loss from 1,000,000 to 1,230 in 3 looks · 95 s · "
        "content loss 0.0812, style loss 0.4 (of features that are all 0: 1)"  # the style term without its weight
    )
    assert outcome(records[1e-5], 1e-5) == line
    assert widget.alt.endswith(line)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, ""),
        ({"loss": [5.0]}, "loss from 5 to 5 in 1 look"),
        ({"seconds": [300.0]}, "5 minutes"),
        ({"settings": {"side": 9}}, ""),
        ({"settings": {"style": 0.5}}, "style loss 0.25 (of features that are all 0: 1)"),
        (
            {"settings": {"content": 0.5, "style": None}, "seconds": [2.0]},
            "2 s · content loss 0.5 (of features that are all 0: 1)",
        ),
    ],
)
def test_what_is_not_known_is_not_said(given: dict[str, Any], line: str) -> None:
    assert outcome(Record(CONTENT, **given), 2.0) == line


def test_without_a_style_weight_the_style_term_says_nothing() -> None:
    assert "style" not in outcome(Record(CONTENT, settings={"content": 0.5, "style": 0.0}), 0.0)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0"),
        (1e-6, "10⁻⁶"),
        (2.5e-4, "2.5 × 10⁻⁴"),
        (0.01, "0.01"),
        (0.3, "0.3"),
        (1.0, "1"),
        (200.0, "200"),
        (5000.0, "5,000"),
        (1e4, "10⁴"),
        (9.9999e-5, "10⁻⁴"),
        (3e12, "3 × 10¹²"),
    ],
)
def test_ratios_can_be_read(ratio: float, text: str) -> None:
    assert readable(ratio) == text


def test_where_no_kernel_runs_all_results_stand_there(records: dict[float, Record]) -> None:
    widget = style_weight_slider(records, CONTENT, STYLE)
    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    image = pixels(base64.b64decode(data["image/jpeg"]))
    areas = [shows(image, *colour) for colour in COLOURS.values()]
    assert min(areas) > 5_000
    assert max(areas) < 1.1 * min(areas)
    assert shows(image, 1.0, 1.0, -1.0) > 1_000
    assert data["text/plain"] == metadata["alt"]
    assert data["text/plain"].endswith("style over content weight 10⁻⁵, 3 × 10⁻⁵, 10⁻³")
    assert metadata["image/jpeg"]["width"] <= 900


def test_one_record_is_enough() -> None:
    widget = style_weight_slider({1.0: Record(CONTENT)}, CONTENT, STYLE)
    assert widget.error is None
    assert widget.controls["ratio"].value == 1.0


def test_what_fits_no_slider(records: dict[float, Record]) -> None:
    for wrong in ({}, {-1.0: Record(CONTENT)}, {float("inf"): Record(CONTENT)}, {float("nan"): Record(CONTENT)}):
        with pytest.raises(ShapeError, match="by at least one ratio, a number from 0 up"):
            style_weight_slider(wrong, CONTENT, STYLE)
    with pytest.raises(ShapeError, match=r"content is \(1, 3, 32, 48\)"):
        style_weight_slider(records, CONTENT[None], STYLE)
    with pytest.raises(ShapeError, match=r"style is .*uint8"):
        style_weight_slider(records, CONTENT, STYLE.byte())
    records[3e-5].picture = CONTENT[:1]
    with pytest.raises(ShapeError, match="The picture at 3e-05 is"):
        style_weight_slider(records, CONTENT, STYLE)
