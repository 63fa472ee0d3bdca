"""How many outputs there are, and whether they follow their inputs: sets whose answers are known."""

from __future__ import annotations

import itertools

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import distinct_outputs, input_dependence


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def levels(*values: float) -> torch.Tensor:
    """One plain picture of each level."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 4, 4).clone()


def test_all_equal_is_one_and_all_different_is_all():
    assert distinct_outputs(noise(1, 3, 8, 8).expand(20, -1, -1, -1)) == 1
    assert distinct_outputs(noise(20, 3, 8, 8)) == 20
    assert distinct_outputs(noise(1, 1, 8, 8)) == 1


def test_three_pictures_and_their_near_copies():
    three = noise(3, 3, 16, 16).clamp(-0.9, 0.9)
    copies = torch.cat([three + 0.02 * noise(3, 3, 16, 16, seed=1 + n) for n in range(5)])
    assert distinct_outputs(copies) == 3
    assert distinct_outputs(copies, threshold=0.005) == 15
    assert distinct_outputs(copies, threshold=2) == 1


def test_those_that_count_are_apart_and_a_chain_does_not_merge():
    chain = levels(0.0, 0.125, 0.25, 0.375, 0.5)
    assert distinct_outputs(chain, threshold=0.125) == 3  # 0, 0.25, 0.5; connected components would find 1
    assert distinct_outputs(chain, threshold=0.12) == 5
    assert distinct_outputs(levels(0.0, 0.0, 0.5), threshold=0.0) == 2


def test_noise_sets_equal_outputs_apart():
    """By 1.13 standard deviations, the mean absolute value of a difference of two normal numbers."""
    noisy = 0.1 * torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert distinct_outputs(noisy, threshold=0.115) == 1
    assert distinct_outputs(noisy, threshold=0.110) == 6


def test_dependence_is_a_ratio_of_mean_distances():
    inputs, outputs = noise(5, 3, 8, 8), 0.7 * noise(5, 3, 8, 8, seed=1)

    def mean(pictures: torch.Tensor) -> float:
        pairs = list(itertools.combinations(pictures, 2))
        return sum(float((one - other).abs().mean()) for one, other in pairs) / len(pairs)

    assert input_dependence(inputs, outputs) == pytest.approx(mean(outputs) / mean(inputs), rel=1e-5)
    assert input_dependence(inputs, inputs.flip(0)) == pytest.approx(1)  # it does not see which output is whose
    assert input_dependence(inputs, 0.25 * inputs + 0.1) == pytest.approx(0.25, rel=1e-5)
    assert input_dependence(levels(-1.0, 1.0), levels(0.0, 0.5)) == pytest.approx(0.25)


def test_dependence_of_a_collapse_is_zero():
    inputs = noise(30, 1, 8, 8)  # of one channel, and smaller
    assert input_dependence(inputs, noise(1, 3, 16, 16).expand(30, -1, -1, -1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: distinct_outputs(noise(3, 8, 8)), "batch axis"),
        (lambda: distinct_outputs(noise(2, 3, 8, 8), threshold=-0.1), "at least 0"),
        (lambda: distinct_outputs(noise(2, 3, 8, 8), threshold=float("nan")), "at least 0"),
        (lambda: input_dependence(noise(3, 3, 8, 8), noise(2, 3, 8, 8)), "one output for each"),
        (lambda: input_dependence(noise(1, 3, 8, 8), noise(1, 3, 8, 8)), "two at least"),
        (lambda: input_dependence(levels(0.5, 0.5), levels(0.1, 0.5)), "all equal"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ShapeError, match=says):
        call()
