"""A fixed loss network that a system asks and does not own: it is not trained, moved by hand, and never saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import nn

Loss = TypeVar("Loss", bound=nn.Module)

VGG_RANGE = 1.4
"""VGG-16 takes values a little beyond black and white; a network without tanh may go further at first."""


class Judge(Generic[Loss]):
    """A loss network that is made at the first use, as predicting does not need it, and then kept.

    It is no module, so that a system that holds one has neither parameters nor a state of it.

    Args:
        make: returns the network, on the CPU.
    """

    def __init__(self, make: Callable[[], Loss]) -> None:
        self._make = make
        self._made: Loss | None = None

    def on(self, device: torch.device | str) -> Loss:
        """Return the network, on this device."""
        if self._made is None:
            self._made = self._make()
        buffer = next(self._made.buffers(), None)
        return self._made if buffer is None or buffer.device == torch.device(device) else self._made.to(device)
