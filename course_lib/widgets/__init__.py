"""Interactive figures: sliders beside a picture, and a static picture where no kernel runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.widgets.cycle_slider import cycle_explorer as cycle_explorer
    from course_lib.widgets.drawing import draw_and_translate as draw_and_translate
    from course_lib.widgets.explorer import Explorer as Explorer
    from course_lib.widgets.explorer import Picture as Picture
    from course_lib.widgets.gram_pairs import gram_viewer as gram_viewer
    from course_lib.widgets.latent_sliders import latent_explorer as latent_explorer
    from course_lib.widgets.own_picture import paint_your_picture as paint_your_picture
    from course_lib.widgets.picture_files import picture_from_bytes as picture_from_bytes
    from course_lib.widgets.rate_slider import beta_slider as beta_slider
    from course_lib.widgets.recorded_game import game_player as game_player
    from course_lib.widgets.style_slider import style_weight_slider as style_weight_slider
    from course_lib.widgets.weighted_answers import answer_weights as answer_weights

# No module has the name of what it defines: importing it would put the module in that name's place.
_HOMES = {
    "Explorer": "explorer",
    "Picture": "explorer",
    "answer_weights": "weighted_answers",
    "beta_slider": "rate_slider",
    "cycle_explorer": "cycle_slider",
    "draw_and_translate": "drawing",
    "game_player": "recorded_game",
    "gram_viewer": "gram_pairs",
    "latent_explorer": "latent_sliders",
    "paint_your_picture": "own_picture",
    "picture_from_bytes": "picture_files",
    "style_weight_slider": "style_slider",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
