"""Every random state in one place: set it from a seed, take it out, put it back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from course_lib.asked import whole


def seed_everything(seed: int) -> None:
    """Seed Python's ``random``, NumPy's global generator and torch's on all devices.

    On the CPU the same seed, thread count and version of torch give the same bits. On a GPU some kernels add in an
    order that varies; ``torch.use_deterministic_algorithms(True)`` forbids those.

    Args:
        seed: from 0 to 2**64 - 1.

    Raises:
        ShapeError: if it is another one: Python takes -1 for 1.
    """
    seed = whole("seed", seed, 0, 2**64)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def rng_state() -> dict[str, Any]:
    """Return the state of all global generators as plain values and tensors."""
    version, words, gauss = random.getstate()
    array: Any = np.random.get_state()
    name, keys, position, has_gauss, cached = array
    state: dict[str, Any] = {
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
        "numpy": {
            "name": name,
            "keys": torch.from_numpy(keys.astype(np.int64)),
            "rest": [int(position), int(has_gauss), float(cached)],
        },
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Put back what ``rng_state`` returned; a device that this machine lacks is passed over."""
    python, array = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    np.random.set_state((array["name"], array["keys"].numpy().astype(np.uint32), *array["rest"]))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


@contextmanager
def rng_untouched() -> Iterator[None]:
    """Run a block that may draw random numbers, and leave every global generator as it was before."""
    python, array, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
