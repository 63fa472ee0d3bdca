"""The held-out figures of lesson 11: translation without pairs, hidden codes, and paintings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib import data
from course_lib.data.luma import luma
from course_lib.data.pixels import normalise
from course_lib.data.unpaired import paintings_and_photos, patches_of
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
    """Return the figures of photographs translated to paintings and back, and of paintings to photographs.

    The photographs are held out. The paintings are not: there are eight, and the networks trained on all of them.

    Returns:
        Of held-out photographs: ``F(photographs) to paintings``, the VGG-KID of what is made of them against the
        training paintings; ``photographs to paintings``, the same of the photographs themselves; ``cycle
        photographs``, the L1 of there and back. Of training paintings, with ``training paintings: `` before them:
        ``G(paintings) to photographs``, the VGG-KID of what is made of them against the held-out photographs. After
        each VGG-KID its standard ``error``, which counts photographs and paintings and not their patches.
    """
    patches, training = patches_of(data.photos(split), 64, shrunk=2), paintings_and_photos().x
    assert patches.factors is not None
    assert training.factors is not None
    photos, painted = normalise(patches.images), normalise(training.images[::4])
    photo, painting = patches.factors["photo"], training.factors["photo"][::4] + int(patches.factors["photo"].max()) + 1
    made = quiet_outputs_of(system, painted)
    back = in_parts(system.translate_back, photos)
    found: dict[str, float] = {}

    def kid(name: str, fake: Tensor, real: Tensor, fake_groups: Tensor, real_groups: Tensor) -> None:
        found[name], found[f"{name}, error"] = vgg_kid(fake, real, fake_groups=fake_groups, real_groups=real_groups)

    kid("F(photographs) to paintings", back, painted, photo, painting)
    kid("photographs to paintings", photos, painted, photo, painting)
    found["cycle photographs"] = float(l1(in_parts(system.translate, back), photos))
    kid("training paintings: G(paintings) to photographs", made, photos, painting, photo)
    return found
