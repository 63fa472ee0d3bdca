"""Distances to known answers: values by hand, minimisers by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from course_lib.errors import ShapeError
from course_lib.metrics import answers as module
from course_lib.metrics.answers import AnswerJudge, answer_figures, exact_minimisers, nearest_answer, rms

LEVELS = torch.tensor([-0.8, -0.5, -0.2, 0.2, 0.5, 0.8])  # the mean is 0, and any value from -0.2 to 0.2 is a median


def levelled(inputs: int = 3) -> Tensor:
    """Return answers (inputs, 6, 3, 8, 8): the same faint pattern at six levels, so that all distances are known."""
    pattern = 0.1 * torch.tensor([1.0, -1.0]).repeat(4)
    return (LEVELS.view(1, 6, 1, 1, 1) + pattern).expand(inputs, 6, 3, 8, 8).clone()


class MeanColour(nn.Module):
    """In the place of VGG-16: three numbers a picture."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)).double()


@pytest.fixture
def small_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PooledVGG", MeanColour)


def test_the_nearest_answer_by_hand() -> None:
    answers = torch.zeros(2, 3, 1, 2, 2)
    answers[0, 1] = 0.5
    answers[0, 2] = -1
    answers[1, 0, 0, 0, 0] = 1  # one pixel of four
    outputs = torch.stack([torch.full((1, 2, 2), 0.4), torch.tensor([[[0.8, 0.0], [0.0, 0.0]]])])
    distance, which = nearest_answer(outputs, answers)
    assert which.tolist() == [1, 0]
    assert distance.tolist() == pytest.approx([0.1, 0.1])  # 0.2 in one pixel of four: sqrt(0.04 / 4)


def test_a_right_answer_is_at_no_distance_and_is_found() -> None:
    answers = torch.rand(7, 6, 3, 4, 5) * 2 - 1
    picked = torch.arange(7) % 6
    distance, which = nearest_answer(answers[torch.arange(7), picked], answers)
    assert torch.equal(which, picked)
    assert distance.abs().max() == 0


@pytest.mark.parametrize(
    ("outputs", "answers"),
    [((2, 3, 4, 4), (2, 3, 4, 4)), ((2, 3, 4, 4), (3, 6, 3, 4, 4)), ((2, 1, 4, 4), (2, 6, 3, 4, 4))],
)
def test_answers_that_do_not_fit(outputs: tuple[int, ...], answers: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="need answers"):
        nearest_answer(torch.zeros(outputs), torch.zeros(answers))


def test_rms_is_one_number_a_row() -> None:
    assert rms(torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])).tolist() == pytest.approx([12.5**0.5, 0])


@pytest.mark.parametrize("count", [5, 6])
def test_exact_minimisers_by_brute_force(count: int) -> None:
    answers = torch.rand(2, count, 1, 2, 3) * 2 - 1
    mean, low, high = exact_minimisers(answers)
    assert mean.shape == low.shape == high.shape == (2, 1, 2, 3)
    grid = torch.linspace(-1, 1, 2001)
    for place in np.ndindex(2, 1, 2, 3):
        here = answers[place[0], :, place[1], place[2], place[3]]
        squared = (grid[:, None] - here).square().mean(dim=1)
        absolute = (grid[:, None] - here).abs().mean(dim=1)
        assert abs(grid[squared.argmin()] - mean[place]) <= 0.001
        best = grid[absolute <= absolute.min() + 1e-6]
        assert abs(best.min() - low[place]) <= 0.0011
        assert abs(best.max() - high[place]) <= 0.0011
        assert (high[place] - low[place] > 0) == (count % 2 == 0)
    with pytest.raises(ShapeError, match="stack the K"):
        exact_minimisers(answers[0])


def test_the_exact_mean_by_hand(small_features: None) -> None:
    answers = levelled()
    found = answer_figures(answers.mean(dim=1), answers)
    assert found == {
        "to the mean": pytest.approx(0, abs=1e-7),
        "to the medians": 0,  # the mean lies between the two middle answers
        "to the nearest answer": pytest.approx(0.2),
        "L1": pytest.approx(0.5),
        "sharpness": pytest.approx(1, abs=1e-4),  # all levels have the same pattern
        "answers found": 1,
        "VGG-KID": found["VGG-KID"],
    }


def test_a_real_answer_by_hand(small_features: None) -> None:
    answers = levelled()
    found = answer_figures(answers[:, 5], answers)
    assert found["to the nearest answer"] == 0
    assert found["to the mean"] == pytest.approx(0.8)
    assert found["to the medians"] == pytest.approx(0.6)
    assert found["L1"] == pytest.approx((1.6 + 1.3 + 1.0 + 0.6 + 0.3 + 0) / 6)


@pytest.mark.parametrize(("drawn", "count"), [([0, 1, 2, 3, 4, 5], 6), ([2, 2, 2, 2, 2, 2], 1), ([4, 1, 4, 1], 2)])
def test_answers_found_counts_different_ones(drawn: list[int], count: int) -> None:
    answers = levelled()
    found = AnswerJudge(answers, kid=False).figures(answers[:, 0], answers[:, drawn])
    assert found["answers found"] == count
    assert found["to the nearest answer"] == 0


def test_draws_decide_the_answers_found_and_nothing_else() -> None:
    answers = torch.rand(4, 6, 3, 8, 8) * 2 - 1
    outputs, draws = torch.rand(4, 3, 8, 8) * 2 - 1, torch.rand(4, 3, 3, 8, 8) * 2 - 1
    judge = AnswerJudge(answers, kid=False)
    alone, beside = judge.figures(outputs), judge.figures(outputs, draws)
    assert alone.pop("answers found") == 1
    assert beside.pop("answers found") >= 1
    assert alone == beside
    assert "VGG-KID" not in alone


def test_the_kid_is_that_of_the_outputs(small_features: None) -> None:
    answers = torch.rand(5, 6, 3, 8, 8) * 2 - 1
    outputs = torch.rand(5, 3, 8, 8) * 2 - 1
    once = answer_figures(outputs, answers)
    assert answer_figures(outputs, answers, answers)["VGG-KID"] == once["VGG-KID"]
    other = answer_figures(outputs * 0.2, answers)
    assert other["VGG-KID"] != once["VGG-KID"]


def test_the_kid_with_vgg_sees_that_a_mean_is_no_answer() -> None:
    answers = torch.rand(4, 6, 3, 16, 16) * 2 - 1
    judge = AnswerJudge(answers)
    assert judge.figures(judge.mean)["VGG-KID"] > judge.figures(answers[:, 0])["VGG-KID"]


@pytest.mark.parametrize("shape", [(3, 1, 3, 8, 8), (2, 3, 8, 8), (3, 3, 8, 4)])
def test_outputs_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="one an input"):
        AnswerJudge(levelled(), kid=False).figures(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(3, 3, 8, 8), (2, 1, 3, 8, 8), (3, 1, 3, 8, 4)])
def test_draws_that_do_not_fit(shape: tuple[int, ...]) -> None:
    answers = levelled()
    with pytest.raises(ShapeError, match=r"give \(G, R, 3, H, W\)"):
        AnswerJudge(answers, kid=False).figures(answers[:, 0], torch.zeros(shape))
