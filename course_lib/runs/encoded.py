"""Data that a trained system makes for a second one, such as codes, kept while its weights are these."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from course_lib.paths import cache_dir
from course_lib.systems.base import System


def weights_digest(system: System) -> str:
    """Return the sha256 of all weights of a system, with their names, shapes and types, as hexadecimal text.

    Averaged networks count as well, since inference goes through them.
    """
    digest = hashlib.sha256(type(system).__name__.encode())
    states = [("", system.state_dict()), *((name, net.state_dict()) for name, net in sorted(system.averages.items()))]
    for owner, state in states:
        for name, tensor in sorted(state.items()):
            digest.update(f"{owner}/{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def encoded(system: System, what: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return what a trained system makes of some data, from the cache where these weights have made it before.

    Args:
        system: whose weights decide; with other weights ``make`` is called again.
        what: a name for the data and all else that decides the result, for example ``"codes of emoji, train"``.
        make: returns tensors by name.

    Returns:
        The tensors, on the CPU.
    """
    key = hashlib.sha256(f"{weights_digest(system)} {what}".encode()).hexdigest()[:24]
    path = cache_dir() / "encoded" / f"{key}.safetensors"
    if path.is_file():
        try:
            return {name: tensor.clone() for name, tensor in load_file(path).items()}
        except (SafetensorError, OSError):
            path.unlink(missing_ok=True)  # cut short by a full disk or a kill: it is made anew
    made = {name: tensor.detach().cpu().contiguous() for name, tensor in make().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{key}-{os.getpid()}")
    try:
        save_file(made, unfinished)
        os.replace(unfinished, path)
    except OSError:  # without room in the cache it is simply made again next time
        unfinished.unlink(missing_ok=True)
    return made
