"""Fully connected networks: the players of small games, and the first GAN on pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from course_lib.arguments import check_choice, check_count, check_input, check_number
from course_lib.errors import ShapeError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


class MLP(nn.Sequential):
    """Linear layers with an activation between them; the output has none.

    Args:
        inputs: numbers that go in.
        outputs: numbers that come out.
        hidden: width of each hidden layer.
        activation: ``"relu"``, ``"leaky_relu"`` (slope 0.2), ``"tanh"`` or ``"silu"``.
        batch_norm: normalise each hidden layer over the batch, before its activation.
        dropout: chance with which a hidden value is set to zero in training, after its activation.

    Raises:
        ShapeError: if the activation is unknown, a number is below 1, or dropout is no chance below 1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        check_choice(activation, "The activation", ACTIVATIONS)
        for count, name in (
            (inputs, "inputs"),
            (outputs, "outputs"),
            *((width, "A width in hidden") for width in hidden),
        ):
            check_count(count, name)
        check_number(dropout, "dropout", 0, 1, below=True)
        layers: list[nn.Module] = []
        before = inputs
        for width in hidden:
            layers.append(nn.Linear(before, width))
            if batch_norm:
                layers.append(nn.BatchNorm1d(width))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            before = width
        super().__init__(*layers, nn.Linear(before, outputs))
        self.inputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs)`` to ``(N, outputs)``.

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        check_input(self, x)
        if x.dim() != 2 or x.shape[1] != self.inputs:
            raise ShapeError(f"This network takes (N, {self.inputs}) and got {tuple(x.shape)}: flatten the rows.")
        return super().forward(x)
