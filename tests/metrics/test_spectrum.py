"""The spectrum by rings: one wave, white noise, and the energy as a whole."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.errors import ShapeError
from course_lib.metrics import high_frequency_share, radial_spectrum, spectrum_ratio
from course_lib.metrics.spectrum import cosine_energy, radial_frequencies


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def cosine(vertical: int, horizontal: int, height: int = 32, width: int = 32) -> torch.Tensor:
    """One cosine of the transform: frequencies of half cycles a picture."""
    rows = ((torch.arange(height) + 0.5) * vertical * math.pi / height).cos()
    columns = ((torch.arange(width) + 0.5) * horizontal * math.pi / width).cos()
    return (rows[:, None] * columns[None, :]).expand(1, 3, height, width)


@pytest.mark.parametrize(
    ("vertical", "horizontal", "frequency"),
    [(1, 0, 1 / 64), (16, 0, 0.25), (0, 17, 17 / 64), (20, 21, 29 / 64), (31, 31, math.hypot(31, 31) / 64)],
)
def test_one_cosine_has_its_energy_in_its_ring(vertical, horizontal, frequency):
    frequencies, energy = radial_spectrum(0.5 * cosine(vertical, horizontal) + 0.3, bins=16)
    ring = int(energy.argmax())
    assert frequencies[ring] - 1 / 64 < frequency <= frequencies[ring] + 1 / 64 + 1e-9  # a border is the lower ring's
    low, high = float(frequencies[ring]) - 1 / 64, float(frequencies[ring]) + 1 / 64
    of_all = radial_frequencies(32, 32)
    waves = int(((of_all > low + 1e-9) & (of_all <= high + 1e-9)).sum())
    # A cosine of amplitude A has the coefficient A H / sqrt(2) along one axis, and A H / 2 along both.
    coefficient = (0.5 * 32) ** 2 / (4 if vertical and horizontal else 2)
    assert float(energy[ring]) == pytest.approx(coefficient / waves, rel=1e-4)
    assert float(energy.sum() - energy[ring]) < 1e-6


def test_white_noise_is_flat_at_its_variance():
    frequencies, energy = radial_spectrum(noise(300, 3, 32, 32), bins=8)  # more than are taken at once
    assert torch.allclose(energy, torch.full_like(energy, 1 / 3), rtol=0.05)
    assert frequencies[:8].tolist() == pytest.approx([(ring + 0.5) / 16 for ring in range(8)])
    assert math.sqrt(0.5) - 1 / 16 < float(frequencies[-1]) < math.sqrt(0.5) + 1 / 32


def test_all_energy_is_counted_once():
    """Parseval: the coefficients' squares sum to those of the pixels; rings hold them all."""
    pictures = 0.5 * noise(3, 1, 24, 40) + 0.2
    centred = pictures - pictures.mean(dim=(2, 3), keepdim=True)
    assert float(cosine_energy(pictures).sum()) == pytest.approx(float(centred.square().sum()), rel=1e-5)
    frequencies, energy = radial_spectrum(pictures, bins=1)
    assert frequencies.tolist() == [0.25, 0.75]  # up to the Nyquist frequency, and the corners
    inside = int((radial_frequencies(24, 40) <= 0.5).sum()) - 1  # without the constant
    total = float(energy[0]) * inside + float(energy[1]) * (24 * 40 - 1 - inside)
    assert total == pytest.approx(float(centred.square().sum()) / 3, rel=1e-5)


def test_a_checkerboard_lies_in_the_corner():
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1).expand(1, 3, 32, 32)
    frequencies, energy = radial_spectrum(board)
    assert float(frequencies[energy.argmax()]) > 0.65
    stripes = (torch.arange(32) % 2 * 2.0 - 1).expand(1, 3, 32, 32)
    frequencies, energy = radial_spectrum(stripes)
    assert 0.45 < float(frequencies[energy.argmax()]) < 0.5


def test_it_agrees_with_the_share_of_high_frequencies():
    picture = F.avg_pool2d(noise(1, 3, 34, 34), 3, stride=1)
    frequencies, energy = radial_spectrum(picture, bins=2)
    of_all = radial_frequencies(32, 32)
    waves = [int(((of_all > low) & (of_all <= low + 0.25)).sum()) for low in (0, 0.25, 0.5)]
    total = [float(e) * count for e, count in zip(energy, waves, strict=True)]
    assert sum(total[1:]) / sum(total) == pytest.approx(float(high_frequency_share(picture)[0]), rel=1e-4)
    assert frequencies.tolist() == [0.125, 0.375, 0.625]


def test_ratio():
    truth = noise(8, 3, 32, 32)
    _, same = spectrum_ratio(truth, truth.flip(0))
    assert torch.allclose(same, torch.ones_like(same))
    frequencies, half = spectrum_ratio(0.5 * truth[:4], truth[:4])
    assert torch.allclose(half, torch.full_like(half, 0.25), rtol=1e-4)
    blurred = F.avg_pool2d(F.pad(truth, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    _, ratio = spectrum_ratio(blurred, truth)
    assert float(ratio[0]) > 0.8
    # Three pixels' mean passes (1 + 2 cos(2 pi f)) / 3 of a wave along an axis: 1 / 9 of the amplitude of the corner.
    assert float(ratio[-1]) == pytest.approx(1 / 81, rel=0.2)
    assert float(ratio[frequencies < 0.35].diff().max()) < 0


def test_small_pictures_leave_empty_rings_out():
    frequencies, energy = radial_spectrum(noise(2, 1, 4, 4), bins=16)
    assert len(frequencies) == len(energy) < 16
    assert bool((energy > 0).all())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: radial_spectrum(noise(1, 3, 8, 8), bins=0), "at least 1"),
        (lambda: radial_spectrum(noise(1, 3, 1, 1)), "one pixel"),
        (lambda: radial_spectrum(noise(3, 8, 8)), "batch axis"),
        (lambda: spectrum_ratio(noise(1, 3, 8, 8), noise(1, 3, 16, 16)), "resize"),
        (lambda: spectrum_ratio(noise(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)), "some detail"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()
