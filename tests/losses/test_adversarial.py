"""The adversarial loss against its formula in float64, at log 4, and far out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.losses.adversarial import NonSaturating

loss = NonSaturating()


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.lists(st.floats(-20, 20), min_size=1, max_size=8))
def test_formula_in_float64(real, fake):
    real, fake = torch.tensor(real, dtype=torch.float64), torch.tensor(fake, dtype=torch.float64)

    def d(logits):
        return 1 / (1 + torch.exp(-logits))

    # 1 - d(l) is written d(-l): for large l the subtraction itself would round away the answer
    expected = -torch.log(d(real)).mean() - torch.log(d(-fake)).mean()
    assert loss.d_loss(real, fake) == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
    assert loss.g_loss(fake) == pytest.approx(float(-torch.log(d(fake)).mean()), rel=1e-9, abs=1e-12)


def test_log_4_when_d_cannot_tell():
    assert loss.d_loss(torch.zeros(5), torch.zeros(7)) == pytest.approx(math.log(4))


@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_finite_far_out(logit):
    logits = torch.full((3,), logit, requires_grad=True)
    total = loss.d_loss(logits, logits) + loss.g_loss(logits)
    total.backward()
    assert math.isfinite(total.detach())
    assert torch.isfinite(logits.grad).all()


def test_generator_gradient_where_d_is_sure():
    """Where D is sure of a fake the gradient in the logit is -1: it does not saturate."""
    logit = torch.tensor([-30.0], requires_grad=True)
    loss.g_loss(logit).backward()
    assert logit.grad.item() == pytest.approx(-1.0)
