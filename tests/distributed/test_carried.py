"""Penalties on gradients, growing networks and ragged rows in two processes (gloo, CPU), resumed on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytestmark = pytest.mark.distributed
SCRIPT = Path(__file__).with_name("carried.py")
KINDS = ("gp", "still", "clip", "growing", "walkers")
Found = dict[str, list[dict[str, Tensor]]]


@pytest.fixture(scope="module")
def two(processes: Callable[..., Any]) -> Found:
    return processes(SCRIPT, 2, KINDS)[0]


@pytest.mark.parametrize("kind", ["gp", "still", "clip", "growing"])
def test_both_processes_end_with_the_same_weights_and_averages(two: Found, kind: str) -> None:
    zero, one = two[kind]
    assert zero.keys() == one.keys()
    assert any(name.startswith("average.") for name in zero)
    for name in zero:
        assert torch.isfinite(zero[name]).all(), name
        assert torch.equal(zero[name], one[name]), name


def test_a_penalty_on_gradients_is_that_of_the_whole_batch(two: Found, processes: Callable[..., Any]) -> None:
    (alone,) = processes(SCRIPT, 1, KINDS)[0]["still"]
    for name, value in two["still"][0].items():
        torch.testing.assert_close(value, alone[name], rtol=1e-3, atol=1e-4)


def test_networks_have_grown_in_both(two: Found) -> None:
    assert {"netG.blocks.0.weight", "average.blocks.0.weight"} <= two["growing"][0].keys()


def test_ragged_rows_are_cut_at_their_borders_and_each_is_seen_once(two: Found) -> None:
    zero, one = two["walkers"]
    assert int(zero["broken"]) == int(one["broken"]) == 0
    seen = [*zero["seen"].tolist(), *one["seen"].tolist()]
    assert len(seen) == len(set(seen)) == 8  # two batches of four; the two rows left make no whole batch
