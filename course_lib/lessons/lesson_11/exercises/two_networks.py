"""How an exercise that asks for a loss of G and F is looked at: its value, and what it sends back to each network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING, Case
from course_lib.exercises.modes import stay_in_training

LOSS, G_GRADIENT, F_GRADIENT = "the loss", "the gradient in netG", "the gradient in netF"

Answer = Callable[[nn.Module, nn.Module, Tensor, Tensor, float], Tensor]


class TinyTranslator(nn.Module):
    """A small generator without chance and normalisation; its picture has the size and the channels of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(2 * torch.rand(4) - 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Return a picture of the shape of the input, in [-1, 1]: each pixel mixed with two of its neighbours."""
        here, left, above, shift = self.weight
        mixed = here * picture + left * picture.roll(1, dims=3) + above * picture.roll(1, dims=2) + shift
        return torch.tanh(mixed)


def case(label: str, shape: tuple[int, int, int, int], weight: float) -> Case:
    """Return two random networks, random pictures x and y of this shape, and the weight of the loss."""
    x, y = (torch.rand(shape) * 2 - 1 for _ in range(2))
    return Case(label, TinyTranslator(), TinyTranslator(), x, y, weight)


def loss_and_gradients(
    answer: Callable[..., object], netG: nn.Module, netF: nn.Module, x: Tensor, y: Tensor, weight: float
) -> dict[str, object]:
    """Return an answer's loss and its gradients in the parameters of both networks, each as one vector.

    Raises:
        ExerciseError: if the answer is no scalar tensor, has no gradient, has called ``backward()`` itself, or
            lets a network compute in eval mode.
    """
    with stay_in_training(netG, netF):
        loss = answer(netG, netF, x, y, weight)
    if loss is None:
        raise ExerciseError(NOTHING)
    if isinstance(loss, float):
        raise ExerciseError(
            "The loss is a Python number. Return the tensor, without `.item()` or `float()`: "
            "a number has no gradient to train with."
        )
    if not isinstance(loss, Tensor) or loss.ndim:
        shown = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ExerciseError(f"Return one scalar tensor, the weighted sum of both terms; yours is {shown}.")
    if any(parameter.grad is not None for net in (netG, netF) for parameter in net.parameters()):
        raise ExerciseError("Return the loss without calling `backward()`: the training loop does that.")
    if not loss.requires_grad:
        raise ExerciseError(
            "No gradient reaches netG and netF, so that they cannot learn. "
            "Compute with torch alone, without `detach`, `no_grad` or NumPy."
        )
    networks = [list(net.parameters()) for net in (netG, netF)]
    found = iter(torch.autograd.grad(loss, networks[0] + networks[1], allow_unused=True, materialize_grads=True))
    in_g, in_f = (torch.cat([next(found).flatten() for _ in parameters]) for parameters in networks)
    return {LOSS: loss, G_GRADIENT: in_g, F_GRADIENT: in_f}
