"""Lesson 03: move along the latents of an autoencoder and see the picture change at once."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets
import torch
from torch import Tensor

from course_lib.data.pixels import to_bytes
from course_lib.errors import ShapeError
from course_lib.widgets.explorer import Explorer, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from course_lib.systems.vae import VAE

SIDE = 280  # of the picture on the page, in CSS pixels: ten for each of its own
REACH = 3.0  # standard deviations of the prior
WALK = 7  # pictures along a latent where no kernel runs


def latent_explorer(
    system: VAE, order: Sequence[int], start: Tensor | Mapping[str, Tensor] | None = None, count: int = 6
) -> Explorer:
    """Return a widget with a slider for each of some latents and the picture that they decode to.

    The other latents keep the values of the code that one starts from. Where no kernel runs, a grid shows what each
    slider does.

    Args:
        system: a trained VAE.
        order: latents by their number, those with the largest KL first.
        start: a code ``(latents,)`` to start from, or several by name, among which the learner chooses; None: zeros.
        count: sliders.

    Returns:
        The widget; the sliders are in ``controls``, named ``"z<number of the latent>"``. Where there are several codes,
        their menu is ``helpers[0]``.

    Raises:
        ShapeError: if there are fewer latents than sliders, or a code has another shape.
    """
    latents = system.config.latents
    moved = [int(number) for number in order[:count]]
    if count < 1 or len(set(moved)) != count or not all(0 <= number < latents for number in moved):
        raise ShapeError(f"The order {moved} does not name {count} of {latents} latents: give each once, from 0.")
    codes = dict(start) if isinstance(start, Mapping) else {"start": torch.zeros(latents) if start is None else start}
    wrong = [tuple(code.shape) for code in codes.values() if code.shape != (latents,)]
    if wrong or not codes:
        raise ShapeError(f"A code to start from has the shape ({latents},), not {wrong}: give encode(images)[0][0].")
    codes = {name: code.detach().float().cpu() for name, code in codes.items()}
    chosen = ipywidgets.Dropdown(
        options=list(codes),
        description="picture",
        style={"description_width": "4em"},
        layout={"grid_area": "auto / 1 / auto / -1"},  # a row of its own
    )

    def code_for(values: Mapping[str, float]) -> Tensor:
        z = codes[chosen.value].clone()
        for number in moved:
            z[number] = values[f"z{number}"]
        return z

    def draw(**values: float) -> Picture:
        pixels = system.decode(code_for(values)[None].to(system.device))[0, 0]
        places = ", ".join(f"z{number} = {_written(values[f'z{number}'])}" for number in moved)
        origin = f" from the picture {chosen.value}" if len(codes) > 1 else ""
        text = f"The picture decoded at {places}{origin}; its mean brightness is {float((pixels + 1).mean()) / 2:.2f}"
        return Picture(_enlarged(pixels), text, SIDE)

    def still() -> tuple[Figure, str]:
        return _walks(system, code_for({name: slider.value for name, slider in sliders.items()}), moved)

    sliders = {
        f"z{number}": ipywidgets.FloatSlider(
            value=_within(codes[chosen.value][number]),
            min=-REACH,
            max=REACH,
            step=0.1,
            description=f"z{number}",
            readout_format=".1f",
            style={"description_width": "4em"},
        )
        for number in moved
    }
    explorer = Explorer(draw, sliders, columns=2, helpers=[chosen] if len(codes) > 1 else [], still=still)

    def begin(_: Any) -> None:
        with explorer.together():
            for number in moved:
                sliders[f"z{number}"].value = _within(codes[chosen.value][number])

    chosen.observe(begin, names="value")
    return explorer


def _within(value: Tensor) -> float:
    """Return the nearest place of a slider."""
    return round(min(REACH, max(-REACH, float(value))), 1)


def _written(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _enlarged(pixels: Tensor) -> bytes:
    """Return a PNG of pixels ``(H, W)`` in [-1, 1], each of them a square; drawn by hand, as matplotlib is too slow."""
    from PIL import Image

    grey = to_bytes(pixels).numpy()
    buffer = io.BytesIO()
    Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _walks(system: VAE, code: Tensor, moved: Sequence[int]) -> tuple[Figure, str]:
    from course_lib import plotting

    places = torch.linspace(-REACH, REACH, WALK)
    rows = []
    for number in moved:
        z = code.repeat(WALK, 1)
        z[:, number] = places
        rows.append(system.decode(z.to(system.device)))
    names = [_written(place, 0) for place in places.tolist()]
    titles = [f"z{number}" for number in moved]
    figure = plotting.image_grid(rows, row_titles=titles, column_titles=names, tile=64)
    alt = f"Decoded pictures, one row for each of {', '.join(titles)}: from left to right that latent goes from −3 to 3"
    return figure, alt
