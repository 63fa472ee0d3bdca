"""Noise on the picture between: a hidden code breaks, an open picture does not."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_11.steganography import blurred, noise_curve

FAINT = 0.01


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hide(x: torch.Tensor) -> torch.Tensor:
    """A grey y that carries all of x as a faint pattern."""
    return 0.2 + FAINT * x


def read(y: torch.Tensor) -> torch.Tensor:
    return ((y - 0.2) / FAINT).clamp(-1, 1)


def test_a_blur_keeps_what_is_plain_and_loses_a_checkerboard():
    plain = torch.full((1, 3, 6, 6), 0.3)
    torch.testing.assert_close(blurred(plain), plain)
    place = torch.arange(6)
    board = ((place[:, None] + place) % 2).float()[None, None] * 2 - 1
    assert (blurred(board)[..., 1:-1, 1:-1].abs() - 1 / 9).abs().max() < 1e-6
    ramp = place.float().expand(1, 1, 6, 6)
    torch.testing.assert_close(blurred(ramp)[..., 1:-1], ramp[..., 1:-1])  # and at the left the outer column is doubled
    torch.testing.assert_close(blurred(ramp)[..., 0], torch.full((1, 1, 6), 1 / 3))
    torch.testing.assert_close(blurred(ramp, 5)[..., 2:-2], ramp[..., 2:-2])
    assert torch.equal(blurred(ramp, 1), ramp)
    with pytest.raises(ShapeError, match="odd side, not 4"):
        blurred(ramp, 4)


def test_an_open_cycle_loses_what_the_noise_is():
    x = 0.5 * noise(40, 3, 16, 16)  # away from -1 and 1, so that nothing is cut off
    rows = noise_curve(lambda x: -x, lambda y: -y, x, [0.0, 0.05, 0.1], seeded())
    assert [row["sigma"] for row in rows] == [0.0, 0.05, 0.1]
    assert rows[0]["l1"] == rows[0]["l1_error"] == 0
    for row in rows[1:]:
        assert row["l1"] == pytest.approx(row["sigma"] * math.sqrt(2 / math.pi), rel=0.02)
        # The mean of 768 absolute values of a normal number has a spread of sqrt((1 - 2 / pi) / 768).
        expected = row["sigma"] * math.sqrt((1 - 2 / math.pi) / 768 / 40)
        assert row["l1_error"] == pytest.approx(expected, rel=0.3)
    assert "truth_l1" not in rows[0]
    assert rows[2]["l1"] == pytest.approx(2 * rows[1]["l1"], rel=1e-4)  # the same draws, twice as large


def test_a_hidden_code_breaks_and_a_true_picture_does_not():
    x = noise(8, 3, 16, 16)
    shapes = x.sign()  # what a true y tells of x

    def back(y: torch.Tensor) -> torch.Tensor:
        """Reads the code where there is one, and else the shapes."""
        coded = (y.abs() < 0.5).all(dim=(1, 2, 3), keepdim=True)
        return torch.where(coded, read(y), 0.5 * y.sign())

    rows = noise_curve(hide, back, x, [0.0, 0.02], seeded(), truth=0.9 * shapes)
    clean, noisy = rows
    assert clean["l1"] < 1e-4 < clean["truth_l1"]
    assert clean["truth_l1"] == pytest.approx(0.25, abs=0.02)  # |x - 0.5 sign(x)|, x uniform
    assert noisy["l1"] - clean["l1"] > 0.5
    assert noisy["truth_l1"] == clean["truth_l1"]
    assert noisy["truth_l1_error"] > 0


def test_the_picture_between_stays_in_range():
    seen = []

    def back(y: torch.Tensor) -> torch.Tensor:
        seen.append(y)
        return y

    x = torch.ones(4, 3, 8, 8)
    noise_curve(lambda x: x, back, x, [3.0], seeded())
    assert float(seen[0].max()) == 1
    assert float(seen[0].min()) == -1


def test_figures_depend_on_the_seed_and_not_on_the_batch():
    x = noise(10, 1, 8, 8)
    calls = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        assert not torch.is_grad_enabled()
        return 0.5 * x

    whole, parts, other = (
        noise_curve(forward, lambda y: y, x, [0.1], seeded(seed), truth=x, batch_size=size)
        for seed, size in ((0, 64), (0, 3), (1, 64))
    )
    assert whole[0] == pytest.approx(parts[0], rel=1e-6)
    assert whole[0]["l1"] != other[0]["l1"]
    assert calls == [10, 3, 3, 3, 1, 10]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sigmas": [0.1, -0.1]}, "0 or more"),
        ({"x": noise(1, 3, 8, 8)}, "two at least"),
        ({"x": noise(3, 8, 8)}, "batch axis"),
        ({"truth": noise(3, 3, 8, 8)}, "true y of each x"),
        ({"forward": lambda x: 3 * torch.ones_like(x)}, "end a network with tanh"),
        ({"back": lambda y: y[:, :1]}, "cannot be compared"),
    ],
)
def test_refusals(options, says):
    given = {"forward": lambda x: x, "back": lambda y: y, "x": noise(2, 3, 8, 8), "sigmas": [0.1]} | options
    with pytest.raises(ShapeError, match=says):
        noise_curve(**given, generator=seeded())
