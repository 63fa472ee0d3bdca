"""The fully connected network: its parameters by formula, its layers in order, and what it refuses."""

import itertools

import pytest
import torch
from torch import nn

from course_lib.errors import CourseError, ShapeError
from course_lib.models.mlp import ACTIVATIONS, MLP


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden"), [(2, 1, (128, 128)), (100, 784, (256, 512, 1024)), (3, 4, ()), (1, 1, (7,))]
)
def test_parameters_by_formula(inputs, outputs, hidden):
    widths = [inputs, *hidden, outputs]
    weights = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    count = sum(p.numel() for p in MLP(inputs, outputs, hidden).parameters())
    assert count == weights
    normed = sum(p.numel() for p in MLP(inputs, outputs, hidden, batch_norm=True).parameters())
    assert normed == weights + 2 * sum(hidden)


def test_the_default_by_hand():
    assert sum(p.numel() for p in MLP(2, 1).parameters()) == 3 * 128 + 129 * 128 + 129


def test_layers_in_order():
    """Norm before the activation, dropout after it, and nothing after the last layer."""
    kinds = [type(layer) for layer in MLP(2, 3, (4, 5), "leaky_relu", batch_norm=True, dropout=0.3)]
    block = [nn.Linear, nn.BatchNorm1d, nn.LeakyReLU, nn.Dropout]
    assert kinds == [*block, *block, nn.Linear]
    assert [type(layer) for layer in MLP(2, 3, (4,))] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [layer.p for layer in MLP(2, 3, (4,), dropout=0.3) if isinstance(layer, nn.Dropout)] == [0.3]


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda a: a.clamp(min=0)),
        ("leaky_relu", lambda a: torch.where(a > 0, a, 0.2 * a)),
        ("tanh", torch.tanh),
        ("silu", lambda a: a / (1 + torch.exp(-a))),
    ],
)
def test_what_it_computes(activation, formula):
    network = MLP(2, 1, (5, 6), activation).double()
    x = torch.randn(7, 2, dtype=torch.float64)
    expected = x
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    for layer in linear[:-1]:
        expected = formula(expected @ layer.weight.T + layer.bias)
    expected = expected @ linear[-1].weight.T + linear[-1].bias
    assert torch.allclose(network(x), expected, rtol=1e-12)
    assert network(x).shape == (7, 1)


def test_every_activation_is_tested():
    assert set(ACTIVATIONS) == {"relu", "leaky_relu", "tanh", "silu"}


def test_no_hidden_layer_is_a_linear_map():
    network = MLP(3, 2, ()).double()
    x, y = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.allclose(network((x + y) / 2), (network(x) + network(y)) / 2, rtol=1e-12)


def test_logits_are_not_squashed():
    network = MLP(2, 1, (4,))
    with torch.no_grad():
        network[-1].bias.fill_(-30)
    assert network(torch.zeros(3, 2)).max() < -20


def test_batch_norm_and_dropout_are_off_in_eval_mode():
    network = MLP(2, 1, (16,), batch_norm=True, dropout=0.5)
    x = torch.randn(8, 2)
    assert not torch.equal(network(x), network(x))
    network.eval()
    together = network(x)
    assert torch.equal(together, network(x))
    assert torch.allclose(together[:1], network(x[:1]), atol=1e-6)


def test_an_unknown_activation():
    with pytest.raises(ShapeError, match="'gelu': choose one of relu, leaky_relu, tanh, silu") as caught:
        MLP(2, 1, activation="gelu")
    assert isinstance(caught.value, CourseError)


@pytest.mark.parametrize("shape", [(5, 3), (2,), (5, 2, 1), (5, 1, 2)])
def test_an_input_that_does_not_fit(shape):
    with pytest.raises(ShapeError, match=r"takes \(N, 2\) and got .* flatten the rows"):
        MLP(2, 1)(torch.zeros(shape))
