"""Drawing: strokes leave ink where they go, like that of the bundled outlines, and the translation follows them."""

from __future__ import annotations

import base64
import io
import sys
import types
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib import data
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_10.drawing import (
    BLANK,
    EXAMPLES,
    SIDE,
    WIDTHS,
    Drawing,
    draw_and_translate,
    held_out_outlines,
)
from course_lib.runs.side_by_side import gflop_of
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.widgets.explorer import Explorer

VIEW = "application/vnd.jupyter.widget-view+json"


def negative(x: Tensor) -> Tensor:
    return -x.repeat(1, 3, 1, 1)


def sheet_of(widget: Explorer) -> Drawing:
    return widget.controls["drawing"]


def line(sheet: Drawing, *places: tuple[float, float]) -> None:
    """Draw one stroke from place to place."""
    sheet.begin(*places[0])
    for place in places[1:]:
        sheet.move(*place)
    sheet.end()


def ink(sheet: Drawing) -> np.ndarray:
    return 1 - sheet.picture / 255


def shown(widget: Explorer) -> np.ndarray:
    """Return what stands beside the canvas, at the size of the drawing."""
    picture = Image.open(io.BytesIO(widget.png))
    assert picture.size == (SIDE, SIDE)
    return np.asarray(picture.convert("L").resize((64, 64), Image.Resampling.NEAREST)).astype(int)


@pytest.fixture
def sheet() -> Drawing:
    return Drawing()


def test_the_paper_is_white(sheet: Drawing) -> None:
    assert sheet.picture.dtype == np.uint8
    assert sheet.picture.shape == (64, 64)
    assert (sheet.picture == 255).all()
    sheet.picture[:] = 0  # a copy: what one does to it stays off the paper
    assert (sheet.picture == 255).all()


def test_a_stroke_is_black_where_it_goes_and_nowhere_else(sheet: Drawing) -> None:
    line(sheet, (10.5, 20.5), (40.5, 20.5))  # along the middle of row 20, from the middle of a pixel to that of another
    drawn = ink(sheet)
    assert drawn[20, 11:40] == pytest.approx(0.9, abs=0.02)
    assert drawn[20, [10, 40]] == pytest.approx(0.9 * np.pi / 8 + 0.5 * 0.9, abs=0.1)  # round ends
    rest = drawn.copy()
    rest[20, 10:41] = 0
    assert rest.max() < 0.02
    line(sheet, (50.0, 5.0), (50.0, 60.0))  # between columns 49 and 50
    assert ink(sheet)[6:59, 49:51] == pytest.approx(0.45, abs=0.01)


def test_every_direction_has_the_same_width(sheet: Drawing) -> None:
    for angle in np.linspace(0, np.pi, 7):
        sheet.clear()
        x, y = 20 * np.cos(angle), 20 * np.sin(angle)
        line(sheet, (32.3 - x, 31.8 - y), (32.3 + x, 31.8 + y))
        assert ink(sheet).sum() == pytest.approx(40 * 0.9 + np.pi * 0.45**2, rel=0.02)  # with two half discs
        rows, columns = np.indices((64, 64)) + 0.5
        assert (ink(sheet) * columns).sum() / ink(sheet).sum() == pytest.approx(32.3, abs=0.05)
        assert (ink(sheet) * rows).sum() / ink(sheet).sum() == pytest.approx(31.8, abs=0.05)


def test_many_small_moves_are_one_line(sheet: Drawing) -> None:
    line(sheet, (8.2, 8.7), (50.2, 30.7))
    at_once = sheet.picture
    sheet.clear()
    line(sheet, *[(8.2 + 42 * part, 8.7 + 22 * part) for part in np.linspace(0, 1, 301)])
    assert np.abs(at_once.astype(int) - sheet.picture).max() <= 3
    assert ink(sheet).sum() == pytest.approx((1 - at_once / 255).sum(), rel=0.01)


def test_lines_are_as_wide_and_dark_as_those_of_the_outlines(sheet: Drawing) -> None:
    face = held_out_outlines()["relieved face"][0].numpy()
    rim = 1 - face[:, :6].astype(float) / 255  # the left side of a large circle and nothing else
    rows = slice(28, 37)  # where it runs straight down
    for x in np.arange(4.0, 5.0, 0.1):
        line(sheet, (x, 5), (x, 60))
        assert ink(sheet)[rows].sum(axis=1) == pytest.approx(rim[rows].sum(axis=1), abs=0.15)
        sheet.clear()
    train = 1 - data.emoji("train", style="outline", subset="core").images.float() / 255
    darkest = train.amax((1, 2, 3)).median()
    line(sheet, (10, 10), (50, 35), (20, 50), (10, 10))
    assert ink(sheet).max() == pytest.approx(float(darkest), abs=0.12)


