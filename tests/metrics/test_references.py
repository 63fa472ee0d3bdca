"""Every metric against a plain reference, written another way, on random pictures and features."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import torch
from corner_features import Corner
from numpy.typing import NDArray
from torch import Tensor

from course_lib import metrics
from course_lib.metrics.bounds import log_mixture
from course_lib.metrics.colour import RANGES
from course_lib.metrics.spectrum import cosine_energy

Array = NDArray[np.float64]


def pictures(count: int, size: int = 12, seed: int = 0, channels: int = 3) -> Tensor:
    """Return random pictures, grainy and smooth ones, pale and colourful ones."""
    random = np.random.default_rng(seed)
    coarse = np.kron(random.uniform(-1, 1, (count, channels, size // 4, size // 4)), np.ones((4, 4)))
    grain = random.uniform(-0.3, 0.3, (count, channels, size, size)) * random.uniform(0, 1, (count, 1, 1, 1))
    return torch.from_numpy(np.clip(coarse * random.uniform(0, 1, (count, 1, 1, 1)) + grain, -1, 1)).float()


def correlated(count: int, dimension: int, seed: int) -> Tensor:
    """Return features whose covariance is full, small enough to lie in a picture."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimension, dimension))
    rows = random.normal(size=(count, dimension)) @ mixing + random.normal(size=dimension)
    return torch.from_numpy(rows / (2 * np.abs(rows).max()))


def with_corner(features: Tensor) -> Tensor:
    found = torch.zeros(len(features), 3 * 4 * 4, dtype=torch.float64)
    found[:, : features.shape[1]] = features
    return found.view(-1, 3, 4, 4)


def frechet(first: Array, second: Array) -> float:
    """The distance with scipy's root of a matrix, of the symmetric form C1^(1/2) C2 C1^(1/2)."""
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    half = scipy.linalg.sqrtm(c1).real
    root = scipy.linalg.sqrtm(half @ c2 @ half).real
    return float(np.sum((first.mean(0) - second.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * root))


@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance(seed: int) -> None:
    fake, real = correlated(90, 7, seed), correlated(60, 7, seed + 10)
    found = metrics.vgg_fid(with_corner(fake), with_corner(real), features=Corner(7))
    assert found == pytest.approx(frechet(fake.numpy(), real.numpy()), rel=1e-6)


@pytest.mark.filterwarnings("ignore:VGG-FID of")
@pytest.mark.parametrize("count", [5, 40])
def test_frechet_distance_to_itself_is_not_below_zero(count: int) -> None:
    for seed in range(12):  # of some sets rounding brought it below
        same = with_corner(correlated(count, 20, seed))
        assert 0 <= metrics.vgg_fid(same, same.clone(), features=Corner(20)) < 1e-6


def kernel(a: Array, b: Array, degree: int) -> float:
    return float((sum(x * y for x, y in zip(a, b, strict=True)) / len(a) + 1) ** degree)


def double_loop(fake: Array, real: Array, degree: int) -> float:
    among_fakes = [kernel(a, b, degree) for a, b in itertools.permutations(fake, 2)]
    among_reals = [kernel(a, b, degree) for a, b in itertools.permutations(real, 2)]
    between = [kernel(a, b, degree) for a, b in itertools.product(fake, real)]
    return float(np.mean(among_fakes) + np.mean(among_reals) - 2 * np.mean(between))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_mmd_and_its_jackknife(degree: int) -> None:
    fake, real = correlated(7, 4, 0).numpy(), 3 * correlated(9, 4, 1).numpy()
    value, error = metrics.unbiased_mmd(torch.from_numpy(fake), torch.from_numpy(real), degree)
    assert float(value) == pytest.approx(double_loop(fake, real, degree), rel=1e-9, abs=1e-12)
    variance = 0.0
    for left, kept in (
        (fake, lambda row: (np.delete(fake, row, 0), real)),
        (real, lambda row: (fake, np.delete(real, row, 0))),
    ):
        without = [double_loop(*kept(row), degree) for row in range(len(left))]
        variance += (len(left) - 1) * float(np.var(without))
    assert float(error) == pytest.approx(math.sqrt(variance), rel=1e-6)


def test_kid_over_subsets() -> None:
    """Subsets of all pictures are the same pictures each time, so that the mean is the estimate and the spread is 0."""
    fake, real = correlated(8, 5, 0), correlated(8, 5, 1)
    value, spread = metrics.vgg_kid(with_corner(fake), with_corner(real), 8, subsets=3, features=Corner(5))
    assert value == pytest.approx(double_loop(fake.numpy(), real.numpy(), 3), rel=1e-6, abs=1e-9)
    assert spread == pytest.approx(0, abs=1e-9)


def lab(picture: Array) -> Array:
    """CIE Lab from the chromaticities of the primaries and of the white D65, ``(3, H, W)`` in [0, 1]."""
    xy = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06], [0.3127, 0.3290]])
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in xy)
    primaries = np.stack([red, green, blue], axis=1)
    matrix = primaries * np.linalg.solve(primaries, white)
    linear = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    ratio = np.tensordot(matrix, linear, 1) / white[:, None, None]
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_lab() -> None:
    found = metrics.srgb_to_lab(pictures(6))
    for picture, one in zip(pictures(6).double().numpy(), found.numpy(), strict=True):
        np.testing.assert_allclose(one, lab((picture + 1) / 2), atol=0.03)  # the standard's matrix has four decimals


