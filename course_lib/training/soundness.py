"""Nothing that is NaN is kept: what a spoilt step has touched is put back, and what is spoilt is never saved."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.systems.base import System


class Guard:
    """The buffers of a system (running means of batch norm, counters) as they were before a step.

    A forward pass changes them before the loss is known, and a running mean that is NaN once stays so for good. Weights
    need no copies: on the CPU, where losses are looked at in time, a bad one changes none.

    Args:
        system: whose buffers are copied; those that its state dict leaves out never change.
    """

    def __init__(self, system: System) -> None:
        kept = set(system.state_dict(keep_vars=True))
        self._places: list[tuple[nn.Module, str]] = []
        for prefix, module in system.named_modules() if system.device.type == "cpu" else ():
            for name, buffer in module.named_buffers(recurse=False):
                if f"{prefix}.{name}".lstrip(".") in kept and buffer is not None:
                    self._places.append((module, name))
        self._copies = [module._buffers[name].clone() for module, name in self._places]  # type: ignore[union-attr]

    def _pairs(self) -> Any:
        present = [module._buffers[name] for module, name in self._places]
        return [(copy, now) for copy, now in zip(self._copies, present, strict=True) if now is not None]

    @torch.no_grad()
    def remember(self) -> None:
        """Copy the buffers; a step is about to be done."""
        for copy, now in self._pairs():
            copy.copy_(now)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the buffers what they held before the step."""
        for copy, now in self._pairs():
            now.copy_(copy)


class Soundness:
    """Says whether anything of a training holds NaN or infinity.

    A buffer may be infinite on purpose, such as the mask of an attention: those that are so at the start may stay so.

    Args:
        system: at the start.
    """

    def __init__(self, system: System) -> None:
        weights = {name for name, _ in system.named_parameters()}
        self.infinite = set(_not_finite(system.state_dict())) - weights

    def fault(self, shared: dict[str, Any], personal: dict[str, Any]) -> str | None:
        """Return in words what is spoilt of the state of a training, or None.

        Args:
            shared: "system", "averages" and, as far as they are to be looked at, "optimizers".
            personal: "pools", as far as they are to be looked at.
        """
        averages = {
            f"{net}.{name}": value for net, state in shared["averages"].items() for name, value in state.items()
        }
        for what, state in (("weights", shared["system"]), ("averages", averages)):
            for name in _not_finite(state):
                if name not in self.infinite or bool(state[name].isnan().any()):
                    return f"{what} {name}"
        for name in _not_finite(_tensors(shared.get("optimizers", {}))):
            return f"moments of optimiser {name.split('/')[0]}"
        for name in _not_finite(_tensors(personal.get("pools", {}))):
            return f"earlier fakes of pool {name.split('/')[0]}"
        return None


def spoilt_columns(batch: Any) -> list[str]:
    """Return the names of the columns of a batch that hold NaN or infinity."""
    columns = (
        batch if isinstance(batch, dict) else {name: getattr(batch, name) for name in getattr(batch, "columns", ())}
    )
    return list(_not_finite({name: value for name, value in columns.items() if isinstance(value, Tensor)}))


def _tensors(tree: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors of a tree of dicts and lists by their paths, ``G/state/0/exp_avg``."""
    if isinstance(tree, Tensor):
        return {path: tree}
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    return {
        deep: tensor
        for name, part in parts
        for deep, tensor in _tensors(part, f"{path}/{name}" if path else str(name)).items()
    }


@torch.no_grad()
def _not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Return the names of the tensors that hold NaN or infinity, with one wait for the device if all are sound."""
    floats = {name: t for name, t in tensors.items() if t.is_floating_point() or t.is_complex()}
    by_device: dict[torch.device, list[str]] = {}
    for name, tensor in floats.items():
        by_device.setdefault(tensor.device, []).append(name)
    found: list[str] = []
    for names in by_device.values():
        sound = torch.stack([torch.isfinite(floats[name]).all() for name in names]).tolist()
        found += [name for name, fine in zip(names, sound, strict=True) if not fine]
    return found
