"""What sees what: the blind spot of masked convolutions and its absence, probabilities that add up, conditions."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.errors import ShapeError
from course_lib.models.pixelcnn import CausalAttention, GatedBlock, GatedPixelCNN, MaskedConv2d, PlainPixelCNN

SIDE = 7


def seen_from(network: nn.Module, row: int, column: int, side: int = SIDE, **condition: Tensor) -> Tensor:
    """Return which positions of the input reach the logits at one position, (side, side) bool, by gradients."""
    codes = torch.randint(network.codes, (4, side, side), generator=torch.Generator().manual_seed(0))
    taken: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        taken.append(output.detach().requires_grad_())
        return taken[-1]

    handle = network.embed.register_forward_hook(keep)
    logits = network(codes, **condition)
    handle.remove()
    (slope,) = torch.autograd.grad(logits[:, :, row, column].square().sum(), taken[0])
    return slope.abs().sum((0, 3)) > 0


def before(row: int, column: int, side: int = SIDE) -> Tensor:
    """Return all positions before one, in reading order."""
    return (torch.arange(side * side) < row * side + column).view(side, side)


def test_the_masks_by_hand() -> None:
    a = MaskedConv2d(1, 1, 3, "A").mask
    assert a.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert MaskedConv2d(1, 1, 3, "B").mask.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    layer = MaskedConv2d(2, 3, 3, "A")
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.zero_()
    ones = layer(torch.ones(1, 2, 3, 3))
    assert ones[0, 0].tolist() == [[0, 2, 2], [4, 8, 6], [4, 8, 6]]  # two channels; how many neighbours are before


@pytest.mark.parametrize("layers", [2, 5])
def test_the_plain_network_has_a_blind_spot_to_the_right_that_depth_does_not_close(layers: int) -> None:
    """One row up the first layer looks three columns ahead, or a later one looks one: never both."""
    torch.manual_seed(0)
    side = 13
    seen = seen_from(PlainPixelCNN(4, channels=8, layers=layers), 8, 3, side)
    assert not (seen & ~before(8, 3, side)).any()
    ends = [int(seen[row].nonzero().max()) for row in (7, 6, 5)]
    assert ends == [3 + 3, 3 + 3 + 1, 3 + 3 + 2]  # a cone; what is further right in these rows comes before, too


def test_the_gated_network_sees_all_that_lies_before_and_nothing_else() -> None:
    torch.manual_seed(0)
    network = GatedPixelCNN(4, channels=8, blocks=4)
    for row, column in product((0, 3, 6), (0, 3, 6)):
        seen = seen_from(network, row, column)
        assert torch.equal(seen, before(row, column)), (row, column)


def test_attention_reaches_what_convolutions_do_not() -> None:
    torch.manual_seed(0)
    side = 12
    for every in (0, 2):
        network = GatedPixelCNN(4, channels=8, blocks=2, side=side, attention_every=every, heads=2)
        for layer in network.attention.values():
            nn.init.normal_(layer.out.weight)  # it begins as a layer that changes nothing
        seen = seen_from(network, 11, 11, side)
        assert not (seen & ~before(11, 11, side)).any()
        assert bool(seen[0, 0]) == bool(every)


def test_a_new_attention_changes_nothing() -> None:
    h = torch.randn(2, 8, 3, 3)
    assert torch.equal(CausalAttention(8, 9, 2)(h), h)


@pytest.mark.parametrize("plain", [True, False])
def test_the_probabilities_of_all_pictures_add_up_to_one(plain: bool) -> None:
    """All 512 binary pictures of 3 x 3, by the chain rule, for weights that nobody trained."""
    torch.manual_seed(1)
    network = (PlainPixelCNN(2, channels=8) if plain else GatedPixelCNN(2, channels=8, blocks=3)).double()
    everything = torch.tensor(list(product((0, 1), repeat=9))).view(512, 3, 3)
    with torch.no_grad():
        nats = -F.cross_entropy(network(everything), everything, reduction="none").sum((1, 2))
    assert abs(nats.exp().sum().item() - 1) < 1e-12
    assert nats.exp().std() > 0


def test_a_block_by_hand() -> None:
    """One channel, kernel 3, all weights of the vertical stack 1: the row above and the own row, whole."""
    block = GatedBlock(1, 3, first=True)
    with torch.no_grad():
        for weight in block.parameters():
            weight.fill_(0.0)
        block.vertical.weight[0] = 1.0
        block.vertical.weight[1] = 0.0
        block.vertical.bias[1] = 100.0  # the gate is open
    v = torch.zeros(1, 1, 3, 3)
    v[0, 0, 1, 1] = 0.25
    above, h = block(v, v)
    reached = (above[0, 0] > 0.2).nonzero().tolist()
    assert reached == [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]]
    assert torch.allclose(above[0, 0, 1, 1], torch.tanh(torch.tensor(0.25)))
    assert torch.equal(h, torch.zeros_like(h))


def test_conditions_reach_every_position() -> None:
    torch.manual_seed(0)
    network = GatedPixelCNN(3, channels=8, blocks=2, classes=5, context=2).eval()
    codes = torch.zeros(1, 4, 4, dtype=torch.int64)
    given = {"labels": torch.tensor([1]), "context": torch.zeros(1, 2, 4, 4)}
    base = network(codes, **given)
    other = network(codes, **{**given, "labels": torch.tensor([2])})
    assert ((base - other).abs().amax(1) > 0).all()
    changed = torch.zeros(1, 2, 4, 4)
    changed[..., 3, 3] = 1.0  # of the last position: it is no secret for that one
    there = (network(codes, **{**given, "context": changed}) - base).abs().amax(1)[0] > 0
    assert there[3, 3]
    assert not there[:3].any()  # a context tells of its own place, and what comes after


@pytest.mark.parametrize(
    ("options", "given", "sentence"),
    [
        ({"classes": 3}, {}, "needs labels"),
        ({}, {"labels": torch.tensor([0, 0])}, "takes no labels"),
        ({"context": 2}, {}, "needs context"),
        ({"classes": 3}, {"labels": torch.tensor([0, 3])}, "between 0 and 2"),
        ({"classes": 3}, {"labels": torch.tensor([0])}, "one for each of the 2 rows"),
        ({"context": 2}, {"context": torch.zeros(2, 2, 5, 4)}, "the size of the codes"),
    ],
)
def test_a_wrong_condition_is_named(options: dict[str, int], given: dict[str, Tensor], sentence: str) -> None:
    network = GatedPixelCNN(3, channels=4, blocks=2, **options)
    with pytest.raises(ShapeError, match=sentence):
        network(torch.zeros(2, 4, 4, dtype=torch.int64), **given)


def test_codes_out_of_range_are_named() -> None:
    network = GatedPixelCNN(3, channels=4, blocks=2)
    with pytest.raises(ShapeError, match="this network knows 0 to 2"):
        network(torch.full((1, 4, 4), 3))
    with pytest.raises(ShapeError, match="give int64"):
        network(torch.zeros(1, 4, 4))


@pytest.mark.parametrize("kernel", [2, 1, 4])
def test_a_kernel_without_a_middle_is_refused(kernel: int) -> None:
    with pytest.raises(ShapeError, match="odd number"):
        MaskedConv2d(1, 1, kernel)


def test_attention_knows_its_grid() -> None:
    with pytest.raises(ShapeError, match="give side"):
        GatedPixelCNN(3, attention_every=2)
    with pytest.raises(ShapeError, match="4 x 4 places"):
        CausalAttention(8, 9, 2)(torch.zeros(1, 8, 4, 4))
    with pytest.raises(ShapeError, match="divides"):
        CausalAttention(8, 9, 3)
