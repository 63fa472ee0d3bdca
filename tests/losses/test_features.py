"""The distance by features at several layers, against the definition written out."""

from __future__ import annotations

import pytest
import torch

from course_lib.errors import DataError, ShapeError
from course_lib.losses.features import LEAST, FeatureLoss
from course_lib.models.vgg import VGG16Features


def pictures(seed: int = 0, side: int = 16) -> torch.Tensor:
    return 2 * torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) - 1


def test_it_is_the_weighted_mean_of_shares():
    loss = FeatureLoss(("relu3_1", "relu1_2"), (1, 3))
    x, y = pictures(0), pictures(1)
    vgg = VGG16Features(("relu1_2", "relu3_1"))
    found, wanted = vgg((x + 1) / 2), vgg((y + 1) / 2)
    shares = {layer: (found[layer] - wanted[layer]).pow(2).sum() / wanted[layer].pow(2).sum() for layer in found}
    assert loss.weights == (0.25, 0.75)
    torch.testing.assert_close(loss.each(x, y), {layer: shares[layer] for layer in ("relu3_1", "relu1_2")})
    torch.testing.assert_close(loss(x, y), 0.25 * shares["relu3_1"] + 0.75 * shares["relu1_2"])


def test_the_target_itself_costs_nothing_and_a_layer_of_zeros_divides_by_no_zero():
    loss = FeatureLoss("relu2_2")
    assert loss(pictures(), pictures()).item() == 0
    assert FeatureLoss("relu1_1").weights == (1.0,)
    from course_lib.losses.features import _share

    assert _share(torch.ones(2), torch.zeros(2)).item() == pytest.approx(1 / LEAST)


def test_only_the_output_has_a_gradient():
    x, y = pictures(0).requires_grad_(), pictures(1).requires_grad_()
    loss = FeatureLoss(("relu1_2", "relu2_1"))
    loss(x, y).backward()
    assert x.grad.abs().sum() > 0
    assert y.grad is None
    assert not list(loss.parameters())
    assert not loss.state_dict()


def test_in_half_precision_it_is_nearly_the_same():
    x, y = pictures(0), pictures(1)
    whole, half = (FeatureLoss(("relu2_2", "relu3_3"), half=half)(x, y) for half in (False, True))
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(whole.item(), rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (((),), ShapeError, "There is no layer"),
        ((("relu2_2", "conv9"),), DataError, "no layer 'conv9'"),
        ((("relu2_2", "relu2_2"),), DataError, "name each once"),
        ((("relu2_2", "relu3_3"), (1,)), ShapeError, "2 layers and 1 weights"),
        ((("relu2_2",), (0,)), ShapeError, "A weight is 0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, error, says):
    with pytest.raises(error, match=says):
        FeatureLoss(*arguments)