def test_colour_histograms_and_their_intersection() -> None:
    made, real = pictures(5, seed=1), pictures(8, seed=2)
    shares = {}
    for name, images in (("made", made), ("real", real)):
        values = metrics.srgb_to_lab(images).double().movedim(1, 0).flatten(1).numpy()
        shares[name] = [
            np.histogram(axis, 55, ends)[0] / axis.size for axis, ends in zip(values, RANGES.values(), strict=True)
        ]
        for found, wanted in zip(metrics.colour_histograms(images).values(), shares[name], strict=True):
            assert float(np.abs(found.numpy() - wanted).sum()) < 0.01  # a value on a border may fall to either side
    found = metrics.histogram_intersection(made, real)
    for axis, first, second in zip(RANGES, shares["made"], shares["real"], strict=True):
        assert found[axis] == pytest.approx(1 - np.abs(first - second).sum() / 2, abs=0.01)


def test_colourfulness() -> None:
    found = metrics.colourfulness(pictures(6), "none")
    for picture, figure in zip((pictures(6).double().numpy() + 1) * 127.5, found, strict=True):
        red, green, blue = picture
        rg, yb = red - green, 0.5 * (red + green) - blue
        spread, offset = math.hypot(rg.std(), yb.std()), math.hypot(rg.mean(), yb.mean())
        assert float(figure) == pytest.approx(spread + 0.3 * offset, rel=1e-4)


def mirrored_spectrum(picture: Array) -> Array:
    """The energy of the cosine transform by numpy's FFT of the picture with its mirror images beside and below it."""
    height, width = picture.shape
    whole = np.block([[picture, picture[:, ::-1]], [picture[::-1], picture[::-1, ::-1]]])
    energy = np.abs(np.fft.fft2(whole)[:height, :width] / 4) ** 2 * 4 / (height * width)
    energy[0] /= 2
    energy[:, 0] /= 2
    return energy


@pytest.mark.parametrize(("height", "width"), [(12, 12), (8, 12)])
def test_cosine_transform(height: int, width: int) -> None:
    images = pictures(3, 12)[:, :, :height, :width]
    found = cosine_energy(images).double().numpy()
    for place in np.ndindex(3, 3):
        picture = images[place].double().numpy()
        wanted = mirrored_spectrum(picture)
        np.testing.assert_allclose(wanted, scipy.fft.dctn(picture, norm="ortho") ** 2, atol=1e-10)
        wanted[0, 0] = 0
        np.testing.assert_allclose(found[place], wanted, atol=1e-4)


def test_sharpness_and_spectrum() -> None:
    images, bins = pictures(4, 12, seed=3), 5
    energy = np.stack([sum(mirrored_spectrum(c.double().numpy()) for c in picture) for picture in images])
    energy[:, 0, 0] = 0
    radius = np.array([[math.hypot(k / 24, j / 24) for j in range(12)] for k in range(12)])
    shares = [float(one[radius > 0.25].sum() / one.sum()) for one in energy]
    np.testing.assert_allclose(metrics.high_frequency_share(images).numpy(), shares, rtol=1e-4)
    reference = pictures(2, 12, seed=4)
    expected = np.mean(shares) / float(metrics.high_frequency_share(reference).double().mean())
    assert metrics.sharpness(images, reference) == pytest.approx(float(expected), rel=1e-4)

    frequencies, found = metrics.radial_spectrum(images, bins)
    width = 0.5 / bins
    rings: dict[int, list[float]] = {}
    for k, j in itertools.product(range(12), repeat=2):
        if k or j:
            rings.setdefault(math.ceil(radius[k, j] / width - 1e-9) - 1, []).append(float(energy[:, k, j].mean() / 3))
    assert frequencies.tolist() == pytest.approx([(ring + 0.5) * width for ring in sorted(rings)])
    assert found.tolist() == pytest.approx([np.mean(rings[ring]) for ring in sorted(rings)], rel=1e-3)


