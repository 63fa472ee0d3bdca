"""What every system must do: a run that is stopped and resumed ends with the bits of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_systems import leaves

from course_lib.systems.base import System
from course_lib.training import fit
from course_lib.training.checkpoints import CheckpointFolder


@pytest.fixture
def same_bits_after_resume(tmp_path: Path) -> Callable[..., set[str]]:
    """Return a function that trains without a stop, and with one, and compares all that the two checkpoints hold.

    It takes what builds the system, the data set, the number of steps, the step to stop at and other settings of
    ``fit``, and returns the paths of what a checkpoint holds.
    """

    def check(build: Callable[[], System], dataset: Any, steps: int, stop_at: int, **settings: Any) -> set[str]:
        def train(name: str, weights: int, stop: int | None = None) -> dict[str, Any]:
            def on_step(system: System, step: int) -> None:
                if step == stop:
                    raise KeyboardInterrupt

            torch.manual_seed(weights)
            options = {"steps": steps, "seed": 3, "progress": False, "device": "cpu", **settings}
            fit(build(), dataset, checkpoint=tmp_path / name, on_step=on_step, **options)
            stored = CheckpointFolder(tmp_path / name).load()
            assert stored is not None
            return leaves(stored)

        whole = train("whole", weights=5)
        stopped = train("parts", weights=5, stop=stop_at)
        assert [path for path in whole if whole[path] != stopped.get(path)]  # it was stopped
        resumed = train("parts", weights=99)  # weights that the checkpoint must replace
        assert resumed.keys() == whole.keys()
        assert [path for path in whole if whole[path] != resumed[path]] == []
        return set(whole)

    return check
