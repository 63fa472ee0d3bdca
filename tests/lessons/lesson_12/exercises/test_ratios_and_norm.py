"""Exercises 12.2 and 12.6: other right answers pass, and wrong ones get the message of the mistake."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_12.exercises.conditional_norm import styled
from course_lib.lessons.lesson_12.exercises.gram import gram
from course_lib.lessons.lesson_12.exercises.predicted_ratios import predicted_ratios
from course_lib.models.norms import ConditionalInstanceNorm


def refused(exercise_id: str, answer: Any) -> str:
    """Return what a check raises, without the number of the exercise."""
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    return text.removeprefix(f"Exercise {exercise_id}: ")


# 12.2: what the divisor is for


def _matrix(features: Tensor, divided_by: str) -> Tensor:
    c, h, w = features.shape[1:]
    return gram(features) * c * h * w / {"nothing": 1, "H W": h * w, "C H W": c * h * w}[divided_by]


def _measured(divided_by: str, tiles: int, copies: int) -> dict[str, float]:
    """Measure the four numbers on random features that are tiled and copied."""
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.rand(1, 3, 2, 5, generator=draw, dtype=torch.float64) for _ in range(2))
    across = next(side for side in range(int(tiles**0.5), 0, -1) if tiles % side == 0)
    tiled_a, tiled_b = (f.repeat(1, 1, tiles // across, across) for f in (a, b))
    many_a, many_b = (f.repeat_interleave(copies, dim=1) for f in (a, b))

    def loss(one: Tensor, other: Tensor) -> Tensor:
        return (_matrix(one, divided_by) - _matrix(other, divided_by)).square().sum()

    entries = _matrix(tiled_a, divided_by) / _matrix(a, divided_by)
    assert torch.allclose(entries, entries.mean())
    return {
        "gram": entries.mean().item(),
        "loss": (loss(tiled_a, tiled_b) / loss(a, b)).item(),
        "own tiling": (loss(tiled_a, a) / _matrix(a, divided_by).square().sum()).item(),
        "channels": (loss(many_a, many_b) / loss(a, b)).item(),
    }


@pytest.mark.parametrize("divided_by", ["nothing", "H W", "C H W"])
@pytest.mark.parametrize("tiles, copies", [(4, 2), (2, 3), (6, 5), (1, 1)])
def test_ratios_are_as_measured(divided_by: str, tiles: int, copies: int) -> None:
    assert predicted_ratios(divided_by, tiles, copies) == pytest.approx(_measured(divided_by, tiles, copies), abs=1e-9)


def test_ratios_right() -> None:
    assert judge(find("12.2"), _measured) == ""


def _ratios(**changes: Any) -> Any:
    """Return a prediction with other parts; each a function of divisor, tiles and copies."""

    def answer(divided_by: str, tiles: int, copies: int) -> dict[str, float]:
        changed = {key.replace("_", " "): f(divided_by, tiles, copies) for key, f in changes.items()}
        return predicted_ratios(divided_by, tiles, copies) | changed

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda by, t, c: predicted_ratios("C H W", t, c), "You let a plain sum stay the same"),
        (_ratios(gram=lambda by, t, c: 1), "You let a plain sum stay the same"),
        (_ratios(gram=lambda by, t, c: t**0.5 if by == "nothing" else 1), "You count the tiles along one side"),
        (_ratios(gram=lambda by, t, c: t**2 if by == "nothing" else 1), "count positions and not pairs of them"),
        (_ratios(gram=lambda by, t, c: t if by == "nothing" else 1 / t), "You let the divided matrix shrink"),
        (_ratios(gram=lambda by, t, c: t), "You let the divided matrix grow"),
        (_ratios(loss=lambda by, t, c: t if by == "nothing" else 1), "the style loss squares differences"),
        (_ratios(loss=lambda by, t, c: t**4 if by == "nothing" else 1), "too often"),
        (_ratios(own_tiling=lambda by, t, c: t**2 - 1 if by == "nothing" else 0), "the difference of squares"),
        (_ratios(own_tiling=lambda by, t, c: t - 1 if by == "nothing" else 0), "The square is missing where a picture"),
        (_ratios(own_tiling=lambda by, t, c: 0), "cost nothing between a picture and its own tiling"),
        (_ratios(own_tiling=lambda by, t, c: (t - 1) ** 2 if by == "nothing" else 1), "the ratio of two Gram matrices"),
        (_ratios(channels=lambda by, t, c: 1), "repeated channels change nothing"),
        (_ratios(channels=lambda by, t, c: 1 if by == "C H W" else c), "an entry for each pair of them"),
        (_ratios(channels=lambda by, t, c: c**2), "as if nothing divided them"),
        (_ratios(channels=lambda by, t, c: c**-2 if by == "C H W" else c**2), "not how many more entries are summed"),
        (_ratios(channels=lambda by, t, c: c if by == "C H W" else c**2), "squared the number of entries"),
        (_ratios(channels=lambda by, t, c: c**2 if by == "nothing" else 1), "You give H W the effect of C H W"),
        (_ratios(own_tiling=lambda by, t, c: 1 - t if by == "nothing" else 0), "The square is missing where a picture"),
        (_ratios(channels=lambda by, t, c: 1 if by == "C H W" else c**4), "the number of entries that the copies add"),
        (_ratios(gram=lambda by, t, c: c * (t if by == "nothing" else 1)), 'are in "gram" too'),
        (lambda by, t, c: predicted_ratios(by if by == "nothing" else "CHW", t, c), "with spaces"),
        (lambda by, t, c: predicted_ratios("nothing" if by == "H W" else by, t, c), "with spaces"),
        (_ratios(channels=lambda by, t, c: (c / (c if by == "CHW" else 1)) ** 2), "with spaces"),
        (_ratios(channels=lambda by, t, c: -1), "channels: expected 1, got -1"),
        (lambda by, t, c: predicted_ratios(by, t, c)["gram"], "expected a dict with the keys"),
        (lambda by, t, c: print(end=""), "got nothing (None)"),
    ],
)
def test_ratios_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.2", answer)


# 12.6: conditional instance normalisation


def _by_group_norm(features, scales, shifts, weights):
    normal = F.group_norm(features, features.shape[1])
    return torch.einsum("ns,sc,nchw->nchw", weights, scales, normal) + (weights @ shifts)[:, :, None, None]


def _mixed_outputs(features, scales, shifts, weights):
    """Within one layer this is the same, as the exercise says."""
    normal = F.instance_norm(features)
    pure = [scale[:, None, None] * normal + shift[:, None, None] for scale, shift in zip(scales, shifts, strict=True)]
    return sum(weight[:, None, None, None] * one for weight, one in zip(weights.T, pure, strict=True))


def _by_the_courses_layer(features, scales, shifts, weights):
    layer = ConditionalInstanceNorm(scales.shape[1], len(scales))
    del layer.weight, layer.bias
    layer.weight, layer.bias = scales, shifts
    return layer(features, weights)


@pytest.mark.parametrize("answer", [_by_group_norm, _mixed_outputs, _by_the_courses_layer])
def test_styled_right(answer: Any) -> None:
    assert judge(find("12.6"), answer) == ""


def test_the_diagonal_of_the_gram_matrix_is_that_of_the_tables() -> None:
    draw = torch.Generator().manual_seed(0)
    scales, shifts = torch.rand(2, 3, generator=draw), torch.randn(2, 3, generator=draw)
    one, other = (
        3 * gram(styled(torch.randn(1, 3, 9, 8, generator=draw) * size, scales, shifts, torch.tensor([[0.0, 1.0]])))[0]
        for size in (2, 5)
    )
    expected = (scales[1].square() + shifts[1].square()).tolist()
    assert one.diagonal().tolist() == pytest.approx(expected, rel=1e-3)
    assert other.diagonal().tolist() == pytest.approx(expected, rel=1e-3)
    assert (one - other).abs().max() > 0.01  # off the diagonal the features still count


def _styled(norm: str = "", mix: str = "w", out: str = "a[:, :, None, None] * f + b[:, :, None, None]") -> Any:
    """Return an answer as a learner may write it: f features, w weights, a and b the mixed tables."""
    norm = norm or "(f - f.mean((2, 3), True)) / (f.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()"
    code = f"def answer(f, s, t, w):\n    f = {norm}\n    w = {mix}\n    a, b = w @ s, w @ t\n    return {out}"
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(code, names)
    return names["answer"]


@pytest.mark.parametrize(
    "answer, message",
    [
        (_styled("F.batch_norm(f, None, None, training=True)"), "is taken over the batch too"),
        (_styled("F.group_norm(f, 1)"), "is taken over the channels too"),
        (_styled("(f - f.mean((2, 3), True)) / (f.var((2, 3), keepdim=True) + 1e-5).sqrt()"), "has H W - 1 in its"),
        (_styled("(f - f.mean((2, 3), True)) / (f.var((2, 3), correction=0, keepdim=True) + 1e-5)"), "by the variance"),
        (
            _styled("(f - f.mean((2, 3), True)) / (f.std((2, 3), correction=0, keepdim=True) + 1e-5)"),
            "1e-5 is missing, or",
        ),
        (_styled("(f - f.mean((2, 3), True)) / f.std((2, 3), correction=0, keepdim=True)"), "1e-5 is missing, or"),
        (_styled("f / (f.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()"), "The mean is not subtracted"),
        (_styled("f"), "The features are not normalised"),
        (
            lambda f, s, t, w: F.instance_norm((w @ s)[:, :, None, None] * f + (w @ t)[:, :, None, None]),
            "You scale and shift before you normalise",
        ),
        (_styled(out="b[:, :, None, None] * f + a[:, :, None, None]"), "Scales and shifts have changed places"),
        (_styled(out="a[:, :, None, None] * (f + b[:, :, None, None])"), "The shift is applied before the scale"),
        (_styled(out="a[:, :, None, None] * f"), "The shift is missing"),
        (_styled(out="(1 + a)[:, :, None, None] * f + b[:, :, None, None]"), "multiplied by 1 + scale"),
        (_styled("(f - f.mean((2, 3), True)) / (f.std((2, 3), keepdim=True) + 1e-5)"), "Your standard deviation has"),
        (_styled(out="a.abs()[:, :, None, None] * f + b[:, :, None, None]"), "loses its sign"),
        (lambda f, s, t, w: styled(f, s.abs(), t, w), "loses its sign"),
        (_styled(mix="torch.eye(w.shape[1])[w.argmax(1)]"), "the style with the largest weight alone"),
        (_styled(mix="w / w.sum(1, keepdim=True)"), "made to sum to 1"),
        (_styled(mix="w.softmax(1)"), "made to sum to 1"),
        (_styled(mix="w[0].expand_as(w)"), "the style of the first one"),
        (lambda f, s, t, w: styled(f, s.detach(), t.detach(), w), "No gradient can flow back to the tables"),
        (lambda f, s, t, w: styled(f, s, t, w).mean(dim=(2, 3)), "expected shape (2, 3, 4, 5), got shape (2, 3)"),
        (lambda f, s, t, w: styled(f, s, t, w).relu(), "On two pictures in pure styles"),
        (lambda f, s, t, w: print(end=""), "returned nothing (None)"),
    ],
)
def test_styled_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.6", answer)
