from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.errors import TrainingError
from course_lib.training import meta_step


def test_sound_systems_pass_and_are_not_changed(toys: Any) -> None:
    system = toys.Duel()
    before = {k: v.clone() for k, v in system.state_dict().items()}
    scalars = meta_step(system)
    assert {"G", "D"} <= set(scalars)
    assert scalars["G"].device.type == "meta"
    assert all(torch.equal(before[k], v) for k, v in system.state_dict().items())
    assert len(system.pool) == 0
    assert meta_step(toys.Line())["mse"].shape == ()


def test_a_tensor_made_on_the_wrong_device_is_found(toys: Any) -> None:
    class Careless(toys.Line):
        def loss(self, batch: Any) -> Any:
            return super().loss({"x": batch["x"], "y": batch["y"]}) + 0 * torch.ones(3).sum()

    with pytest.raises(TrainingError, match=r"made a tensor of shape \(3,\) on cpu: pass device="):
        meta_step(Careless())


@pytest.mark.parametrize("fault", ["graph", "shape", "number"])
def test_what_a_step_returns_is_checked(toys: Any, fault: str) -> None:
    class Wrong(toys.Line):
        def training_step(self, batch: Any) -> Any:
            loss = self.loss(batch)
            return {"mse": {"graph": loss, "shape": batch["x"], "number": 1.0}[fault]}

    with pytest.raises(TrainingError, match="must be a detached tensor with one number"):
        meta_step(Wrong())
