"""Photographs enlarged by 4: exact figures for systems whose outputs are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from course_lib.data.containers import PairedSet
from course_lib.data.pixels import normalise
from course_lib.data.super_resolution import shrink
from course_lib.runs.enlarging import enlarged, enlarging_figures


def plays(function: Callable[[Tensor], Tensor]) -> SimpleNamespace:
    """Return a system that gives the rows of a function of x."""
    return SimpleNamespace(device=torch.device("cpu"), translate=function)


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_bicubic_enlarging_keeps_a_colour_and_the_range() -> None:
    small = torch.tensor([-1.0, 0.3, 1.0]).view(1, 3, 1, 1).expand(1, 3, 6, 6)
    large = enlarged(None, small)
    assert large.shape == (1, 3, 24, 24)
    assert torch.allclose(large, small[:, :, :1, :1].expand_as(large), atol=1e-6)
    step = torch.ones(1, 3, 6, 6)
    step[..., :3] = -1
    assert enlarged(None, step).abs().max() == 1  # bicubic interpolation overshoots at an edge, by 7 %
    assert torch.equal(enlarged(plays(lambda x: x.repeat(1, 1, 4, 4)), step), step.repeat(1, 1, 4, 4))


def test_enlarging_is_perfect_with_the_truth_and_worse_without(monkeypatch: pytest.MonkeyPatch) -> None:
    y = pictures(6, 3, 32, 32)
    y = (y // 2 + pictures(6, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3) // 2).to(torch.uint8)
    pairs = PairedSet(name="pairs", split="test", x=shrink(y, 4), y=y)
    monkeypatch.setattr("course_lib.runs.enlarging.super_resolution_pairs", lambda split, size: pairs)
    right = enlarging_figures(plays(lambda x: normalise(y)))
    bicubic = enlarging_figures(None)
    assert right["PSNR"] == math.inf
    assert (right["L1"], right["sharpness"]) == (0.0, 1.0)
    assert right["SSIM"] == pytest.approx(1)
    assert right["VGG-KID"] < 0 < bicubic["VGG-KID"]  # of a set with itself the unbiased estimate is negative
    assert bicubic["PSNR"] < 20
    assert bicubic["sharpness"] < 0.2
    assert set(right) == set(bicubic)
