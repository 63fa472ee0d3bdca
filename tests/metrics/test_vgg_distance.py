"""VGG-KID and VGG-FID against values by hand, torchmetrics and closed forms."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from corner_features import Corner
from torch import Tensor, nn
from torchmetrics.image.kid import poly_mmd

from course_lib.errors import DataError, ShapeError
from course_lib.metrics import VGGFID, VGGKID, PooledVGG, evaluate_images, unbiased_mmd, vgg_fid, vgg_kid
from course_lib.metrics.evaluate import METRICS


def as_pictures(features: Tensor) -> Tensor:
    """Pictures whose corner holds the features."""
    pictures = torch.zeros(len(features), 3 * 4 * 4, dtype=torch.float64)
    pictures[:, : features.shape[1]] = features
    return pictures.view(-1, 3, 4, 4)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def photographs(count: int, size: int = 32, seed: int = 0) -> Tensor:
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def test_mmd_by_hand():
    """Three fakes and three reals in one dimension, kernel (xy + 1)^3, every pair written out."""
    fake, real = [0.0, 1.0, 2.0], [1.0, 1.0, -1.0]

    def kernel(a: float, b: float) -> float:
        return (a * b + 1) ** 3

    among_fakes = sum(kernel(a, b) for a, b in itertools.permutations(fake, 2)) / 6
    among_reals = sum(kernel(a, b) for a, b in itertools.permutations(real, 2)) / 6
    between = sum(kernel(a, b) for a, b in itertools.product(fake, real)) / 9
    assert (among_fakes, among_reals, between) == (29 / 3, 8 / 3, 8)
    value, _ = unbiased_mmd(torch.tensor(fake)[:, None], torch.tensor(real)[:, None])
    assert float(value) == pytest.approx(among_fakes + among_reals - 2 * between, rel=1e-12)


def test_mmd_is_that_of_torchmetrics_for_equal_numbers():
    fake, real = normal(20, 6, seed=0), normal(20, 6, seed=1) + 0.3
    assert float(unbiased_mmd(fake, real)[0]) == pytest.approx(float(poly_mmd(real, fake)), rel=1e-10)


def test_all_pictures_at_once_is_the_mean_over_all_subsets():
    fake, real = normal(5, 4, seed=0), normal(6, 4, seed=1) + 0.5
    subsets = [
        float(poly_mmd(real[list(chosen_real)], fake[list(chosen_fake)]))
        for chosen_fake in itertools.combinations(range(5), 3)
        for chosen_real in itertools.combinations(range(6), 3)
    ]
    assert float(unbiased_mmd(fake, real)[0]) == pytest.approx(sum(subsets) / len(subsets), rel=1e-10)


def test_mmd_is_unbiased_and_its_error_is_the_spread_over_repetitions():
    dimension, repetitions = 3, 300
    same, apart, errors = [], [], []
    for seed in range(repetitions):
        real, other = normal(25, dimension, seed=3 * seed), normal(40, dimension, seed=3 * seed + 1)
        same.append(unbiased_mmd(other, real)[0])
        value, error = unbiased_mmd(other + 0.8, real)
        apart.append(value)
        errors.append(error)
    same_mean, same_spread = torch.stack(same).mean(), torch.stack(same).std()
    assert abs(float(same_mean)) < 3 * float(same_spread) / repetitions**0.5
    # The kernel has closed moments: with s = x.y / d, E(s + 1)^3 = 1 + 3 E s + 3 E s^2 + E s^3 for independent normals.
    exact = (
        _mean_kernel(torch.full((dimension,), 0.8), torch.full((dimension,), 0.8))
        + _mean_kernel(torch.zeros(dimension), torch.zeros(dimension))
        - 2 * _mean_kernel(torch.full((dimension,), 0.8), torch.zeros(dimension))
    )
    apart_mean, apart_spread = torch.stack(apart).mean(), torch.stack(apart).std()
    assert abs(float(apart_mean) - exact) < 3.5 * float(apart_spread) / repetitions**0.5
    assert float(torch.stack(errors).square().mean().sqrt()) == pytest.approx(float(apart_spread), rel=0.25)


def _mean_kernel(first: Tensor, second: Tensor) -> float:
    """E (x.y / d + 1)^3 for x ~ N(first, I), y ~ N(second, I), independent.

    Given x, s = x.y / d is normal with mean m = x.second / d and variance v = |x|^2 / d^2, so
    E s^2 = m^2 + v and E s^3 = m^3 + 3 m v; then the mean over x.
    """
    d = len(first)
    a, b = float(first @ second) / d, float(second @ second) / d**2  # m is N(a, b)
    mean_v = (float(first @ first) + d) / d**2
    mean_mv = a * mean_v + 2 * float(first @ second) / d**3  # Cov(x.u, |x|^2) = 2 first.u
    third = a**3 + 3 * a * b + 3 * mean_mv
    return 1 + 3 * a + 3 * (a**2 + b + mean_v) + third


def test_kid_of_pictures():
    fake, real = normal(30, 6, seed=0).clamp(-2, 2) / 2, normal(20, 6, seed=1).clamp(-2, 2) / 2
    value, error = vgg_kid(as_pictures(fake), as_pictures(real), features=Corner(6))
    expected = unbiased_mmd(fake, real)
    assert (value, error) == pytest.approx((float(expected[0]), float(expected[1])), rel=1e-12)


def test_kid_with_subsets_is_that_of_torchmetrics_and_leaves_the_random_state_alone():
    fake, real = as_pictures(normal(30, 6, seed=0) / 4), as_pictures(normal(30, 6, seed=1) / 4)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = vgg_kid(fake, real, subset_size=10, subsets=20, features=Corner(6))
    assert torch.equal(before, torch.get_rng_state())
    assert first == vgg_kid(fake, real, subset_size=10, subsets=20, features=Corner(6))
    assert first != vgg_kid(fake, real, subset_size=10, subsets=20, seed=1, features=Corner(6))
    assert first[1] > 0


def test_kid_in_batches():
    fake, real = as_pictures(normal(12, 6, seed=0) / 4), as_pictures(normal(9, 6, seed=1) / 4)
    metric = VGGKID(features=Corner(6))
    for part in fake.split(5):
        metric.update(part, real=False)
    for part in real.split(4):
        metric.update(part, real=True)
    assert float(metric.compute()[0]) == pytest.approx(vgg_kid(fake, real, features=Corner(6))[0], rel=1e-12)


def test_fid_of_two_gaussians_in_closed_form():
    """Samples whitened to have exactly the wanted means and diagonal covariances."""

    def exactly(mean: Tensor, deviation: Tensor, seed: int) -> Tensor:
        x = normal(60, len(mean), seed=seed)
        x = x - x.mean(dim=0)
        x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / (len(x) - 1))).T
        return x * deviation + mean

    mean, deviation = torch.tensor([0.2, 0.0, -0.1]), torch.tensor([0.10, 0.20, 0.15])
    other_mean, other_deviation = torch.tensor([0.0, 0.1, -0.1]), torch.tensor([0.20, 0.05, 0.15])
    expected = float((mean - other_mean).square().sum() + (deviation - other_deviation).square().sum())
    fake = as_pictures(exactly(mean, deviation, 0))
    real = as_pictures(exactly(other_mean, other_deviation, 1))
    assert vgg_fid(fake, real, features=Corner(3)) == pytest.approx(expected, rel=1e-6)
    assert vgg_fid(fake, fake, features=Corner(3)) == pytest.approx(0, abs=1e-8)


def test_fid_warns_below_as_many_pictures_as_features():
    few = as_pictures(normal(5, 6, seed=0) / 4)
    with pytest.warns(UserWarning, match="use vgg_kid"):
        vgg_fid(few, few, features=Corner(6))
    enough = as_pictures(normal(8, 6, seed=0) / 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VGGFID(Corner(6))
        VGGKID(features=Corner(6))
        vgg_fid(enough, enough, features=Corner(6))


@pytest.fixture(scope="module")
def network() -> PooledVGG:
    return PooledVGG(batch_size=7)


def test_features_are_pooled_and_do_not_depend_on_batches(network):
    pictures = photographs(9)
    features = network(pictures)
    assert features.shape == (9, network.num_features)
    assert features.dtype == torch.float64
    by_hand = network.vgg((pictures + 1) / 2)["relu4_3"].mean(dim=(2, 3)) / 60
    assert torch.allclose(features, by_hand.double(), rtol=1e-4, atol=1e-6)


def test_real_pictures_in_order(network):
    """The same kind of picture is near, a noisy one is far."""
    real = photographs(24, seed=1)
    same = photographs(24, seed=2)
    noisy = (same + 0.3 * torch.randn(same.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    kid_same, error = vgg_kid(same, real, features=network)
    kid_noisy, _ = vgg_kid(noisy, real, features=network)
    assert abs(kid_same) < 3 * error
    assert kid_noisy > 10 * error


def test_evaluate_images():
    target, network = photographs(6), Corner(4)
    found = evaluate_images(target, target, METRICS, features=network)
    assert list(found) == [*METRICS[:7], "vgg_kid_error", "vgg_fid"]
    assert found["l1"] == found["mse"] == 0
    assert found["sharpness"] == 1
    assert found["vgg_fid"] == pytest.approx(0, abs=1e-6)
    assert all(isinstance(value, float) for value in found.values())
    assert list(evaluate_images(target, target, ("ssim", "l1"))) == ["ssim", "l1"]


def test_evaluate_images_by_group():
    target, network = photographs(8), Corner(4)
    output = target.roll(1, dims=3)
    groups = torch.arange(8) // 2
    found = evaluate_images(output, target, ["vgg_kid"], features=network, groups=groups)
    value, error = vgg_kid(output, target, features=network, fake_groups=groups, real_groups=groups)
    assert found == {"vgg_kid": value, "vgg_kid_error": error}
    with pytest.raises(ShapeError, match="groups"):
        evaluate_images(output, target, ["vgg_kid"], real=target, features=network, groups=groups)
    more = evaluate_images(target, target, ("vgg_kid",), real=photographs(10, seed=1), features=network)
    assert more["vgg_kid"] != found["vgg_kid"]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: evaluate_images(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), ("fid",)), DataError, "vgg_fid"),
        (lambda: evaluate_images(torch.zeros(2, 3, 8, 8), torch.zeros(3, 3, 8, 8)), ShapeError, "same order"),
        (lambda: unbiased_mmd(torch.zeros(2, 3), torch.zeros(5, 3)), ShapeError, "three rows"),
        (lambda: unbiased_mmd(torch.zeros(5, 3), torch.zeros(5, 4)), ShapeError, r"\(N, d\)"),
        (lambda: vgg_kid(*[torch.zeros(2, 3, 4, 4)] * 2, features=Corner(3)), ShapeError, "needs 3 pictures"),
        (lambda: vgg_kid(*[torch.zeros(4, 3, 4, 4)] * 2, subset_size=5, features=Corner(3)), ShapeError, "needs 5"),
        (lambda: vgg_fid(*[torch.zeros(1, 3, 4, 4)] * 2, features=Corner(3)), ShapeError, "two pictures"),
        (lambda: vgg_kid(torch.zeros(4, 1, 8, 8), torch.zeros(4, 1, 8, 8)), ShapeError, "expand"),
    ],
)
def test_refusals(call, error, says):
    with pytest.raises(error, match=says):
        call()


def plain_mmd(fake: torch.Tensor, real: torch.Tensor) -> float:
    """The estimate with its three means written out pair by pair."""

    def k(x, y):
        return float(x @ y / len(x) + 1) ** 3

    n, m = len(fake), len(real)
    among_fakes = sum(k(fake[i], fake[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    among_reals = sum(k(real[i], real[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return among_fakes + among_reals - 2 * sum(k(x, y) for x in fake for y in real) / (n * m)


@pytest.mark.parametrize("shared", [True, False])
def test_the_error_by_group_is_what_leaving_out_a_group_changes(shared):
    torch.manual_seed(0)
    fake, real = torch.randn(9, 4).double(), torch.randn(8, 4).double() + 0.5
    a = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    b = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]) + (0 if shared else 4)
    value, error = unbiased_mmd(fake, real, fake_groups=a, real_groups=b)
    assert float(value) == pytest.approx(plain_mmd(fake, real))
    left = {g: plain_mmd(fake[a != g], real[b != g]) for g in {*a.tolist(), *b.tolist()}}
    samples = [list(left.values())] if shared else [[left[g] for g in range(4)], [left[g] for g in range(4, 8)]]
    variance = sum((len(one) - 1) * np.var(one) for one in samples)
    assert float(error) == pytest.approx(variance**0.5)


def test_copies_of_a_picture_are_one_unit():
    """Five copies of each row tell nothing new: by row the error shrinks, by group it is that of the single rows."""
    torch.manual_seed(0)
    fake, real = torch.randn(40, 4).double(), torch.randn(40, 4).double() + 0.3
    groups = torch.arange(40).repeat_interleave(5)
    _, single = unbiased_mmd(fake, real)
    wide = fake.repeat_interleave(5, 0), real.repeat_interleave(5, 0)
    _, by_row = unbiased_mmd(*wide)
    _, by_group = unbiased_mmd(*wide, fake_groups=groups, real_groups=groups + 40)
    assert float(by_row) < 0.6 * float(single)
    assert float(by_group) == pytest.approx(float(single), rel=0.15)


def test_groups_that_cannot_be():
    rows = torch.randn(6, 4)
    with pytest.raises(ShapeError, match="one integer for each row"):
        unbiased_mmd(rows, rows, fake_groups=torch.zeros(5, dtype=torch.long))
    with pytest.raises(ShapeError, match="one integer for each row"):
        unbiased_mmd(rows, rows, real_groups=torch.zeros(6))
    with pytest.raises(ShapeError, match="more groups"):
        unbiased_mmd(rows, rows, fake_groups=torch.zeros(6, dtype=torch.long))
    pictures = torch.zeros(4, 3, 16, 16)
    with pytest.raises(ShapeError, match="leave subset_size out"):
        vgg_kid(pictures, pictures, subset_size=3, features=Corner(4), fake_groups=torch.arange(4))
