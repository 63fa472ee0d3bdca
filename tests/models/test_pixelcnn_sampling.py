"""Codes drawn one by one: with the cache as without it, by the probabilities, and around codes that are given."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.models.pixelcnn import GatedPixelCNN
from course_lib.models.pixelcnn_sampling import draw_codes

LABELS, CONTEXT = torch.tensor([0, 1, 2, 0]), torch.linspace(-2, 2, 4 * 5 * 36).view(4, 5, 6, 6)
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "alone": ({}, {}),
    "by class": ({"classes": 3}, {"labels": LABELS}),
    "below another grid": ({"context": 5}, {"context": CONTEXT}),
    "with attention": ({"side": 6, "attention_every": 2}, {}),
    "with all": (
        {"side": 6, "attention_every": 1, "classes": 3, "context": 5, "kernel_size": 5, "dropout": 0.5},
        {"labels": LABELS, "context": CONTEXT},
    ),
}


def lively(codes: int = 7, channels: int = 16, blocks: int = 4, **options: Any) -> GatedPixelCNN:
    """Return a network whose every weight counts, those too that begin at 0."""
    torch.manual_seed(0)
    network = GatedPixelCNN(codes, channels, blocks, **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return network


def numbers(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("way", WAYS)
def test_the_cache_changes_nothing(way: str) -> None:
    options, conditions = WAYS[way]
    network, u = lively(**options), numbers(4, 6, 6)
    plain = draw_codes(network, u, **conditions, cached=False)
    assert torch.equal(draw_codes(network, u, **conditions), plain)
    assert len(plain.unique()) > 4
    begun = torch.where(numbers(4, 6, 6, seed=2) < 0.5, plain.flip(0), -1)
    both = [draw_codes(network, u, **conditions, begun=begun, cached=cached) for cached in (True, False)]
    assert torch.equal(*both)
    assert torch.equal(both[0][begun >= 0], begun[begun >= 0])


def test_each_code_is_the_first_at_which_the_summed_probability_passes_its_number() -> None:
    network, u = lively(codes=5), numbers(3, 4, 4)
    codes = draw_codes(network, u)
    with torch.no_grad():
        chances = network(codes).softmax(1).double()
    upper = chances.cumsum(1).gather(1, codes[:, None])[:, 0]
    lower = upper - chances.gather(1, codes[:, None])[:, 0]
    assert (lower <= u + 1e-5).all()
    assert (u <= upper + 1e-5).all()


def test_the_share_of_a_picture_is_its_probability() -> None:
    """All 16 black and white pictures of 2 x 2, in 20,000 draws."""
    network = lively(codes=2, channels=8, blocks=2)
    drawn = draw_codes(network, numbers(20_000, 2, 2))
    weights = torch.tensor([[8, 4], [2, 1]])
    share = torch.bincount((drawn * weights).sum((1, 2)), minlength=16) / 20_000
    every = ((torch.arange(16)[:, None, None] // weights) % 2).long()
    with torch.no_grad():
        logs = torch.log_softmax(network(every), 1).gather(1, every[:, None]).sum((1, 2, 3))
    assert (share - logs.exp()).abs().max() < 4 * 0.5 / 20_000**0.5


def test_known_codes_before_a_position_count_and_those_behind_do_not() -> None:
    network, u = lively(), numbers(4, 6, 6)
    begun = torch.full((4, 6, 6), -1)
    begun[:, :3] = 2
    first = draw_codes(network, u, begun=begun)
    assert not torch.equal(first, draw_codes(network, u))
    begun[:, 5, 5] = 3
    behind = draw_codes(network, u, begun=begun)
    assert torch.equal(first.flatten(1)[:, :-1], behind.flatten(1)[:, :-1])


def test_temperature() -> None:
    network, u = lively(), numbers(64, 6, 6)
    with torch.no_grad():
        likeliest = network(draw_codes(network, u, temperature=0)).argmax(1)
    assert torch.equal(likeliest, draw_codes(network, u, temperature=0))
    used = [len(draw_codes(network, u, temperature=one)[:, 0, 0].unique()) for one in (0, 0.3, 1, 4)]
    assert used == sorted(used)
    assert used[0] == 1
    assert used[-1] == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.ones(4, 6, 6)}, "from 0 to below 1"),
        ({"u": torch.ones(0, 6, 6)}, "at least one row"),
        ({"begun": torch.full((4, 6, 6), 7)}, "-1 where a code is to be drawn, and else 0 to 6"),
        ({"begun": torch.zeros(4, 6, 5, dtype=torch.int64)}, "in the shape of u"),
        ({"temperature": -1.0}, "temperature"),
        ({"labels": LABELS}, "takes no labels"),
    ],
)
def test_what_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        draw_codes(lively(), **{"u": numbers(4, 6, 6), **change})


def test_a_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ShapeError, match="eval"):
        draw_codes(lively().train(), numbers(1, 6, 6))
