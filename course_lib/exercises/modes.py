"""Networks in the mode in which they were given, while an answer uses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from course_lib.errors import ExerciseError


@contextmanager
def stay_in_training(*networks: nn.Module) -> Iterator[None]:
    """Refuse an answer in which one of the networks computes in eval mode: for networks that are being trained.

    Raises:
        ExerciseError: at the end, if one did.
    """
    met: list[bool] = []
    hooks = [network.register_forward_pre_hook(lambda module, _: met.append(module.training)) for network in networks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    if not all(met):
        raise ExerciseError(
            "A network computes in eval mode in your function. Dropout is off then, and batch norm takes other "
            "statistics: a loss or a step of the training leaves the mode as it is."
        )
