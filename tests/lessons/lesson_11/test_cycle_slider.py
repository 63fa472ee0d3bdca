"""There and back with noise: what is shown is what the two networks make, and the figures say so."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib import plotting
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_11.cycle_slider import cycle_explorer
from course_lib.runs.side_by_side import gflop_of
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig

Shown = list[tuple[list[Tensor], list[str]]]


class Hiding:
    """G writes x, a hundred times fainter, on a grey picture; F reads it there. So noise counts a hundred times."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.calls: list[str] = []

    def translate(self, x: Tensor) -> Tensor:
        self.calls.append("G")
        return x / 100

    def translate_back(self, y: Tensor) -> Tensor:
        self.calls.append("F")
        return y * 100


@pytest.fixture
def x() -> Tensor:
    return torch.rand(3, 3, 8, 8) * 2 - 1


@pytest.fixture
def y() -> Tensor:
    return (torch.rand(2, 3, 8, 8) * 2 - 1) / 100


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Keep the pictures and titles of all grids."""
    kept: Shown = []
    grid: Callable[..., Any] = plotting.image_grid

    def keep(rows: list[list[Tensor]], column_titles: list[str], **options: Any) -> Any:
        kept.append((rows[0], column_titles))
        return grid(rows, column_titles=column_titles, **options)

    monkeypatch.setattr(plotting, "image_grid", keep)
    return kept


def pattern(seed: int = 0) -> Tensor:
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))[0]


def test_the_way_there_and_back(x: Tensor, shown: Shown) -> None:
    widget = cycle_explorer(Hiding(), x, names=["a", "b", "c"], noise=(0, 0.3), seed=5)
    assert widget.error is None
    assert (widget.controls["noise"].min, widget.controls["noise"].max, widget.controls["noise"].value) == (0, 0.3, 0)
    assert widget.helpers == []
    assert widget.controls["picture"].options == (("a", 0), ("b", 1), ("c", 2))
    widget.controls["picture"].value = 2
    widget.controls["noise"].value = 0.004
    (start, there, noisy, back, error), titles = shown[-1]
    n = 0.004 * pattern(seed=5)
    assert torch.equal(start, x[2])
    assert torch.allclose(there, x[2] / 100)
    assert torch.allclose(noisy, x[2] / 100 + n)
    assert torch.allclose(back, x[2] + 100 * n, atol=1e-5)
    wrong = (100 * n).abs()
    assert torch.allclose(error, 1 - 2 * (wrong.mean(0, keepdim=True) / 0.5).clamp(max=1), atol=1e-4)
    assert titles == [
        "x",
        f"G(x)\nL1 to x: {float((0.99 * x[2]).abs().mean()):.3f}",
        f"G(x) + noise\nnoise L1: {float(n.abs().mean()):.3f}",
        f"F(G(x) + noise)\nL1 to x: {float(wrong.mean()):.3f}",
        "error\nblack: ≥ 0.5",
    ]
    assert widget.alt.startswith("The picture c as x, then G(x), that with noise of 0.00, what F makes of it")
    assert f"its L1 to x is {float(wrong.mean()):.3f}" in widget.alt


def test_without_noise_it_comes_back(x: Tensor, shown: Shown) -> None:
    widget = cycle_explorer(Hiding(), x)
    (_, there, noisy, back, error), titles = shown[-1]
    assert torch.equal(there, noisy)
    assert torch.allclose(back, x[0], atol=1e-5)
    assert error.min() > 0.99  # white
    assert "L1 to x: 0.000" in titles[3]
    assert [name for name, _ in widget.controls["picture"].options] == ["number 1", "number 2", "number 3"]


def test_the_noise_is_one_pattern_that_the_slider_scales(x: Tensor, shown: Shown) -> None:
    widget = cycle_explorer(Hiding(), x)
    patterns = []
    for picture, sigma in ((0, 0.1), (0, 0.2), (1, 0.3)):
        widget.controls["picture"].value = picture
        widget.controls["noise"].value = sigma
        _, there, noisy, _, _ = shown[-1][0]
        patterns.append((noisy - there) / sigma)
    for one in patterns:
        assert torch.allclose(one, pattern(), atol=1e-4)


def test_the_other_way_round(x: Tensor, y: Tensor, shown: Shown) -> None:
    system = Hiding()
    widget = cycle_explorer(system, x, y, names=["a", "b", "c"], y_names=["d", "e"])
    direction, picture = widget.helpers[0], widget.controls["picture"]
    picture.value = 2
    system.calls.clear()
    count = len(shown)
    direction.value = "y to x and back"
    assert widget.error is None
    assert len(shown) == count + 1  # drawn once, though the list of pictures changed too
    assert system.calls == ["F", "G"]
    assert picture.options == (("d", 0), ("e", 1))
    assert picture.value == 1  # there is no third
    (start, there, _, back, _), titles = shown[-1]
    assert torch.equal(start, y[1])
    assert torch.allclose(there, 100 * y[1])
    assert torch.allclose(back, y[1], atol=1e-6)
    assert [title.partition("\n")[0] for title in titles] == ["y", "F(y)", "F(y) + noise", "G(F(y) + noise)", "error"]
    assert widget.alt.startswith("The picture e as y, then F(y)")
    direction.value = "x to y and back"
    assert torch.equal(shown[-1][0][0], x[1])


def test_nothing_is_computed_twice(x: Tensor) -> None:
    system = Hiding()
    widget = cycle_explorer(system, x)
    assert system.calls == ["G", "F"]
    for sigma in (0.1, 0.2, 0.1, 0.0):
        widget.controls["noise"].value = sigma
    assert system.calls == ["G", "F", "F", "F"]


def test_domains_with_other_channels(x: Tensor) -> None:
    class Grey(Hiding):
        def translate(self, x: Tensor) -> Tensor:
            return x.mean(1, keepdim=True)

        def translate_back(self, y: Tensor) -> Tensor:
            return y.repeat(1, 3, 1, 1)

    widget = cycle_explorer(Grey(), x)
    assert widget.error is None


def test_where_no_kernel_runs_the_figure_stands_there(x: Tensor) -> None:
    widget = cycle_explorer(Hiding(), x)
    data, metadata = widget._repr_mimebundle_()
    assert metadata["alt"] == metadata["image/png"]["alt"] == data["text/plain"] == widget.alt
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")).astype(int)
    live = np.asarray(Image.open(io.BytesIO(widget.png)).convert("RGB")).astype(int)
    assert still.shape == live.shape
    assert np.abs(still - live).mean() < 2
    assert f"width='{metadata['image/png']['width']}'" in widget.picture.value


def test_errors_are_said(x: Tensor) -> None:
    class Broken(Hiding):
        def translate_back(self, y: Tensor) -> Tensor:
            raise ValueError("no way back")

    widget = cycle_explorer(Broken(), x)
    assert widget.picture.value == "<p role='alert'>This figure cannot be drawn. ValueError: no way back</p>"


def test_what_fits_no_widget(x: Tensor, y: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"images is \(3, 3, 8, 8\), uint8: give floats"):
        cycle_explorer(Hiding(), x.byte())
    with pytest.raises(ShapeError, match=r"y is \(3, 8, 8\), float32"):
        cycle_explorer(Hiding(), x, y[0])
    with pytest.raises(ShapeError, match="N at least 1"):
        cycle_explorer(Hiding(), x[:0])
    with pytest.raises(ShapeError, match="2 names do not fit 3 pictures"):
        cycle_explorer(Hiding(), x, names=["a", "b"])
    with pytest.raises(ShapeError, match="1 names do not fit 2 pictures"):
        cycle_explorer(Hiding(), x, y, y_names=["a"])
    for noise in ((0.3, 0.3), (0.3, 0.1), (-0.1, 0.1)):
        with pytest.raises(ShapeError, match="from 0, the smaller one first"):
            cycle_explorer(Hiding(), x, noise=noise)


def test_the_noise_asks_for_the_way_back_alone() -> None:
    system = CycleGAN(CycleGANConfig(base_channels=8, blocks=1, d_channels=8)).eval()
    widget = cycle_explorer(system, torch.rand(2, 3, 64, 64) * 2 - 1)

    def move(control: str, value: float) -> float:
        return gflop_of(lambda: setattr(widget.controls[control], "value", value))

    one = gflop_of(lambda: system.translate_back(torch.zeros(1, 3, 64, 64)))
    assert [move("noise", 0.05 * k) for k in range(1, 5)] == [one] * 4
    assert move("noise", 0.05) == 0  # as it was before
    assert move("picture", 1) == 2 * one
    assert widget.error is None
