"""Pixel metrics against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import l1, mse, psnr, ssim


def pictures(count: int = 3, size: int = 24) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8


def test_a_constant_error():
    target = pictures()
    output = target + 0.1
    assert l1(output, target) == pytest.approx(0.1, rel=1e-5)
    assert mse(output, target) == pytest.approx(0.01, rel=1e-5)
    assert psnr(output, target) == pytest.approx(10 * math.log10(4 / 0.01), rel=1e-5)  # the range is 2


def test_black_for_white_is_the_largest_error():
    black, white = -torch.ones(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert l1(black, white) == 2
    assert mse(black, white) == 4
    assert psnr(black, white) == pytest.approx(0, abs=1e-6)


def test_mean_is_over_the_figures_of_pictures():
    target = torch.zeros(2, 3, 16, 16)
    output = torch.stack([torch.full((3, 16, 16), 0.1), torch.full((3, 16, 16), 0.4)])
    assert l1(output, target, reduction="none").tolist() == pytest.approx([0.1, 0.4])
    each = [10 * math.log10(4 / 0.01), 10 * math.log10(4 / 0.16)]
    assert psnr(output, target, reduction="none").tolist() == pytest.approx(each)
    assert psnr(output, target) == pytest.approx(sum(each) / 2)
    assert psnr(output, target) != pytest.approx(10 * math.log10(4 / 0.085), rel=1e-3)  # the PSNR of the mean MSE


def test_equal_pictures():
    target = pictures()
    assert l1(target, target) == 0
    assert psnr(target, target) == math.inf
    assert ssim(target, target) == pytest.approx(1, abs=1e-6)


def test_ssim_of_two_constants_by_hand():
    """Without variance only the comparison of means is left: (2ab + C1) / (a^2 + b^2 + C1), in [0, 1]."""
    first, second = torch.full((2, 3, 16, 16), 0.0), torch.full((2, 3, 16, 16), 0.4)  # 0.5 and 0.7 in [0, 1]
    expected = (2 * 0.5 * 0.7 + 1e-4) / (0.25 + 0.49 + 1e-4)
    assert ssim(first, second) == pytest.approx(expected, rel=1e-4)


def test_ssim_of_a_negative_by_hand():
    """A checkerboard and its negative have equal means and variances and opposite covariance."""
    row = torch.arange(32)
    board = ((row[:, None] + row[None, :]) % 2 * 1.0 - 0.5).expand(1, 3, 32, 32)  # 0.25 and 0.75 in [0, 1]
    variance, c2 = 0.0625, 9e-4
    expected = (2 * -variance + c2) / (2 * variance + c2)
    assert ssim(board, -board) == pytest.approx(expected, rel=1e-3)


def test_ssim_prefers_a_shift_of_brightness_to_noise_of_the_same_mse():
    target = torch.linspace(-0.7, 0.7, 32).expand(4, 3, 32, 32)
    sign = torch.randint(0, 2, target.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    shifted, noisy = target + 0.1, target + 0.1 * sign
    assert mse(shifted, target) == pytest.approx(mse(noisy, target), rel=1e-4)
    assert ssim(shifted, target) > ssim(noisy, target) + 0.2
    assert ssim(noisy, target, reduction="none").shape == (4,)


def plain_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Equation 13 of the paper, window by window, for one picture (C, H, W) in [0, 1]."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    found = []
    for a, b in zip(first, second, strict=True):
        for top in range(a.shape[0] - 10):
            for left in range(a.shape[1] - 10):
                x, y = a[top : top + 11, left : left + 11], b[top : top + 11, left : left + 11]
                mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
                var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
                both = (weights * (x - mean_x) * (y - mean_y)).sum()
                likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
                found.append(likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)))
    return float(np.mean(found))


@pytest.mark.parametrize("side", [(11, 11), (24, 17), (40, 40)])
@pytest.mark.parametrize("channels", [1, 3])
def test_metrics_of_the_library_are_those_of_plain_code_on_random_pictures(side, channels):
    draws = np.random.default_rng(0)
    target = draws.random((2, channels, *side))
    output = (0.7 * target + 0.3 * draws.random(target.shape)).clip(0, 1)
    first, second = (torch.from_numpy(one).float() * 2 - 1 for one in (output, target))
    expected = [plain_ssim(a, b) for a, b in zip(output, target, strict=True)]
    assert ssim(first, second, reduction="none").tolist() == pytest.approx(expected, abs=1e-5)
    squares = [np.mean((a - b) ** 2) for a, b in zip(output, target, strict=True)]
    assert psnr(first, second, reduction="none").tolist() == pytest.approx(-10 * np.log10(squares), rel=1e-5)


@pytest.mark.parametrize("metric", [l1, mse, psnr, ssim])
@pytest.mark.parametrize(
    ("output", "target", "says"),
    [
        (torch.zeros(2, 3, 16, 16), torch.zeros(1, 3, 16, 16), "same order and size"),
        (torch.zeros(3, 16, 16), torch.zeros(3, 16, 16), "batch axis"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), torch.zeros(1, 3, 16, 16), "127.5"),
        (torch.full((1, 3, 16, 16), 200.0), torch.zeros(1, 3, 16, 16), r"lie in \[-1, 1\]"),
        (torch.full((1, 3, 16, 16), math.nan), torch.zeros(1, 3, 16, 16), "nan"),
        (torch.zeros(0, 3, 16, 16), torch.zeros(0, 3, 16, 16), "no picture"),
    ],
)
def test_refuses_in_one_sentence(metric, output, target, says):
    with pytest.raises(ShapeError, match=says) as caught:
        metric(output, target)
    assert str(caught.value).endswith(".")


def test_other_refusals():
    with pytest.raises(ShapeError, match="11 x 11"):
        ssim(torch.zeros(1, 3, 10, 16), torch.zeros(1, 3, 10, 16))
    with pytest.raises(ShapeError, match="reduction"):
        l1(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16), reduction="sum")
