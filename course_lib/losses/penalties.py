"""What keeps a discriminator smooth: penalties on the gradient of its output in its input, and bounds on its weights.

The gradient comes from ``System.input_gradient``, which works in every precision; these are functions of it alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.arguments import check_alike, check_floats, check_network, check_number


def gradient_penalty(gradient: Tensor, target: float = 1.0) -> Tensor:
    """Return ``E[(|g| - target)^2]``, where ``|g|`` is the norm over all values of a row.

    Args:
        gradient: of D's output in points between real and fake samples, ``(N, d, ...)``.
        target: the slope that is asked for, at least 0.

    Raises:
        ShapeError: if the gradient is no tensor of floats with rows, or the target is negative.

    Source: Gulrajani et al. 2017, equation 3, without the weight lambda = 10.
    """
    check_number(target, "target", 0)
    return (_squares(gradient).add(1e-12).sqrt() - target).square().mean()


def r1_penalty(gradient: Tensor) -> Tensor:
    """Return ``E[|g|^2] / 2``, where ``|g|`` is the norm over all values of a row.

    Args:
        gradient: of D's output in real samples, ``(N, d, ...)``.

    Raises:
        ShapeError: if the gradient is no tensor of floats with rows.

    Source: Mescheder et al. 2018, equation 9, without the weight gamma.
    """
    return _squares(gradient).mean() / 2


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Return a random point on the line from each real to each fake sample, ready for a gradient.

    Args:
        real: ``(N, ...)``.
        fake: the same shape; its graph is cut.

    Raises:
        ShapeError: if the shapes or devices differ, or one of them is no tensor of floats with rows.

    Source: Gulrajani et al. 2017, algorithm 1, lines 4 to 6.
    """
    check_floats(real, "real", "(N, ...)")
    check_floats(fake, "fake", "(N, ...)")
    check_alike(real, fake, ("real", "fake"))
    share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    return torch.lerp(real.detach(), fake.detach(), share).requires_grad_()


@torch.no_grad()
def clip_weights(network: nn.Module, bound: float) -> None:
    """Clamp every parameter to [-bound, bound], in place.

    Args:
        network: the critic, after each of its steps.
        bound: above 0; the paper takes 0.01.

    Raises:
        ShapeError: if the bound is not above 0, or the network is none.

    Source: Arjovsky et al. 2017, algorithm 1, line 7.
    """
    check_number(bound, "bound", 0, above=True)
    check_network(network)
    for parameter in network.parameters():
        parameter.clamp_(-bound, bound)


def _squares(gradient: Tensor) -> Tensor:
    """Return the squared norm of each row, ``(N,)``."""
    check_floats(gradient, "gradient", "(N, d, ...)")
    return gradient.float().flatten(1).square().sum(dim=1)
