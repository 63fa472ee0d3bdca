"""The held-out figures of lesson 11: translation without pairs, hidden codes, and paintings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.data.unpaired import luma, paintings_and_photos, patches_of
from course_lib.lessons.lesson_11.steganography import blurred, noise_curve
from course_lib.metrics import distinct_outputs, input_dependence, l1, sharpness, ssim, vgg_kid
from course_lib.runs.translation import in_parts, quiet_outputs_of


def cycle_figures(system: Any, pairs: data.PairedSet) -> dict[str, float]:
    """Return how good a translation without pairs is, judged against hidden true pairs; all outputs without noise.

    Args:
        system: has ``translate(x)``, and may have ``translate_back(y)``.
        pairs: held-out.

    Returns:
        ``L1`` to the truth, ``SSIM``, ``VGG-KID``, ``sharpness``, ``distinct`` (share of different outputs, see
        ``metrics.distinct_outputs``) and ``dependence`` (how much outputs differ, as a share of the truths); and, where
        there is a way back, its ``L1 back``, and the ``cycle x`` and ``cycle y`` L1 of there and back.
    """
    x, y = normalise(pairs.x), normalise(pairs.y)
    output = quiet_outputs_of(system, x)
    found = {
        "L1": float(l1(output, y)),
        "SSIM": float(ssim(output, y)),
        "VGG-KID": float(vgg_kid(output, y)[0]),
        "sharpness": float(sharpness(output, y)),
        "distinct": distinct_outputs(output) / distinct_outputs(y),
        "dependence": input_dependence(y, output),
    }
    if hasattr(system, "translate_back"):
        back = in_parts(system.translate_back, y)
        found["L1 back"] = float(l1(back, x))
        found["cycle x"] = float(l1(in_parts(system.translate_back, output), x))
        found["cycle y"] = float(l1(in_parts(system.translate, back), y))
    return found


def hidden_code_figures(system: Any, emoji: Tensor, sigma: float = 0.05) -> dict[str, float]:
    """Return what colour comes back from a grey picture, and how much of it a little noise destroys.

    Args:
        system: from colour to grey, ``translate(x)`` and ``translate_back(y)``.
        emoji: (N, 3, H, W) held-out pictures in colour, bytes; their luma, in three equal channels, is the true y.
        sigma: of the noise, in units of the range [-1, 1].

    Returns:
        ``L1`` of G(x) to the true y; and the L1 between x and what comes back, from G(x) (``from G(x)``), from the true
        y (``from y``), and from either with noise or a blur of 3 x 3 pixels (``from G(x), noise``, ``from y, blur``).
    """
    x, y = normalise(emoji), normalise(luma(emoji)).repeat(1, 3, 1, 1)
    noise = torch.Generator().manual_seed(0)
    clean, noisy = noise_curve(system.translate, system.translate_back, x, (0.0, sigma), noise, truth=y)
    fake = in_parts(system.translate, x)
    return {
        "L1": float(l1(fake, y)),
        "from G(x)": clean["l1"],
        "from G(x), noise": noisy["l1"],
        "from G(x), blur": float(l1(in_parts(system.translate_back, blurred(fake)), x)),
        "from y": clean["truth_l1"],
        "from y, noise": noisy["truth_l1"],
        "from y, blur": float(l1(in_parts(system.translate_back, blurred(y)), x)),
    }


def painting_figures(system: Any, split: str = "test") -> dict[str, float]:
    """Return the figures of paintings translated to photographs and back, on held-out photographs.

    Returns:
        ``KID photographs``: VGG-KID of G(paintings) against held-out photographs, beside ``KID untouched`` of the
        paintings themselves; ``KID paintings``: of F(photographs) against the paintings; ``cycle photographs``: L1.
    """
    photos = normalise(patches_of(data.photos(split), 64, shrunk=2).images)
    painted = normalise(paintings_and_photos().x.images[::4])
    made = quiet_outputs_of(system, painted)
    back = in_parts(system.translate_back, photos)
    return {
        "KID photographs": float(vgg_kid(made, photos)[0]),
        "KID untouched": float(vgg_kid(painted, photos)[0]),
        "KID paintings": float(vgg_kid(back, painted)[0]),
        "KID photographs untouched": float(vgg_kid(photos, painted)[0]),
        "cycle photographs": float(l1(in_parts(system.translate, back), photos)),
    }
