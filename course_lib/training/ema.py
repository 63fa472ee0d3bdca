"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class EMA:
    """Keep ``average = decay * average + (1 - decay) * weights``, one update a training step.

    With ``decay`` d the average looks back about 1 / (1 - d) steps. It starts at the weights themselves, so there is
    no bias towards zero to correct. Buffers (running means of batch norm, counters) are copied, not averaged.

    Args:
        network: the network that is trained.
        decay: between 0 (a copy of the present weights) and 1.

    Attributes:
        module: the averaged network, in eval mode, without gradients.

    Source: Polyak and Juditsky 1992; in GANs Yazici et al. 2019.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay is {decay}: it must be at least 0 and less than 1.")
        self.decay = decay
        self.network = network
        self.module = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """Move the average a step of ``1 - decay`` towards the present weights."""
        averages: list[Tensor] = list(self.module.parameters())
        weights: list[Tensor] = list(self.network.parameters())
        if averages:
            torch._foreach_lerp_(averages, weights, 1.0 - self.decay)
        for average, present in zip(self.module.buffers(), self.network.buffers(), strict=True):
            average.copy_(present)
