"""Lesson 10: what a translation does to skin, tone by tone."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_floats
from course_lib.data.containers import PairedSet
from course_lib.data.pixels import normalise
from course_lib.errors import DataError
from course_lib.metrics.colour import srgb_to_lab

TELLING = 0.3
"""By how much the tones of one person differ where there is skin or hair, on the scale from -1 to 1."""
REDDISH = 5.0


def skin_by_tone(made: Tensor, pairs: PairedSet) -> dict[str, dict[str, float]]:
    """Return how far the colours of skin and hair are from the truth, for each skin tone.

    Looked at are the persons that occur in every tone, and of those the pixels in which the true pictures of the tones
    differ: skin, and hair where it goes with the skin.

    Args:
        made: (N, 3, H, W) in [-1, 1], the translations of all rows of ``pairs``.
        pairs: emoji, with the factors base, role, gender and tone; y is the truth.

    Returns:
        ``{tone: figures}``. ``chroma``: how far the truth is from grey, in CIE Lab. ``error in a, b``: how far the
        outputs are from the truth, without the lightness. ``purple`` and ``purple, truth``: the share of the pixels
        that are reddish (a above 5) and rather blue than yellow (b below 0).

    Raises:
        ShapeError: if the translations are none of these pairs.
        DataError: if the pairs do not say their tones, or nobody occurs in every tone.
    """
    missing = sorted({"base", "role", "gender", "tone"} - set(pairs.factors or {}))
    if missing or pairs.factors is None or pairs.factor_names is None:
        raise DataError(f"The pairs have no factor {missing[0]!r}: give emoji, for example `flat_pairs('test')`.")
    truth = normalise(pairs.y)
    check_floats(made, "made", "(N, 3, H, W)")
    check_alike(made, truth, ("made", "the truth"))
    tones = pairs.factor_names["tone"][:-1]  # the last one is "unspecified"
    persons: dict[tuple[int, ...], dict[int, int]] = {}
    owners = zip(*(pairs.factors[name].tolist() for name in ("base", "role", "gender")), strict=True)
    for row, (owner, tone) in enumerate(zip(owners, pairs.factors["tone"].tolist(), strict=True)):
        persons.setdefault(owner, {})[tone] = row
    every = range(len(tones))
    whole = [[rows[tone] for tone in every] for rows in persons.values() if set(rows) >= set(every)]
    if not whole:
        raise DataError("Nobody occurs in every tone among these pairs: give a whole split, `flat_pairs('test')`.")
    lab, true_lab = srgb_to_lab(made), srgb_to_lab(truth)
    found: dict[str, dict[str, float]] = {}
    for place, tone in enumerate(tones):
        outputs, truths = [], []
        for rows in whole:
            six = truth[rows]
            skin = (six.amax(0) - six.amin(0)).mean(0) > TELLING
            outputs.append(lab[rows[place]][1:, skin])
            truths.append(true_lab[rows[place]][1:, skin])
        output, right = torch.cat(outputs, dim=1), torch.cat(truths, dim=1)
        found[tone] = {
            "chroma": float(right.norm(dim=0).mean()),
            "error in a, b": float((output - right).norm(dim=0).mean()),
            "purple": _purple(output),
            "purple, truth": _purple(right),
        }
    return found


def _purple(ab: Tensor) -> float:
    return float(((ab[0] > REDDISH) & (ab[1] < 0)).float().mean())
