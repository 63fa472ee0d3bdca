"""Shared by the tests of the lessons' rooms."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from course_lib import data
from course_lib.data.jitter import Jittered
from course_lib.runs.base import Run


@pytest.fixture
def at_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], tuple[dict[str, Any], Any]]:
    """Return what ``download`` is asked for by a run at the preset ``gpu``, and its system, without weights."""
    monkeypatch.setenv("COURSE_PRESET", "gpu")

    def asked_by(one: Run) -> tuple[dict[str, Any], Any]:
        asked: dict[str, Any] = {}

        def download(name: str, split: str, **options: object) -> data.PairedSet:
            asked.update(name=name, split=split, **options)
            images = torch.zeros(2, 3, 286, 286, dtype=torch.uint8)
            return data.PairedSet(name, split, images, images)

        monkeypatch.setattr(data, "download", download)
        dataset = one.dataset()
        asked["crop"] = dataset.crop if isinstance(dataset, Jittered) else None
        with torch.device("meta"):
            return asked, one.system()

    return asked_by


@pytest.fixture
def even_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``time.perf_counter`` go on by a second whenever it is read: whatever is timed once takes one second."""
    monkeypatch.setattr(time, "perf_counter", itertools.count(1.0).__next__)
