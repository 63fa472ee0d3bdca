"""The exact game: no D beats D*, its value is a divergence, and which divergences are distances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import CourseError, ShapeError
from course_lib.losses.game import (
    best_discriminator,
    game_value,
    integrand,
    jensen_shannon,
    kl_divergence,
    maximise_on_grid,
)

LOG2, LOG4 = math.log(2), math.log(4)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def line(low=-14.0, high=14.0, points=5601):
    x = torch.linspace(low, high, points, dtype=torch.float64)
    return x, (high - low) / (points - 1)


def gaussian(x, mean=0.0, std=1.0):
    return torch.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def kl_of_gaussians(mean, std, other_mean, other_std):
    """Return KL(N(mean, std^2) || N(other)), in closed form."""
    return math.log(other_std / std) + (std**2 + (mean - other_mean) ** 2) / (2 * other_std**2) - 0.5


def densities(points):
    """Return a strategy for a random density on a grid with cells of length 1, 0 at some places."""
    value = st.floats(0.01, 1) | st.floats(1e-9, 1e-3) | st.just(0.0)
    values = st.lists(value, min_size=points, max_size=points).filter(lambda v: sum(v) > 0)
    return values.map(lambda v: double(*v) / sum(v))


@st.composite
def several(draw, number):
    points = draw(st.integers(2, 9))
    return tuple(draw(densities(points)) for _ in range(number))


pairs, triples = several(2), several(3)


@pytest.mark.parametrize("other", [(1.0, 1.0), (1.0, 0.5), (0.0, 2.0), (6.0, 0.7), (0.0, 1.0)])
def test_value_at_the_best_d_by_quadrature(other):
    """V(D*, G) = -log 4 + 2 JSD, with JSD from two KL to the mixture, each by its own definition."""
    x, dx = line()
    p, q = gaussian(x), gaussian(x, *other)
    m = (p + q) / 2
    by_definition = sum(torch.xlogy(a, a / m).sum().item() * dx / 2 for a in (p, q))
    value = game_value(best_discriminator(p, q), p, q, dx).item()
    assert value == pytest.approx(-LOG4 + 2 * by_definition, abs=1e-9)
    assert value == pytest.approx(-LOG4 + 2 * jensen_shannon(p, q, dx).item(), abs=1e-9)


def test_wrong_formulas_for_the_value_are_seen():
    x, dx = line()
    p, q = gaussian(x), gaussian(x, 1.0)
    value = game_value(best_discriminator(p, q), p, q, dx).item()
    divergence = jensen_shannon(p, q, dx).item()
    for wrong in (-LOG4 + divergence, LOG4 - 2 * divergence, -LOG2 + 2 * divergence, -LOG4 + 2 * divergence / LOG2):
        assert value != pytest.approx(wrong, abs=1e-3)
    for wrong_d in (q / (p + q), p / q / (1 + p / q).amax(), p / p.amax()):
        assert game_value(wrong_d, p, q, dx) < value - 0.01


@pytest.mark.parametrize("other", [(0.0, 1.0), (1.0, 1.0), (-2.0, 0.5), (0.5, 2.0)])
def test_kl_by_quadrature_against_the_closed_form(other):
    x, dx = line()
    p, q = gaussian(x), gaussian(x, *other)
    assert kl_divergence(p, q, dx).item() == pytest.approx(kl_of_gaussians(0, 1, *other), abs=1e-9)
    assert kl_divergence(q, p, dx).item() == pytest.approx(kl_of_gaussians(*other, 0, 1), abs=1e-9)


def test_d_one_half_is_worth_minus_log_4_whatever_the_densities():
    x, dx = line()
    for q in (gaussian(x), gaussian(x, 3.0, 0.5)):
        assert game_value(torch.full_like(x, 0.5), gaussian(x), q, dx).item() == pytest.approx(-LOG4, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(pair=pairs, seed=st.integers(0, 10**6))
def test_no_d_beats_the_best(pair, seed):
    p, q = pair
    best = best_discriminator(p, q)
    most = game_value(best, p, q, 1.0)
    assert torch.isfinite(most)
    generator = torch.Generator().manual_seed(seed)
    for size in (1.0, 0.3, 1e-2, 1e-4, 1e-6):
        noise = torch.rand(8, len(p), generator=generator, dtype=torch.float64)
        others = noise if size == 1 else (best + size * (2 * noise - 1)).clamp(0, 1)
        for d in others:
            assert game_value(d, p, q, 1.0) <= most + 1e-12
    for d in (torch.zeros_like(p), torch.ones_like(p), torch.full_like(p, 0.5), 1 - best):
        assert game_value(d, p, q, 1.0) <= most + 1e-12


@settings(max_examples=60, deadline=None)
@given(pair=pairs, candidates=st.integers(3, 400))
def test_trying_all_values_agrees_with_the_formula(pair, candidates):
    p, q = pair
    spacing = 1 / (candidates - 1)
    found, best = maximise_on_grid(p, q, candidates), best_discriminator(p, q)
    assert ((found - best).abs() <= spacing * (1 + 1e-9)).all()
    on_grid = found[(p > 0) | (q > 0)] * (candidates - 1)
    assert torch.allclose(on_grid, on_grid.round(), atol=1e-9)
    # and each value found is the best of its own grid
    for d in torch.linspace(0, 1, candidates, dtype=torch.float64)[:: max(1, candidates // 10)]:
        assert (integrand(torch.full_like(p, d.item()), p, q) <= integrand(found, p, q)).all()


def test_more_candidates_come_closer():
    x, _ = line(points=401)
    p, q = gaussian(x, -1.0), gaussian(x, 1.5, 0.8)
    error = [float((maximise_on_grid(p, q, n) - best_discriminator(p, q)).abs().max()) for n in (11, 101, 1001)]
    assert error[0] <= 0.1
    assert error[1] <= 0.01
    assert error[2] <= 0.001
    assert error[0] > 0.02  # the formula was not looked at


@settings(max_examples=100, deadline=None)
@given(pair=pairs)
def test_jensen_shannon_lies_between_0_and_log_2_and_is_symmetric(pair):
    p, q = pair
    divergence = jensen_shannon(p, q, 1.0).item()
    assert 0 <= divergence <= LOG2 + 1e-12
    assert divergence == jensen_shannon(q, p, 1.0).item()
    m = (p + q) / 2
    by_definition = (kl_divergence(p, m, 1.0) + kl_divergence(q, m, 1.0)).item() / 2
    assert divergence == pytest.approx(by_definition, abs=1e-12)
    assert game_value(best_discriminator(p, q), p, q, 1.0).item() == pytest.approx(-LOG4 + 2 * divergence, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(pair=pairs)
def test_jensen_shannon_is_0_at_equality_and_nowhere_else(pair):
    p, q = pair
    assert jensen_shannon(p, p, 1.0).item() == 0
    assert kl_divergence(p, p, 1.0).item() == 0
    gap = (p - q).abs().sum().item()
    # from below by the squared distance (Pinsker's inequality for both halves): it cannot be 0 where p and q differ
    assert jensen_shannon(p, q, 1.0).item() >= gap**2 / 8 - 1e-15
    assert kl_divergence(p, q, 1.0).item() >= gap**2 / 2 - 1e-12
    if gap > 1e-6:
        assert jensen_shannon(p, q, 1.0).item() > 0


def test_jensen_shannon_keeps_its_digits_where_the_two_are_close():
    """For p = (1 + t) / 2, (1 - t) / 2 against the halves changed, JSD is t^2 / 2 to first order."""
    for t in (1e-3, 1e-5, 1e-7):
        p, q = double(0.5 * (1 + t), 0.5 * (1 - t)), double(0.5 * (1 - t), 0.5 * (1 + t))
        assert jensen_shannon(p, q, 1.0).item() == pytest.approx(t**2 / 2, rel=1e-5)


@settings(max_examples=100, deadline=None)
@given(triple=triples)
def test_the_root_of_jensen_shannon_obeys_the_triangle_inequality(triple):
    p, q, r = triple
    root = [math.sqrt(jensen_shannon(a, b, 1.0).item()) for a, b in ((p, r), (p, q), (q, r))]
    assert root[0] <= root[1] + root[2] + 1e-7


def test_without_the_root_the_triangle_inequality_fails():
    """(1, 0), (1/2, 1/2), (0, 1): log 2 is more than the two halves of the way together."""
    ends, middle = (double(1, 0), double(0, 1)), double(0.5, 0.5)
    whole = jensen_shannon(*ends, 1.0).item()
    half = jensen_shannon(ends[0], middle, 1.0).item()
    assert half == pytest.approx(0.75 * math.log(4 / 3), rel=1e-12)
    assert whole == pytest.approx(LOG2)
    assert whole > 2 * half + 0.2
    assert math.sqrt(whole) <= 2 * math.sqrt(half)


def test_kl_is_neither_symmetric_nor_a_metric():
    """By hand: from (1/2, 1/2) over (3/4, 1/4) to (0.99, 0.01) is shorter than the way without a stop."""
    p, q, r = double(0.5, 0.5), double(0.75, 0.25), double(0.99, 0.01)
    there, back = kl_divergence(p, q, 1.0).item(), kl_divergence(q, p, 1.0).item()
    assert there == pytest.approx(0.5 * math.log(4 / 3), rel=1e-12)
    assert back == pytest.approx(0.75 * math.log(1.5) - 0.25 * LOG2, rel=1e-12)
    assert abs(there - back) > 0.01
    on = kl_divergence(q, r, 1.0).item()
    direct = kl_divergence(p, r, 1.0).item()
    assert direct == pytest.approx(0.5 * math.log(0.25 / 0.0099), rel=1e-12)
    assert direct > there + on + 0.4


@pytest.mark.parametrize("distance", [1, 10, 1000])
def test_disjoint_densities_are_log_2_apart_however_far(distance):
    p, q = torch.zeros(2048, dtype=torch.float64), torch.zeros(2048, dtype=torch.float64)
    p[:8], q[8 + distance : 24 + distance] = 1 / 8, 1 / 16
    assert jensen_shannon(p, q, 1.0).item() == LOG2
    best = best_discriminator(p, q)
    assert (best[:8] == 1).all()
    assert (best[8 + distance : 24 + distance] == 0).all()
    assert (best[24 + distance :] == 0.5).all()
    assert game_value(best, p, q, 1.0).item() == 0  # D is always right, and sure
    assert torch.equal(maximise_on_grid(p, q, 11), best)
    assert kl_divergence(p, q, 1.0) == kl_divergence(q, p, 1.0) == math.inf


def test_zeros_by_hand():
    p, q = double(0.0, 0.5, 0.5, 0.0), double(0.5, 0.5, 0.0, 0.0)
    assert best_discriminator(p, q).tolist() == [0, 0.5, 1, 0.5]
    assert integrand(best_discriminator(p, q), p, q).tolist() == pytest.approx([0, -LOG2, 0, 0])
    assert integrand(torch.zeros_like(p), p, q).tolist() == [0, -math.inf, -math.inf, 0]
    assert integrand(torch.ones_like(p), p, q).tolist() == [-math.inf, -math.inf, 0, 0]
    assert game_value(torch.ones_like(p), p, q, 0.1) == -math.inf
    assert kl_divergence(p, q, 1.0) == math.inf
    assert kl_divergence(double(0.0, 1.0), double(0.5, 0.5), 1.0).item() == pytest.approx(LOG2)
    nothing = torch.zeros(4, dtype=torch.float64)
    assert kl_divergence(nothing, nothing, 1.0) == jensen_shannon(nothing, nothing, 1.0) == 0
    assert game_value(best_discriminator(nothing, nothing), nothing, nothing, 1.0) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("apart", [5.0, 12.0, 25.0, 60.0])
def test_tails_do_not_become_nan_or_infinite(dtype, apart):
    """Far apart p / (p + q) is rounded to 1 where q is not 0, and one fake there would cost infinitely much."""
    x, dx = line(-80, 80, 16001)
    p, q = gaussian(x, -apart / 2).to(dtype), gaussian(x, apart / 2).to(dtype)
    rounded = p / (p + q)
    if ((p > 0) & (q > 0)).any():  # 60 apart float32 holds no tail that long
        assert ((rounded == 1) & (q > 0)).any()  # the trap is there
    best = best_discriminator(p, q)
    assert best.dtype == dtype
    value, divergence = game_value(best, p, q, dx).item(), jensen_shannon(p, q, dx).item()
    assert value == pytest.approx(-LOG4 + 2 * divergence, abs=1e-6)
    assert 0 <= divergence <= LOG2 * (1 + 1e-6)
    if apart >= 12:
        assert divergence == pytest.approx(LOG2, rel=1e-6)
    assert not kl_divergence(p, q, dx).isnan()
    assert not integrand(maximise_on_grid(p, q, 5), p, q).isnan().any()


def test_the_smallest_floats():
    """Halving the smallest number above 0 gives 0: no mean of the two densities may be rounded so."""
    p, q = double(5e-324, 1.0, 0.0), double(0.0, 1.0, 5e-324)
    assert jensen_shannon(p, q, 1.0).item() == 0
    assert best_discriminator(p, q).tolist() == [1, 0.5, 0]
    assert math.isfinite(game_value(best_discriminator(p, p), p, p, 1.0).item())
    assert math.isfinite(game_value(best_discriminator(p, 10 * p), p, 10 * p, 1.0).item())


def test_two_dimensions():
    """Product densities on a square: KL adds up over the axes, and all else is as on the line."""
    x, dx = line(-10, 10, 401)
    p = gaussian(x)[:, None] * gaussian(x, 1.0)[None, :]
    q = gaussian(x, 0.5)[:, None] * gaussian(x, -1.0, 1.5)[None, :]
    area = dx**2
    expected = kl_of_gaussians(0, 1, 0.5, 1) + kl_of_gaussians(1, 1, -1, 1.5)
    assert kl_divergence(p, q, area).item() == pytest.approx(expected, abs=1e-8)
    best = best_discriminator(p, q)
    assert best.shape == p.shape == (401, 401)
    divergence = jensen_shannon(p, q, area)
    assert divergence.shape == ()
    assert game_value(best, p, q, area).item() == pytest.approx(-LOG4 + 2 * divergence.item(), abs=1e-6)
    assert (maximise_on_grid(p, q, 41) - best).abs().max() <= 1 / 40 + 1e-9
    # the same numbers in another arrangement
    assert torch.equal(best.flatten(), best_discriminator(p.flatten(), q.flatten()))
    assert divergence.item() == pytest.approx(jensen_shannon(p.flatten(), q.flatten(), area).item(), rel=1e-12)


def test_nothing_is_changed_in_place():
    p, q = double(0.0, 0.4, 0.6), double(0.5, 0.5, 0.0)
    d = best_discriminator(p, q)
    kept = [tensor.clone() for tensor in (p, q, d)]
    game_value(d, p, q, 1.0), kl_divergence(p, q, 1.0), jensen_shannon(p, q, 1.0), maximise_on_grid(p, q, 5)
    assert all(torch.equal(tensor, before) for tensor, before in zip((p, q, d), kept, strict=True))


GOOD, OTHER = double(0.5, 0.5), double(0.2, 0.3, 0.5)
FUNCTIONS = [
    best_discriminator,
    maximise_on_grid,
    lambda p, q: integrand(torch.full_like(p, 0.5), p, q),
    lambda p, q: game_value(torch.full_like(p, 0.5), p, q, 1.0),
    lambda p, q: kl_divergence(p, q, 1.0),
    lambda p, q: jensen_shannon(p, q, 1.0),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("p", "q", "says"),
    [
        (GOOD, OTHER, "use one grid for both"),
        (GOOD, GOOD[:, None], "use one grid for both"),
        (GOOD, double(1.1, -0.1), "negative or not finite"),
        (double(-1e-9, 1), GOOD, "negative or not finite"),
        (GOOD, double(math.nan, 1), "negative or not finite"),
        (double(math.inf, 1), GOOD, "negative or not finite"),
        (torch.tensor([1, 0]), torch.tensor([0, 1]), "give floats"),
    ],
)
def test_densities_that_are_none(function, p, q, says):
    with pytest.raises(ShapeError, match=says):
        function(p, q)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: integrand(double(1.2, 0.5), GOOD, GOOD), r"torch\.sigmoid\(logits\)"),
        (lambda: game_value(double(-0.1, 0.5), GOOD, GOOD, 1.0), r"D leaves \[0, 1\]"),
        (lambda: integrand(double(math.nan, 0.5), GOOD, GOOD), r"D leaves \[0, 1\]"),
        (lambda: game_value(double(0.5), GOOD, GOOD, 1.0), "use one grid"),
        (lambda: game_value(GOOD, GOOD, GOOD, 0.0), "cell of the grid is 0.0"),
        (lambda: kl_divergence(GOOD, GOOD, -1.0), "above 0"),
        (lambda: jensen_shannon(GOOD, GOOD, math.nan), "above 0"),
        (lambda: maximise_on_grid(GOOD, GOOD, 2), "at least 3"),
    ],
)
def test_what_cannot_be_asked(call, says):
    with pytest.raises(ShapeError, match=says) as caught:
        call()
    assert isinstance(caught.value, CourseError)
    assert "\n" not in str(caught.value)
