"""What a call changes in the arguments of an answer, said by name: values, a mode, a gradient, a frozen weight."""

from __future__ import annotations

import ctypes
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_lib.exercises.comparing import describe
from course_lib.exercises.surroundings import OF_TORCH, kept, seeds_heard

_PLAIN = (bool, int, float, str, type(None))


class Change(NamedTuple):
    """One change of an argument: which argument, what kind of change, and the sentence for the learner."""

    name: str
    kind: str
    text: str


class Call:
    """An answer that can be called as before and remembers what its calls did.

    Args:
        answer: the answer.
        names: the names of its arguments, in order.
    """

    def __init__(self, answer: Callable[..., Any], names: list[str]) -> None:
        self.answer, self.names = answer, names
        self.changes: list[Change] = []
        self.settings: list[str] = []
        self.error: BaseException | None = None  # what the answer itself raised
        self.returned: Any = None  # by the last call

    def wrapped(self) -> Callable[..., Any]:
        """Return the answer with this watch around each call."""

        @functools.wraps(self.answer, updated=())
        def call(*values: Any, **more: Any) -> Any:
            given = dict(zip([*self.names, *map(str, range(len(values)))], values, strict=False)) | more
            with torch._C.DisableTorchFunction():  # a default device makes each call of torch dear
                before = {name: state_of(value) for name, value in given.items()}
            try:
                with kept(OF_TORCH, self.settings), seeds_heard(self.settings):
                    self.returned = self.answer(*values, **more)
            except BaseException as error:
                self.error = error
                raise
            with torch._C.DisableTorchFunction():
                for name, value in given.items():
                    self.changes += changes(name, value, before[name], state_of(value))
            return self.returned

        return call


def argument_names(reference: Callable[..., Any]) -> list[str]:
    """Return the names of a function's arguments, in order."""
    return list(inspect.signature(reference).parameters)


State = dict[tuple[str, str], Any]


def state_of(value: Any, path: str = "") -> State:
    """Return all that an answer could change in an argument, by the kind of change and the place.

    Of a tensor: values, whether it asks for a gradient, and the gradient that lies in it. Of a network: these of its
    weights and buffers, the mode of its layers, their numbers and words (such as the rate of dropout), and hooks.
    """
    if isinstance(value, Tensor):
        return _of_tensor(value, "values", path)
    if isinstance(value, nn.Module):
        return _of_network(value, path)
    if isinstance(value, torch.Generator):
        return {("draws", path): value.get_state().numpy().tobytes()}
    if isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found: State = {("items", path): len(value)}
        for key, item in items:
            found |= state_of(item, f"{path}[{key!r}]")
        return found
    return {("items", path): repr(value)} if isinstance(value, (*_PLAIN, set)) else {}


def _of_tensor(tensor: Tensor, kind: str, path: str) -> State:
    found = {(kind, path): _values(tensor), ("requires_grad", path): tensor.requires_grad}
    if tensor.is_leaf and tensor.grad is not None:
        found["grad", path] = _values(tensor.grad)
    return found


def _of_network(network: nn.Module, path: str) -> State:
    found: State = {}
    for name, parameter in network.named_parameters():
        found |= _of_tensor(parameter, "weights", _join(path, name))
    for name, buffer in network.named_buffers():
        found["buffers", _join(path, name)] = _values(buffer)
    for name, module in network.named_modules():
        found["mode", _join(path, name)] = module.training
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        found["hooks", _join(path, name)] = [len(kind) for kind in hooks]
        for key, value in vars(module).items():
            if isinstance(value, _PLAIN) and key != "training" and not key.startswith("_"):
                found["attribute", _join(path, f"{name}.{key}" if name else key)] = value
    return found


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _values(tensor: Tensor) -> Any:
    """Return the values as bytes, as a rule without a call of torch: it is done around each call of an answer."""
    form = str(tensor.dtype), tuple(tensor.shape)
    if tensor.device.type == "meta" or tensor.layout != torch.strided:
        return *form, repr(tensor)
    if not tensor.is_contiguous() or tensor.device.type != "cpu" or tensor.is_conj() or tensor.is_neg():
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return *form, ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size())


def changes(name: str, value: Any, before: State, after: State) -> list[Change]:
    """Return what is another in an argument after a call, one change a kind."""
    found: dict[str, Change] = {}
    for key in (*before, *(key for key in after if key not in before)):
        if before.get(key) != after.get(key) and key[0] not in found:
            kind, path = key
            found[kind] = Change(name, kind, _say(kind, name, path, value, after.get(key)))
    return list(found.values())


def _say(kind: str, name: str, path: str, value: Any, now: Any) -> str:
    whole = f"`{name}{path}`" if path.startswith("[") else f"`{name}.{path}`" if path else f"its input {name}"
    if kind == "values" and not path:
        return f"Your function changes its input {name}: {COPY}"
    texts = {
        "values": f"Your function changes {whole}: {COPY}",
        "items": f"Your function changes its input {name} ({describe(value)}): work on a copy of it.",
        "weights": f"Your function changes the weights of {name} ({path}): compute with them, and leave them as they "
        "are.",
        "buffers": f"Your function changes a buffer of {name} ({path}), which a forward pass in training mode does "
        "too: leave it as it was.",
        "mode": f"Your function leaves {name} in {'training' if now else 'eval'} mode, and it came in "
        f"{'eval' if now else 'training'} mode: put the mode back before you return.",
        "requires_grad": f"Your function leaves `requires_grad` of {whole} {'on' if now else 'off'}, and it was "
        f"{'off' if now else 'on'} before: put it back before you return.",
        "grad": f"Your function leaves a gradient in {whole}, or changes the one that lay there: return the value, "
        "and leave `backward()` to the caller.",
        "attribute": f"Your function leaves {whole} changed: put the old value back before you return.",
        "hooks": f"Your function leaves a hook on {name}: remove it before you return.",
        "draws": f"Your function draws from the generator {name}, which it should leave as it is.",
    }
    return texts[kind]


COPY = "work on a copy, without in-place operations such as `x -= 1`."
