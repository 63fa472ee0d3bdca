"""Encoders and decoders of variational autoencoders for grey pictures of 28 x 28.

An encoder maps pictures in [0, 1] to the mean and the log variance of q(z | x); a decoder maps latents to logits, whose
sigmoid is the picture.

Source: Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C (dense, one hidden layer).
"""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.arguments import check_count, check_input
from course_lib.errors import ShapeError

SIDE = 28


class DenseEncoder(nn.Module):
    """One hidden layer: 784 pixels, 400 units, and two layers of ``latents`` each.

    Args:
        hidden: width of the hidden layer.
        latents: length of z.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, hidden: int = 400, latents: int = 20) -> None:
        _check_widths(hidden, latents, "hidden")
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latents)
        self.logvar = nn.Linear(hidden, latents)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures ``(N, 1, 28, 28)`` in [0, 1] to mean and log variance, ``(N, latents)`` each.

        Raises:
            ShapeError: if the pictures have another shape or type, or lie on another device.
        """
        features = self.body(_checked(self, images))
        return self.mu(features), self.logvar(features)


class DenseDecoder(nn.Sequential):
    """The way back: ``latents``, 400 units, 784 logits.

    Args:
        hidden: width of the hidden layer.
        latents: length of z.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, hidden: int = 400, latents: int = 20) -> None:
        _check_widths(hidden, latents, "hidden")
        super().__init__(
            nn.Linear(latents, hidden),
            nn.ReLU(),
            nn.Linear(hidden, SIDE * SIDE),
            nn.Unflatten(1, (1, SIDE, SIDE)),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map latents ``(N, latents)`` to logits, ``(N, 1, 28, 28)``.

        Raises:
            ShapeError: if z has another shape or type, or lies on another device.
        """
        return super().forward(_check_latents(self, z))


class ConvEncoder(nn.Module):
    """Three convolutions of stride 2 (28, 14, 7, 4 pixels), then mean and log variance.

    Args:
        channels: of the first convolution; the next two have twice and three times as many.
        latents: length of z.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, channels: int = 32, latents: int = 20) -> None:
        _check_widths(channels, latents, "channels")
        super().__init__()
        widths = (channels, 2 * channels, 3 * channels)
        self.body = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(widths[0], widths[1], 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(widths[1], widths[2], 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
        )
        self.mu = nn.Linear(widths[2] * 16, latents)
        self.logvar = nn.Linear(widths[2] * 16, latents)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures ``(N, 1, 28, 28)`` in [0, 1] to mean and log variance, ``(N, latents)`` each.

        Raises:
            ShapeError: if the pictures have another shape or type, or lie on another device.
        """
        features = self.body(_checked(self, images))
        return self.mu(features), self.logvar(features)


class ConvDecoder(nn.Sequential):
    """The way back: 4, 7, 14 and 28 pixels, each step nearest-neighbour enlarging and a convolution.

    Args:
        channels: of the last convolution but one; as for the encoder.
        latents: length of z.

    Raises:
        ShapeError: if one of them is below 1.
    """

    def __init__(self, channels: int = 32, latents: int = 20) -> None:
        _check_widths(channels, latents, "channels")
        widths = (3 * channels, 2 * channels, channels)
        super().__init__(
            nn.Linear(latents, widths[0] * 16),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.SiLU(),
            nn.Upsample(size=(7, 7)),
            nn.Conv2d(widths[0], widths[1], 3, padding=1),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(widths[1], widths[2], 3, padding=1),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(widths[2], 1, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map latents ``(N, latents)`` to logits, ``(N, 1, 28, 28)``.

        Raises:
            ShapeError: if z has another shape or type, or lies on another device.
        """
        return super().forward(_check_latents(self, z))


def _check_widths(width: int, latents: int, name: str) -> None:
    check_count(width, name)
    check_count(latents, "latents")


def _check_latents(decoder: nn.Sequential, z: Tensor) -> Tensor:
    check_input(decoder, z, "z")
    latents = decoder[0].in_features
    if z.dim() != 2 or z.shape[1] != latents:
        raise ShapeError(f"This decoder takes latents (N, {latents}) and got {tuple(z.shape)}.")
    return z


def _checked(network: nn.Module, images: Tensor) -> Tensor:
    check_input(network, images, "The pictures")
    if images.dim() != 4 or images.shape[1:] != (1, SIDE, SIDE):
        raise ShapeError(f"This encoder takes grey pictures (N, 1, 28, 28) and got {tuple(images.shape)}.")
    return images
