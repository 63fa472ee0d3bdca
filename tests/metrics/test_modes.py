"""Modes covered, samples of high quality and the evenness of both, against counts by hand."""

import math

import pytest
import torch

from course_lib.data.mixtures import GaussianMixture, grid, ring
from course_lib.errors import ShapeError
from course_lib.metrics import mode_figures, reverse_kl_of_modes

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def at(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_by_hand():
    """Five samples: two at the first mode, one at the second, one between modes, one just outside of 3 std."""
    samples = at([0.1, -0.2], [0, 2.9], [10.5, 0.5], [5, 5], [0, 13.1])
    assert mode_figures(samples, CENTRES, 1.0) == {"modes": 2, "high_quality": pytest.approx(3 / 5)}
    two_to_one = math.log(4) + (2 / 3) * math.log(2 / 3) + (1 / 3) * math.log(1 / 3)
    assert reverse_kl_of_modes(samples, CENTRES, 1.0) == pytest.approx(two_to_one, rel=1e-12)


def test_the_figures_are_plain_numbers():
    figures = mode_figures(CENTRES, CENTRES, 1.0)
    assert type(figures["modes"]) is int
    assert type(figures["high_quality"]) is float
    assert type(reverse_kl_of_modes(CENTRES, CENTRES, 1.0)) is float


@pytest.mark.parametrize(("distance", "share"), [(2.99, 1.0), (3.01, 0.0)])
def test_the_radius_is_3_std_by_euclidean_distance(distance, share):
    for angle in (0.0, 0.7, math.pi / 4, 2.0):
        sample = at([math.cos(angle), math.sin(angle)]) * distance * 0.1 + CENTRES[3]
        assert mode_figures(sample, CENTRES, 0.1)["high_quality"] == share
    corner = CENTRES[:1] + 0.1 * 2.9  # within 3 std on each axis, and not by Euclidean distance
    assert mode_figures(corner, CENTRES, 0.1)["high_quality"] == 0


def test_a_sample_belongs_to_its_nearest_centre_only():
    """Two modes so close that both would claim the sample: it counts once, for the nearer."""
    centres = at([0, 0], [1, 0])
    samples = at([0.4, 0], [0.3, 0], [0.45, 0])
    assert mode_figures(samples, centres, 1.0) == {"modes": 1, "high_quality": 1.0}
    assert reverse_kl_of_modes(samples, centres, 1.0) == pytest.approx(math.log(2))


@pytest.mark.parametrize("mixture", [ring(), grid(), ring(modes=3, std=0.01)], ids=lambda mixture: mixture.name)
def test_real_samples_cover_all_modes_with_the_share_of_a_gaussian(mixture):
    samples = mixture.sample(40_000, seeded())
    figures = mode_figures(samples, mixture.means, mixture.std)
    assert figures["modes"] == len(mixture.means)
    assert figures["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    # 2 N KL is about chi-squared with K - 1 degrees of freedom
    assert reverse_kl_of_modes(samples, mixture.means, mixture.std) < 3 * len(mixture.means) / (2 * 40_000)


def test_on_the_line():
    mixture = GaussianMixture("line", torch.tensor([[-5.0], [5.0]]), 0.3)
    figures = mode_figures(mixture.sample(40_000, seeded()), mixture.means, mixture.std)
    assert figures["high_quality"] == pytest.approx(math.erf(3 / math.sqrt(2)), abs=0.001)


@pytest.mark.parametrize("kept", [1, 2, 5, 8])
def test_some_modes_visited_alike(kept):
    """KL to the uniform distribution over K modes is log(K / k): 0 for all of them, log K for one."""
    mixture = ring()
    samples = mixture.means[:kept].repeat(7, 1)
    assert mode_figures(samples, mixture.means, mixture.std) == {"modes": kept, "high_quality": 1.0}
    assert reverse_kl_of_modes(samples, mixture.means, mixture.std) == pytest.approx(math.log(8 / kept), abs=1e-12)


def test_the_direction_is_generated_first():
    """With shares 3/4 and 1/4 the other direction has another value; with a lost mode it would be infinite."""
    centres = CENTRES[:2]
    samples = torch.cat([centres[[0]].repeat(3, 1), centres[[1]]])
    generated_first = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    uniform_first = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    found = reverse_kl_of_modes(samples, centres, 1.0)
    assert found == pytest.approx(generated_first, rel=1e-12)
    assert abs(found - uniform_first) > 0.01
    assert math.isfinite(reverse_kl_of_modes(samples[:3], centres, 1.0))


def test_strays_count_for_no_mode():
    """Samples nearest to the second mode, but far from it, make it neither covered nor visited."""
    samples = at([0, 0], [16, 0], [17, 0], [14, 0])
    assert mode_figures(samples, CENTRES, 1.0) == {"modes": 1, "high_quality": 0.25}
    assert reverse_kl_of_modes(samples, CENTRES, 1.0) == pytest.approx(math.log(4))


def test_nothing_of_high_quality():
    samples = torch.full((6, 2), 5.0)
    assert mode_figures(samples, CENTRES, 1.0) == {"modes": 0, "high_quality": 0.0}
    assert reverse_kl_of_modes(samples, CENTRES, 1.0) == math.inf


def test_narrow_modes_far_from_zero():
    """A distance by squares of the coordinates would lose the 3 std of 0.001 in float32."""
    centres = at([100, 100], [100.5, 100]).repeat(20, 1) + torch.arange(40.0)[:, None]
    inside, outside = centres + at([0.002, 0]), centres + at([0, 0.004])
    assert mode_figures(inside, centres, 0.001)["high_quality"] == 1
    assert mode_figures(outside, centres, 0.001)["high_quality"] == 0


def test_order_and_gradients_do_not_matter():
    samples = grid().sample(500, seeded())
    shuffled = samples[torch.randperm(500)].requires_grad_()
    assert mode_figures(samples, grid().means, 0.05) == mode_figures(shuffled, grid().means, 0.05)
    assert reverse_kl_of_modes(samples, grid().means, 0.05) == reverse_kl_of_modes(shuffled, grid().means, 0.05)


@pytest.mark.parametrize("figure", [mode_figures, reverse_kl_of_modes])
@pytest.mark.parametrize(
    ("samples", "centres", "std", "says"),
    [
        (torch.zeros(4), CENTRES, 1.0, "do not fit the centres"),
        (torch.zeros(4, 3), CENTRES, 1.0, "do not fit the centres"),
        (torch.zeros(4, 2), CENTRES[0], 1.0, "do not fit the centres"),
        (torch.zeros(0, 2), CENTRES, 1.0, "at least one of each"),
        (torch.zeros(4, 2), CENTRES[:0], 1.0, "at least one of each"),
        (torch.zeros(4, 2), CENTRES, 0.0, "standard deviation, above 0"),
        (torch.zeros(4, 2), CENTRES, math.nan, "standard deviation, above 0"),
        (at([0, 0], [math.nan, 0]), CENTRES, 1.0, "NaN or infinite"),
    ],
)
def test_what_cannot_be_measured(figure, samples, centres, std, says):
    with pytest.raises(ShapeError, match=says):
        figure(samples, centres, std)
