"""The adversarial losses against their formulas in float64, at log 4, far out, and in their gradients."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from course_lib.losses.adversarial import (
    LOSSES,
    Hinge,
    LeastSquares,
    NonSaturating,
    Relativistic,
    Saturating,
    Wasserstein,
)

LOGITS = st.lists(st.floats(-20, 20), min_size=1, max_size=8)
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
OF_2014 = {name: LOSSES[name] for name in ("saturating", "non-saturating")}
each_of_2014 = pytest.mark.parametrize("loss", OF_2014.values(), ids=OF_2014.keys())


def d(logits):
    return 1 / (1 + torch.exp(-logits))


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def gradient(function, logits):
    """Return the derivative of the sum of the function in each logit."""
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(function(logits), logits)[0]


def test_the_losses_by_name():
    assert {name: type(loss) for name, loss in LOSSES.items()} == {
        "saturating": Saturating,
        "non-saturating": NonSaturating,
        "least-squares": LeastSquares,
        "hinge": Hinge,
        "wasserstein": Wasserstein,
        "relativistic": Relativistic,
    }


@given(real=LOGITS, fake=LOGITS)
def test_formula_in_float64(real, fake):
    real, fake = double(*real), double(*fake)
    # 1 - d(l) is written d(-l): for large l the subtraction itself would round away the answer
    for_d = float(-torch.log(d(real)).mean() - torch.log(d(-fake)).mean())
    for_g = {"saturating": float(torch.log(d(-fake)).mean()), "non-saturating": float(-torch.log(d(fake)).mean())}
    for name, loss in OF_2014.items():
        assert loss.d_loss(real, fake) == pytest.approx(for_d, rel=1e-9, abs=1e-12)
        assert loss.g_loss(fake) == pytest.approx(for_g[name], rel=1e-9, abs=1e-12)


@each_of_2014
def test_d_loss_is_a_cross_entropy(loss):
    real, fake = torch.randn(5, dtype=torch.float64), torch.randn(7, dtype=torch.float64)
    ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
    expected = binary_cross_entropy_with_logits(real, ones) + binary_cross_entropy_with_logits(fake, zeros)
    assert loss.d_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-12)


@each_of_2014
def test_log_4_when_d_cannot_tell(loss):
    assert loss.d_loss(torch.zeros(5), torch.zeros(7)).item() == pytest.approx(math.log(4))


def test_g_where_d_cannot_tell():
    """One falls and one rises with D: at D = 1/2 they are -log 2 and log 2."""
    assert Saturating().g_loss(torch.zeros(3)).item() == pytest.approx(-math.log(2))
    assert NonSaturating().g_loss(torch.zeros(3)).item() == pytest.approx(math.log(2))


def test_the_game_is_minimax_with_the_saturating_loss_only():
    """G minimises what D maximises: the part of -d_loss that G can move is its own loss. Not so for the other."""
    real, fake = double(0.3, -1.2), double(-2.0, 0.7, 1.1)
    for_d = gradient(lambda logits: -Saturating().d_loss(real, logits), fake)
    assert torch.allclose(gradient(Saturating().g_loss, fake), for_d, rtol=1e-12)
    assert not torch.allclose(gradient(NonSaturating().g_loss, fake), for_d, rtol=0.1)


@each_loss
@pytest.mark.parametrize("logit", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_far_out(loss, logit, dtype):
    logits = torch.full((3,), logit, dtype=dtype, requires_grad=True)
    total = loss.d_loss(logits, logits) + loss.g_loss(logits, torch.zeros_like(logits))
    total.backward()
    assert math.isfinite(total.item())
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda logits: -torch.log(torch.sigmoid(logits)).mean(),
        lambda logits: torch.log(1 - torch.sigmoid(logits)).mean(),
        lambda logits: -torch.log(1 - torch.sigmoid(-logits)).mean(),
    ],
)
def test_the_formula_as_it_stands_is_not_finite_far_out(wrong):
    """What the test above guards against: a sigmoid that is rounded to 0 or 1 before the logarithm."""
    values = [wrong(torch.tensor([logit])).item() for logit in (1e4, -1e4)]
    assert not all(math.isfinite(value) for value in values)


@each_of_2014
def test_values_far_out(loss):
    """A D that is wrong with logit l pays |l|; one that is right pays nothing."""
    sure, wrong = torch.tensor([1e4]), torch.tensor([-1e4])
    assert loss.d_loss(sure, -sure).item() == 0
    assert loss.d_loss(wrong, -wrong).item() == pytest.approx(2e4)


@given(logits=LOGITS)
def test_derivative_in_the_logit(logits):
    """-D where G saturates and D - 1 where it does not, over the number of fakes."""
    logits = double(*logits)
    n = len(logits)
    assert torch.allclose(gradient(Saturating().g_loss, logits), -d(logits) / n, rtol=1e-9, atol=1e-14)
    assert torch.allclose(gradient(NonSaturating().g_loss, logits), -d(-logits) / n, rtol=1e-9, atol=1e-14)


def test_generator_gradient_where_d_is_sure():
    """Where D is sure of a fake the gradient in the logit is -1, or it vanishes."""
    sure = double(-30.0)
    assert gradient(NonSaturating().g_loss, sure).item() == pytest.approx(-1.0)
    assert gradient(Saturating().g_loss, sure).item() == pytest.approx(-math.exp(-30), rel=1e-9)


def test_it_is_in_the_logit_that_the_gradient_vanishes_and_not_in_d():
    """log(1 - D) has the slope -1 at D = 0: what vanishes is the slope of D in its logit."""
    probability = double(1e-12).requires_grad_()
    torch.log(1 - probability).sum().backward()
    assert probability.grad.item() == pytest.approx(-1)
    assert abs(gradient(Saturating().g_loss, double(-27.6)).item()) < 2e-12


def test_both_push_the_logit_of_a_fake_up():
    logits = torch.linspace(-5, 5, 11)
    for loss in OF_2014.values():
        assert (gradient(loss.g_loss, logits) < 0).all()
    # the common slip, the sign of E15: to maximise -log D pushes it down
    assert (gradient(lambda fake: -NonSaturating().g_loss(fake), logits) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda real, fake: Saturating().d_loss(fake, real),  # real and fake in each other's place
        lambda real, fake: -Saturating().d_loss(real, fake),  # the value of the game, which D maximises
        lambda real, fake: Saturating().d_loss(torch.sigmoid(real), torch.sigmoid(fake)),  # through a sigmoid twice
        lambda real, fake: 0.5 * Saturating().d_loss(real, fake),
        lambda real, fake: binary_cross_entropy_with_logits(torch.cat([real, fake]), double(1, 1, 0, 0, 0)),
    ],
)
def test_wrong_variants_are_seen(wrong):
    real, fake = double(2.0, 0.5), double(-1.0, 0.3, -2.0)
    right = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-0.5))) / 2
    right += (math.log1p(math.exp(-1)) + math.log1p(math.exp(0.3)) + math.log1p(math.exp(-2))) / 3
    for loss in OF_2014.values():
        assert loss.d_loss(real, fake).item() == pytest.approx(right, rel=1e-12)
    assert wrong(real, fake).item() != pytest.approx(right, rel=1e-3)


@each_loss
def test_any_shape_and_the_mean_over_all_of_it(loss):
    patches = torch.randn(4, 1, 3, 3, dtype=torch.float64)
    real = torch.randn(4, 1, 3, 3, dtype=torch.float64)
    once = loss.g_loss(patches, real)
    assert once.shape == loss.d_loss(real, patches).shape == ()
    assert once.item() == pytest.approx(loss.g_loss(patches.flatten(), real.flatten()).item(), rel=1e-12)
    twice = loss.g_loss(patches.repeat(2, 1, 1, 1), real.repeat(2, 1, 1, 1))
    assert twice.item() == pytest.approx(once.item(), rel=1e-12)


# Least squares: D's output is held against the marks 1 and 0, without a sigmoid.


def mean(values):
    return sum(values) / len(values)


@given(real=LOGITS, fake=LOGITS)
def test_least_squares_by_hand(real, fake):
    loss = LeastSquares()
    for_d = mean([(r - 1) ** 2 for r in real]) + mean([f**2 for f in fake])
    assert loss.d_loss(double(*real), double(*fake)).item() == pytest.approx(for_d, rel=1e-9, abs=1e-12)
    assert loss.g_loss(double(*fake)).item() == pytest.approx(mean([(f - 1) ** 2 for f in fake]), rel=1e-9, abs=1e-12)


def test_least_squares_at_marked_places():
    loss = LeastSquares()
    assert loss.d_loss(double(1, 1), double(0, 0, 0)).item() == 0
    assert loss.d_loss(double(0.5, 0.5), double(0.5)).item() == 0.5  # D cannot tell: not halved in here
    assert loss.d_loss(double(0), double(1)).item() == 2
    assert (loss.g_loss(double(1)).item(), loss.g_loss(double(0)).item(), loss.g_loss(double(3)).item()) == (0, 1, 4)


@given(real=LOGITS, fake=LOGITS)
def test_least_squares_gradients(real, fake):
    """Twice the distance from the mark, over the number: largest where D is sure of a fake."""
    loss, real, fake = LeastSquares(), double(*real), double(*fake)
    assert torch.allclose(gradient(loss.g_loss, fake), 2 * (fake - 1) / len(fake), atol=1e-12)
    for_fake, for_real = (
        gradient(lambda f: loss.d_loss(real, f), fake),
        gradient(lambda r: loss.d_loss(r, fake), real),
    )
    assert torch.allclose(for_fake, 2 * fake / len(fake), atol=1e-12)
    assert torch.allclose(for_real, 2 * (real - 1) / len(real), atol=1e-12)


def test_where_d_is_sure_least_squares_pulls_hardest_and_it_pulls_back_what_is_too_real():
    slopes = gradient(LeastSquares().g_loss, double(-30.0, -3.0, 1.0, 3.0)) * 4
    assert slopes.tolist() == pytest.approx([-62, -8, 0, 4])
    assert gradient(NonSaturating().g_loss, double(3.0)).item() < 0  # where the other loss still pushes up


@pytest.mark.parametrize(("p", "q"), [(0.2, 0.2), (0.9, 0.1), (0.3, 0.05), (0.5, 0.0), (0.0, 0.4)])
def test_the_best_d_of_least_squares_is_the_share_of_real(p, q):
    """Pointwise ``p (D - 1)^2 + q D^2`` is least at p / (p + q): the output itself, with no sigmoid."""
    output = torch.linspace(-1, 2, 3001, dtype=torch.float64)
    loss = LeastSquares()
    cost = [p * loss.d_loss(one, double(0.0)) + q * loss.d_loss(double(1.0), one) for one in output.split(1)]
    best = output[int(torch.stack(cost).argmin())].item()
    assert best == pytest.approx(p / (p + q), abs=1e-3)
    at_best = gradient(lambda d_of_x: p * (d_of_x - 1).square().sum() + q * d_of_x.square().sum(), double(p / (p + q)))
    assert at_best.item() == pytest.approx(0, abs=1e-12)


def test_d_s_best_loss_is_highest_where_p_equals_q():
    """``sum p q / (p + q)``: 1/2 where the two agree and D is lost, and less anywhere else."""
    loss, p = LeastSquares(), double(0.5, 0.3, 0.2)

    def value(q):
        best = p / (p + q)
        return sum(
            float(p[i] * loss.d_loss(best[i : i + 1], double(0)) + q[i] * loss.d_loss(double(1), best[i : i + 1]))
            for i in range(3)
        )

    assert value(p) == pytest.approx(0.5)
    assert all(value(q) < 0.5 for q in (double(0.4, 0.4, 0.2), double(0.2, 0.3, 0.5), double(1.0, 0.0, 0.0)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda real, fake: LeastSquares().d_loss(fake, real),
        lambda real, fake: 0.5 * LeastSquares().d_loss(real, fake),
        lambda real, fake: LeastSquares().d_loss(torch.sigmoid(real), torch.sigmoid(fake)),
        lambda real, fake: (real - 1).square().mean() + (fake + 1).square().mean(),  # the marks 1 and -1
        lambda real, fake: (real - 1).square().sum() + fake.square().sum(),
        lambda real, fake: Saturating().d_loss(real, fake),  # E10: "least squares", and then the logarithms
    ],
)
def test_wrong_variants_of_least_squares_are_seen(wrong):
    real, fake = double(2.0, 0.5), double(-1.0, 0.3, -2.0)
    right = (1 + 0.25) / 2 + (1 + 0.09 + 4) / 3
    assert LeastSquares().d_loss(real, fake).item() == pytest.approx(right, rel=1e-12)
    assert wrong(real, fake).item() != pytest.approx(right, rel=1e-3)
