"""Exercise 01.6: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_01.exercises.fine_detail import fine_detail


def _shifted(images):
    _, height, width = images.shape
    spectrum = torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1))
    energy = spectrum.real**2 + spectrum.imag**2
    v = torch.fft.fftshift(torch.fft.fftfreq(height))
    h = torch.fft.fftshift(torch.fft.fftfreq(width))
    radius = torch.sqrt(v[:, None] ** 2 + h[None] ** 2)
    energy[:, radius == 0] = 0
    return energy[:, radius > 0.25].sum(1) / energy.sum((1, 2))


def _half_plane(images):
    _, height, width = images.shape
    energy = torch.fft.rfft2(images - images.mean((1, 2), keepdim=True)).abs() ** 2
    twice = torch.full((energy.shape[2],), 2.0)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    energy = energy * twice
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    return (energy * (radius > 0.25)).sum((1, 2)) / energy.sum((1, 2))


def _one_at_a_time(images):
    found = []
    for image in images.numpy():
        energy = np.abs(np.fft.fft2(image - image.mean())) ** 2
        v, h = np.meshgrid(np.fft.fftfreq(image.shape[0]), np.fft.fftfreq(image.shape[1]), indexing="ij")
        found.append(energy[np.hypot(v, h) > 0.25].sum() / energy.sum())
    return torch.tensor(found, dtype=torch.float32)


@pytest.mark.parametrize("answer", [_shifted, _half_plane, _one_at_a_time])
def test_fine_detail_right(answer: Any) -> None:
    assert judge(find("01.6"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda images: fine_detail(images).view(-1, 1), "expected shape (2,), got shape (2, 1)"),
        (lambda images: torch.ones(len(images)), "expected values from "),
        (lambda images: 100 * fine_detail(images), "your result is 100 times the right one"),
        (lambda images: images.diff(dim=2).square().mean((1, 2)), "On two pictures of noise"),
        (lambda images: torch.fft.fft2(images).abs().square(), "expected shape (2,), got shape (2, 10, 10)"),
        (lambda images: fine_detail(images.unsqueeze(1)), "your function stopped with"),
    ],
)
def test_fine_detail_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("01.6", answer)
    assert message in str(caught.value)


def test_fine_detail_of_waves_is_known() -> None:
    x = torch.arange(32).float()
    slow, fast = torch.cos(2 * torch.pi * 3 * x / 32), torch.cos(2 * torch.pi * 12 * x / 32)
    waves = torch.stack([slow, fast, slow + fast, 3 * slow + fast + 5])
    shares = fine_detail(waves.unsqueeze(1).expand(4, 32, 32))
    assert torch.allclose(shares, torch.tensor([0.0, 1.0, 0.5, 0.1]), atol=1e-5)