def test_a_click_leaves_a_dot(sheet: Drawing) -> None:
    line(sheet, (30.5, 30.5))
    assert ink(sheet).sum() == pytest.approx(np.pi * 0.45**2, rel=0.05)
    assert ink(sheet).argmax() == 64 * 30 + 30


def test_strokes_that_leave_the_paper_are_cut_off(sheet: Drawing) -> None:
    line(sheet, (-20, 32.5), (90, 32.5))
    assert ink(sheet)[32] == pytest.approx(0.9, abs=0.02)
    line(sheet, (-5, -5), (-9, 100))
    assert ink(sheet)[:32].max() == 0


def test_nothing_is_drawn_between_strokes(sheet: Drawing) -> None:
    sheet.move(10, 10)
    sheet.end()
    line(sheet, (5, 5), (20, 5))
    before = sheet.picture
    sheet.move(60, 60)
    assert (sheet.picture == before).all()
    line(sheet, (5, 50), (20, 50))
    assert ink(sheet)[10:45].max() == 0  # the two are not joined
    assert sheet.strokes == 2


def test_the_eraser_takes_ink_away(sheet: Drawing) -> None:
    line(sheet, (10.5, 20.5), (50.5, 20.5))
    before = sheet.picture
    sheet.tool.value = "eraser"
    line(sheet, (30.5, 5.5), (30.5, 35.5))
    assert (sheet.picture[:, 28:33] == 255).all()
    assert (sheet.picture[:, :28] == before[:, :28]).all()
    assert (sheet.picture[:, 33:] == before[:, 33:]).all()
    sheet.tool.value = "pen"
    line(sheet, (30.5, 5.5), (30.5, 35.5))
    assert ink(sheet)[10:30, 30] == pytest.approx(0.9, abs=0.02)


def test_examples_and_blank_paper() -> None:
    outlines = held_out_outlines()
    assert tuple(outlines) == EXAMPLES
    test = data.emoji("test", style="outline")
    for name, outline in outlines.items():
        assert torch.equal(outline, test.images[(test.names or []).index(name)])
    sheet = Drawing(examples=outlines)
    assert sheet.start.options == (BLANK, *EXAMPLES)
    assert sheet.start.value == EXAMPLES[0]
    assert (sheet.picture == outlines[EXAMPLES[0]][0].numpy()).all()
    line(sheet, (2, 2), (62, 62))
    sheet.start.value = EXAMPLES[3]
    assert (sheet.picture == outlines[EXAMPLES[3]][0].numpy()).all()
    assert sheet.strokes == 0
    sheet.clear()
    assert (sheet.picture == 255).all()
    assert sheet.start.value == BLANK
    line(sheet, (2, 2), (62, 62))
    sheet.clear()
    assert (sheet.picture == 255).all()
    sheet.start.value = EXAMPLES[3]  # the same again, as it was
    assert (sheet.picture == outlines[EXAMPLES[3]][0].numpy()).all()


def test_the_canvas_hears_the_mouse_and_the_finger_and_shows_the_picture(sheet: Drawing) -> None:
    sent: list[np.ndarray] = []
    sheet.canvas.put_image_data = lambda picture: sent.append(picture.copy())

    def tell(event: str, **content: object) -> None:
        sheet.canvas._handle_frontend_event(None, {"event": event, **content}, [])

    tell("mouse_move", x=5.0, y=9.5)  # no button is down
    assert sent == []
    tell("mouse_down", x=5.0, y=9.5)
    tell("mouse_move", x=20.0, y=9.5)
    assert sheet.strokes == 0
    tell("mouse_up", x=30.0, y=9.5)
    assert sheet.strokes == 1
    tell("touch_start", touches=[{"x": 5.0, "y": 39.5}])
    tell("touch_move", touches=[{"x": 30.0, "y": 39.5}])
    tell("touch_end", touches=[])
    assert sheet.strokes == 2
    assert ink(sheet)[[9, 39], 6:29] == pytest.approx(0.9, abs=0.02)
    assert (sent[-1] == sheet.picture).all()
    tell("mouse_down", x=5.0, y=20.5)
    tell("mouse_out", x=70.0, y=20.5)  # the stroke ends at the edge
    tell("mouse_move", x=40.0, y=60.0)
    assert ink(sheet)[20, 6:] == pytest.approx(0.9, abs=0.02)
    assert ink(sheet)[45:].max() == 0
    sent.clear()
    tell("client_ready")  # a page that was loaded again
    assert len(sent) == 1
    assert sent[0].ndim == 2  # three channels would be sent with losses


