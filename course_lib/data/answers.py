"""Inputs whose right answers are all known: person emoji that share one outline in six skin tones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.arguments import check_tensor, check_values
from course_lib.data.pixels import normalise
from course_lib.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class AnswerSet:
    """Outlines, and for each the six pictures that are equally right.

    Args:
        split: the split that the rows come from.
        x: (G, 1, H, W) uint8, one outline a base emoji.
        answers: (G, 6, C, H, W) uint8, in the order of ``tones``; C is 1 for line drawings, else 3.
        names: G names of the base emoji.
        tones: the six skin tones.
        licence: of the pictures.

    Raises:
        ShapeError: if the pictures are no such bytes, or there are not as many of each.
    """

    split: str
    x: Tensor
    answers: Tensor
    names: list[str]
    tones: list[str]
    licence: str

    def __post_init__(self) -> None:
        check_tensor(self.x, "x", "(G, 1, H, W)")
        check_tensor(self.answers, "answers", "(G, K, 1 or 3, H, W)")
        check_values(self.x, "x")
        check_values(self.answers, "answers")
        if self.x.dtype != torch.uint8 or self.answers.dtype != torch.uint8:
            raise ShapeError(
                f"x is {self.x.dtype} and answers {self.answers.dtype}: give bytes, torch.uint8, for both."
            )
        counts = len(self.x), len(self.names), len(self.answers)
        if len({*counts}) > 1 or self.answers.shape[1] != len(self.tones):
            raise ShapeError(
                f"x has {counts[0]} rows, names {counts[1]} and answers {tuple(self.answers.shape[:2])} for "
                f"{len(self.tones)} tones: give one name and one answer of each tone to each outline."
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> AnswerSet:
        """Return some of the outlines, for example ``known[::3]``."""
        if not isinstance(rows, slice):
            raise DataError("An AnswerSet is indexed by a slice, for example known[::3].")
        return replace(self, x=self.x[rows], answers=self.answers[rows], names=self.names[rows])

    def __repr__(self) -> str:
        return f"AnswerSet({self.split}: {len(self)} outlines x {len(self.tones)} answers)"

    def condition(self) -> Tensor:
        """Return the outlines as a network takes them: (G, 1, H, W) float32 in [-1, 1]."""
        return normalise(self.x)

    def targets(self) -> Tensor:
        """Return the answers as (G, 6, C, H, W) float32 in [-1, 1]."""
        return normalise(self.answers)


def emoji_answers(split: str = "train", y: str = "3d") -> AnswerSet:
    """Return every outline of a split that six tones share to the pixel, with its six answers.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.
        y: the style of the answers; any of ``course_lib.data.emoji`` but outlines and label maps.

    Raises:
        DataError: if the split or the style is unknown, or the style holds class ids.
    """
    from course_lib.data.bundled.emoji import TONES, emoji_pairs

    pairs = emoji_pairs(split, x="outline", y=y, subset="factorial")
    if pairs.categorical:
        raise DataError(f"The style {y!r} holds class ids, which have no mean: choose a style of pictures.")
    if pairs.factors is None or pairs.factor_names is None or pairs.names is None:
        raise DataError("The emoji index has no factors: restore it with `git checkout -- data/emoji/index.csv`.")
    tones = list(TONES)
    tone_id = {pairs.factor_names["tone"].index(tone): place for place, tone in enumerate(tones)}
    rows: list[list[int]] = []
    for base in pairs.factors["base"].unique().tolist():
        members = (pairs.factors["base"] == base).nonzero().flatten().tolist()
        members.sort(key=lambda row: tone_id[int(pairs.factors["tone"][row])])
        same = all(torch.equal(pairs.x[members[0]], pairs.x[row]) for row in members)
        if len(members) == len(tones) and same:
            rows.append(members)
    index = torch.tensor(rows)
    return AnswerSet(
        split=split,
        x=pairs.x[index[:, 0]],
        answers=pairs.y[index],
        names=[pairs.names[members[0]] for members in rows],
        tones=tones,
        licence=pairs.licence,
    )
