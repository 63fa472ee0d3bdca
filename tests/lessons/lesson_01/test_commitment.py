"""Shares of answers: outputs whose pieces are known."""

from __future__ import annotations

import pytest
import torch

from course_lib.data.answers import emoji_answers
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_01.commitment import (
    in_a_real_tone,
    pieced_together,
    shares_of_answers,
    telling_pixels,
)


def answers() -> torch.Tensor:
    """Two inputs, three answers of one grey each in the left half, and white on the right for all."""
    greys = torch.tensor([[-0.8, 0.0, 0.6], [-0.5, 0.1, 0.9]]).view(2, 3, 1, 1, 1).expand(2, 3, 3, 4, 4).clone()
    greys[..., 2:] = 1.0
    return greys


def test_only_pixels_at_which_all_answers_differ_tell():
    expected = torch.tensor([True, True, False, False]).expand(2, 4, 4)
    assert torch.equal(telling_pixels(answers()), expected)


def test_an_answer_itself_holds_all_and_two_halves_hold_a_half_each():
    whole = answers()[:, 1]
    assert shares_of_answers(whole, answers()).tolist() == [[0, 1, 0]] * 2
    halves = whole.clone()
    halves[:, :, :2] = answers()[:, 2, :, :2]
    assert shares_of_answers(halves, answers()).tolist() == [[0, 0.5, 0.5]] * 2
    assert pieced_together(whole, answers()) == 0
    assert pieced_together(halves, answers()) == 1
    assert pieced_together(torch.stack([whole[0], halves[1]]), answers()) == 0.5
    assert pieced_together(halves, answers(), least=0.6) == 0


def test_what_tells_nothing_is_not_counted():
    known = answers()
    known[0] = 0.5
    assert shares_of_answers(known[:, 0], known).isnan().tolist() == [[True] * 3, [False] * 3]
    assert pieced_together(known[:, 0], known) == 0
    with pytest.raises(ShapeError, match="At no pixel do all answers differ"):
        pieced_together(known[:1, 0], known[:1])
    with pytest.raises(ShapeError, match="least is 1"):
        pieced_together(known[:, 0], known, least=1)


def test_no_real_emoji_is_pieced_together():
    known = emoji_answers("test").targets()
    rows = torch.arange(len(known))
    assert pieced_together(known[rows, rows % 6], known) == 0
    assert telling_pixels(known).flatten(1).sum(1).min() > 50


def test_a_colour_between_the_answers_is_no_real_one():
    known = answers()
    assert in_a_real_tone(known[:, 1], known) == 1
    assert in_a_real_tone(known.mean(dim=1), known) == 0  # the means, -0.067 and 0.167, are 0.067 from the nearest
    off = known[:, 1].clone()
    off[0] -= 0.04
    off[1, :, :1] -= 0.06  # one of four rows, beyond 0.05
    assert in_a_real_tone(off, known) == pytest.approx(0.875)
    assert in_a_real_tone(off, known, within=0.03) == pytest.approx(0.375)
    assert in_a_real_tone(known[:, 0], known) == 1
    with pytest.raises(ShapeError, match=r"within is 0\.06"):
        in_a_real_tone(off, known, within=0.06)
    with pytest.raises(ShapeError, match="At no pixel do all answers differ"):
        in_a_real_tone(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 3, 4, 4))
