"""Switches that decide whether a system is right: which network may learn, and how one behaves at inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from course_lib.errors import ShapeError

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


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
def inference(network: nn.Module, *, dropout: bool = False, batch_statistics: bool = False) -> Iterator[None]:
    """Inside the block the network is in eval mode, but for what is asked to stay as it is in training.

    Afterwards every module is back in the mode it had, and running statistics are what they were.

    Args:
        network: whose modules are switched.
        dropout: leave dropout on, as the noise z of pix2pix.
        batch_statistics: let batch norm take mean and variance of the batch at hand, as pix2pix does at test time.
            Otherwise it uses its running statistics, and one picture's output does not depend on its neighbours.
    """
    before = {module: module.training for module in network.modules()}
    tracked = {}
    network.eval()
    for module in network.modules():
        if dropout and isinstance(module, _DROPOUT):
            module.train()
        if batch_statistics and isinstance(module, _BATCH_NORM):
            tracked[module] = module.track_running_stats, module.running_mean, module.running_var
            # without running statistics, batch norm in eval mode has only those of the batch
            module.track_running_stats, module.running_mean, module.running_var = False, None, None
    try:
        yield
    finally:
        for norm, (flag, mean, variance) in tracked.items():
            norm.track_running_stats, norm.running_mean, norm.running_var = flag, mean, variance
        for module, mode in before.items():
            module.training = mode


@contextmanager
def drawn_from(generator: torch.Generator | None) -> Iterator[None]:
    """Inside the block dropout draws what a generator on the CPU decides; afterwards torch's own state is as before.

    Dropout takes no generator. So one number is drawn from it, which seeds torch's own inside the block.

    Args:
        generator: on the CPU; with ``None`` nothing happens, and torch's own goes on.
    """
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def has_batch_norm(network: nn.Module) -> bool:
    """Return whether a network has batch norm, so that in training the pictures of a batch depend on each other."""
    return any(isinstance(module, _BATCH_NORM) for module in network.modules())


def check_generator(name: str, network: nn.Module, channels: tuple[int, int] | None) -> None:
    """Check that a network from picture to picture says its channels, and that they are those that are asked for.

    Args:
        name: of the argument, for the message.
        network: the generator that a system is to be built around.
        channels: into it and out of it; None for any.

    Raises:
        ShapeError: if it does not say, or they are others.
    """
    found = getattr(network, "in_channels", None), getattr(network, "out_channels", None)
    if not all(isinstance(count, int) for count in found):
        raise ShapeError(
            f"{name} is a {type(network).__name__} that does not say its channels: "
            "give it the attributes in_channels and out_channels."
        )
    if channels is not None and found != channels:
        raise ShapeError(
            f"{name} maps {found[0]} channels to {found[1]}, and this system needs {channels[0]} to {channels[1]}: "
            "set x_channels and y_channels in the config to the network's, or leave the config out."
        )
