"""Instance norm against torch's own: values, gradients, memory format; and which styles there are."""

import pytest
import torch
from torch import nn

from course_lib.errors import ShapeError
from course_lib.models.norms import InstanceNorm, check_style

SHAPES = pytest.mark.parametrize("shape", [(1, 1, 4, 4), (3, 5, 6, 7), (2, 4, 1, 9)])


@SHAPES
def test_equals_torch_s_own_with_its_gradients(shape):
    one = (3 + 2 * torch.randn(shape, dtype=torch.float64)).requires_grad_()
    other = one.detach().clone().requires_grad_()
    weights = torch.randn(shape, dtype=torch.float64)
    ours, reference = InstanceNorm()(one), nn.InstanceNorm2d(shape[1])(other)
    (ours * weights).sum().backward()
    (reference * weights).sum().backward()
    assert torch.allclose(ours, reference, atol=1e-12)
    assert torch.allclose(one.grad, other.grad, atol=1e-12)
    assert one.grad.abs().max() > 1e-3


def test_the_same_in_float32_and_far_from_zero():
    x = 100 + torch.randn(4, 3, 16, 16)
    assert torch.allclose(InstanceNorm()(x), nn.InstanceNorm2d(3)(x), atol=1e-4)


def test_gradient_by_differences():
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(InstanceNorm(), (x,))


@SHAPES
def test_mean_is_0_and_variance_1_but_for_eps(shape):
    x = 7 + 3 * torch.randn(shape, dtype=torch.float64)
    out = InstanceNorm(eps=0.5)(x)
    variance = x.var(dim=(2, 3), correction=0)
    assert torch.allclose(out.mean(dim=(2, 3)), torch.zeros(shape[:2], dtype=torch.float64), atol=1e-12)
    assert torch.allclose(out.var(dim=(2, 3), correction=0), variance / (variance + 0.5), atol=1e-12)
    assert not torch.allclose(x.var(dim=(2, 3)), variance)  # with n - 1 in the place of n it would be another


def test_neighbours_and_the_mode_do_not_matter():
    x, norm = torch.randn(4, 3, 8, 8), InstanceNorm()
    together = norm(x)
    assert torch.equal(together, torch.cat([norm(row) for row in x.split(1)]))
    assert torch.equal(norm.eval()(x), together)
    assert not torch.allclose(nn.BatchNorm2d(3)(x), together, atol=1e-2)


def test_no_parameters_and_a_flat_map_is_0():
    norm = InstanceNorm()
    assert list(norm.parameters()) == list(norm.buffers()) == []
    assert norm(torch.full((1, 2, 4, 4), 0.5)).abs().max() == 0
    assert repr(norm) == "InstanceNorm(eps=1e-05)"


def test_channels_last_is_kept_there_and_back():
    x = torch.randn(2, 8, 5, 5).to(memory_format=torch.channels_last).requires_grad_()
    out = InstanceNorm()(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert not out.is_contiguous()
    (out * torch.randn_like(out)).sum().backward()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out, InstanceNorm()(x.detach().contiguous()), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_comes_back_as_it_went_in(dtype):
    x = (10 + torch.randn(2, 3, 16, 16)).to(dtype)
    out = InstanceNorm()(x)
    assert out.dtype == dtype
    # computed in float32 and rounded once at the end
    assert (out.float() - nn.InstanceNorm2d(3)(x.float())).abs().max() < 0.01


@pytest.mark.parametrize("style", [3, -1, True, "0", torch.tensor([1, 0]), torch.ones(2, 2)])
def test_where_there_is_one_style_no_range_of_numbers_is_named(style):
    with pytest.raises(ShapeError, match=r"but there is only one style: give 0 or leave it out\.$"):
        check_style(style, 1, 2)
    assert check_style(0, 1, 2) == check_style(None, 1, 2) == 0
    with pytest.raises(ShapeError, match="give a number from 0 to 1, int64"):
        check_style(3, 2, 2)
