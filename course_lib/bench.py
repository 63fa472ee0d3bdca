"""How fast each system trains here: images a second, GFLOP a step, share of the machine's peak, memory."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def measure(system: Any, batch: Any, seconds: float) -> dict[str, float]:
    """Time the training step of a system on one batch.

    Args:
        system: untrained, on the CPU.
        batch: what its ``example_batch`` gives.
        seconds: how long to repeat the step.

    Returns:
        ``images/s``, ``GFLOP/step`` (multiplications and additions counted apart) and ``GFLOP/s``, all of the fastest
        of the steps, which is the one that other programs disturbed least.
    """
    system.train()
    with FlopCounterMode(display=False) as counter:
        system.training_step(batch)
    flops = counter.get_total_flops()
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        system.training_step(batch)
        best = min(best, time.perf_counter() - started)
    return {"images/s": len(batch) / best, "GFLOP/step": flops / 1e9, "GFLOP/s": flops / 1e9 / best}


def bench(seconds: float = 5.0) -> None:
    """Print a line for every run of the course."""
    import psutil

    from course_lib import runs
    from course_lib.doctor import matmul_gflops

    torch.manual_seed(0)
    peak = matmul_gflops(2.0)
    print(f"{torch.get_num_threads()} threads; a matrix product reaches {peak:.0f} GFLOP/s\n")
    print(f"{'run':<26}{'batch':>6}{'images/s':>10}{'GFLOP/step':>12}{'of peak':>9}{'memory':>10}")
    for name in runs.names():
        one = runs.run(name)
        system = one.system()
        batch = system.example_batch(one.sizes.batch_size, "cpu")
        found = measure(system, batch, seconds)
        memory = psutil.Process().memory_info().rss / 1e9
        print(
            f"{name:<26}{len(batch):>6}{found['images/s']:>10.0f}{found['GFLOP/step']:>12.2f}"
            f"{found['GFLOP/s'] / peak:>8.0%}{memory:>7.1f} GB"
        )
