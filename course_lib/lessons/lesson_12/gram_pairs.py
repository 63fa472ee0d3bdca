"""Lesson 12: point at an entry of a Gram matrix, and see where its two channels fire, and where both do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import ipywidgets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_12.channel_pairs import BOTH, FIRST, SECOND, SIDE, ChannelPairs
from course_lib.losses.perceptual import gram_matrix, to_unit_range
from course_lib.models.vgg import VGG16Features
from course_lib.widgets.canvas import let_colab_show_canvases
from course_lib.widgets.explorer import Explorer, Picture
from course_lib.widgets.sheets import (
    beside,
    check_picture,
    css_width,
    picture_rows,
    to_array,
    to_keep,
    to_png,
    written,
)

HEIGHT, WIDTH = 250.0, 540.0  # of a map, and of two side by side, in CSS pixels
STILL_HEIGHT = 150.0  # of a map where no kernel runs
FULL = 2.5  # root mean squares of a channel that give its full colour
PALE = 0.3  # how much of the picture's grey is left below the colours
MOST = 32  # channels


@dataclass(frozen=True, eq=False)
class LayerView:
    """What one layer of VGG-16 sees in one picture, for some channels.

    Args:
        picture: bytes ``(H, W, 3)``.
        maps: ``(K, h, w)``, in units of each channel's root mean square.
        gram: ``(K, K)``, entries of the Gram matrix.
        cosine: the same, divided by the root of the two diagonal entries; 0 where a channel never fires.
    """

    picture: np.ndarray
    maps: Tensor
    gram: Tensor
    cosine: Tensor


def gram_viewer(pictures: Mapping[str, Tensor], layer: str = "relu2_1", channels: int = 16) -> Explorer:
    """Return a widget that shows a Gram matrix; of the entry that one points at it shows where its channels fire.

    The matrix is that of ``losses.gram_matrix``, of the channels that are most active on average over all pictures. Its
    colours are cosines, ``G_ab / sqrt(G_aa G_bb)``, because a few strong channels would outshine all others. Both maps
    are in units of the channel's root mean square, so that the mean of their product over the picture is the cosine.
    Where no kernel runs, the matrix and the maps of one entry stand there.

    Args:
        pictures: by title, ``(3, H, W)`` in [-1, 1], at least one; each goes through VGG-16 once.
        layer: ``relu1_1 ... relu4_3``.
        channels: rows of the matrix, 2 to 32.

    Returns:
        The widget; ``controls["picture"]`` holds the title, ``controls["pair"]``, a ``ChannelPairs``, row and column.

    Raises:
        DataError: if VGG-16 has no such layer.
        ShapeError: if there is no picture, one has another shape, type or range, or the channels are too few or many.

    Source: Johnson et al. 2016, equation 3.
    """
    if not pictures:
        raise ShapeError("There is no picture to look at: give at least one by its title.")
    for title, picture in pictures.items():
        check_picture(f"The picture {title!r}", picture)
    if not 2 <= channels <= MOST:
        raise ShapeError(f"channels is {channels}: give a number from 2 to {MOST}.")
    chosen, views = layer_views(pictures, layer, channels)
    let_colab_show_canvases()
    lowest = math.floor(10 * min(float(view.cosine.min()) for view in views.values())) / 10
    lowest = min(lowest, 0.9)  # white; most cosines are far from 0
    pair = ChannelPairs(chosen, f"White is a cosine of {lowest:g}, black one of 1.")
    menu = ipywidgets.Dropdown(
        options=list(views), description="picture", style={"description_width": "max-content"}, layout={"width": "auto"}
    )

    @lru_cache(maxsize=256)
    def painted(title: str, rank: int, colour: str) -> np.ndarray:
        return _coloured(views[title], views[title].maps[rank] / FULL, colour)

    def tiles(title: str, a: int, b: int) -> list[dict[str, np.ndarray]]:
        view = views[title]
        product = view.maps[a] * view.maps[b] / FULL**2
        return [
            {title: view.picture, f"a: channel {chosen[a]}": painted(title, a, FIRST)},
            {
                f"b: channel {chosen[b]}": painted(title, b, SECOND),
                "both: a × b": _coloured(view, product, BOTH),
            },
        ]

    def note(title: str, a: int, b: int) -> str:
        gram, cosine = views[title].gram, float(views[title].cosine[a, b])
        aa, bb, ab = (written(float(gram[i, j])) for i, j in ((a, a), (b, b), (a, b)))
        return f"G[a, b] = {ab} · cosine {cosine:.2f}\nG[a, a] = {aa} · G[b, b] = {bb}"

    def text(title: str, a: int, b: int) -> str:
        gram, cosine = views[title].gram, views[title].cosine
        return (
            f"{title} at {layer}: where channel {chosen[a]} fires, where channel {chosen[b]} fires, and where both do; "
            f"the entry of the Gram matrix is {written(float(gram[a, b]))}, the cosine {float(cosine[a, b]):.2f}"
        )

    @lru_cache(maxsize=256)
    def drawn(title: str, a: int, b: int) -> Picture:
        sheet = picture_rows(tiles(title, a, b), HEIGHT, note(title, a, b), width=WIDTH)
        return Picture(to_png(sheet, few_colours=True), text(title, a, b), css_width(sheet))

    def draw(picture: str, pair: tuple[int, int]) -> Picture:
        controls["pair"].show((views[picture].cosine - lowest) / (1 - lowest))
        return drawn(picture, *pair)

    def still() -> Picture:
        title, (a, b) = menu.value, pair.value
        matrix = pair.image().resize((SIDE, SIDE), Image.Resampling.BOX)
        maps = picture_rows(tiles(title, a, b), STILL_HEIGHT, note(title, a, b), width=WIDTH, fine=1)
        sheet = beside(matrix, maps, fine=1)
        return to_keep(sheet, f"The Gram matrix of {text(title, a, b)}")

    controls = {"picture": menu, "pair": pair}
    explorer = Explorer(draw, controls, columns=1, still=still)
    explorer.children[0].layout.grid_template_columns = f"{SIDE + 8}px"
    explorer.layout.flex_flow = "row wrap"  # side by side, where there is room
    explorer.layout.align_items = "flex-start"
    explorer.layout.grid_gap = "16px"
    return explorer


@torch.no_grad()
def layer_views(pictures: Mapping[str, Tensor], layer: str, channels: int) -> tuple[list[int], dict[str, LayerView]]:
    """Return the channels that are most active on average over all pictures, most active first, and what they see.

    Args:
        pictures: by title, ``(3, H, W)`` in [-1, 1].
        layer: of VGG-16.
        channels: how many.
    """
    vgg = VGG16Features((layer,))
    features = {title: vgg(to_unit_range(picture[None].float().cpu()))[layer] for title, picture in pictures.items()}
    activity = torch.stack([one.mean((0, 2, 3)) for one in features.values()]).mean(0)
    chosen = activity.argsort(descending=True, stable=True)[:channels]
    views = {}
    for title, found in features.items():
        gram = gram_matrix(found)[0][chosen][:, chosen]
        size = gram.diagonal().sqrt()
        cosine = (gram / (size[:, None] * size)).nan_to_num(0.0).clamp(0, 1)
        maps = found[0, chosen]
        scale = maps.square().mean((1, 2)).sqrt().clamp(min=1e-12)
        views[title] = LayerView(to_array(pictures[title]), maps / scale[:, None, None], gram, cosine)
    return chosen.tolist(), views


def _coloured(view: LayerView, strength: Tensor, colour: str) -> np.ndarray:
    """Return the picture, pale and grey, with a colour on it: none at a strength of 0, the full colour from 1 on."""
    height, width = view.picture.shape[:2]
    mask = Image.fromarray((strength.clamp(0, 1) * 255).round().byte().numpy())
    mask = mask.resize((width, height), Image.Resampling.NEAREST)
    grey = Image.fromarray(view.picture).convert("L").point(lambda value: 255 - PALE * (255 - value))
    ground = grey.convert("RGB")
    ground.paste(Image.new("RGB", ground.size, colour), (0, 0), mask)
    return np.asarray(ground)
