"""Penalties on gradients, growing networks and ragged rows in two processes (gloo, CPU), resumed on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

pytestmark = pytest.mark.distributed
SCRIPT = Path(__file__).with_name("carried.py")
KINDS = ("gp", "still", "clip", "growing", "walkers")
Found = dict[str, list[dict[str, Tensor]]]


def start(output: Path, processes: int) -> Found:
    output.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LT_", "TORCHELASTIC"))}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*command, str(SCRIPT), str(output)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {kind: [load_file(output / f"{kind}-{rank}.safetensors") for rank in range(processes)] for kind in KINDS}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return start(tmp_path_factory.mktemp("carried") / "two", 2)


@pytest.mark.parametrize("kind", ["gp", "still", "clip", "growing"])
def test_both_processes_end_with_the_same_weights_and_averages(two: Found, kind: str) -> None:
    zero, one = two[kind]
    assert zero.keys() == one.keys()
    assert any(name.startswith("average.") for name in zero)
    for name in zero:
        assert torch.isfinite(zero[name]).all(), name
        assert torch.equal(zero[name], one[name]), name


def test_a_penalty_on_gradients_is_that_of_the_whole_batch(two: Found, tmp_path: Path) -> None:
    (alone,) = start(tmp_path / "alone", 1)["still"]
    for name, value in two["still"][0].items():
        torch.testing.assert_close(value, alone[name], rtol=1e-3, atol=1e-4)


def test_networks_have_grown_in_both(two: Found) -> None:
    assert {"netG.blocks.0.weight", "average.blocks.0.weight"} <= two["growing"][0].keys()


def test_ragged_rows_are_cut_at_their_borders_and_each_is_seen_once(two: Found) -> None:
    zero, one = two["walkers"]
    assert int(zero["broken"]) == int(one["broken"]) == 0
    seen = [*zero["seen"].tolist(), *one["seen"].tolist()]
    assert len(seen) == len(set(seen)) == 8  # two batches of four; the two rows left make no whole batch
