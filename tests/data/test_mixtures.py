"""Mixtures of Gaussians: the density by quadrature, samples against it, and batches as of the other sets."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.containers import ImageSet
from course_lib.data.mixtures import GaussianMixture, PointSet, grid, ring, two_humps
from course_lib.errors import DataError, ShapeError

WEIGHTED = GaussianMixture(
    "weighted", torch.tensor([[-1.0, 0.5], [2.0, 1.0], [0.0, -1.5]]), 0.4, torch.tensor([1, 2, 5.0])
)
MIXTURES = [two_humps(), ring(std=0.1), grid(side=3, std=0.2), WEIGHTED]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def even_grid(dimensions, reach, points):
    """Return the points of a grid over [-reach, reach] in each direction, and the length or area of a cell."""
    line = torch.linspace(-reach, reach, points, dtype=torch.float64)
    axes = torch.meshgrid(*[line] * dimensions, indexing="ij")
    return torch.stack([axis.flatten() for axis in axes], dim=1), (2 * reach / (points - 1)) ** dimensions


@pytest.fixture(params=MIXTURES, ids=lambda mixture: mixture.name)
def mixture(request):
    return request.param


def moments(mixture):
    """Return mean and covariance by the law of total variance."""
    share = mixture.weights.double()
    means = mixture.means.double()
    mean = share @ means
    between = (share[:, None] * (means - mean)).T @ (means - mean)
    return mean, between + mixture.std**2 * torch.eye(mixture.dimensions, dtype=torch.float64)


def test_the_density_integrates_to_1_and_has_the_right_moments(mixture):
    points, cell = even_grid(mixture.dimensions, 6.0, 601)
    density = mixture.density(points)
    assert density.shape == (len(points),)
    assert density.dtype == torch.float64
    assert (density.sum() * cell).item() == pytest.approx(1, abs=1e-6)
    mean = (density[:, None] * points).sum(dim=0) * cell
    covariance = (density[:, None] * (points - mean)).T @ (points - mean) * cell
    expected_mean, expected_covariance = moments(mixture)
    assert torch.allclose(mean, expected_mean, atol=1e-5)
    assert torch.allclose(covariance, expected_covariance, atol=1e-5)


def test_the_density_by_hand():
    humps = two_humps()
    x = torch.tensor([[0.3]], dtype=torch.float64)
    root = 0.6 * math.sqrt(2 * math.pi)
    expected = 0.35 * math.exp(-0.5 * (1.8 / 0.6) ** 2) / root + 0.65 * math.exp(-0.5 * (1.2 / 0.6) ** 2) / root
    assert humps.density(x).item() == pytest.approx(expected, rel=1e-6)
    assert humps.log_density(x).item() == pytest.approx(math.log(expected), rel=1e-6)
    one = GaussianMixture("one", torch.zeros(1, 2), 2.0)
    assert one.density(torch.zeros(1, 2)).item() == pytest.approx(1 / (2 * math.pi * 4))  # std squared in the plane


def test_the_log_density_far_out_is_finite():
    """The density itself is rounded to 0 there, and its logarithm would be -inf."""
    log_density = ring().log_density(torch.tensor([[50.0, 0.0]]))
    assert log_density.item() == pytest.approx(-0.5 * (48 / 0.02) ** 2, rel=1e-3)
    assert ring().density(torch.tensor([[50.0, 0.0]])).item() == 0


def test_samples_agree_with_the_density(mixture):
    count = 40_000
    samples = mixture.sample(count, seeded()).double()
    assert samples.shape == (count, mixture.dimensions)
    mean, covariance = moments(mixture)
    tolerance = 5 * covariance.diagonal().max().sqrt() / math.sqrt(count)  # five standard errors
    assert (samples.mean(dim=0) - mean).abs().max() < tolerance
    assert (samples.T.cov() - covariance).abs().max() < 5 * covariance.diagonal().max() * math.sqrt(3 / count)


def test_components_are_drawn_by_their_weights():
    samples = WEIGHTED.sample(40_000, seeded())
    nearest = torch.cdist(samples, WEIGHTED.means).argmin(dim=1)
    shares = torch.bincount(nearest) / 40_000
    assert shares.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.02)
    within = samples[nearest == 1] - WEIGHTED.means[1]
    assert within.std(dim=0).tolist() == pytest.approx([0.4, 0.4], abs=0.02)


def test_the_average_log_density_of_samples_is_the_entropy(mixture):
    """An expectation over samples equals the integral with the density."""
    points, cell = even_grid(mixture.dimensions, 6.0, 601)
    density = mixture.density(points)
    expected = (torch.xlogy(density, density).sum() * cell).item()
    found = mixture.log_density(mixture.sample(20_000, seeded(1)).double())
    assert found.mean().item() == pytest.approx(expected, abs=5 * found.std().item() / math.sqrt(20_000))


def test_samples_follow_the_generator(mixture):
    assert torch.equal(mixture.sample(50, seeded(4)), mixture.sample(50, seeded(4)))
    assert not torch.equal(mixture.sample(50, seeded(4)), mixture.sample(50, seeded(5)))
    state = torch.get_rng_state()
    mixture.sample(50, seeded(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_named_mixtures():
    eight = ring()
    assert eight.name == "ring of 8"
    assert eight.std == 0.02
    assert eight.means.norm(dim=1).tolist() == pytest.approx([2.0] * 8)
    gaps = (eight.means - eight.means.roll(1, 0)).norm(dim=1)
    assert gaps.tolist() == pytest.approx([4 * math.sin(math.pi / 8)] * 8, rel=1e-5)
    many = grid()
    assert many.name == "grid of 25"
    assert many.std == 0.05
    assert sorted(map(tuple, many.means.tolist())) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
    assert grid(side=2, spacing=1).means.tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    humps = two_humps()
    assert humps.dimensions == 1
    assert ring().dimensions == grid().dimensions == 2
    high, low = humps.density(torch.tensor([[1.5], [-1.5]])).tolist()
    assert high / low == pytest.approx(0.65 / 0.35, rel=1e-3)


def test_weights_are_shares_and_equal_if_not_given():
    assert WEIGHTED.weights.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert grid().weights.tolist() == pytest.approx([1 / 25] * 25)


def test_a_component_of_weight_0_is_not_there():
    mixture = GaussianMixture("half", torch.tensor([[0.0], [9.0]]), 0.5, torch.tensor([1.0, 0.0]))
    assert mixture.sample(2000, seeded()).max() < 4
    assert mixture.density(torch.tensor([[9.0]])).item() < 1e-30
    assert not mixture.log_density(torch.tensor([[0.0], [9.0]])).isnan().any()


@pytest.mark.parametrize(
    ("means", "std", "weights", "says"),
    [
        (torch.zeros(3), 1.0, None, r"give \(K, d\)"),
        (torch.zeros(0, 2), 1.0, None, r"give \(K, d\)"),
        (torch.zeros(3, 2), 0.0, None, "number above 0"),
        (torch.zeros(3, 2), math.nan, None, "number above 0"),
        (torch.zeros(3, 2), 1.0, torch.ones(2), "fit no 3 components"),
        (torch.zeros(2, 2), 1.0, torch.tensor([1.0, -1.0]), "fit no 2 components"),
        (torch.zeros(2, 2), 1.0, torch.zeros(2), "not all 0"),
    ],
)
def test_what_makes_no_mixture(means, std, weights, says):
    with pytest.raises(ShapeError, match=says):
        GaussianMixture("wrong", means, std, weights)


def test_a_set_of_points_is_drawn_once_by_its_seed():
    points = grid().points(rows=300, seed=3)
    assert isinstance(points, PointSet)
    assert (points.name, points.split, len(points)) == ("grid of 25", "train", 300)
    assert torch.equal(points.points, grid().sample(300, seeded(3)))
    assert torch.equal(points.points, grid().points(rows=300, seed=3).points)
    assert not torch.equal(points.points, grid().points(rows=300, seed=4, split="test").points)


def numbered(rows):
    return PointSet("numbers", "train", torch.arange(2.0 * rows).reshape(rows, 2))


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 40), batch_size=st.integers(1, 50), shuffle=st.booleans(), drop=st.booleans())
def test_every_row_comes_once_an_epoch_and_as_it_is(rows, batch_size, shuffle, drop):
    drop = drop and batch_size <= rows
    dataset = numbered(rows)
    batches = list(dataset.batches(batch_size, generator=seeded(3), shuffle=shuffle, drop_last=drop))
    assert len(batches) == dataset.num_batches(batch_size, drop)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    index = torch.cat([batch.index for batch in batches])
    kept = rows - rows % batch_size if drop else rows
    assert len(index) == len(index.unique()) == kept
    if not shuffle:
        assert index.tolist() == list(range(kept))
    for batch in batches:
        assert torch.equal(batch.images, dataset.points[batch.index])


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 20), batch_size=st.integers(1, 7), skip=st.integers(0, 20))
def test_skip_gives_the_tail_of_the_same_epoch(rows, batch_size, skip):
    dataset, generator = numbered(rows), seeded(rows)
    state = generator.get_state()
    whole = list(dataset.batches(batch_size, generator=generator))
    after = generator.get_state()
    skip = min(skip, len(whole))
    generator.set_state(state)
    tail = list(dataset.batches(batch_size, generator=generator, skip=skip))
    assert [batch.index.tolist() for batch in tail] == [batch.index.tolist() for batch in whole[skip:]]
    if tail:  # the next epoch is the same too
        assert torch.equal(generator.get_state(), after)


def test_the_order_is_that_of_the_other_sets():
    """The same seed gives the same rows in the same order as a set of pictures."""
    pictures = ImageSet("pictures", "train", torch.zeros(23, 1, 2, 2, dtype=torch.uint8))
    for options in ({}, {"shuffle": False}, {"drop_last": True}, {"skip": 2}):
        ours, theirs = (
            [batch.index.tolist() for batch in dataset.batches(5, generator=seeded(8), **options)]
            for dataset in (numbered(23), pictures)
        )
        assert ours == theirs
    one, two = (next(numbered(23).batches(23, generator=seeded(seed))) for seed in (1, 2))
    assert not torch.equal(one.index, two.index)


def test_points_have_no_mirror_image():
    assert not numbered(9).mirrors
    with pytest.raises(DataError, match="'numbers' may not be mirrored"):
        numbered(9).batches(9, flip=True)


def test_a_batch_shares_no_memory_and_goes_to_the_device():
    dataset = numbered(9)
    before = dataset.points.clone()
    for batch in dataset.batches(4, shuffle=False):
        batch.images.zero_()
    assert torch.equal(dataset.points, before)
    away = next(dataset.batches(4, device="meta"))
    assert away.images.device.type == "meta"
    assert away.index.device.type == "cpu"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: next(numbered(9).batches(0)), "batch_size is 0"),
        (lambda: next(numbered(9).batches(10, drop_last=True)), "lower batch_size to 9"),
        (lambda: numbered(9).num_batches(2.0), "batch_size is 2.0"),
    ],
)
def test_mistakes_are_told(call, says):
    with pytest.raises(DataError, match=says):
        call()


def test_all_chance_is_drawn_by_the_call():
    generator = seeded()
    epoch = numbered(9).batches(2, generator=generator)
    state = generator.get_state()
    list(epoch)
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 4, "skip": 4}, {"batch_size": 4, "skip": -1}])
def test_mistakes_are_told_at_the_call(options):
    with pytest.raises(DataError):
        numbered(9).batches(**options)
