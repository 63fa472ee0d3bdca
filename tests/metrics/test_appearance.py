"""Sharpness, colourfulness and diversity against values by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.errors import ShapeError
from course_lib.metrics import colourfulness, diversity, high_frequency_share, sharpness
from course_lib.models.vgg import VGG16Features


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def cosine(vertical: int, horizontal: int, size: int = 32) -> torch.Tensor:
    """One cosine of the transform: frequencies of half cycles a picture."""
    position = (torch.arange(size) + 0.5) * math.pi / size
    wave = (vertical * position).cos()[:, None] * (horizontal * position).cos()[None, :]
    return wave.expand(1, 3, size, size)


def test_white_noise_has_the_share_of_the_area():
    size = 32
    k = torch.arange(size) / (2 * size)
    upper = (k[:, None] ** 2 + k[None, :] ** 2).sqrt() > 0.25
    area = float(upper.sum()) / (size**2 - 1)
    assert area == pytest.approx(1 - math.pi / 16, abs=0.03)
    assert float(high_frequency_share(noise(64, 3, size, size)).mean()) == pytest.approx(area, abs=0.005)


@pytest.mark.parametrize(
    ("vertical", "horizontal", "share"),
    [(1, 0, 0.0), (16, 0, 0.0), (17, 0, 1.0), (0, 17, 1.0), (11, 11, 0.0), (12, 12, 1.0), (31, 31, 1.0)],
)
def test_one_wave_is_on_one_side_of_half_the_nyquist_frequency(vertical, horizontal, share):
    assert float(high_frequency_share(cosine(vertical, horizontal))) == pytest.approx(share, abs=1e-5)


def test_two_waves_share_by_their_energy():
    mixed = 0.3 * cosine(3, 0) + 0.1 * cosine(30, 0) + 0.5  # the constant does not count
    assert float(high_frequency_share(mixed)) == pytest.approx(0.01 / 0.10, rel=1e-4)


def test_the_borders_do_not_count():
    """A ramp has a jump where a Fourier transform wraps it around, and no detail."""
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    assert float(high_frequency_share(ramp)) < 1e-4
    assert float(high_frequency_share(torch.full((1, 3, 16, 16), 0.7))) == 0


def test_sharpness_of_blur_noise_and_truth():
    truth = F.interpolate(noise(8, 3, 16, 16), size=(32, 32), mode="bilinear") + 0.1 * noise(8, 3, 32, 32, seed=1)
    truth = truth.clamp(-1, 1)
    blurred = F.avg_pool2d(truth, 3, stride=1, padding=1, count_include_pad=False)
    assert sharpness(truth, truth) == 1
    assert sharpness(blurred, truth) < 0.5
    assert sharpness((truth + 0.3 * noise(8, 3, 32, 32, seed=2)).clamp(-1, 1), truth) > 2
    assert sharpness(truth[:4].mul(0.5), truth[:4]) == pytest.approx(1, rel=1e-4)  # contrast is not sharpness


def test_colourfulness_of_grey_is_zero():
    assert colourfulness(noise(2, 1, 16, 16).expand(-1, 3, -1, -1)) == pytest.approx(0, abs=1e-4)


def test_colourfulness_by_hand():
    """Half pure red, half pure blue: rg is 255 and 0, yb is 127.5 and -255."""
    picture = -torch.ones(1, 3, 8, 8)
    picture[:, 0, :, :4] = 1
    picture[:, 2, :, 4:] = 1
    spread = math.hypot(255 / 2, 382.5 / 2)
    offset = math.hypot(255 / 2, (127.5 - 255) / 2)
    assert colourfulness(picture) == pytest.approx(spread + 0.3 * offset, rel=1e-5)
    both = torch.cat([picture, torch.zeros(1, 3, 8, 8)])
    assert colourfulness(both, reduction="none").tolist() == pytest.approx([spread + 0.3 * offset, 0], rel=1e-5)


def test_diversity_of_one_answer_is_zero():
    samples = noise(2, 1, 3, 16, 16).expand(-1, 4, -1, -1, -1)
    assert diversity(samples) == pytest.approx(0, abs=1e-6)
    assert diversity(samples, "vgg") == pytest.approx(0, abs=1e-6)


def test_diversity_is_the_mean_over_pairs():
    samples = noise(3, 5, 3, 8, 8)
    expected = sum(
        float((samples[:, i] - samples[:, j]).abs().mean()) for i, j in itertools.combinations(range(5), 2)
    ) / math.comb(5, 2)
    assert diversity(samples) == pytest.approx(expected, rel=1e-5)


def test_diversity_of_two_constants():
    samples = torch.stack([torch.full((3, 8, 8), -0.5), torch.full((3, 8, 8), 0.25)])[None]
    assert diversity(samples) == pytest.approx(0.75, rel=1e-6)


def test_vgg_diversity_is_the_mean_over_pairs():
    samples, vgg = noise(2, 3, 3, 16, 16), VGG16Features()
    total = 0.0
    for i, j in itertools.combinations(range(3), 2):
        first, second = (vgg((samples[:, k] + 1) / 2) for k in (i, j))
        for layer in vgg.layers:
            difference = F.normalize(first[layer], dim=1) - F.normalize(second[layer], dim=1)
            total += float(difference.square().sum(dim=1).mean()) / 3
    assert diversity(samples, "vgg", vgg=vgg) == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: diversity(torch.zeros(2, 1, 3, 8, 8)), "two draws"),
        (lambda: diversity(torch.zeros(2, 3, 8, 8)), "torch.stack"),
        (lambda: diversity(torch.zeros(2, 2, 3, 8, 8), "lpips"), '"l1" or "vgg"'),
        (lambda: sharpness(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16)), "resize"),
        (lambda: sharpness(noise(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)), "some detail"),
        (lambda: colourfulness(torch.zeros(1, 1, 8, 8)), "expand"),
        (lambda: high_frequency_share(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "127.5"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()
