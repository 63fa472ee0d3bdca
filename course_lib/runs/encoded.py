"""Data that a trained system makes for a second one, such as codes, kept while its weights are these."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
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
            _add(digest, f"{owner}/{name}", tensor)
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
    kept = _kept(path)
    if kept is not None:
        return kept
    made = {name: tensor.detach().cpu().contiguous() for name, tensor in make().items()}
    unfinished = path.with_name(f".unfinished-{key}-{os.getpid()}")
    # Without room, or into a cache that cannot be written, it is simply made again next time.
    with contextlib.suppress(OSError, SafetensorError):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(made, unfinished, metadata={"sha256": _digest(made)})
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    return made


def _kept(path: Path) -> dict[str, Tensor] | None:
    """Return what an earlier call has kept, unless it was cut short or altered since."""
    try:
        with safe_open(path, "pt") as file:
            noted = (file.metadata() or {}).get("sha256")
        found = {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError, ValueError):
        return None
    return found if noted == _digest(found) else None


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        _add(digest, name, tensor)
    return digest.hexdigest()


def _add(digest: Any, name: str, tensor: Tensor) -> None:
    digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
    digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
