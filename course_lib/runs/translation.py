"""The held-out figures of translations, and the held-out pictures that their lessons show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib import data
from course_lib.runs.evaluate import draws_of
from course_lib.training import rng_untouched

SHOWN = 16
DRAWS = 4


def as_float(images: Tensor) -> Tensor:
    """Return uint8 pictures as float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def shown_rows(pairs: data.PairedSet, count: int = SHOWN) -> Tensor:
    """Return the rows of a held-out set that its lesson shows: drawn once at random, each from another emoji or photo.

    Args:
        pairs: with the factor ``role`` or ``photo``.
        count: of the rows; fewer if there are fewer emoji or photographs.
    """
    assert pairs.factors is not None
    owner = pairs.factors["role" if "role" in pairs.factors else "photo"]
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
    seen: set[int] = set()
    rows: list[int] = []
    for row in order.tolist():
        if len(rows) < count and int(owner[row]) not in seen:
            seen.add(int(owner[row]))
            rows.append(row)
    return torch.tensor(rows)


def outputs_of(system: Any, x: Tensor, draws: int = 1) -> Tensor:
    """Return translations of x, with the noise that seed 0 gives: ``(N, draws, C, H, W)`` in [-1, 1]."""
    with rng_untouched():
        torch.manual_seed(0)
        return draws_of(system, x, draws)


def pair_figures(system: Any, pairs: data.PairedSet) -> dict[str, float]:
    """Return how good the translations of held-out pairs are.

    Args:
        system: has ``translate(x)``.
        pairs: held-out.

    Returns:
        ``L1`` (mean over [-1, 1] pixels), ``SSIM``, ``VGG-KID`` (set against set), ``sharpness`` (1 as the truth),
        ``colourfulness`` (as a share of the truth's), ``a overlap`` and ``b overlap`` (of the colour histograms, where
        the truth is not white: half of an emoji's picture is ground, which every output gets right), and
        ``diversity`` (mean L1 between two draws for one input).
    """
    from course_lib.metrics import colourfulness, diversity, histogram_intersection, l1, sharpness, ssim, vgg_kid
    from course_lib.metrics.colour import not_white

    target = as_float(pairs.y)
    outputs = outputs_of(system, as_float(pairs.x), DRAWS)
    output = outputs[:, 0]
    overlap = histogram_intersection(output, target, mask=not_white(target))
    return {
        "L1": float(l1(output, target)),
        "SSIM": float(ssim(output, target)),
        "VGG-KID": float(vgg_kid(output, target)[0]),
        "sharpness": float(sharpness(output, target)),
        "colourfulness": float(colourfulness(output)) / float(colourfulness(target)),
        "a overlap": float(overlap["a"]),
        "b overlap": float(overlap["b"]),
        "diversity": float(diversity(outputs)),
    }


def figures_on(held_out: Callable[[], data.PairedSet]) -> Callable[[Any], dict[str, float]]:
    """Return the function that measures a system on a held-out set, for ``Run.evaluate``."""
    return lambda system: pair_figures(system, held_out())


def pictures_on(held_out: Callable[[], data.PairedSet]) -> Callable[[Any], Tensor]:
    """Return the function that translates the rows that a lesson shows, for ``Run.pictures``."""

    def pictures(system: Any) -> Tensor:
        pairs = held_out()
        return outputs_of(system, as_float(pairs.x[shown_rows(pairs)]))[:, 0]

    return pictures


def cycle_figures(system: Any, pairs: data.PairedSet) -> dict[str, float]:
    """Return how good a translation without pairs is, judged against hidden true pairs.

    Args:
        system: has ``translate(x)``, and may have ``translate_back(y)``.
        pairs: held-out.

    Returns:
        ``L1`` to the truth, ``SSIM``, ``VGG-KID``, ``sharpness``, ``distinct`` (share of different outputs, see
        ``metrics.distinct_outputs``) and ``dependence`` (how much outputs differ, as a share of the truths); and, where
        there is a way back, its ``L1 back``, and the ``cycle x`` and ``cycle y`` L1 of there and back.
    """
    from course_lib.metrics import distinct_outputs, input_dependence, l1, sharpness, ssim, vgg_kid

    x, y = as_float(pairs.x), as_float(pairs.y)
    output = outputs_of(system, x)[:, 0]
    found = {
        "L1": float(l1(output, y)),
        "SSIM": float(ssim(output, y)),
        "VGG-KID": float(vgg_kid(output, y)[0]),
        "sharpness": float(sharpness(output, y)),
        "distinct": distinct_outputs(output) / distinct_outputs(y),
        "dependence": input_dependence(y, output),
    }
    if hasattr(system, "translate_back"):
        back = _in_parts(system.translate_back, y)
        found["L1 back"] = float(l1(back, x))
        found["cycle x"] = float(l1(_in_parts(system.translate_back, output), x))
        found["cycle y"] = float(l1(_in_parts(system.translate, back), y))
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
    from course_lib.data.unpaired import luma
    from course_lib.metrics import blurred, l1, noise_curve

    x, y = as_float(emoji), as_float(luma(emoji)).repeat(1, 3, 1, 1)
    noise = torch.Generator().manual_seed(0)
    clean, noisy = noise_curve(system.translate, system.translate_back, x, (0.0, sigma), noise, truth=y)
    fake = _in_parts(system.translate, x)
    return {
        "L1": float(l1(fake, y)),
        "from G(x)": clean["l1"],
        "from G(x), noise": noisy["l1"],
        "from G(x), blur": float(l1(_in_parts(system.translate_back, blurred(fake)), x)),
        "from y": clean["truth_l1"],
        "from y, noise": noisy["truth_l1"],
        "from y, blur": float(l1(_in_parts(system.translate_back, blurred(y)), x)),
    }


def painting_figures(system: Any) -> dict[str, float]:
    """Return the figures of paintings translated to photographs and back, on held-out photographs.

    Returns:
        ``KID photographs``: VGG-KID of G(paintings) against held-out photographs, beside ``KID untouched`` of the
        paintings themselves; ``KID paintings``: of F(photographs) against the paintings; ``cycle photographs``: L1.
    """
    from course_lib.data.unpaired import paintings_and_photos, patches_of
    from course_lib.metrics import l1, vgg_kid

    photos = as_float(patches_of(data.photos("test"), 64, shrunk=2).images)
    painted = as_float(paintings_and_photos().x.images[::4])
    made = outputs_of(system, painted)[:, 0]
    back = _in_parts(system.translate_back, photos)
    return {
        "KID photographs": float(vgg_kid(made, photos)[0]),
        "KID untouched": float(vgg_kid(painted, photos)[0]),
        "KID paintings": float(vgg_kid(back, painted)[0]),
        "KID photographs untouched": float(vgg_kid(photos, painted)[0]),
        "cycle photographs": float(l1(_in_parts(system.translate, back), photos)),
    }


def style_figures(system: Any, count: int = 24) -> dict[str, float]:
    """Return the terms of fast style transfer on crops of held-out photographs, in the units of ``PerceptualLoss``.

    Args:
        system: a ``StyleTransfer``; of several styles the mean is given.
        count: of the crops, 128 x 128.

    Returns:
        ``content`` and ``style``, weighted, of the painted crops; ``style untouched``, of the crops as they are, whose
        content term is 0; and ``total variation``, painted to untouched, as a ratio.
    """
    from course_lib.data.crops import photo_crops
    from course_lib.losses.perceptual import total_variation

    x = as_float(photo_crops("test", 128, count).images)
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


def _in_parts(network: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    return torch.cat([network(part) for part in pictures.split(64)])
