"""What functions ask of what they are given, said in one sentence where it is not so.

Type, shape, device and kind of number cost nothing to look at. Values cost a pass, and reading one back stops a GPU: so
they are looked at on the CPU only, and not while ``torch.compile`` or ``torch.func`` traces the function.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.asked import number, whole
from course_lib.errors import ShapeError


def check_tensor(value: Any, name: str, shape: str = "(...)") -> None:
    """Make sure that a value is a tensor of a shape.

    Args:
        value: what was given.
        name: of the argument, as the user knows it.
        shape: such as ``"(N, 1 or 3, H, W)"``: letters are sizes of at least 1, numbers are themselves, and ``...`` at
            the end stands for any number of axes.

    Raises:
        ShapeError: if it is not.
    """
    if not isinstance(value, Tensor):
        what, hint = _foreign(value)
        raise ShapeError(f"{name} is {what}: give a tensor{'' if shape == '(...)' else f' {shape}'}{hint}.")
    if shape == "(...)":
        return
    sizes, more = _axes(shape)
    given = tuple(value.shape)
    fits = len(given) >= len(sizes) if more else len(given) == len(sizes)
    if not fits or any(wanted and size not in wanted for wanted, size in zip(sizes, given, strict=False)):
        raise ShapeError(f"{name} has the shape {given}: give {shape}{_turned(sizes, given)}.")
    if 0 in given:
        raise ShapeError(f"{name} is empty, of shape {given}: give at least one row.")


def check_floats(value: Any, name: str, shape: str = "(...)", empty: bool = False) -> None:
    """Make sure that a value is a tensor of floats: bytes wrap round below 0 and above 255, and say nothing of it.

    Args:
        value: what was given.
        name: of the argument, as the user knows it.
        shape: as for :func:`check_tensor`.
        empty: whether it may have no values.

    Raises:
        ShapeError: if it is not.
    """
    check_tensor(value, name, shape)
    if not value.is_floating_point():
        hint = "x.float() / 127.5 - 1 for pictures" if value.dtype == torch.uint8 else "x.float()"
        raise ShapeError(f"{name} is {value.dtype}: give floats, with {hint}.")
    if not empty and value.numel() == 0:
        raise ShapeError(f"{name} is empty, of shape {tuple(value.shape)}: give at least one row.")


def check_values(value: Tensor, name: str) -> None:
    """Make sure that a tensor has values, which one on the meta device has not.

    Raises:
        ShapeError: if it has none.
    """
    if value.device.type == "meta":
        raise ShapeError(f"{name} lies on the meta device, where a tensor has no values: make it on another one.")


def check_alike(first: Tensor, second: Tensor, names: tuple[str, str], shapes: bool = True) -> None:
    """Make sure that two tensors have one shape and lie on one device: broadcasting would compare the wrong values.

    Raises:
        ShapeError: if they do not.
    """
    if shapes and first.shape != second.shape:
        raise ShapeError(
            f"{names[0]} {tuple(first.shape)} and {names[1]} {tuple(second.shape)} must have the same shape: "
            "broadcasting would compare the wrong values."
        )
    if first.device != second.device:
        raise ShapeError(
            f"{names[0]} is on {first.device} and {names[1]} on {second.device}: bring both to one device with x.to()."
        )


def check_within(value: Tensor, name: str, low: float, high: float, hint: str) -> None:
    """Make sure that all values lie in [low, high], and so are no NaN, where values can be seen.

    Raises:
        ShapeError: if they do not.
    """
    ends = seen_range(value)
    if ends is not None and not (ends[0] >= low and ends[1] <= high):  # written so that NaN is caught too
        raise ShapeError(f"{name} must lie in [{low:g}, {high:g}], not in [{ends[0]:.3g}, {ends[1]:.3g}]: {hint}.")


def check_finite(value: Tensor, name: str, hint: str = "look at what it was made of") -> None:
    """Make sure that no value is NaN or infinite, where values can be seen.

    Raises:
        ShapeError: if one is.
    """
    ends = seen_range(value)
    if ends is not None and not all(map(math.isfinite, ends)):
        raise ShapeError(f"{name} holds a value that is NaN or infinite: {hint}.")


def seen_range(value: Tensor) -> tuple[float, float] | None:
    """Return the least and the greatest value, or None where values cannot be seen or it would stop a GPU."""
    if value.device.type != "cpu" or value.numel() == 0 or torch.compiler.is_compiling():
        return None
    try:
        low, high = (end.item() for end in value.detach().aminmax())
    except RuntimeError:  # torch.func and fake tensors have no values to read back
        return None
    return low, high


def check_count(value: Any, name: str, least: int = 1) -> None:
    """Make sure that a value is a whole number of at least ``least``.

    Raises:
        ShapeError: if it is not.
    """
    whole(name, value, least)


def check_number(
    value: Any, name: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> None:
    """Make sure that a value is a finite number from ``low`` to ``high``, without the end if ``above`` or ``below``.

    Raises:
        ShapeError: if it is not.
    """
    if isinstance(value, Tensor) and value.dim() == 0 and not value.is_meta:
        value = value.item()
    number(name, value, low, high, above=low if above else None, below=high if below else None)


def check_choice(value: Any, name: str, choices: Iterable[str]) -> None:
    """Make sure that a value is one of some names.

    Raises:
        ShapeError: if it is not.
    """
    known = tuple(choices)
    if not isinstance(value, str) or value not in known:
        raise ShapeError(f"{name} is {value!r}: choose one of {', '.join(known)}.")


def check_network(value: Any, name: str = "network") -> None:
    """Make sure that a value is a network.

    Raises:
        ShapeError: if it is not.
    """
    if not isinstance(value, nn.Module):
        raise ShapeError(f"{name} is {_foreign(value)[0]}: give a network, an nn.Module.")


def check_input(network: nn.Module, value: Any, name: str = "x") -> None:
    """Make sure that a network can take a tensor: floats of the kind of its weights, on their device.

    Raises:
        ShapeError: if it cannot.
    """
    check_floats(value, name, empty=True)
    if torch.compiler.is_compiling():
        return
    weight = next(network.parameters(), None)
    if weight is None:
        return
    if value.device != weight.device:
        raise ShapeError(
            f"{name} is on {value.device} and the network on {weight.device}: bring it there with x.to(...)."
        )
    if value.dtype != weight.dtype:
        mixed = torch.amp.is_autocast_available(value.device.type) and torch.is_autocast_enabled(value.device.type)
        if not mixed or torch.float64 in (value.dtype, weight.dtype):  # mixed precision leaves float64 as it is
            raise ShapeError(f"{name} is {value.dtype} and the network {weight.dtype}: use x.to({weight.dtype}).")


def _foreign(value: Any) -> tuple[str, str]:
    """Return what a value that is no tensor is called, and how to make one of it."""
    home = type(value).__module__.partition(".")[0]
    if home == "numpy":
        return "a NumPy array", ", with torch.from_numpy(array)"
    if home == "PIL":
        return "a PIL picture", ", with torchvision.transforms.functional.pil_to_tensor(picture)"
    if isinstance(value, (list, tuple)):
        tensors = bool(value) and all(isinstance(part, Tensor) for part in value)
        return f"a {type(value).__name__}", f", with torch.{'stack' if tensors else 'tensor'}(...)"
    return "None" if value is None else f"of type {type(value).__name__}", ""


@lru_cache(maxsize=64)
def _axes(shape: str) -> tuple[tuple[frozenset[int], ...], bool]:
    """Return the sizes that each axis may have, none of them for any, and whether more axes may follow."""
    parts = [part.strip() for part in shape.strip("()").split(",") if part.strip()]
    more = parts[-1:] == ["..."]
    named = parts[:-1] if more else parts
    return tuple(frozenset(int(word) for word in part.split() if word.isdigit()) for part in named), more


def _turned(sizes: tuple[frozenset[int], ...], given: tuple[int, ...]) -> str:
    """Return a hint for pictures with their channels last."""
    channels = [place for place, wanted in enumerate(sizes) if wanted]
    if len(given) == len(sizes) and len(channels) == 1 and given[-1] in sizes[channels[0]]:
        return f", and move channels that stand last with x.movedim(-1, {channels[0]})"
    return ""
