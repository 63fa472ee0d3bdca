"""Settings of the whole program, which an answer may change and a check puts back."""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn


class Setting(NamedTuple):
    """A setting of the whole program: what a learner calls it by, how it is read, and how it is set."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    told: bool = True  # whether an answer that leaves it changed is wrong


def _folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _go_back(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _set_environment(variables: dict[str, str]) -> None:
    for name in set(os.environ) - set(variables):
        del os.environ[name]
    os.environ.update(variables)


def _default_device() -> Any:
    """Return the device that was set for the whole program, None if none was; a ``with`` block does not count."""
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if context is None else context.device


OF_TORCH = (
    Setting("torch.set_default_dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("torch.set_grad_enabled", torch.is_grad_enabled, torch.set_grad_enabled),
    Setting(
        "torch.use_deterministic_algorithms",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    ),
    Setting("torch.set_default_device", _default_device, torch.set_default_device),
    Setting("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads),
    Setting("torch.autograd.set_detect_anomaly", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
)
SEATS = tuple(one for one in OF_TORCH if one.name in ("torch.set_default_device", "torch.set_num_threads"))
OF_PYTHON = (
    Setting("sys.setrecursionlimit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("os.chdir", _folder, _go_back),
    # These may also be changed by a library that the answer imports, so that it is not the answer's fault.
    Setting("os.environ", os.environ.copy, _set_environment, told=False),
    Setting("numpy.seterr", np.geterr, lambda value: np.seterr(**value), told=False),
    Setting("gc", gc.isenabled, lambda value: gc.enable() if value else gc.disable(), told=False),
)

PLACES: dict[str, Any] = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn": nn,
    "torch.nn.functional": nn.functional,
    "torch.nn.init": nn.init,
    "torch.nn.Module": nn.Module,
    "torch.linalg": torch.linalg,
    "torch.autograd": torch.autograd,
    "torch.optim": torch.optim,
    "math": math,
    "random": random,
    "numpy": np,
    "": builtins,
}
_MISSING = object()


@contextlib.contextmanager
def kept(settings: tuple[Setting, ...], changed: list[str]) -> Iterator[None]:
    """Put settings back as they were, whatever happens inside, and add the names of those that were changed."""
    before = [setting.read() for setting in settings]
    try:
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            if setting.read() != value:
                setting.write(value)
                if setting.told:
                    changed.append(setting.name)


@contextlib.contextmanager
def seeds_heard(changed: list[str]) -> Iterator[None]:
    """Add ``torch.manual_seed`` to the names if it is called inside: its caller would draw the same each time."""
    original = torch.manual_seed

    @functools.wraps(original)
    def manual_seed(seed: Any) -> Any:
        changed.append("torch.manual_seed")
        return original(seed)

    torch.manual_seed = manual_seed
    try:
        yield
    finally:
        if torch.manual_seed is manual_seed:
            torch.manual_seed = original


@contextlib.contextmanager
def chance_kept() -> Iterator[None]:
    """Draw from fixed seeds inside, with Python, NumPy and torch, and put back the states from before."""
    python, numpy = random.getstate(), np.random.get_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        with torch.random.fork_rng(devices=[]):
            seed_everything_here()
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)


def seed_everything_here() -> None:
    """Seed Python, NumPy and torch on the CPU; `torch.manual_seed` would seed every accelerator too."""
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)


@contextlib.contextmanager
def functions_kept(replaced: list[str]) -> Iterator[None]:
    """Put back functions of torch, NumPy and Python that are replaced inside, and add their names."""
    before = {name: dict(vars(place)) for name, place in PLACES.items()}
    try:
        yield
    finally:
        for name, place in PLACES.items():
            old = before[name]
            now = dict(vars(place))
            for key, value in now.items():
                was = old.get(key, _MISSING)
                if was is value or (was is _MISSING and isinstance(place, ModuleType)):
                    continue  # a module may load its parts at their first use
                if _by_a_library(value) and not any(
                    value is one for known in before.values() for one in known.values()
                ):
                    continue  # torch wraps functions of its own when it loads its compiler
                if was is _MISSING:
                    delattr(place, key)
                else:
                    setattr(place, key, was)
                replaced.append(_full(name, key))
            for key in old.keys() - now.keys():
                setattr(place, key, old[key])
                replaced.append(_full(name, key))


def _by_a_library(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").split(".")[0] in ("torch", "numpy")


def _full(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


_FROM_THE_START = {name: dict(vars(place)) for name, place in PLACES.items()}


def replaced_by_the_notebook() -> str:
    """Return the name of a function of torch, NumPy or Python that a cell has replaced by its own; "" if none was.

    What a library replaces is left alone: only a function that was defined in the notebook counts, or a thing that
    cannot be called in the place of a function.
    """
    for name, place in PLACES.items():
        known, now = _FROM_THE_START[name], vars(place)
        for key, was in known.items():
            value = now.get(key, _MISSING)
            if value is was or key.startswith("__") or not callable(was):
                continue
            if not callable(value) or getattr(value, "__module__", "") == "__main__":
                return _full(name, key)
    return ""


@contextlib.contextmanager
def all_kept(changed: list[str], replaced: list[str]) -> Iterator[None]:
    """Put back settings, functions, warning filters and the states of chance, and add the names of what was changed."""
    with chance_kept(), warnings.catch_warnings(), kept((*OF_TORCH, *OF_PYTHON), changed), functions_kept(replaced):
        yield
