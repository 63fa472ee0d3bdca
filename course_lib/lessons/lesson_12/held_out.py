"""The held-out figures of lesson 12: the terms of fast style transfer on photographs that no training has seen."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.data.crops import photo_crops
from course_lib.data.pixels import normalise
from course_lib.losses.perceptual import total_variation


def style_figures(system: Any, split: str = "test", count: int = 24) -> dict[str, float]:
    """Return the terms of fast style transfer on crops of held-out photographs, in the units of ``PerceptualLoss``.

    Args:
        system: a ``StyleTransfer``; of several styles the mean is given.
        split: of the photographs.
        count: of the crops, 128 x 128.

    Returns:
        ``content`` and ``style``, weighted, of the painted crops; ``style untouched``, of the crops as they are, whose
        content term is 0; and ``total variation``, painted to untouched, as a ratio.
    """
    x = normalise(photo_crops(split, 128, count).images)
    terms: dict[str, list[float]] = {"content": [], "style": [], "style untouched": [], "total variation": []}
    with torch.no_grad():
        for style in range(len(system.config.paintings)):
            for part in x.split(8):
                painted = system.stylise(part, style=style)
                found = system.judge.terms(painted, content=part, style_index=style)
                for name in ("content", "style"):
                    terms[name].append(float(found[name]))
                untouched = system.judge.terms(part, content=part, style_index=style)["style"]
                terms["style untouched"].append(float(untouched))
                terms["total variation"].append(float(total_variation(painted) / total_variation(part)))
    return {name: sum(values) / len(values) for name, values in terms.items()}
