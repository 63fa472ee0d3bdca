"""Two switches that decide whether a system is right: which network may learn, and how one behaves at inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Inside the block the networks' weights collect no gradient; gradients still pass through to the input."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def inference(network: nn.Module, *, dropout: bool = False) -> Iterator[None]:
    """Inside the block the network is in eval mode; with ``dropout`` its dropout stays on, as the noise z of pix2pix.

    Batch norm uses its running statistics in both cases, so that one picture's output does not depend on the others
    of its batch. Afterwards every module is back in the mode it had.
    """
    before = {module: module.training for module in network.modules()}
    network.eval()
    if dropout:
        for module in network.modules():
            if isinstance(module, _DROPOUT):
                module.train()
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode
