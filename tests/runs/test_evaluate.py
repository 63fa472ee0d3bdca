"""Held-out figures of runs: exact values for systems whose outputs are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from course_lib.data.answers import AnswerSet
from course_lib.data.containers import PairedSet
from course_lib.data.super_resolution import shrink
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_01.held_out import outline_figures, outline_figures_all
from course_lib.runs.enlarging import enlarged, enlarging_figures
from course_lib.runs.translation import draws_of


class Plays:
    """A system that gives the rows of a function of x."""

    device = torch.device("cpu")

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.sizes: list[int] = []

    def translate(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return self.function(x)


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def as_floats(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> AnswerSet:
    """Four outlines of 32 x 32, each with six answers; the outlines hold their own number."""
    x = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 32, 32)
    answers = AnswerSet("test", x, pictures(4, 6, 3, 32, 32), list("abcd"), list("123456"), "")
    asked: list[str] = []
    monkeypatch.setattr("course_lib.data.answers.emoji_answers", lambda split: asked.append(split) or answers)
    return answers


def number_of(x: Tensor) -> Tensor:
    return ((x[:, 0, 0, 0] + 1) * 127.5).round().long()


def test_draws_keep_the_order_of_rows_and_go_in_parts() -> None:
    x = torch.linspace(-1, 1, 150).view(150, 1, 1, 1)
    system = Plays(lambda part: 0.5 * part)
    draws = draws_of(system, x, repeats=2)
    assert draws.shape == (150, 2, 1, 1, 1)
    assert torch.equal(draws[:, 0], 0.5 * x)
    assert torch.equal(draws[:, 1], 0.5 * x)
    assert max(system.sizes) == 64
    noisy = draws_of(Plays(lambda part: part + torch.randn_like(part)), x, repeats=2)
    assert not torch.equal(noisy[:, 0], noisy[:, 1])


@pytest.mark.parametrize(("shape", "repeats"), [((2, 1, 4, 4), 0), ((1, 4, 4), 1)])
def test_draws_that_cannot_be(shape: tuple[int, ...], repeats: int) -> None:
    with pytest.raises(ShapeError, match="at least one draw"):
        draws_of(Plays(lambda part: part), torch.zeros(shape), repeats)


def test_the_exact_mean_is_at_no_distance_to_the_mean(known: AnswerSet) -> None:
    mean = known.targets().mean(dim=1)
    found = outline_figures(Plays(lambda x: mean[number_of(x)]), repeats=2)
    assert found["to the mean"] == pytest.approx(0, abs=1e-6)
    assert found["to the nearest answer"] > 0.3
    assert found["answers found"] == 1


def test_one_right_answer_after_the_other_finds_as_many(known: AnswerSet) -> None:
    calls = iter([0, 1, 2, 2, 1, 0])

    def answer(x: Tensor) -> Tensor:
        return known.targets()[number_of(x), next(calls)]

    found = outline_figures(Plays(answer), repeats=6)
    assert found["to the nearest answer"] == 0
    assert found["answers found"] == 3
    assert found["to the mean"] > 0.3


def test_noise_is_that_of_seed_0_and_leaves_no_trace(known: AnswerSet) -> None:
    system = Plays(lambda x: torch.rand(len(x), 3, 32, 32) * 2 - 1)
    torch.manual_seed(8)
    expected = torch.rand(2)
    torch.manual_seed(8)
    first = outline_figures(system, repeats=1)
    assert torch.equal(torch.rand(2), expected)
    assert outline_figures(system, repeats=1) == first


def test_equal_pictures_have_perfect_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    y = pictures(5, 3, 32, 32)
    pairs = PairedSet(name="pairs", split="test", x=y, y=y)
    monkeypatch.setattr("course_lib.data.emoji_pairs", lambda split, x, y: pairs)
    found = outline_figures_all(Plays(lambda x: x))
    assert found == {"L1": 0.0, "PSNR": math.inf, "SSIM": pytest.approx(1)}
    shifted = outline_figures_all(Plays(lambda x: (x + 0.2).clamp(max=1)))
    assert 0.17 < shifted["L1"] < 0.2
    assert shifted["PSNR"] == pytest.approx(20 * math.log10(2 / 0.2), abs=0.4)


def test_bicubic_enlarging_keeps_a_colour_and_the_range() -> None:
    small = torch.tensor([-1.0, 0.3, 1.0]).view(1, 3, 1, 1).expand(1, 3, 6, 6)
    large = enlarged(None, small)
    assert large.shape == (1, 3, 24, 24)
    assert torch.allclose(large, small[:, :, :1, :1].expand_as(large), atol=1e-6)
    step = torch.ones(1, 3, 6, 6)
    step[..., :3] = -1
    assert enlarged(None, step).abs().max() == 1  # bicubic interpolation overshoots at an edge, by 7 %
    assert torch.equal(enlarged(Plays(lambda x: x.repeat(1, 1, 4, 4)), step), step.repeat(1, 1, 4, 4))


def test_enlarging_is_perfect_with_the_truth_and_worse_without(monkeypatch: pytest.MonkeyPatch) -> None:
    y = pictures(6, 3, 32, 32)
    y = (y // 2 + pictures(6, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3) // 2).to(torch.uint8)
    pairs = PairedSet(name="pairs", split="test", x=shrink(y, 4), y=y)
    monkeypatch.setattr("course_lib.data.super_resolution.super_resolution_pairs", lambda split, size: pairs)
    right = enlarging_figures(Plays(lambda x: as_floats(y)))
    bicubic = enlarging_figures(None)
    assert right["PSNR"] == math.inf
    assert (right["L1"], right["sharpness"]) == (0.0, 1.0)
    assert right["SSIM"] == pytest.approx(1)
    assert right["VGG-KID"] < 0 < bicubic["VGG-KID"]  # of a set with itself the unbiased estimate is negative
    assert bicubic["PSNR"] < 20
    assert bicubic["sharpness"] < 0.2
    assert set(right) == set(bicubic)
