"""Drawing with dots of colour: what a click leaves, what the eraser takes, and what the network is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_10.colouring import PALETTE, Colouring, colour_and_translate, held_out_sheets
from course_lib.lessons.lesson_10.drawing import BLANK, EXAMPLES
from course_lib.lessons.lesson_10.hints import sheet_of


@pytest.fixture
def sheet() -> Colouring:
    return Colouring()


def line(sheet: Colouring, *places: tuple[float, float]) -> None:
    sheet.begin(*places[0])
    for place in places[1:]:
        sheet.move(*place)
    sheet.end()


def test_an_empty_sheet_is_no_ink_and_no_dots(sheet: Colouring) -> None:
    assert sheet.tool.options == ("dot", "pen", "eraser")
    assert (sheet.drawing[:4] == 255).all()
    assert (sheet.drawing[4] == 0).all()
    assert sheet.condition(sheet.drawing).shape == (1, 5, 64, 64)


def test_a_click_leaves_a_dot_of_the_colour(sheet: Colouring) -> None:
    sheet.colour.value = "#ff8000"
    line(sheet, (20.9, 10.1), (40, 40))  # a dot does not grow with the mouse
    where = np.zeros((64, 64), bool)
    where[9:12, 19:22] = True
    assert ((sheet.drawing[4] == 255) == where).all()
    assert sheet.drawing[1:4, where].T.tolist() == [[255, 128, 0]] * 9
    assert (sheet.drawing[1:4, ~where] == 255).all()
    assert (sheet.drawing[0] == 255).all()  # the outline has none of it
    assert sheet.strokes == 1
    assert (sheet.value == sheet.drawing).all()


def test_at_the_edge_a_dot_is_cut_and_beyond_there_is_none(sheet: Colouring) -> None:
    sheet.begin(0.2, 63.9)
    assert (sheet.drawing[4] > 0).sum() == 4
    for place in ((-0.1, 5), (5, 64.0), (70, 5)):
        sheet.begin(*place)
    assert (sheet.drawing[4] > 0).sum() == 4
    assert sheet.strokes == 1


def test_a_swatch_takes_its_colour_and_the_dot(sheet: Colouring) -> None:
    sheet.tool.value = "pen"
    assert [swatch.tooltip for swatch in sheet.swatches] == list(PALETTE)
    sheet.swatches[list(PALETTE).index("blue")].click()
    assert (sheet.colour.value, sheet.tool.value) == (PALETTE["blue"], "dot")


def test_the_pen_draws_and_the_eraser_takes_lines_and_dots_where_it_goes(sheet: Colouring) -> None:
    sheet.tool.value = "pen"
    line(sheet, (10.5, 20.5), (50.5, 20.5))
    sheet.tool.value = "dot"
    sheet.begin(20.5, 20.5)
    sheet.begin(40.5, 20.5)
    drawn = sheet.drawing
    assert (drawn[4] > 0).sum() == 18
    assert drawn[0, 20, 15] < 60
    sheet.tool.value = "eraser"
    line(sheet, (20.5, 10.5), (20.5, 30.5))
    assert (sheet.drawing[4, :, :30] == 0).all()
    assert (sheet.drawing[1:4, :, :30] == 255).all()
    assert (sheet.drawing[0, :, 19:22] == 255).all()
    assert (sheet.drawing[:, :, 30:] == drawn[:, :, 30:]).all()


def test_examples_have_their_dots_and_a_blank_sheet_none() -> None:
    sheets = held_out_sheets()
    assert tuple(sheets) == EXAMPLES
    sheet = Colouring(examples=sheets | {"line alone": sheets[EXAMPLES[1]][:1]})
    assert torch.equal(torch.from_numpy(sheet.drawing), sheets[EXAMPLES[0]])
    sheet.begin(3, 3)
    sheet.start.value = EXAMPLES[2]
    assert torch.equal(torch.from_numpy(sheet.drawing), sheets[EXAMPLES[2]])
    sheet.start.value = "line alone"
    assert (sheet.drawing[4] == 0).all()
    assert (sheet.drawing[0] < 128).any()
    sheet.clear()
    assert sheet.start.value == BLANK
    assert (sheet.drawing[:4] == 255).all()
    sheet.start.value = EXAMPLES[0]
    assert torch.equal(torch.from_numpy(sheet.drawing), sheets[EXAMPLES[0]])  # as it was, without the dot


def test_the_canvas_shows_dots_on_the_outline_without_losses() -> None:
    sheets = held_out_sheets()
    sheet = Colouring(examples=sheets)
    sent: list[np.ndarray] = []
    sheet.canvas.put_image_data = lambda picture: sent.append(picture.copy())
    sheet.begin(30, 30)
    assert sent[-1].shape == (64, 64, 4)
    assert (sent[-1][..., 3] == 255).all()
    expected = sheet_of(sheet.condition(sheet.drawing))[0]
    assert torch.equal(normalise(torch.from_numpy(sent[-1][..., :3]).permute(2, 0, 1)), expected)


def test_the_translation_follows_dots_and_strokes() -> None:
    given: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        given.append(x.clone())
        return x[:, 1:4]

    widget = colour_and_translate(note)
    sheet = widget.controls["drawing"]
    sheet.begin(10.5, 10.5)
    assert len(given) == 2
    sheet.tool.value = "pen"
    sheet.begin(10.5, 30.5)
    sheet.move(50.5, 30.5)
    assert len(given) == 2
    sheet.end()
    assert len(given) == 3
    assert torch.equal(given[-1], sheet.condition(sheet.drawing))
    assert widget.error is None
    assert "relieved face and 2 strokes" in widget.alt
    assert "dots on" in widget.alt
    data_, _ = widget._repr_mimebundle_()
    assert data_["text/plain"] == f"A drawing, {EXAMPLES[0]}, and beside it its translation"


def test_sheets_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"'a' is \(4, 64, 64\), uint8: give uint8, \(1 or 5, 64, 64\)"):
        colour_and_translate(lambda x: x[:, :3], {"a": torch.zeros(4, 64, 64, dtype=torch.uint8)})
