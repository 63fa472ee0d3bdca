"""Nearest rows against brute force, memorisation where the answer is known, ranks with ties."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import memorisation, nearest_rows, rank_of_truth


def drawn(rows: int, seed: int, size: int = 12) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


def test_the_nearest_row_by_brute_force_in_several_chunks() -> None:
    queries, among = drawn(600, 0).view(600, 3, 2, 2), drawn(40, 1).view(40, 3, 2, 2)
    distance, number = nearest_rows(queries, among)
    for row in (0, 255, 256, 599):
        each = [(queries[row] - one).square().mean().sqrt().item() for one in among]
        assert number[row] == min(range(40), key=each.__getitem__)
        assert distance[row].item() == pytest.approx(min(each), rel=1e-5)
    assert nearest_rows(among, among)[0].max() == 0  # equal rows, with nothing left over from rounding


def test_memorisation_where_the_answer_is_known() -> None:
    training, held_out, fresh = drawn(500, 0), drawn(400, 1), drawn(400, 2)
    assert memorisation(training[:200], training, held_out)["nearer"] == 1.0
    assert memorisation(fresh, training, held_out)["nearer"] == pytest.approx(0.5, abs=0.06)  # 3 standard errors
    assert memorisation(3 * fresh, training, held_out)["nearer"] < 0.05
    near = memorisation(training[:200] + 0.1 * fresh[:200], training, held_out)
    assert near["nearer"] == 1.0
    assert near["samples"] < near["held out"]


def test_the_chance_by_counting_all_pairs() -> None:
    training, held_out, made = drawn(30, 0), drawn(25, 1), drawn(20, 2)
    made[:3] = held_out[:3]  # ties
    a, b = nearest_rows(made, training)[0], nearest_rows(held_out, training)[0]
    wins = (a[:, None] < b).double() + 0.5 * (a[:, None] == b)
    assert memorisation(made, training, held_out)["nearer"] == pytest.approx(wins.mean().item(), abs=1e-9)


def test_ranks() -> None:
    candidates = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    guesses = torch.tensor([[0.1], [0.1], [3.9], [1.0]])
    truth = torch.tensor([0, 3, 2, 1])
    assert rank_of_truth(guesses, candidates, truth).tolist() == [1, 4, 2, 1]
    middle = torch.tensor([[1.5]])  # 1 and 2 are equally near: half before the truth, rounded down
    assert rank_of_truth(middle, candidates, torch.tensor([2])).tolist() == [1]
    alike = torch.zeros(5, 1)
    assert rank_of_truth(torch.ones(1, 1), alike, torch.tensor([4])).tolist() == [3]


def test_random_guesses_have_uniform_ranks() -> None:
    ranks = rank_of_truth(drawn(2000, 0), drawn(10, 1), torch.randint(10, (2000,), generator=torch.Generator()))
    assert ranks.double().mean().item() == pytest.approx(5.5, abs=4 * 2.9 / 2000**0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest_rows(drawn(3, 0), drawn(3, 1, size=5)), "rows of the same size"),
        (lambda: rank_of_truth(drawn(2, 0), drawn(3, 1), torch.tensor([0, 3])), "0 to 2"),
        (lambda: rank_of_truth(drawn(2, 0), drawn(3, 1), torch.tensor([0.0, 1.0])), "int64"),
        (lambda: nearest_rows(torch.randn(3), drawn(3, 1)), "must have rows"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