def test_translate_gets_the_drawing_after_each_stroke() -> None:
    given: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        given.append(x.clone())
        return negative(x)

    widget = draw_and_translate(note)
    sheet = sheet_of(widget)
    sheet.clear()
    sheet.begin(10.5, 10.5)
    sheet.move(40.5, 10.5)
    assert len(given) == 2  # not before the stroke has ended
    sheet.end()
    assert len(given) == 3
    for x in given:
        assert x.shape == (1, 1, 64, 64)
        assert x.dtype == torch.float32
        assert -1 <= float(x.min()) <= float(x.max()) == 1.0
    assert (given[1] == 1).all()
    assert torch.equal(given[2], torch.from_numpy(sheet.picture).float()[None, None] / 127.5 - 1)
    assert np.abs(shown(widget) - (255 - sheet.picture.astype(int))).max() <= 1
    assert "blank paper and 1 stroke, ink on 0.7 % of the paper" in widget.alt


@pytest.mark.parametrize(("shape", "out"), [((3, 64, 64), 1), ((1, 32, 32), 3)])
def test_other_shapes(shape: tuple[int, int, int], out: int) -> None:
    given: list[Tensor] = []

    def first(x: Tensor) -> Tensor:
        given.append(x)
        return x[:, :1].repeat(1, out, 1, 1)

    widget = draw_and_translate(first, shape)
    sheet = sheet_of(widget)
    line(sheet, (3, 9), (20, 20))
    assert widget.error is None
    assert given[-1].shape == (1, *shape)
    assert all(torch.equal(given[-1][0, k], given[-1][0, 0]) for k in range(shape[0]))
    assert sheet.picture.shape == shape[1:]


def test_what_goes_wrong_is_said_in_one_sentence() -> None:
    def limited(x: Tensor) -> Tensor:
        if float(x.min()) < 0:
            raise ValueError("<ink>")
        return negative(x)

    widget = draw_and_translate(limited)
    assert widget.picture.value == "<p role='alert'>This figure cannot be drawn. ValueError: &lt;ink&gt;</p>"
    sheet_of(widget).clear()
    assert widget.error is None
    line(sheet_of(widget), (3, 3), (9, 9))
    assert isinstance(widget.error, ValueError)
    data_, metadata = widget._repr_mimebundle_()
    assert "image/png" not in data_
    assert metadata == {}


@pytest.mark.parametrize(
    "wrong", [lambda x: x.repeat(1, 2, 1, 1), lambda x: x[0], lambda x: x.repeat(2, 1, 1, 1), list]
)
def test_translations_that_are_no_picture(wrong: Callable[[Tensor], Tensor]) -> None:
    widget = draw_and_translate(wrong)
    assert isinstance(widget.error, ShapeError)
    assert "let it return one picture" in widget.picture.value


def test_wrong_shapes_and_examples() -> None:
    with pytest.raises(ShapeError, match="no square to draw on"):
        draw_and_translate(negative, (1, 64, 32))
    with pytest.raises(ShapeError, match=r"'a' is \(64, 64\), uint8: give uint8 of the shape \(1, 64, 64\)"):
        draw_and_translate(negative, examples={"a": torch.zeros(64, 64, dtype=torch.uint8)})
    with pytest.raises(ShapeError, match="float32"):
        draw_and_translate(negative, examples={"a": torch.zeros(1, 64, 64)})


def test_where_no_kernel_runs_drawing_and_translation_stand_side_by_side() -> None:
    widget = draw_and_translate(negative)
    data_, metadata = widget._repr_mimebundle_()
    assert data_[VIEW]["model_id"] == widget.model_id
    assert metadata["alt"] == metadata["image/png"]["alt"] == data_["text/plain"]
    assert data_["text/plain"] == f"A drawing, {EXAMPLES[0]}, and beside it its translation"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data_["image/png"]))).convert("L")).astype(int)
    middle = picture.shape[1] // 2
    assert picture[60:, 10 : middle - 10].mean() > 200  # black on white
    assert picture[60:-10, middle + 10 : -10].mean() < 55  # and its negative
    assert metadata["image/png"]["width"] < 500


def test_a_move_asks_for_no_translation_and_a_stroke_for_one() -> None:
    system = Pix2Pix(Pix2PixConfig(x_channels=1, base_channels=8, max_channels=16, levels=5, patch_layers=3)).eval()
    widget = draw_and_translate(system.translate)
    sheet = sheet_of(widget)
    one = gflop_of(lambda: system.translate(torch.zeros(1, 1, 64, 64)))
    for k in range(3):
        sheet.begin(10, 5 + 5 * k)
        assert gflop_of(lambda k=k: sheet.move(50, 8 + 5 * k)) == 0
        assert gflop_of(sheet.end) == one > 0
    assert widget.error is None


def test_colab_is_told_to_show_canvases(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: told.append(True)
    for name, module in {"google.colab": types.ModuleType("google.colab"), "google.colab.output": output}.items():
        monkeypatch.setitem(sys.modules, name, module)
    draw_and_translate(negative)
    assert told == [True]


def test_pen_and_eraser_are_all_tools(sheet: Drawing) -> None:
    assert sheet.tool.options == tuple(WIDTHS) == ("pen", "eraser")
    assert sheet.tool.value == "pen"
