"""Ways to spoil a right tensor, and what a function may make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SPOILT: dict[str, Callable[[Tensor], Any]] = {
    "bytes": lambda x: torch.zeros_like(x, dtype=torch.uint8),
    "whole": lambda x: torch.ones_like(x, dtype=torch.int32),
    "mask": lambda x: torch.ones_like(x, dtype=torch.bool),
    "nan": lambda x: x.index_fill(x.dim() - 1, torch.tensor([0]), torch.nan) if x.is_floating_point() else None,
    "array": lambda x: x.numpy(),
    "list": lambda x: x.tolist(),
    "text": lambda x: "a picture",
    "empty": lambda x: x[:0],
    "more axes": lambda x: x[None],
    "fewer axes": lambda x: x[0],
    "elsewhere": lambda x: x.to("meta"),
}
"""What is made of a right tensor; None where it cannot be made."""

ANY_SHAPE = {"more axes", "fewer axes"}


def rand(*shape: int, seed: int = 0) -> Tensor:
    """Return floats from -0.9 to 0.9, which are pictures, logits and features alike."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 1.8 - 0.9


class Corner(nn.Module):
    num_features = 4

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :4].double()


@dataclass
class Row:
    """A right call.

    Args:
        call: the function.
        given: its tensors by name, all of which are spoilt in turn.
        others: its other arguments.
        fine: by tensor (or ``"*"`` for each), the ways that a right result is made of; what it must be is looked at by
            ``judge``.
    """

    call: Callable[..., Any]
    given: dict[str, Any]
    others: dict[str, Any] = field(default_factory=dict)
    fine: dict[str, set[str]] = field(default_factory=dict)

    def allows(self, name: str, way: str) -> bool:
        return way in self.fine.get(name, ()) or way in self.fine.get("*", ())


def pictures(*names: str, channels: int = 3, size: int = 12, count: int = 4) -> dict[str, Tensor]:
    return {name: rand(count, channels, size, size, seed=seed) for seed, name in enumerate(names)}


def judge(way: str, found: Any, right: Any) -> str:
    """Return what is wrong with a result where no error was raised; an empty text for nothing."""
    if way == "nan":
        return "" if holds_nan(found) else "NaN has become a number"
    if way == "elsewhere":
        tensors = [part for part in parts(found) if isinstance(part, Tensor)]
        return "" if tensors and all(part.is_meta for part in tensors) else "the result is not where the tensor was"
    if way in ("array", "list"):
        same = np.allclose(flat(found), flat(right), atol=1e-6, equal_nan=True)
        return "" if same else "the result is another"
    return ""


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, one.name) for one in fields(value)]
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from parts(part)
    else:
        yield value


def flat(value: Any) -> np.ndarray:
    found = [np.asarray(p.detach().cpu().double() if isinstance(p, Tensor) else p).ravel() for p in parts(value)]
    return np.concatenate([one.astype(float) for one in found if one.dtype.kind in "fiub"] or [np.zeros(0)])


def holds_nan(value: Any) -> bool:
    return bool(np.isnan(flat(value)).any())
