"""A folder of bundled data of the test's own, and two runs that are over in a moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from course_lib.data.containers import PairedSet
from course_lib.runs import registry
from course_lib.runs.base import Run, RunSizes
from course_lib.systems.regression import Regression, RegressionConfig

SMALL = RegressionConfig(loss="mae", base_channels=8, max_channels=16, levels=2)


def few_pairs() -> PairedSet:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 256, (12, 1, 16, 16), generator=generator, dtype=torch.uint8)
    y = torch.randint(0, 256, (12, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return PairedSet(name="few", split="train", x=x, y=y)


@pytest.fixture
def two_runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Run]:
    """Put ``tiny/first``, and ``tiny/second`` that starts from it, in the place of the course's runs."""
    sizes = RunSizes(smoke_epochs=2, cpu_epochs=3, gpu_epochs=4, batch_size=4)
    first = Run("tiny/first", "The first.", lambda: Regression(SMALL), few_pairs, sizes)
    second = Run("tiny/second", "The second.", lambda: Regression(SMALL), few_pairs, sizes, start="tiny/first")
    both = {one.name: one for one in (first, second)}
    monkeypatch.setattr(registry, "_registry", lambda: both)
    return both


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Point ``COURSE_DATA`` at an empty folder; calling the fixture writes a manifest of all that lies there."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(folder))

    def write_manifest() -> Path:
        files = {
            path.relative_to(folder).as_posix(): {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "bytes": path.stat().st_size,
            }
            for path in folder.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        }
        (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": files}))
        return folder

    write_manifest()
    return write_manifest
