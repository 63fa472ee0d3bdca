"""Lesson 11: go to the other domain and back, with a little noise on the way, and see what was hidden there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import ipywidgets
import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import mean_absolute_error
from course_lib.widgets.explorer import Explorer, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from course_lib.systems.cyclegan import CycleGAN

    Drawn = tuple[Figure, str]

TILE = 144  # width of a picture on the page, in CSS pixels
BLACK = 0.5  # an error as large as this, or larger, is black
STEPS = 30  # of the slider
FORTH, BACK = "x to y and back", "y to x and back"


def cycle_explorer(
    system: CycleGAN,
    images: Tensor,
    y: Tensor | None = None,
    names: Sequence[str] | None = None,
    y_names: Sequence[str] | None = None,
    noise: tuple[float, float] = (0.0, 0.3),
    seed: int = 0,
) -> Explorer:
    """Return a widget that shows x, G(x), F(G(x) + noise) and where that differs from x; a slider sets the noise.

    A G that hides x in G(x), too faint to be seen, gives itself away: noise as faint destroys what F needs. The noise
    is one fixed pattern of independent normal numbers, times the slider's value; F gets the sum, not cut off at -1 and
    1. Each L1 is a mean over pixels and channels, in units of that range.

    Args:
        system: a trained CycleGAN.
        images: x, ``(N, C, H, W)`` in [-1, 1], held out.
        y: pictures of the other domain, ``(M, C, H, W)`` in [-1, 1]; with them one can also go from y to x and back.
        names: of ``images``; None: they are numbered.
        y_names: of ``y``; None: they are numbered.
        noise: ends of the slider, standard deviations in units of the range [-1, 1]; it starts at the first.
        seed: of the pattern.

    Returns:
        The widget; ``controls`` are ``"picture"``, the place in the batch, and ``"noise"``. Where there is ``y``, the
        choice of the direction is ``helpers[0]``.

    Raises:
        ShapeError: if the pictures are no float pictures, their names too few or too many, or the noise no range.

    Source: Chu, Zhmoginov and Sandler 2017, "CycleGAN, a master of steganography".
    """
    low, high = noise
    if not 0 <= low < high:
        raise ShapeError(f"The noise goes from {low:g} to {high:g}: give two numbers from 0, the smaller one first.")
    batches = {FORTH: images} if y is None else {FORTH: images, BACK: y}
    named = {FORTH: _named("images", images, names)}
    if y is not None:
        named[BACK] = _named("y", y, y_names)
    direction = ipywidgets.Dropdown(options=list(batches), description="direction")

    @lru_cache(maxsize=64)
    def gone(way: str, picture: int) -> Tensor:
        go = system.translate if way == FORTH else system.translate_back
        return go(batches[way][picture : picture + 1].to(system.device))

    def figure(way: str, picture: int, sigma: float) -> Drawn:
        start, there = batches[way][picture : picture + 1].to(system.device), gone(way, picture)
        pattern = torch.randn(there.shape, generator=torch.Generator().manual_seed(seed)).to(there)
        noisy = there + sigma * pattern
        back = (system.translate_back if way == FORTH else system.translate)(noisy)
        return _figure(way, named[way][picture], sigma, start, there, noisy, back)

    @lru_cache(maxsize=64)
    def drawn(way: str, picture: int, sigma: float) -> Picture:
        return Picture.of(*figure(way, picture, sigma), quick=True)

    def draw(picture: int, noise: float) -> Picture:
        return drawn(direction.value, picture, round(noise, 6))

    def still() -> Drawn:
        return figure(direction.value, controls["picture"].value, controls["noise"].value)

    def options(way: str) -> list[tuple[str, int]]:
        return [(name, place) for place, name in enumerate(named[way])]

    controls = {
        "picture": ipywidgets.Dropdown(options=options(FORTH), value=0, description="picture"),
        "noise": ipywidgets.FloatSlider(
            value=low, min=low, max=high, step=(high - low) / STEPS, description="noise", readout_format=".2f"
        ),
    }
    explorer = Explorer(draw, controls, columns=3, helpers=[] if y is None else [direction], still=still)

    def turn(change: dict[str, Any]) -> None:
        with explorer.together():
            place = controls["picture"].value
            controls["picture"].options = options(change["new"])
            controls["picture"].value = min(place, len(batches[change["new"]]) - 1)

    direction.observe(turn, names="value")
    return explorer


def _named(what: str, pictures: Tensor, names: Sequence[str] | None) -> list[str]:
    """Return the names of a batch that can be shown."""
    if pictures.dim() != 4 or not len(pictures) or not pictures.is_floating_point():
        given = f"{tuple(pictures.shape)}, {str(pictures.dtype).removeprefix('torch.')}"
        raise ShapeError(f"{what} is {given}: give floats (N, C, H, W) in [-1, 1], N at least 1.")
    named = [f"number {place + 1}" for place in range(len(pictures))] if names is None else list(names)
    if len(named) != len(pictures):
        raise ShapeError(f"{len(named)} names do not fit {len(pictures)} pictures: give one for each.")
    return named


def _figure(way: str, name: str, sigma: float, start: Tensor, there: Tensor, noisy: Tensor, back: Tensor) -> Drawn:
    from course_lib import plotting

    a, to, of = ("x", "G", "F") if way == FORTH else ("y", "F", "G")
    moved = f"\nL1 to {a}: {_l1(there, start)}" if there.shape == start.shape else ""
    error = (back - start).abs().mean(1, keepdim=True)
    columns = {
        a: start,
        f"{to}({a}){moved}": there,
        f"{to}({a}) + noise\nnoise L1: {_l1(noisy, there)}": noisy,
        f"{of}({to}({a}) + noise)\nL1 to {a}: {_l1(back, start)}": back,
        f"error\nblack: ≥ {BLACK:g}": 1 - 2 * (error / BLACK).clamp(max=1),
    }
    row = [picture[0] for picture in columns.values()]
    figure = plotting.image_grid([row], column_titles=list(columns), tile=TILE)
    text = (
        f"The picture {name} as {a}, then {to}({a}), that with noise of {sigma:.2f}, what {of} makes of it, and the "
        f"error of the way there and back; its L1 to {a} is {_l1(back, start)}"
    )
    return figure, text


def _l1(output: Tensor, target: Tensor) -> str:
    return f"{float(mean_absolute_error(output, target)):.3f}"
