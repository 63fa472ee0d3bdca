from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import torch

from course_lib.training import rng_untouched, seed_everything
from course_lib.training.checkpoints import pack, unpack
from course_lib.training.seeding import rng_state, set_rng_state


def draw() -> tuple[Any, ...]:
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(3).tolist()


def test_seed_fixes_all_generators() -> None:
    seed_everything(7)
    first = draw()
    seed_everything(7)
    assert draw() == first
    seed_everything(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_state_survives_a_file() -> None:
    seed_everything(1)
    random.gauss(0, 1), np.random.randn()  # leave half a pair of normal numbers in store
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(pack(rng_state(), tensors))
    expected = draw()
    draw()
    set_rng_state(unpack(json.loads(text), tensors))
    assert draw() == expected


def test_a_block_that_draws_leaves_no_trace() -> None:
    seed_everything(2)
    expected = draw()
    seed_everything(2)
    with rng_untouched():
        draw()
    assert draw() == expected
