"""Gram matrices, content loss, style loss and total variation, by hand: what they keep and what they drop."""

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.losses.perceptual import content_loss, gram_matrix, style_loss, total_variation
from course_lib.models.vgg import VGG16Features

# The Gram matrix.


def test_gram_of_one_position_by_hand():
    gram = gram_matrix(torch.tensor([2.0, 3.0]).view(1, 2, 1, 1))
    assert gram.tolist() == [[[2.0, 3.0], [3.0, 4.5]]]  # (4, 6, 6, 9) / (2 * 1 * 1)


def test_gram_of_several_positions_by_hand():
    features = torch.tensor([[1.0, 2.0, 0.0], [3.0, -1.0, 5.0]]).view(1, 2, 1, 3)
    # 1 + 4, 3 - 2, 9 + 1 + 25, over 2 * 1 * 3: not over the positions alone
    assert torch.allclose(gram_matrix(features), torch.tensor([[[5.0, 1.0], [1.0, 35.0]]]) / 6)


def test_gram_is_the_sum_over_positions_that_the_paper_writes():
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.zeros(2, 3, 3, dtype=torch.float64)
    for row in range(4):
        for column in range(5):
            one = features[:, :, row, column]
            expected += one[:, :, None] * one[:, None, :]
    assert torch.allclose(gram_matrix(features), expected / (3 * 4 * 5), atol=1e-12)


def test_reshaping_loses_nothing_and_the_product_drops_the_layout():
    """E23: the reshape can be undone; shuffled positions, in another order for each picture, give the same matrix."""
    features = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    flat = features.flatten(2)
    assert torch.equal(flat.view(2, 5, 6, 7), features)
    shuffled = torch.stack([one[:, torch.randperm(42)] for one in flat]).view(2, 5, 6, 7)
    assert not torch.allclose(shuffled, features)
    assert torch.allclose(gram_matrix(shuffled), gram_matrix(features), atol=1e-12)
    of_channels = features[:, torch.tensor([1, 0, 2, 3, 4])]  # but which channel is which is not dropped
    assert not torch.allclose(gram_matrix(of_channels), gram_matrix(features))


def test_gram_is_symmetric_positive_semi_definite_and_of_low_rank():
    features = torch.randn(3, 8, 2, 2, dtype=torch.float64)
    gram = gram_matrix(features)
    assert torch.equal(gram, gram.transpose(1, 2))
    values = torch.linalg.eigvalsh(gram)
    assert values.min() > -1e-12
    assert (values > 1e-9).sum(1).tolist() == [4, 4, 4]  # four positions span four directions at most


def test_gram_does_not_see_the_neighbours_in_the_batch():
    features = torch.randn(3, 4, 5, 6)
    apart = torch.cat([gram_matrix(one) for one in features.split(1)])
    assert torch.allclose(gram_matrix(features), apart, atol=1e-6)


def test_gram_of_a_tiled_map_is_the_same():
    features = torch.randn(1, 4, 5, 6, dtype=torch.float64)
    tiled = features.repeat(1, 1, 2, 1)
    assert torch.allclose(gram_matrix(tiled), gram_matrix(features), atol=1e-12)
    plain = [torch.bmm(one.flatten(2), one.flatten(2).transpose(1, 2)) for one in (tiled, features)]
    assert torch.allclose(plain[0], 2 * plain[1])  # without the division the area would count


def test_an_entry_is_no_probability():
    """E5: of real features entries are far above 1, and they grow with the square of the features."""
    features = VGG16Features("relu1_2")(torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)))["relu1_2"]
    gram = gram_matrix(features)
    assert gram.max() > 100
    assert torch.allclose(gram_matrix(3 * features), 9 * gram, rtol=1e-4)
    centred = gram_matrix(features - features.mean((2, 3), keepdim=True))  # un-centred: a covariance is another matrix
    assert not torch.allclose(centred, gram, rtol=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gram_is_computed_in_float32(dtype):
    features = (300 * torch.rand(1, 4, 16, 16)).to(dtype)
    outside = gram_matrix(features)
    with torch.autocast("cpu", torch.bfloat16):
        inside = gram_matrix(features)
    assert outside.dtype == inside.dtype == torch.float32
    assert torch.equal(inside, outside)
    assert torch.allclose(inside.double(), gram_matrix(features.double()), rtol=1e-5)  # 4 * 10^7 before the division


def test_gradient_of_the_style_loss_is_the_formula():
    """With G = F F^T / (C H W), the gradient of ||G - A||^2 is 4 (G - A) F / (C H W)."""
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target = gram_matrix(torch.randn(1, 3, 4, 5, dtype=torch.float64))
    gram = gram_matrix(features)
    style_loss(gram, target).backward()
    expected = 4 * (gram - target) @ features.flatten(2) / 60
    assert torch.allclose(features.grad.flatten(2), expected.detach(), atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3)])
def test_gram_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match="add the batch axis"):
        gram_matrix(torch.zeros(shape))


# The terms.


def test_content_loss_by_hand():
    features, target = torch.zeros(2, 2, 1, 2), torch.zeros(2, 2, 1, 2)
    features[0, 0, 0, 0], target[1, 1, 0, 1] = 3.0, -1.0
    assert content_loss(features, target).item() == pytest.approx((9 + 1) / 8)
    with pytest.raises(ShapeError, match="same shape"):
        content_loss(features, target[:1])


def test_style_loss_by_hand():
    gram = torch.tensor([[[1.0, 2.0], [2.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    # 0 + 4 + 4 + 16 and 1 + 0 + 0 + 1: sums over the entries, and their mean over the pictures
    assert style_loss(gram, target).item() == pytest.approx((24 + 2) / 2)
    each = torch.stack([gram[0], target[0]])
    assert style_loss(gram, each).item() == pytest.approx((0 + 2) / 2)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2), (1, 3, 3), (2, 1, 1)])
def test_a_target_that_would_be_broadcast_is_refused(shape):
    with pytest.raises(ShapeError, match="compares Gram matrices"):
        style_loss(torch.zeros(2, 2, 2), torch.zeros(shape))


def test_feature_reconstruction_is_the_content_term_and_style_the_other():
    """E4: features that only change places have the same style and another content."""
    features = torch.randn(1, 4, 6, 6)
    moved = features.roll(2, dims=3)
    assert content_loss(moved, features) > 0.5
    assert style_loss(gram_matrix(moved), gram_matrix(features)) < 1e-10


def test_total_variation_by_hand():
    image = torch.tensor([[0.0, 1.0], [0.0, 3.0]]).view(1, 1, 2, 2)
    assert total_variation(image).item() == pytest.approx((0 + 4 + 1 + 9) / 4)
    both = torch.cat([image, torch.full_like(image, 7.0)])
    assert total_variation(both).item() == pytest.approx(14 / 8)
    ramps = [torch.arange(side / 1.0).expand(1, 2, side, side) / 10 for side in (50, 200)]
    assert [total_variation(one).item() for one in ramps] == pytest.approx([0.01, 0.01], rel=0.03)  # whatever the size
    with pytest.raises(ShapeError, match="add the batch axis"):
        total_variation(image[0])
