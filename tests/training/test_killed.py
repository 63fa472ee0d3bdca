"""A training that is killed (kill -9) at any moment, again and again, ends with the bits of an unbroken one."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib.training import fit, read_checkpoint
from course_lib.training.locks import NAME

QUICK: dict[str, Any] = {"steps": 30, "batch_size": 5, "save_every": 1, "progress": False, "device": "cpu"}


def bits(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {k: v for key, value in tree.items() for k, v in bits(value, f"{path}/{key}").items()}
    if isinstance(tree, (list, tuple)):
        return {k: v for n, value in enumerate(tree) for k, v in bits(value, f"{path}/{n}").items()}
    plain = tree.contiguous().view(-1).numpy().tobytes() if isinstance(tree, torch.Tensor) else tree
    return {} if path.endswith("/seconds") else {path: plain}


def killed_after(seconds: float | None, train: Any) -> bool:
    """Train in a child of this process, with all that is imported; return whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        if seconds is not None:
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        try:
            train()
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_killed_training_ends_with_the_same_bits(toys: Any, tmp_path: Path) -> None:
    def train(folder: str) -> None:
        torch.manual_seed(0)
        fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path / folder, ema_decay=0.9, **QUICK)

    train("whole")
    moments = random.Random(3)
    kills = [killed_after(moments.uniform(0.01, 0.25), lambda: train("parts")) for _ in range(6)]
    assert any(kills)
    train("parts")
    assert bits(read_checkpoint(tmp_path / "parts")) == bits(read_checkpoint(tmp_path / "whole"))
    assert not (tmp_path / "parts" / NAME).exists()