def test_pixel_by_pixel() -> None:
    outputs, targets = pictures(4, seed=5), pictures(4, seed=6)
    difference = outputs.double().numpy() - targets.double().numpy()
    assert metrics.l1(outputs, targets) == pytest.approx(np.abs(difference).mean(), rel=1e-5)
    assert metrics.mse(outputs, targets) == pytest.approx((difference**2).mean(), rel=1e-5)
    decibels = [10 * math.log10(4 / (one**2).mean()) for one in difference]
    assert metrics.psnr(outputs, targets) == pytest.approx(np.mean(decibels), rel=1e-5)


def test_distinct_outputs_and_dependence() -> None:
    outputs = pictures(9, seed=7)
    outputs[4] = outputs[1] + 0.01 * outputs[0]
    distance = [[float((a - b).abs().mean()) for b in outputs] for a in outputs]
    for threshold in (0.0, 0.02, 0.2, 0.4, 2.0):
        counted: list[int] = []
        for row in range(9):
            if all(distance[row][before] > threshold for before in counted):
                counted.append(row)
        assert metrics.distinct_outputs(outputs.clamp(-1, 1), threshold) == len(counted)
    inputs = pictures(9, seed=8)
    pairs = list(itertools.combinations(range(9), 2))
    apart = [np.mean([float((x[a] - x[b]).abs().mean()) for a, b in pairs]) for x in (outputs, inputs)]
    assert metrics.input_dependence(inputs, outputs) == pytest.approx(float(apart[0] / apart[1]), rel=1e-5)


def test_diversity() -> None:
    samples = pictures(12, seed=9).view(3, 4, 3, 12, 12)
    pairs = [
        float((draws[a] - draws[b]).abs().mean()) for draws in samples for a, b in itertools.combinations(range(4), 2)
    ]
    assert metrics.diversity(samples) == pytest.approx(float(np.mean(pairs)), rel=1e-5)


def test_nearest_answer() -> None:
    answers, outputs = pictures(20, seed=10).view(5, 4, 3, 12, 12), pictures(5, seed=11)
    distances, chosen = metrics.nearest_answer(outputs, answers)
    for row in range(5):
        found = [math.sqrt(float(((outputs[row] - answer).double() ** 2).mean())) for answer in answers[row]]
        assert int(chosen[row]) == int(np.argmin(found))
        assert float(distances[row]) == pytest.approx(min(found), rel=1e-5)


def test_modes() -> None:
    random = np.random.default_rng(12)
    centres = random.uniform(-3, 3, (6, 2))
    samples = centres[random.integers(0, 4, 300)] + random.normal(scale=0.4, size=(300, 2))
    counts = [0] * 6
    for point in samples:
        near = [math.dist(point, centre) for centre in centres]
        counts[int(np.argmin(near))] += min(near) <= 3 * 0.3
    given = torch.from_numpy(samples), torch.from_numpy(centres), 0.3
    assert metrics.mode_figures(*given) == {
        "modes": sum(count > 0 for count in counts),
        "high_quality": sum(counts) / 300,
    }
    shares = [count / sum(counts) for count in counts if count]
    expected = sum(share * math.log(share * 6) for share in shares)
    assert metrics.reverse_kl_of_modes(*given) == pytest.approx(expected, rel=1e-9)


def test_density_of_a_mixture() -> None:
    random = np.random.default_rng(13)
    z, mu, logvar = (torch.from_numpy(random.normal(size=shape)) for shape in ((5, 3), (8, 3), (8, 3)))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(8, dtype=torch.float64)),
        torch.distributions.Independent(torch.distributions.Normal(mu, (logvar / 2).exp()), 1),
    )
    torch.testing.assert_close(log_mixture(z, mu, logvar), mixture.log_prob(z))
