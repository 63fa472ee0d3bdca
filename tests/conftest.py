"""Shared by all tests: a cache of their own, no screen, the smallest preset, one thread, fixed seeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("COURSE_PRESET", "smoke")
os.environ["COURSE_PROGRESS"] = "off"  # a test's right answers are nobody's
os.environ["OMP_NUM_THREADS"] = "1"  # also of what a test starts: the last bit of a sum depends on the threads


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root folder of the course."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the user's cache; ``make test`` names one cache for all its stages."""
    if "COURSE_CACHE" in os.environ:
        yield
        return
    os.environ["COURSE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["COURSE_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Compute with one thread, in the fixtures of modules too: small networks only wait for threads."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_start() -> None:
    """Start every test from the same random state, with one thread."""
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts several processes, and skip tests marked ``gpu`` where there is no CUDA device."""
    for item in items:
        if ROOT / "tests" / "distributed" in item.path.parents:
            item.add_marker(pytest.mark.distributed)
    marked = [item for item in items if "gpu" in item.keywords]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
