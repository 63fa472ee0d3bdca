"""The bench: operations counted by hand, a line for every run, and the memory that a step needs."""

from __future__ import annotations

import itertools
import time

import psutil
import pytest
import torch
from torch import Tensor, nn

from course_lib import bench as module
from course_lib.bench import bench, measure
from course_lib.data.containers import Batch, PairedSet
from course_lib.runs import registry
from course_lib.runs.base import Run, RunSizes
from course_lib.systems.base import System, adam


class OneLayer(System):
    """A linear layer from 12 to 7 numbers."""

    def __init__(self) -> None:
        super().__init__(None)
        self.netG = nn.Linear(12, 7)
        self.steps = 0

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.netG.parameters(), 1e-3)}

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        assert self.training
        self.steps += 1
        loss = self.netG(batch.x.flatten(1)).square().mean()
        self.optimizer_step("G", loss)
        return {"loss": loss.detach()}


def pairs(rows: int = 10) -> PairedSet:
    images = torch.zeros(rows, 3, 2, 2, dtype=torch.uint8)
    return PairedSet(name="pairs", split="train", x=images, y=images)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock go on by 1/64 second whenever it is read, so that each step takes as long."""
    ticks = itertools.count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(ticks) / 64)


def test_operations_are_those_counted_by_hand(clock: None) -> None:
    batch = next(pairs().batches(5))
    system = OneLayer()
    found = measure(system, batch, seconds=0)
    # forward, and the gradient of the weights; x needs none. A multiplication and an addition for each of 5 x 12 x 7.
    assert found["GFLOP/step"] * 1e9 == pytest.approx(2 * 2 * 5 * 12 * 7)
    assert found["images/s"] == 5 * 64
    assert found["GFLOP/s"] == pytest.approx(found["GFLOP/step"] * 64)
    assert system.steps == 2  # one counted, one timed
    measure(system, batch, seconds=31 / 64)  # of a step and the look whether time is up the clock is read three times
    assert system.steps == 2 + 1 + 11


def test_the_fastest_step_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([0, 1, 5, 6, 6, 8, 9, 9, 12, 20])  # steps of 4, 2 and 3 seconds
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(readings)))
    system = OneLayer()
    assert measure(system, next(pairs().batches(5)), seconds=10)["images/s"] == 5 / 2


def test_memory_of_a_step_is_seen_although_it_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [0]

    class Watched(psutil.Process):
        def memory_info(self):
            found = super().memory_info()
            looks[0] += 1
            return found

    class Heavy(OneLayer):
        def training_step(self, batch: Batch) -> dict[str, Tensor]:
            ballast = torch.ones(300_000_000, dtype=torch.uint8)
            end = looks[0] + 2  # one look may have begun before
            while looks[0] < end:
                time.sleep(0.001)
            del ballast
            return super().training_step(batch)

    before = psutil.Process().memory_info().rss
    monkeypatch.setattr(psutil, "Process", Watched)
    found = measure(Heavy(), next(pairs().batches(5)), seconds=0)
    assert 0.25 < found["GB"] - before / 1e9 < 0.6


def test_a_line_for_every_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clock: None) -> None:
    sizes = [RunSizes(1, 1, 1, batch_size=size) for size in (4, 8)]
    both = {
        f"tiny/{size.batch_size}": Run(f"tiny/{size.batch_size}", "A run.", OneLayer, pairs, size) for size in sizes
    }
    monkeypatch.setattr(registry, "_registry", lambda: both)
    monkeypatch.setattr("course_lib.doctor.matmul_gflops", lambda seconds: 1e-3)
    bench(seconds=0.01)
    first, empty, head, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith("a matrix product reaches 0 GFLOP/s")
    assert empty == ""
    assert head.split() == ["run", "batch", "images/s", "GFLOP/step", "of", "peak", "memory"]
    assert [line.split()[:2] for line in lines] == [["tiny/4", "4"], ["tiny/8", "8"]]
    for line in lines:
        _, batch, speed, flops, share, memory, unit = line.split()
        assert int(speed) == 64 * int(batch)
        assert float(flops) == 0.0
        assert share.endswith("%")
        assert float(memory) > 0.05
        assert unit == "GB"
        assert len(line) == len(head)


def test_a_step_that_fails_ends_the_watch() -> None:
    import threading

    class Broken(OneLayer):
        def training_step(self, batch: Batch) -> dict[str, Tensor]:
            raise ValueError("broken")

    threads = threading.active_count()
    with pytest.raises(ValueError, match="broken"):
        module.measure(Broken(), next(pairs().batches(5)), seconds=0)
    assert threading.active_count() == threads
