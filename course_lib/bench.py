"""How fast each system trains here: images a second, GFLOP a step, share of the machine's peak, memory."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

SAMPLE_SECONDS = 0.005


def measure(system: Any, batch: Any, seconds: float) -> dict[str, float]:
    """Time the training step of a system on one batch.

    Args:
        system: untrained, on the CPU; its weights change.
        batch: what its training set gives, or its ``example_batch``.
        seconds: how long to repeat the step; it is timed at least once.

    Returns:
        ``images/s``, ``GFLOP/step`` (multiplications and additions counted apart) and ``GFLOP/s``, all of the fastest
        of the steps, which is the one that other programs disturbed least; and ``GB``, the most memory that the whole
        program held during the steps.
    """
    system.train()
    with _peak_memory() as peak:
        with FlopCounterMode(display=False) as counter:
            system.training_step(batch)
        flops = counter.get_total_flops()
        best = float("inf")
        end = time.perf_counter() + seconds
        while best == float("inf") or time.perf_counter() < end:
            started = time.perf_counter()
            system.training_step(batch)
            best = min(best, time.perf_counter() - started)
    return {
        "images/s": len(batch) / best,
        "GFLOP/step": flops / 1e9,
        "GFLOP/s": flops / 1e9 / best,
        "GB": max(peak) / 1e9,
    }


def bench(seconds: float = 5.0) -> None:
    """Print a line for every run of the course, each measured on a batch of its own training set.

    Left out are the variants of an ablation, which have the networks of their lesson's other runs or smaller ones, and
    runs whose data would have to be downloaded or made by another run.

    Args:
        seconds: how long each run is timed.
    """
    from course_lib import runs
    from course_lib.doctor import matmul_gflops

    torch.manual_seed(0)
    peak = matmul_gflops(min(2.0, seconds))
    print(f"{torch.get_num_threads()} threads; a matrix product reaches {peak:.0f} GFLOP/s\n")
    print(f"{'run':<26}{'batch':>6}{'images/s':>10}{'GFLOP/step':>12}{'of peak':>9}{'memory':>10}")
    for name in runs.names():
        one = runs.run(name)
        if one.recorded or one.download or one.needs or one.training.batch_size is None:
            continue
        batch = next(one.dataset().batches(one.training.batch_size))
        gc.collect()  # what the run before this one held
        found = measure(one.system(), batch, seconds)
        print(
            f"{name:<26}{len(batch):>6}{found['images/s']:>10.0f}{found['GFLOP/step']:>12.2f}"
            f"{found['GFLOP/s'] / peak:>9.0%}{found['GB']:>7.1f} GB"
        )


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Inside the block, look at the memory of this process every few milliseconds; yields the bytes found."""
    import psutil

    process = psutil.Process()
    found = [process.memory_info().rss]
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            found[0] = max(found[0], process.memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
