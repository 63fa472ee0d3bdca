"""Exercise 12.5: which tensors does one step move, and which hold a gradient that nobody uses?

Source: Johnson, Alahi and Fei-Fei (2016), equation 1 (the weights of the transform network are trained); Gatys, Ecker
and Bethge (2016), section 2.3 (the pixels are); in both the loss network stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING, Exercise, Mistake
from course_lib.lessons.lesson_12.exercises.steps import cases, training_of


def freeze_check(step, networks: dict[str, torch.nn.Module], pictures: dict[str, torch.Tensor]) -> dict[str, set[str]]:
    """Return what one step of a training moves, and what holds a gradient afterwards without having moved.

    Args:
        step: a function without arguments that takes one step; call it once. It may change tensors in place, or
            put others where they were.
        networks: by name, such as "netG" and "vgg"; in the mode, training or eval, that the step needs.
        pictures: by name, float32, shape (N, C, H, W).

    Returns:
        A dict of two sets of names, such as "vgg.conv.weight" for a parameter or buffer of a network and "x" for a
        picture: "moved", all whose values differ after the step from those before, however little; and "idle", all
        others whose `.grad` is not None after the step.
    """

    def tensors() -> dict[str, torch.Tensor]:
        found = dict(pictures)
        for name, network in networks.items():
            for key, tensor in [*network.named_parameters(), *network.named_buffers()]:
                found[f"{name}.{key}"] = tensor
        return found

    before = {name: tensor.detach().clone() for name, tensor in tensors().items()}  # a copy: steps work in place
    step()
    after = tensors()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    idle = {name for name, tensor in after.items() if tensor.grad is not None and name not in moved}
    return {"moved": moved, "idle": idle}


Networks = dict[str, nn.Module]
Pictures = dict[str, Tensor]
Answer = Callable[[Callable[[], None], Networks, Pictures], Any]


def _observe(answer: Answer, setting: str, netG: nn.Module, vgg: nn.Module, x: Tensor) -> object:
    """Return what an answer says of the step of a setting, and require that it takes that step once."""
    step, networks, pictures = training_of(setting, netG, vgg, x)
    calls: list[int] = []
    watched = _everything(networks, pictures) if "second step" in setting else {}  # in one of them: it takes time
    held = [tensor.grad for tensor in watched.values()]
    left: dict[str, int] = {}
    modes = [module.training for network in networks.values() for module in network.modules()]

    def counted() -> None:
        if modes != [module.training for network in networks.values() for module in network.modules()]:
            raise ExerciseError(
                "You switch a network to another mode before the step, and running statistics then move or stay where "
                "they would not: look at the step that the training takes."
            )
        if any(one is not tensor.grad for one, tensor in zip(held, watched.values(), strict=True)):
            raise ExerciseError("You clear gradients before the step: look at what lies there, and leave it.")
        calls.append(1)
        step()
        left.update({name: tensor._version for name, tensor in watched.items()})

    found = answer(counted, networks, pictures)
    if found is None:
        raise ExerciseError(NOTHING)
    if len(calls) != 1:
        raise ExerciseError(
            f"Your function calls `step` {len(calls)} times: look at the tensors, call it once, and look again."
        )
    if any(tensor._version != left[name] for name, tensor in watched.items()):
        raise ExerciseError("You put values back after the step: the training goes on from where it is, so leave them.")
    if isinstance(found, dict):
        return {key: set(value) if isinstance(value, (list, tuple)) else value for key, value in found.items()}
    return found


def _everything(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    found = dict(pictures)
    for name, network in networks.items():
        found |= {f"{name}.{key}": tensor for key, tensor in [*network.named_parameters(), *network.named_buffers()]}
    return found


def _parameters(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    named = ((name, network.named_parameters()) for name, network in networks.items())
    return dict(pictures) | {f"{name}.{key}": tensor for name, found in named for key, tensor in found}


def _saved(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    """Return the tensors that ``state_dict`` knows, parameters as such, so that their gradients can be seen."""
    saved = {f"{name}.{key}" for name, network in networks.items() for key in network.state_dict()}
    return {key: one for key, one in _everything(networks, pictures).items() if key in saved or key in pictures}


def _but_not_what_held_one(step: Callable[[], None], networks: Networks, pictures: Pictures) -> dict[str, set[str]]:
    held = {name for name, tensor in _everything(networks, pictures).items() if tensor.grad is not None}
    found = freeze_check(step, networks, pictures)
    return {"moved": found["moved"], "idle": found["idle"] - held}


def _not_frozen(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    found = _everything(networks, pictures)
    return {key: one for key, one in found.items() if one.requires_grad or not isinstance(one, nn.Parameter)}


def _floats(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    return {key: one for key, one in _everything(networks, pictures).items() if one.is_floating_point()}


def _held_from_before(step: Callable[[], None], networks: Networks, pictures: Pictures) -> dict[str, set[str]]:
    held = _everything(networks, pictures)
    before = {name: tensor.detach().clone() for name, tensor in held.items()}
    step()
    moved = {name for name, tensor in held.items() if not torch.equal(tensor, before[name])}
    return {"moved": moved, "idle": {name for name, one in held.items() if one.grad is not None} - moved}


def _idle_before(step: Callable[[], None], networks: Networks, pictures: Pictures) -> dict[str, set[str]]:
    held = {name for name, tensor in _everything(networks, pictures).items() if tensor.grad is not None}
    found = freeze_check(step, networks, pictures)
    return {"moved": found["moved"], "idle": held - found["moved"]}


def _no_pictures(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    return _everything(networks, {})


def _only(which: str) -> Callable[[Networks, Pictures], dict[str, Tensor]]:
    return lambda networks, pictures: _everything({k: v for k, v in networks.items() if k == which}, pictures)


def _bare(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    found = dict(pictures)
    for network in networks.values():
        found |= dict(network.named_parameters()) | dict(network.named_buffers())
    return found


def _last_of_each(networks: Networks, pictures: Pictures) -> dict[str, Tensor]:
    """Return one tensor of each network, the last, under the name of the network, as a dict keeps it."""
    return {name.split(".")[0]: tensor for name, tensor in _everything(networks, pictures).items()}


def _differs(before: Tensor, after: Tensor) -> bool:
    return not torch.equal(before, after)


def _variant(
    seen: Callable[[Networks, Pictures], dict[str, Tensor]] = _everything,
    *,
    copied: Callable[[Tensor], Tensor] = lambda tensor: tensor.detach().clone(),
    moved: Callable[[Tensor, Tensor], bool] = _differs,
    idle: Callable[[Tensor, bool], bool] = lambda tensor, has_moved: tensor.grad is not None and not has_moved,
    named: Callable[[str], str] = lambda name: name,
) -> Answer:
    """Return a variant that looks at other tensors, or calls other things moved or idle."""

    def answer(step: Callable[[], None], networks: Networks, pictures: Pictures) -> dict[str, set[str]]:
        before = {name: copied(tensor) for name, tensor in seen(networks, pictures).items()}
        step()
        after = seen(networks, pictures)
        has_moved = {name: moved(before[name], tensor) for name, tensor in after.items()}
        return {
            "moved": {named(name) for name, value in has_moved.items() if value},
            "idle": {named(name) for name, tensor in after.items() if idle(tensor, has_moved[name])},
        }

    return answer


def _but(**changes: Callable[[set[str], set[str]], set[str]]) -> Answer:
    """Return the variant with another "moved" or "idle", each a function of the right set and of all names."""

    def answer(step: Callable[[], None], networks: Networks, pictures: Pictures) -> dict[str, set[str]]:
        found, names = freeze_check(step, networks, pictures), set(_everything(networks, pictures))
        return found | {key: change(found[key], names) for key, change in changes.items()}

    return answer


def _pictures_of(names: set[str], everything: set[str]) -> set[str]:
    return {name for name in names if "." not in name}


def _close(before: Tensor, after: Tensor) -> bool:
    return not torch.allclose(before, after)


FREEZE_CHECK = Exercise(
    id="12.5",
    title="What does a step move?",
    kind="derivation to code",
    trains="what an optimiser moves",
    minutes=25,
    level=3,
    task="""
        "The output is trained" is loose talk. In Johnson's method a step moves the weights of netG, in Gatys' the
        pixels, and in neither does VGG move. To be sure of that, look: write `freeze_check(step, networks, pictures)`,
        which takes one step and returns two sets of names in a dict. `"moved"` holds all parameters, buffers and
        pictures whose values have changed, however little. `"idle"` holds those that have not and yet hold a gradient
        afterwards (`.grad` is not None): nobody uses it, it cost time and memory, and it grows from step to step. A
        name is that of the network, a dot, and the name that `named_parameters()` or `named_buffers()` gives; a
        picture has its own. The check lets it look at several trainings, some of them with a mistake: a VGG that was
        never frozen, one whose weights were handed to the optimiser, one left in training mode. Which of these lets the
        loss network move, and which only wastes time?
    """,
    reference=freeze_check,
    cases=cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "Nothing ever moves in your answer: an optimiser changes tensors in place, so that what you kept from "
            "before has changed along with them.",
            _variant(copied=lambda tensor: tensor),
            _variant(copied=lambda tensor: tensor.detach()),
            _but(moved=lambda names, everything: set()),
        ),
        Mistake(
            "No weight and no buffer ever moves in your answer: `state_dict()` and `named_parameters()` hand out the "
            "tensors themselves, which the step changes in place, so clone each of them.",
            _but(moved=_pictures_of),
        ),
        Mistake(
            "All has moved in your answer: compare values, for a copy is never the same object as its tensor.",
            _but(moved=lambda names, everything: everything),
        ),
        Mistake(
            "You compare a sum, a mean or a norm: it stays where values change places, so compare value by value.",
            _variant(moved=lambda before, after: bool(before.sum() != after.sum())),
            _variant(moved=lambda before, after: bool(before.float().norm() != after.float().norm())),
        ),
        Mistake(
            "You take a gradient for a movement: a tensor that the optimiser does not know may hold one and stay, "
            "and a gradient may be cleared after the step, so compare values.",
            _variant(moved=lambda before, after: after.grad is not None),
            _variant(
                moved=lambda before, after: after.grad is not None,
                idle=lambda tensor, has_moved: tensor.requires_grad and not has_moved,
            ),
        ),
        Mistake(
            "You ask what may be trained and not what has moved: `requires_grad` says nothing of what the optimiser "
            "knows, and buffers move without it.",
            _variant(moved=lambda before, after: after.requires_grad),
            _variant(
                moved=lambda before, after: after.requires_grad, idle=lambda tensor, has_moved: tensor.grad is not None
            ),
        ),
        Mistake(
            "Buffers are missing: the running statistics of batch norm move in a forward pass in training mode, "
            "without any optimiser, also in a network whose weights are frozen.",
            _variant(_parameters),
        ),
        Mistake(
            "A gradient that lay there before the step is missing from your idle set: "
            "it is what grows from step to step.",
            _but_not_what_held_one,
        ),
        Mistake(
            "Your idle set has those whose `.grad` is None: these cost nothing.",
            _variant(idle=lambda tensor, has_moved: tensor.grad is None and not has_moved),
        ),
        Mistake(
            "The pictures are missing: they can hold a gradient, and in Gatys' method they are what moves.",
            _variant(_no_pictures),
        ),
        Mistake(
            "You look at one network alone: the loss network can move as well as netG, so go through all of them.",
            _variant(_only("netG")),
            _variant(_only("vgg")),
        ),
        Mistake(
            "A small movement is missing: `allclose` and rounding call tensors equal that differ, "
            "and a step with a small learning rate is a step.",
            _variant(moved=_close),
            _variant(moved=lambda before, after: bool((before - after).abs().max() > 1e-6)),
            _variant(moved=lambda before, after: bool((before.half() != after.half()).any())),
        ),
        Mistake(
            "You look at one value of each tensor: any of them may have moved, so compare them all.",
            _variant(moved=lambda before, after: bool(before.flatten()[0] != after.flatten()[0])),
        ),
        Mistake(
            "Frozen weights are missing: `requires_grad_(False)` keeps a gradient away, and does not keep a step from "
            "writing there, so look at them too.",
            _variant(_not_frozen),
        ),
        Mistake(
            "Buffers of whole numbers are missing, such as `num_batches_tracked`: they count steps, and so they move.",
            _variant(_floats),
        ),
        Mistake(
            "The pictures are missing in your idle set: x may hold a gradient that nobody uses, too.",
            _but(idle=lambda names, everything: {name for name in names if "." in name}),
        ),
        Mistake(
            "Your idle set is that of before the step: a gradient that the step leaves behind is seen only after it.",
            _idle_before,
        ),
        Mistake(
            "A tensor counts as moved only where every one of its values has changed: one changed value is enough.",
            _variant(moved=lambda before, after: bool((before != after).all())),
        ),
        Mistake(
            "What has moved is in your idle set too: it has made use of its gradient.",
            _variant(idle=lambda tensor, has_moved: tensor.grad is not None),
        ),
        Mistake(
            "Idle is in your answer what asks for a gradient: look whether one lies there after the step, in `.grad`.",
            _variant(idle=lambda tensor, has_moved: tensor.requires_grad and not has_moved),
        ),
        Mistake(
            "A gradient of zeros is missing from your idle set: it lies in memory like any other, "
            "so ask whether `.grad` is None, not whether it is 0.",
            _variant(idle=lambda tensor, moved: tensor.grad is not None and bool(tensor.grad.any()) and not moved),
        ),
        Mistake(
            "Idle is in your answer all that has not moved: a frozen weight without a gradient costs nothing, "
            "so look at `.grad`.",
            _variant(idle=lambda tensor, has_moved: not has_moved),
        ),
        Mistake(
            "You look at the tensors that were there before the step: a step may put another one in the place of a "
            "buffer, so ask the networks for their tensors again.",
            _held_from_before,
        ),
        Mistake(
            "No tensor is ever idle in your answer: look at `.grad` after the step and not before, also of tensors "
            "that no optimiser knows, and not through `state_dict()`, whose tensors have none.",
            _variant(idle=lambda tensor, has_moved: False),
        ),
        Mistake(
            "The names lack that of the network, so that a layer of netG and one of VGG can no longer be told apart.",
            _variant(_bare),
        ),
        Mistake(
            "You name whole networks: say which of their tensors moved, since a buffer that moves and a weight that "
            "moves have different reasons.",
            _variant(named=lambda name: name.split(".")[0]),
            _variant(_last_of_each),
        ),
        Mistake(
            "No weight is ever idle in your answer: tensors of `state_dict()` are detached and have no `.grad`, "
            "so use `named_parameters()`.",
            _but(idle=_pictures_of),
        ),
        Mistake(
            "You look through `state_dict()`, which leaves out buffers that are not to be saved, "
            "such as those of the course's VGG: take `named_buffers()`.",
            _variant(_saved),
        ),
    ),
    hints=(
        "Gather all tensors by name in one dict: the pictures, and of each network the parameters and the buffers. "
        "Look at that dict before the step and after it.",
        "Keep copies of the values (`detach().clone()`), for the step changes the tensors themselves. `torch.equal` "
        "tells whether two tensors have the very same values.",
        "Moved: those for which `torch.equal(tensor, before[name])` is False. Idle: those whose `tensor.grad` is not "
        "None and whose name is not among the moved.",
    ),
    why="a weight moves where an optimiser knows it and a gradient reaches it, a buffer where a forward pass in "
    "training mode writes it; in VGG `requires_grad_(False)` stops the first and saves its gradients, and `eval()` the "
    "second.",
)
