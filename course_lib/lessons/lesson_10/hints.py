"""Lesson 10: colour given as a hint. An outline and a few dots of the answer's colours: the condition says more.

A condition with hints has five channels: the outline; the colour of the dots, red, green and blue, white where there is
none; and 1 where there is a dot, -1 elsewhere, since a dot may be white as well.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_lib.arguments import check_alike, check_count, check_tensor
from course_lib.data.batching import Batch, Batched, Make
from course_lib.data.columns import Making
from course_lib.data.containers import PairedSet
from course_lib.data.pixels import normalise, to_bytes
from course_lib.errors import DataError, ShapeError
from course_lib.metrics.colour import not_white

SIDE = 3
MOST = 16
DOTS = 8
"""How many dots held-out pictures get, where no other number is said."""
CHANNELS = 5


def dots_at(y: Tensor, ranks: Tensor, counts: Tensor) -> Tensor:
    """Return dots of the colours of y at random places where y is not white.

    Args:
        y: (N, 3, H, W) in [-1, 1], the answers.
        ranks: (N, K) in [0, 1), which of its pixels that are not white is the middle of each dot.
        counts: (N,) whole numbers from 0 to K, how many of the dots a picture gets.

    Returns:
        (N, 4, H, W) in [-1, 1]: the colour of the dots and where they are, see above. A dot is a square of 3 x 3 pixels
        of one colour, the mean of y there. A picture that is white all over gets none.

    Raises:
        ShapeError: if the shapes do not fit, or y has another type or range.
    """
    mask = not_white(y).flatten(1)  # looks at y, too
    check_tensor(ranks, "ranks", "(N, K)")
    check_tensor(counts, "counts", "(N)")
    if len(ranks) != len(y) or len(counts) != len(y):
        raise ShapeError(
            f"There are {len(y)} pictures, {len(ranks)} rows of ranks and {len(counts)} counts: give one each."
        )
    height, width = y.shape[2:]
    passed = mask.cumsum(1)  # how many of them come before a pixel, itself included
    total = passed[:, -1:]
    wanted = (ranks.to(y.device) * total).long().clamp(max=(total - 1).clamp(min=0)) + 1
    middle = torch.searchsorted(passed, wanted).clamp(max=height * width - 1)
    means = avg_pool2d(y, SIDE, stride=1, padding=SIDE // 2, count_include_pad=False).flatten(2)
    drawn = torch.arange(ranks.shape[1], device=y.device) < counts.to(y.device).view(-1, 1)
    drawn &= total > 0

    reach = torch.arange(SIDE, device=y.device) - SIDE // 2
    down = (middle // width).unsqueeze(2) + reach.repeat_interleave(SIDE)  # (N, K, 9)
    across = (middle % width).unsqueeze(2) + reach.repeat(SIDE)
    covered = down.clamp(0, height - 1) * width + across.clamp(0, width - 1)
    sheet = torch.cat([torch.ones_like(y), -torch.ones_like(y[:, :1])], dim=1).flatten(2)
    for dot in range(ranks.shape[1]):  # one after the other: where two overlap, the later one is on top
        here = covered[:, dot].unsqueeze(1).expand(-1, 4, -1)
        colour = means.gather(2, middle[:, dot].view(-1, 1, 1).expand(-1, 3, 1))
        ink = torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1).expand(-1, -1, here.shape[2])
        sheet = sheet.scatter(2, here, torch.where(drawn[:, dot].view(-1, 1, 1), ink, sheet.gather(2, here)))
    return sheet.unflatten(2, (height, width))


def colour_dots(y: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return as many dots for each picture, see ``dots_at``; a larger count with the same seed adds dots to the others.

    Args:
        y: (N, 3, H, W) in [-1, 1], the answers.
        count: of the dots of each picture, from 0 to 16.
        seed: of their places.

    Raises:
        ShapeError: if the count is another, or y has another shape, type or range.
    """
    check_count(count, "count", 0)
    if count > MOST:
        raise ShapeError(f"count is {count}: give at most {MOST} dots, as many as the network has seen.")
    check_tensor(y, "y", "(N, 3, H, W)")
    ranks = torch.rand(len(y), MOST, generator=torch.Generator().manual_seed(seed))
    return dots_at(y, ranks, torch.full((len(y),), count))


def with_dots(x: Tensor, dots: Tensor) -> Tensor:
    """Return the condition with hints, (N, 5, H, W), of outlines (N, 1, H, W) and dots (N, 4, H, W)."""
    check_tensor(x, "x", "(N, 1, H, W)")
    check_tensor(dots, "dots", "(N, 4, H, W)")
    check_alike(x[:, 0], dots[:, 0], ("x", "dots"))
    return torch.cat([x, dots], dim=1)


def sheet_of(condition: Tensor) -> Tensor:
    """Return a condition with hints as one would draw it: (N, 5, H, W) to (N, 3, H, W), dots on the outline."""
    check_tensor(condition, "condition", "(N, 5, H, W)")
    return torch.where(condition[:, 4:] > 0, condition[:, 1:4], condition[:, :1])


def hinted_pairs(pairs: PairedSet, count: int = DOTS, seed: int = 0) -> PairedSet:
    """Return pairs of which every x has the same number of dots, always at the same places: for held-out figures.

    Args:
        pairs: outlines, x (N, 1, H, W), and pictures, y (N, 3, H, W).
        count: of the dots of each picture, from 0 to 16.
        seed: of their places.

    Raises:
        ShapeError: if the count is another, or the pairs are.
    """
    dots = to_bytes(colour_dots(normalise(pairs.y), count, seed))
    return replace(pairs, x=torch.cat([pairs.x, dots], dim=1), name=f"{pairs.name}, {count} dots")


class Hinted(Batched):
    """Pairs of which every x gets dots, at other places and another number of them in each epoch.

    Args:
        pairs: outlines, x (N, 1, H, W), and pictures, y (N, 3, H, W).
        most: the largest number of dots; all from 0 on are equally likely.

    Raises:
        DataError: if the pairs are others.
        ShapeError: if ``most`` is no whole number from 1 to 16.
    """

    def __init__(self, pairs: PairedSet, most: int = MOST) -> None:
        if not isinstance(pairs, PairedSet) or (pairs.x.shape[1], pairs.y.shape[1]) != (1, 3):
            raise DataError("Hinted takes pairs of outlines (N, 1, H, W) and pictures (N, 3, H, W).")
        check_count(most, "most")
        if most > MOST:
            raise ShapeError(f"most is {most}: give at most {MOST} dots.")
        self.pairs, self.most = pairs, most
        self.name, self.split, self.mirrors = f"{pairs.name}, up to {most} dots", pairs.split, pairs.mirrors

    def __len__(self) -> int:
        return len(self.pairs)

    def draw(self, *, shuffle: bool, flip: bool, generator: torch.Generator | None) -> Make:
        """Draw an epoch of the pairs, and then the places and the number of dots of each row."""
        whole = self.pairs.draw(shuffle=shuffle, flip=flip, generator=generator)
        ranks = torch.rand(len(self), self.most, generator=generator)
        counts = torch.randint(0, self.most + 1, (len(self),), generator=generator)

        def make(places: slice, making: Making) -> Batch:
            batch = whole(places, making)
            return batch.with_columns(x=with_dots(batch.x, dots_at(batch.y, ranks[places], counts[places])))

        return make

    def __repr__(self) -> str:
        return f"Hinted({self.pairs!r}, most={self.most})"
