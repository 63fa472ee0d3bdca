"""Waves of a known period: how strong they are, and pictures without them."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_12.mesh import wave_energy, without_wave


def wave(amplitude: float = 0.2, side: int = 32, period: int = 4) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    one = amplitude * torch.cos(2 * math.pi * (rows + columns) / period)
    return one.expand(2, 3, side, side)


def noise(side: int = 32, std: float = 0.1) -> torch.Tensor:
    return std * torch.randn(40, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_the_energy_of_a_wave_and_of_noise():
    # a cosine has half of its coefficient at each of two frequencies, of which one is looked at, and its mirror not
    assert wave_energy(wave()) == pytest.approx(0.2**2 * 32 * 32 / 8)
    assert wave_energy(wave(period=8)) == pytest.approx(0, abs=1e-12)
    assert wave_energy(noise()) == pytest.approx(0.01, rel=0.25)


def test_the_wave_goes_and_the_rest_stays():
    rest = noise(std=0.05)[:2]
    rest = without_wave(rest)  # nothing at these frequencies
    torch.testing.assert_close(without_wave(rest + wave()), rest, atol=1e-6, rtol=0)
    assert wave_energy(without_wave(rest + wave())) == pytest.approx(0, abs=1e-10)
    slow = wave(period=16)
    torch.testing.assert_close(without_wave(slow), slow, atol=1e-6, rtol=0)


def test_neighbours_go_with_it():
    side = 32
    near = 0.2 * torch.cos(2 * math.pi * torch.arange(side) * 9 / side)  # 9 cycles, where the wave has 8
    picture = (near.view(-1, 1) * near).expand(1, 1, side, side)
    assert without_wave(picture).abs().max() < 1e-6
    torch.testing.assert_close(without_wave(picture, reach=0), picture, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: wave_energy(wave(side=30)), "no multiples of 4"),
        (lambda: without_wave(wave(), period=1), "period is 1"),
        (lambda: without_wave(wave(), reach=-1), "reach is -1"),
        (lambda: wave_energy(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "give floats"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong, says):
    with pytest.raises(ShapeError, match=says):
        wrong()
