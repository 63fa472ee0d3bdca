"""Two processes (gloo, CPU) started by ``torchrun`` do what one process does with the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytestmark = pytest.mark.distributed
SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def results(processes: Callable[..., Any]) -> dict[tuple[str, int], list[dict[str, Tensor]]]:
    results = {}
    for count in (1, 2):
        found, printed = processes(SCRIPT, count, ("plain", "norm"))
        assert all(line.startswith("Stopped by the time limit") for line in printed.splitlines()), printed[-3000:]
        results |= {(kind, count): tensors for kind, tensors in found.items()}
    return results


def test_gradients_are_those_of_the_whole_batch(results: dict[tuple[str, int], list[dict[str, Tensor]]]) -> None:
    (alone,), (zero, one) = results["plain", 1], results["plain", 2]
    names = [name for name in alone if name.startswith("gradient.")]
    assert len(names) == 8
    for name in names:
        assert torch.equal(zero[name], one[name]), name
        torch.testing.assert_close(zero[name], alone[name], rtol=1e-5, atol=1e-7)
        assert float(alone[name].abs().max()) > 1e-4


def test_weights_and_averages_stay_equal_and_match_after_a_resume(
    results: dict[tuple[str, int], list[dict[str, Tensor]]],
) -> None:
    (alone,), (zero, one) = results["plain", 1], results["plain", 2]
    for name in alone:
        if name.startswith(("net", "average.")):
            assert torch.equal(zero[name], one[name]), name
            torch.testing.assert_close(zero[name], alone[name], rtol=1e-4, atol=1e-5)


def test_each_process_sees_its_own_rows_and_draws_its_own_numbers(
    results: dict[tuple[str, int], list[dict[str, Tensor]]],
) -> None:
    (alone,), (zero, one) = results["plain", 1], results["plain", 2]
    assert alone["rows"].tolist() == torch.stack([zero["rows"], one["rows"]], 1).flatten().tolist()
    assert not set(zero["noise"].tolist()) & set(one["noise"].tolist())
    assert zero["noise"].unique().numel() == 5  # also across the resume: states went on, none was repeated
    assert not torch.equal(zero["pool"], one["pool"])


def test_what_stops_one_process_stops_both(results: dict[tuple[str, int], list[dict[str, Tensor]]]) -> None:
    assert [int(process["late"]) for process in results["plain", 2]] == [1, 1]
    assert int(results["plain", 1][0]["late"]) == 5


def test_batch_norm_sees_the_rows_of_its_process_only(
    results: dict[tuple[str, int], list[dict[str, Tensor]]],
) -> None:
    """The caveat stated in fit(): weights agree between processes, but they are not those of one process."""
    (alone,), (zero, one) = results["norm", 1], results["norm", 2]
    weight, mean = "netG.0.weight", "netG.1.running_mean"
    assert torch.equal(zero[weight], one[weight])
    assert not torch.equal(zero[mean], one[mean])
    assert not torch.allclose(zero["gradient.G.0"], alone["gradient.G.0"], rtol=1e-3)
