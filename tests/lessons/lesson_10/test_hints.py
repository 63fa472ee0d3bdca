"""Colour hints: where the dots lie, what colour they have, and what a batch holds."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from course_lib.data.containers import PairedSet
from course_lib.errors import DataError, ShapeError
from course_lib.lessons.lesson_10.hints import Hinted, colour_dots, dots_at, hinted_pairs, sheet_of, with_dots


def half_red(count: int = 3, side: int = 16) -> torch.Tensor:
    """White pictures whose right half has one colour each."""
    y = torch.ones(count, 3, side, side)
    for number in range(count):
        y[number, :, :, side // 2 :] = torch.tensor([0.2 * number, -0.5, -1.0]).view(3, 1, 1)
    return y


def pairs(count: int = 12) -> PairedSet:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (count, 1, 16, 16), generator=generator, dtype=torch.uint8)
    return PairedSet("toys", "train", x=x, y=((half_red(count) * 0.4 + 1) * 127.5).round().to(torch.uint8))


def test_a_dot_lies_where_the_answer_is_not_white_and_has_its_colour():
    y = half_red()
    dots = dots_at(y, torch.tensor([[0.0], [0.5], [0.999]]), torch.tensor([1, 1, 1]))
    assert dots.shape == (3, 4, 16, 16)
    where = dots[:, 3] > 0
    assert where.sum(dim=(1, 2)).tolist() == [6, 9, 4]  # at the corner of the picture a dot is cut
    assert dots[:, 3].unique().tolist() == [-1, 1]
    assert (dots[:, :3].movedim(1, -1)[~where] == 1).all()
    # the first dot sits on the edge of the colour: a third of what it covers is white
    torch.testing.assert_close(dots[0, :, 0, 8], torch.tensor([1 / 3, 0.0, -1 / 3, 1]))
    torch.testing.assert_close(dots[2, :3, 15, 15], y[2, :, 15, 15])


def test_the_count_says_how_many_and_more_dots_keep_the_others():
    y = half_red(4, 32)
    masks = [colour_dots(y, count)[:, 3] > 0 for count in (0, 1, 4, 16)]
    assert masks[0].sum() == 0
    for fewer, more in pairwise(masks):
        assert (more | ~fewer).all()
        assert (more.sum(dim=(1, 2)) > fewer.sum(dim=(1, 2))).all()
    mixed = dots_at(y, torch.rand(4, 3), torch.tensor([0, 1, 2, 3]))[:, 3] > 0
    assert mixed[0].sum() == 0
    assert mixed[1].sum() in (6, 9, 4)


def test_a_white_picture_gets_none():
    y = torch.ones(2, 3, 8, 8)
    assert (dots_at(y, torch.rand(2, 5), torch.tensor([5, 0])) == torch.tensor([1, 1, 1, -1.0]).view(1, 4, 1, 1)).all()


def test_a_later_dot_lies_on_top():
    y = torch.full((1, 3, 4, 4), -1.0)
    y[..., 2:] = 0.5
    dots = dots_at(y, torch.tensor([[0.0, 0.2]]), torch.tensor([2]))  # at the places 0 and 3 of the first row
    torch.testing.assert_close(dots[0, 0, 0], torch.tensor([-1.0, -1.0, 0.5, 0.5]))
    torch.testing.assert_close(dots[0, 0, 2], torch.ones(4))


def test_the_sheet_is_the_outline_with_the_dots_on_it():
    x = torch.zeros(3, 1, 16, 16)
    condition = with_dots(x, colour_dots(half_red(), 2))
    sheet = sheet_of(condition)
    where = condition[:, 4:] > 0
    assert torch.equal(sheet[where.expand_as(sheet)], condition[:, 1:4][where.expand_as(sheet)])
    assert (sheet[~where.expand_as(sheet)] == 0).all()


def test_held_out_pairs_have_the_same_dots_each_time():
    found = hinted_pairs(pairs(), 4)
    assert found.x.shape == (12, 5, 16, 16)
    assert torch.equal(found.x, hinted_pairs(pairs(), 4).x)
    assert torch.equal(found.x[:, :1], pairs().x)
    assert not torch.equal(found.x, hinted_pairs(pairs(), 4, seed=1).x)
    assert found.x[:, 4].unique().tolist() == [0, 255]


def test_each_epoch_has_other_dots_and_any_number_of_them():
    dataset, counts, epochs = Hinted(pairs(), most=3), set(), []
    for epoch in range(6):
        rows = {}
        for batch in dataset.batches(5, flip=True, generator=torch.Generator().manual_seed(epoch)):
            assert batch.x.shape[1:] == (5, 16, 16)
            shown = batch.x[:, 4:] > 0
            assert (batch.x[:, 1:4][shown.expand(-1, 3, -1, -1)] < 1).any() or not shown.any()
            for row, mask in zip(batch.index.tolist(), shown, strict=True):
                rows[row] = mask
                counts.add(int(mask.sum()))
        epochs.append(rows)
    assert 0 in counts
    assert max(counts) > 18  # three dots that do not overlap cover 27
    assert any(not torch.equal(epochs[0][row], epochs[1][row]) for row in range(12))


def test_batches_do_not_depend_on_where_an_epoch_begins():
    whole = list(Hinted(pairs()).batches(4, generator=torch.Generator().manual_seed(3)))
    last = list(Hinted(pairs()).batches(4, generator=torch.Generator().manual_seed(3), skip=2))
    assert torch.equal(whole[2].x, last[0].x)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: colour_dots(half_red(), 17), ShapeError, "at most 16"),
        (lambda: colour_dots(half_red(), -1), ShapeError, "count is -1"),
        (lambda: colour_dots(half_red() * 2, 1), ShapeError, r"\[-1, 1\]"),
        (lambda: dots_at(half_red(), torch.rand(2, 1), torch.ones(3)), ShapeError, "2 rows of ranks"),
        (lambda: with_dots(torch.zeros(3, 1, 8, 8), colour_dots(half_red(), 1)), ShapeError, "same shape"),
        (lambda: Hinted(half_red()), DataError, "takes pairs of outlines"),
        (lambda: Hinted(pairs(), most=17), ShapeError, "at most 16"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()
