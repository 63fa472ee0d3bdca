"""How figures leave: with a text, whole, once, the same bytes each time, and small."""

from __future__ import annotations

import base64
import io
import json

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from course_lib import plotting
from course_lib.errors import CourseError
from course_lib.plotting.output import _painted_with, _palette_of, _small_png

ALT = "One line that rises from 0 to 1."


def line():
    figure, axes = plotting.subplots(size=(4, 3))
    axes.plot([0, 1], [0, 1])
    axes.set(title="A line", xlabel="x", ylabel="y")
    return figure


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture
def shown(monkeypatch):
    """What show() hands to the notebook."""
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: calls.append((args, kwargs)))
    return calls


def test_show_carries_the_text_in_both_places(shown):
    assert plotting.show(line(), alt=f"  {ALT}\n") is None
    ((data,), options) = shown[0]
    assert len(shown) == 1
    assert options["raw"] is True
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == ALT
    assert options["metadata"] == {"image/png": {"alt": ALT, "width": 400}, "alt": ALT}


def test_a_photograph_goes_as_a_jpeg_of_the_same_size(shown):
    down, across = np.mgrid[:60, :60] / 59
    figure, axes = plotting.subplots(size=(4, 3))
    axes.imshow(np.stack([down, across, 1 - down], axis=2))
    png = pixels(plotting.to_png(figure, palette=False))
    plotting.show(figure, alt=ALT, photo=True)
    ((data,), options) = shown[0]
    assert set(data) == {"image/jpeg", "text/plain"}
    assert options["metadata"] == {"image/jpeg": {"alt": ALT, "width": 400}, "alt": ALT}
    jpeg = pixels(data["image/jpeg"])
    assert jpeg.shape == png.shape
    assert np.abs(jpeg - png).mean() < 2
    assert (jpeg[:8, :8] == 255).all()  # the paper stays white


def test_width_on_the_page(shown):
    plotting.show(line(), alt=ALT, width=250)
    assert shown[0][1]["metadata"]["image/png"]["width"] == 250


@pytest.mark.parametrize("alt", ["", "  ", "figure", None])
def test_no_figure_without_a_text(shown, alt):
    with pytest.raises(CourseError, match="alt="):
        plotting.show(line(), alt=alt)
    with pytest.raises(TypeError):
        plotting.show(line())
    assert shown == []


def test_same_bytes_each_time():
    figure = line()
    assert plotting.to_png(figure) == plotting.to_png(figure) == plotting.to_png(line())


def test_same_bytes_whatever_the_users_settings():
    import matplotlib as mpl

    expected = plotting.to_png(line())
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "savefig.dpi": 33, "figure.facecolor": "red"}):
        assert plotting.to_png(line()) == expected


def test_nothing_is_cut_off():
    figure = line()
    figure.set_layout_engine("none")
    figure.axes[0].text(1.3, 1.2, "far outside", transform=figure.axes[0].transAxes)
    figure.axes[0].set_ylabel("a long\nlabel\nin\nlines")
    inside = line()
    png, whole = pixels(plotting.to_png(figure)), pixels(plotting.to_png(inside))
    assert whole.shape == (432, 576, 3)  # 3 x 4 inches, nothing added where nothing is cut
    assert png.shape[0] > whole.shape[0]
    assert png.shape[1] > whole.shape[1]
    border = np.concatenate([png[0], png[-1], png[:, 0], png[:, -1]])
    assert (border == 255).all()


@pytest.mark.parametrize("outside", [False, True])
def test_a_quick_picture_has_the_same_pixels(outside):
    from matplotlib import pyplot

    def one(of_pyplot):
        figure = line()
        if of_pyplot:
            figure = pyplot.figure(figsize=(3, 2))
            figure.subplots().plot([0, 1], [1, 0])
        if outside:
            figure.set_layout_engine("none")
            figure.axes[0].text(1.3, 1.2, "far outside", transform=figure.axes[0].transAxes)
        return figure

    for of_pyplot in (False, True):
        data, metadata = plotting.mime_bundle(one(of_pyplot), ALT, quick=True)
        slow, same = plotting.mime_bundle(one(of_pyplot), ALT, palette=False)
        assert np.array_equal(pixels(data["image/png"]), pixels(slow["image/png"]))
        assert metadata == same
    pyplot.close("all")


@pytest.mark.parametrize("outside", [False, True])
def test_a_quick_grid_which_has_no_layout_engine_is_whole_too(outside):
    figure = plotting.image_grid(np.zeros((2, 3, 8, 8), dtype=np.uint8), column_titles=["one", "two"])
    assert figure.get_layout_engine() is None
    if outside:
        figure.text(1.2, 0.5, "far outside")
    quick, slow = (
        plotting.mime_bundle(figure, ALT, **way)[0]["image/png"] for way in ({"quick": True}, {"palette": False})
    )
    assert np.array_equal(pixels(quick), pixels(slow))


