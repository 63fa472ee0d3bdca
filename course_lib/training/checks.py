"""A check that every system must pass: one training step without data, memory or a device."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib.errors import TrainingError
from course_lib.systems.base import System


class _OnlyDevice(TorchDispatchMode):
    """Refuse every operation that makes a tensor elsewhere; single numbers may stay on the CPU."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device_type = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.dim() > 0 and leaf.device.type != self.device_type:
                raise TrainingError(
                    f"{func} made a tensor of shape {tuple(leaf.shape)} on {leaf.device}: "
                    "pass device=x.device, or use x.new_ones or torch.ones_like."
                )
        return result


def meta_step(system: System, batch_size: int = 2) -> dict[str, Tensor]:
    """Do one training step of a copy of ``system`` on the meta device, where tensors have a shape but no content.

    Args:
        system: any system with ``example_batch``; it is not changed.
        batch_size: rows of the example batch.

    Returns:
        The named scalars of the step (on the meta device).

    Raises:
        TrainingError: if the step makes a tensor on another device or returns something that is not a detached scalar.
    """
    copied = copy.deepcopy(system).to("meta").train()
    copied.begin_anew()
    copied.total_steps = 1
    batch = copied.example_batch(batch_size, "meta")
    copied.configure_schedules(copied.optimizers, 1)
    with _OnlyDevice("meta"):
        scalars = copied.training_step(batch)
    for name, value in scalars.items():
        if not isinstance(value, Tensor) or value.dim() or value.requires_grad:
            raise TrainingError(f"training_step returned {name!r}, which must be a detached tensor with one number.")
    return scalars
