"""Spectra and histograms: what they draw, and that no text is cut off or covers another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.metrics.colour import colour_bins
from course_lib.plotting.style import COLOURS, INK

FREQUENCIES = (torch.arange(23) + 0.5) / 32
SPECTRA = {
    "truth": 0.01 / FREQUENCIES**2,
    "L1": 0.01 / FREQUENCIES**2 * torch.exp(-20 * FREQUENCIES),
    "L1 and the discriminator": 0.012 / FREQUENCIES**2,
}
RATIOS = {name: SPECTRA[name] / SPECTRA["truth"] for name in SPECTRA if name != "truth"}


def bell(width: float, axis: str) -> torch.Tensor:
    middle = 50 if axis == "L" else 0
    height = torch.exp(-0.5 * ((colour_bins(axis) - middle) / width) ** 2)
    return height / height.sum()


HISTOGRAMS = {name: {axis: bell(width, axis) for axis in "Lab"} for name, width in {"L1": 8, "truth": 16}.items()}


def figures():
    yield "spectrum", plotting.spectrum_plot(SPECTRA, FREQUENCIES, truth="truth", title="A title")
    yield "ratio", plotting.spectrum_plot(RATIOS, FREQUENCIES, ratio=True, title="A title")
    yield "small ratio", plotting.spectrum_plot({"one": 1 + FREQUENCIES}, FREQUENCIES, ratio=True)
    yield "histograms", plotting.histogram_plot(HISTOGRAMS, truth="truth", title="A long title " * 8)
    yield "one panel", plotting.histogram_plot(HISTOGRAMS, shown=("b",), size=(5, 3.5))
    yield "all", plotting.histogram_plot({str(n) * 9: HISTOGRAMS["L1"] for n in range(6)}, shown=("L", "a", "b"))


@pytest.mark.parametrize(("name", "figure"), list(figures()))
def test_no_text_is_cut_off_or_covers_another(name, figure, no_text_covers_another):
    figure.draw_without_rendering()
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    tolerance = 0.5 / figure.dpi
    assert drawn.x0 >= page.x0 - tolerance
    assert drawn.y0 >= page.y0 - tolerance
    assert drawn.x1 <= page.x1 + tolerance
    assert drawn.y1 <= page.y1 + tolerance
    no_text_covers_another(figure, name, at_least=8)


def by_label(axes) -> dict:
    return {line.get_label(): line for line in axes.lines}


def test_a_spectrum_draws_its_numbers():
    (axes,) = plotting.spectrum_plot(SPECTRA, FREQUENCIES, truth="truth").axes
    lines = by_label(axes)
    for name, energy in SPECTRA.items():
        assert np.allclose(lines[name].get_data(), [FREQUENCIES, energy])
    assert axes.get_yscale() == "log"
    assert lines["truth"].get_color() == INK
    assert lines["L1"].get_color() == COLOURS["blue"]  # the truth takes none of the colours
    assert lines["truth"].get_zorder() < lines["L1"].get_zorder()
    assert {text.get_text() for text in axes.texts} >= {"truth", "L1", "diagonals only"}
    assert "cycles a pixel" in axes.get_xlabel()
    assert axes.get_ylabel() == "energy of a wave"


def test_the_text_on_diagonals_is_above_all_lines():
    (axes,) = plotting.spectrum_plot({"rising": 1 + FREQUENCIES**4}, FREQUENCIES, ratio=True).axes
    axes.figure.draw_without_rendering()
    (text,) = (text for text in axes.texts if text.get_text() == "diagonals only")
    highest = axes.transData.transform((0, float(1 + FREQUENCIES[-1] ** 4)))[1]
    assert text.get_window_extent().y0 > highest


def test_no_diagonals_below_the_nyquist_frequency():
    (axes,) = plotting.spectrum_plot({"low": FREQUENCIES[:16]}, FREQUENCIES[:16]).axes
    assert [text.get_text() for text in axes.texts] == ["low"]


def test_a_ratio_has_the_truth_at_one():
    (axes,) = plotting.spectrum_plot(RATIOS, FREQUENCIES, ratio=True).axes
    level = [line for line in axes.lines if len(set(line.get_ydata())) == 1 and line.get_ydata()[0] == 1]
    assert len(level) == 1
    assert level[0].get_color() == INK
    assert "truth" in {text.get_text() for text in axes.texts}
    assert "share of the truth" in axes.get_ylabel()


def test_histograms_draw_their_shares_down_to_the_floor():
    first, second = plotting.histogram_plot(HISTOGRAMS, truth="truth", floor=1e-4).axes
    assert "green" in first.get_xlabel()
    assert "yellow" in second.get_xlabel()
    line = by_label(second)["L1"]
    share = HISTOGRAMS["L1"]["b"].numpy()
    x, y = (np.asarray(part) for part in line.get_data())
    assert np.array_equal(x, colour_bins("b").numpy())
    seen = share > 1e-4
    assert np.allclose(y[seen], share[seen])
    assert np.nanmin(y) == 1e-4
    assert np.isfinite(y).sum() == seen.sum() + 2  # one step down to the floor on either side, and then nothing
    assert second.get_ylim() == (1e-4, 1)
    wide = colour_bins("b")[HISTOGRAMS["truth"]["b"] > 1e-4]
    assert second.get_xlim() == pytest.approx((float(wide[0]) - 4, float(wide[-1]) + 4))
    assert by_label(first)["truth"].get_color() == INK
    assert [text.get_text() for text in first.figure.legends[0].get_texts()] == ["L1", "truth"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plotting.spectrum_plot({}, FREQUENCIES), "nothing to draw"),
        (lambda: plotting.spectrum_plot(SPECTRA, FREQUENCIES, truth="real"), "choose from truth, L1"),
        (lambda: plotting.spectrum_plot({"a": FREQUENCIES[:3]}, FREQUENCIES), "as many energies"),
        (lambda: plotting.spectrum_plot({"a": FREQUENCIES * 0}, FREQUENCIES), "not above 0"),
        (lambda: plotting.histogram_plot({}), "nothing to draw"),
        (lambda: plotting.histogram_plot(HISTOGRAMS, truth="y"), "choose from L1, truth"),
        (lambda: plotting.histogram_plot(HISTOGRAMS, shown=("R",)), "choose from L, a, b"),
        (lambda: plotting.histogram_plot(HISTOGRAMS, floor=0), "above 0"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()
