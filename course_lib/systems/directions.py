"""The ways in which a trained system can be asked for a translation: forth or back, in a style, with noise or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import ShapeError, TrainingError
from course_lib.systems.base import System
from course_lib.words import either, nearest, plain

Pass = Callable[[Tensor], Tensor]


def translation_of(
    system: Any,
    *,
    back: bool = False,
    style: int | str | Tensor | None = None,
    noise: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[Pass, nn.Module | None]:
    """Return the function from batch to batch that translates in the way asked for, and its network.

    Raises:
        TrainingError: if the system translates no pictures, or not in that way.
    """
    name = type(system).__name__
    paints = hasattr(system, "stylise")
    verb = "translate_back" if back else "stylise" if paints else "translate"
    if not hasattr(system, verb):
        hint = (
            f"leave {either('back', '--back')} out."
            if back
            else either("call sample(n).", "draw some with `course sample`.")
        )
        raise TrainingError(f"{name} {'does not translate back' if back else 'translates no pictures'}: {hint}")
    if style is not None and not paints:
        raise TrainingError(f"{name} has no styles: leave {either('style', '--style')} out.")
    if noise and not (getattr(system, "noisy", False) and not back):
        raise TrainingError(f"{name} draws no noise: leave {either('noise', '--noise')} out.")
    options: dict[str, Any] = {"grain": False} if hasattr(system, "grained") else {}
    if paints:
        options["style"] = style_number(style, system.config.paintings)
    elif getattr(system, "noisy", False) and not back:
        options["noise"] = noise
        if noise and generator is not None:
            options["generator"] = generator
    call = getattr(system, verb)
    network = "netF" if back else "netG"
    found = system.averaged(network) if isinstance(system, System) and hasattr(system, network) else None
    return (lambda x: call(x, **options)), found


def style_number(style: int | str | Tensor | None, titles: tuple[str, ...]) -> int | Tensor:
    """Return which of a system's paintings is meant.

    Args:
        style: a number from 0, a title or a part of one (accents and capitals do not count), weights ``(S,)``, or
            None where there is only one painting.
        titles: of the paintings.

    Raises:
        TrainingError: if it is none of them, or could be several.
    """
    choice = f"choose one of {'; '.join(titles)}." if len(titles) > 1 else f"the only one is {titles[0]}."
    if isinstance(style, Tensor):
        if style.shape != (len(titles),) or not style.is_floating_point():
            raise ShapeError(
                f"style has the shape {tuple(style.shape)}: give floats, one a painting, ({len(titles)},)."
            )
        return style[None]
    if style is None:
        if len(titles) > 1:
            raise TrainingError(f"This network paints in {len(titles)} styles: {choice}")
        return 0
    if isinstance(style, int) or str(style).isdigit():
        if not 0 <= int(style) < len(titles):
            raise TrainingError(f"There is no style {style}: give a number from 0 to {len(titles) - 1}.")
        return int(style)
    found = [number for number, title in enumerate(titles) if plain(style) in plain(title)]
    if len(found) == 1:
        return found[0]
    near = nearest(style, [word for title in titles for word in plain(title).split()])
    hint = f"did you mean {near!r}?" if near and not found else choice
    raise TrainingError(f"{'No style is' if not found else 'Several styles are'} called {style!r}: {hint}")