def test_a_drawing_gets_a_palette_and_a_photograph_keeps_its_colours():
    drawing = Image.open(io.BytesIO(plotting.to_png(line())))
    assert drawing.mode == "P"
    full = pixels(plotting.to_png(line(), palette=False))
    error = np.abs(pixels(plotting.to_png(line())) - full)
    assert error.max() <= 48
    assert error.mean() <= 0.5

    figure, axes = plotting.subplots(size=(3, 3))
    axes.imshow(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert Image.open(io.BytesIO(plotting.to_png(figure))).mode == "RGB"
    assert Image.open(io.BytesIO(plotting.to_png(figure, palette=True))).mode == "P"


def page(height: int = 700, width: int = 1000) -> np.ndarray:
    """Return a white page with smooth colours (many thousands), black lines like text, and a red line of one pixel."""
    drawn = np.full((height, width, 3), 255, dtype=np.uint8)
    down, across = np.mgrid[0:1:500j, 0:1:800j]
    drawn[100:600, 100:900] = np.stack([60 + 190 * down, 230 - 180 * across, 40 + 150 * down * across], axis=2)
    drawn[20:60:4, 200:800] = 0
    drawn[:, 41] = (214, 39, 40)
    return drawn


def with_palette(drawn: np.ndarray) -> Image.Image:
    return Image.open(io.BytesIO(_small_png(Image.fromarray(drawn), palette=True)))


def test_a_palette_from_some_of_the_pixels_is_as_good_as_from_all():
    drawn = page()
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10_000
    small = with_palette(drawn)
    assert small.mode == "P"
    assert len(small.getcolors()) <= 256
    got = np.asarray(small.convert("RGB")).astype(int)
    for colour in ((255, 255, 255), (0, 0, 0)):
        there = (drawn == colour).all(axis=2)
        assert there.sum() > 5000
        assert (got[there] == colour).all()
    assert np.abs(got[:, 41] - (214, 39, 40)).max() <= 8

    whole = Image.fromarray(drawn).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    error, least = (np.abs(some - drawn.astype(int)) for some in (got, np.asarray(whole.convert("RGB")).astype(int)))
    assert error.mean() < 1.05 * least.mean() + 0.05
    assert error.max() <= 24


def test_each_pixel_gets_the_nearest_colour_of_the_palette():
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    colours = generator.integers(0, 256, (256, 3))
    got = np.asarray(_painted_with(colours, Image.fromarray(drawn)).convert("RGB")).astype(int)
    apart = ((drawn.astype(int)[:, :, None] - colours) ** 2).sum(axis=3)
    assert (((got - drawn.astype(int)) ** 2).sum(axis=2) == apart.min(axis=2)).all()


@pytest.mark.parametrize("width", [1000, 1024, 997])
@pytest.mark.parametrize("line_at", [np.s_[:, 0], np.s_[:, 501], np.s_[1]], ids=["column 0", "column 501", "row 1"])
def test_no_column_and_no_row_escapes_the_palette(width, line_at):
    generator = np.random.default_rng(0)
    drawn = np.repeat(generator.integers(90, 120, (500, width, 1), dtype=np.uint8), 3, axis=2)
    drawn[..., 0] += generator.integers(0, 12, (500, width), dtype=np.uint8)  # more than 256 colours
    drawn[line_at] = (0, 0, 255)
    colours = _palette_of(Image.fromarray(drawn))
    assert np.abs(colours - (0, 0, 255)).max(axis=1).min() <= 8


def test_a_little_white_and_black_stay_exact_beside_what_is_nearly_so():
    drawn = np.random.default_rng(0).integers(240, 255, (400, 400, 3), dtype=np.uint8)
    drawn[200:] -= 239
    drawn[:6, :6], drawn[-6:, :6] = 255, 0
    got = np.asarray(with_palette(drawn).convert("RGB"))
    assert (got[:6, :6] == 255).all()
    assert (got[-6:, :6] == 0).all()


def test_up_to_256_colours_are_kept_exactly():
    few = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    drawn = few[np.arange(480 * 480) % 256].reshape(480, 480, 3)
    assert np.array_equal(np.asarray(with_palette(drawn).convert("RGB")), drawn)


def test_grid_lines_lie_below_pictures():
    figure, axes = plotting.subplots(size=(3, 3))
    axes.imshow(np.zeros((8, 8, 3), dtype=np.uint8))
    height, _, _ = pixels(plotting.to_png(figure)).shape
    box = axes.get_window_extent()
    column = pixels(plotting.to_png(figure))[height - int(box.y1) + 4 : height - int(box.y0) - 4, int(box.x0) + 9]
    assert column.max() == 0


def test_in_a_notebook_each_figure_appears_once():
    code = (
        "%matplotlib inline\n"
        "import matplotlib.pyplot as plt\n"
        "from course_lib import plotting\n"
        "figure, axes = plotting.subplots(size=(2, 2))\n"
        "axes.plot([0, 1])\n"
        f"plotting.show(figure, alt={ALT!r})\n"
        "figure, axes = plt.subplots(figsize=(2, 2))\n"
        "axes.plot([1, 0])\n"
        "plotting.show(figure, alt='One line that falls.')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [json.loads(json.dumps(output)) for output in notebook.cells[0].outputs]
    assert [output["output_type"] for output in outputs] == ["display_data", "display_data"]
    assert [output["metadata"]["alt"] for output in outputs] == [ALT, "One line that falls."]
    for output in outputs:
        assert output["metadata"]["image/png"]["alt"] == output["metadata"]["alt"]
        assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
    assert outputs[0]["metadata"]["image/png"]["width"] == 200
