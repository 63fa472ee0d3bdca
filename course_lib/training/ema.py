"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from course_lib.asked import number


class EMA:
    """Keep ``average = decay * average + (1 - decay) * weights``, one update a training step.

    With ``decay`` d the average looks back about 1 / (1 - d) steps. It starts at the weights themselves, so there is
    no bias towards zero to correct; but a run of a few times 1 / (1 - d) steps would keep a share of the untrained
    weights. With ``ramp`` r it looks back at most r times the steps done so far: after n steps the decay is
    ``min(d, 1 - 1 / (r n))``. Buffers (running means of batch norm, counters) are copied, not averaged.

    Args:
        network: the network that is trained.
        decay: between 0 (a copy of the present weights) and 1.
        ramp: at most this share of the steps is looked back over; 0 for the same decay from the first step on.

    Raises:
        ShapeError: if a number cannot be.

    Attributes:
        module: the averaged network, in eval mode, without gradients.

    Source: Polyak and Juditsky 1992; in GANs Yazici et al. 2019; the ramp is that of Karras et al. 2020, "Training
    Generative Adversarial Networks with Limited Data", in the authors' code, there for the half-life.
    """

    def __init__(self, network: nn.Module, decay: float, ramp: float = 0.0) -> None:
        self.decay, self.ramp = number("decay", decay, below=1.0), number("ramp", ramp)
        self.network = network
        self.module = copy.deepcopy(network).eval().requires_grad_(False)

    def decay_at(self, step: int) -> float:
        """Return the decay of the update after ``step`` training steps."""
        return self.decay if not self.ramp else max(0.0, min(self.decay, 1.0 - 1.0 / max(1e-12, self.ramp * step)))

    @torch.no_grad()
    def update(self, step: int | None = None) -> None:
        """Move the average a step of ``1 - decay`` towards the present weights.

        Args:
            step: training steps done, this one included, which the ramp asks for; None: without the ramp.
        """
        averages: list[Tensor] = list(self.module.parameters())
        weights: list[Tensor] = list(self.network.parameters())
        if averages:
            torch._foreach_lerp_(averages, weights, 1.0 - (self.decay if step is None else self.decay_at(step)))
        for average, present in zip(self.module.buffers(), self.network.buffers(), strict=True):
            average.copy_(present)

    def kept(self) -> dict[nn.Parameter, Tensor]:
        """Return the average of each parameter of the network, for ``follow`` when the network has grown."""
        pairs = zip(self.network.parameters(), self.module.parameters(), strict=True)
        return {weight: average.detach() for weight, average in pairs}

    @torch.no_grad()
    def follow(self, network: nn.Module, kept: dict[nn.Parameter, Tensor]) -> None:
        """Average a network that has grown: old parameters keep their averages, new ones begin at their weights."""
        self.network = network
        self.module = copy.deepcopy(network).eval().requires_grad_(False)
        for weight, average in zip(network.parameters(), self.module.parameters(), strict=True):
            if weight in kept:
                average.copy_(kept[weight])
