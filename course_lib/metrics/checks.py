"""What all metrics ask of their pictures, said in one sentence when it is not so."""

from __future__ import annotations

from torch import Tensor

from course_lib.arguments import check_alike, check_floats, check_tensor, check_values
from course_lib.errors import ShapeError

_MARGIN = 0.05


def check_images(images: Tensor, name: str = "images", channels: tuple[int, ...] = (3,)) -> None:
    """Make sure that ``images`` is a float batch (N, C, H, W) in [-1, 1].

    Raises:
        ShapeError: if it is not.
    """
    check_tensor(images, name)
    if images.dim() == 4 and images.shape[1] not in channels and images.shape[3] in channels:
        raise ShapeError(
            f"{name} must have the shape (N, C, H, W), not {tuple(images.shape)}: "
            "move channels that stand last with x.movedim(-1, 1)."
        )
    if images.dim() != 4 or images.shape[1] not in channels:
        wanted = " or ".join(str(channel) for channel in channels)
        raise ShapeError(
            f"{name} must have the shape (N, C, H, W) with C = {wanted}, not {tuple(images.shape)}: "
            "add the batch axis with x[None], or repeat a grey picture with x.expand(-1, 3, -1, -1)."
        )
    if images.shape[0] == 0:
        raise ShapeError(f"{name} holds no picture: give at least one.")
    if not images.is_floating_point():
        raise ShapeError(f"{name} must be float pictures in [-1, 1], not {images.dtype}: use x.float() / 127.5 - 1.")
    check_floats(images, name)
    check_values(images, name)
    low, high = (value.item() for value in images.detach().aminmax())
    if not (low >= -1 - _MARGIN and high <= 1 + _MARGIN):  # written so that NaN is caught too
        raise ShapeError(
            f"{name} must lie in [-1, 1], not in [{low:.3g}, {high:.3g}]: "
            "map 0-255 with x / 127.5 - 1, and end a network with tanh or clamp its output."
        )


def check_pair(outputs: Tensor, targets: Tensor, channels: tuple[int, ...] = (1, 3)) -> None:
    """Make sure that outputs and targets are two such batches of the same shape.

    Raises:
        ShapeError: if they are not, or lie on two devices.
    """
    check_images(outputs, "outputs", channels)
    check_images(targets, "targets", channels)
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"outputs of shape {tuple(outputs.shape)} cannot be compared with targets of shape {tuple(targets.shape)}: "
            "they must be the same pictures in the same order and size."
        )
    check_alike(outputs, targets, ("outputs", "targets"), shapes=False)
