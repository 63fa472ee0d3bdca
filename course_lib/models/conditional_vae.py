"""An encoder and a decoder that are told the class of a picture: dense, one hidden layer, for grey pictures of 28 x 28.

Source: Kingma et al., Semi-supervised Learning with Deep Generative Models, 2014, section 2 (M2), and Sohn, Lee and
Yan, Learning Structured Output Representation using Deep Conditional Generative Models, 2015, section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from course_lib.arguments import check_count, check_input, check_values
from course_lib.errors import ShapeError
from course_lib.models.vae import SIDE


class ConditionalEncoder(nn.Module):
    """Pixels and the class, as a vector with one 1, through one hidden layer to mean and log variance.

    Args:
        hidden: width of the hidden layer.
        latents: length of z.
        classes: how many there are.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, hidden: int = 400, latents: int = 20, classes: int = 10) -> None:
        super().__init__()
        _check_sizes(hidden, latents, classes)
        self.classes = classes
        self.body = nn.Sequential(nn.Linear(SIDE * SIDE + classes, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latents)
        self.logvar = nn.Linear(hidden, latents)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures ``(N, 1, 28, 28)`` in [0, 1] and classes ``(N,)`` to mean and log variance, ``(N, latents)``.

        Raises:
            ShapeError: if a shape, type, device or class is another.
        """
        check_input(self, images, "The pictures")
        if images.dim() != 4 or images.shape[1:] != (1, SIDE, SIDE):
            raise ShapeError(f"This encoder takes grey pictures (N, 1, 28, 28) and got {tuple(images.shape)}.")
        told = _as_vectors(labels, self.classes, len(images), images)
        features = self.body(torch.cat([images.flatten(1), told], dim=1))
        return self.mu(features), self.logvar(features)


class ConditionalDecoder(nn.Module):
    """Latents and the class through one hidden layer to 784 logits.

    Args:
        hidden: width of the hidden layer.
        latents: length of z.
        classes: how many there are.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, hidden: int = 400, latents: int = 20, classes: int = 10) -> None:
        super().__init__()
        _check_sizes(hidden, latents, classes)
        self.classes, self.latents = classes, latents
        self.body = nn.Sequential(nn.Linear(latents + classes, hidden), nn.ReLU(), nn.Linear(hidden, SIDE * SIDE))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Map latents ``(N, latents)`` and classes ``(N,)`` to logits, ``(N, 1, 28, 28)``.

        Raises:
            ShapeError: if a shape, type, device or class is another.
        """
        check_input(self, z, "z")
        if z.dim() != 2 or z.shape[1] != self.latents:
            raise ShapeError(f"This decoder takes latents (N, {self.latents}) and got {tuple(z.shape)}.")
        told = _as_vectors(labels, self.classes, len(z), z)
        return self.body(torch.cat([z, told], dim=1)).view(-1, 1, SIDE, SIDE)


def _check_sizes(hidden: int, latents: int, classes: int) -> None:
    for count, name in ((hidden, "hidden"), (latents, "latents"), (classes, "classes")):
        check_count(count, name)


def _as_vectors(labels: Tensor, classes: int, rows: int, like: Tensor) -> Tensor:
    """Return classes as vectors with one 1, ``(N, classes)``, of the type and on the device of another tensor.

    Raises:
        ShapeError: if they are no whole numbers, not as many as the rows, or (seen on a CPU) beyond the classes.
    """
    whole = isinstance(labels, Tensor) and labels.dtype == torch.int64
    if not whole or labels.shape != (rows,):
        got = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        raise ShapeError(f"The labels are {got}: give whole numbers (int64), one for each of the {rows} rows.")
    if not like.is_meta:
        check_values(labels, "labels")
    if labels.device.type == "cpu" and rows and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise ShapeError(f"The labels go from {int(labels.min())} to {int(labels.max())}: there are {classes} classes.")
    return one_hot(labels.to(like.device), classes).to(like.dtype)
