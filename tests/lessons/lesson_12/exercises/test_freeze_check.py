"""Exercise 12.5: other right answers pass, and wrong ones get the message of the mistake."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_12.exercises.freeze_check import freeze_check
from course_lib.lessons.lesson_12.exercises.steps import SETTINGS, training_of
from course_lib.lessons.lesson_12.exercises.toys import ToyTransform, ToyVGG


def refused(exercise_id: str, answer: Any) -> str:
    """Return what a check raises, without the number of the exercise."""
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    return text.removeprefix(f"Exercise {exercise_id}: ")


def _by_state_dict(step, networks, pictures):
    everything = nn.ModuleDict(networks)
    before = copy.deepcopy(everything.state_dict())
    earlier = {name: picture.clone() for name, picture in pictures.items()}
    step()
    moved = {name for name, tensor in everything.state_dict().items() if (tensor != before[name]).any()}
    moved |= {name for name, picture in pictures.items() if not torch.equal(picture, earlier[name])}
    graded = [*everything.named_parameters(), *pictures.items()]
    idle = [name for name, tensor in graded if tensor.grad is not None and name not in moved]
    return {"idle": idle, "moved": moved}


def _by_copies(step, networks, pictures):
    nets, pics = copy.deepcopy(networks), copy.deepcopy(pictures)
    step()

    def named(nets, pics):
        yield from pics.items()
        for name, network in nets.items():
            yield from network.named_buffers(prefix=name)
            yield from network.named_parameters(prefix=name)

    old = dict(named(nets, pics))
    moved = [name for name, tensor in named(networks, pictures) if (tensor - old[name]).abs().max() > 0]
    idle = [n for n, tensor in named(networks, pictures) if tensor.grad is not None and n not in moved]
    return {"moved": moved, "idle": idle}


@pytest.mark.parametrize("answer", [_by_copies])
def test_freeze_check_right(answer: Any) -> None:
    assert judge(find("12.5"), answer) == ""


def _clears_first(step, networks, pictures):
    for network in networks.values():
        network.zero_grad()
    return freeze_check(step, networks, pictures)


def _undoes(step, networks, pictures):
    kept = copy.deepcopy({name: network.state_dict() for name, network in networks.items()})
    found = freeze_check(step, networks, pictures)
    for name, network in networks.items():
        network.load_state_dict(kept[name])
    return found


def test_the_step_is_looked_at_and_left() -> None:
    assert refused("12.5", _clears_first).startswith("You clear gradients before the step")
    assert refused("12.5", _undoes).startswith("You put values back after the step")


STATISTICS = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
OF_G = {f"netG.{key}" for key in {"mix.weight", "norm.weight", "norm.bias"} | STATISTICS}
OF_VGG = {f"vgg.{key}" for key in ("conv.weight", "norm.weight", "norm.bias")}
EXPECTED = {
    "Johnson": (OF_G, set()),
    "Gatys, in the middle alone": ({"y_hat"}, set()),
    "Gatys, nothing frozen": ({"y_hat"}, OF_VGG | {"x"}),
    "Gatys, nothing frozen, VGG's gradients set to 0, the second step": ({"y_hat"}, OF_VGG | {"x"}),
    "Johnson, VGG's weights in the optimiser": (OF_G | OF_VGG, set()),
    "Johnson, VGG in training mode": (OF_G | {f"vgg.{key}" for key in STATISTICS}, set()),
    "Johnson, a small learning rate, another tensor for the mean": (OF_G | {"vgg.mean"}, set()),
    "Johnson, the painting flipped, the mean of VGG and a frozen weight moved in place": (
        OF_G | {"y_s", "vgg.mean", "vgg.conv.weight"},
        set(),
    ),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_what_moves_in_eachtraining_of(setting: str, seed: int) -> None:
    torch.manual_seed(seed)
    made = training_of(setting, ToyTransform(norm=True), ToyVGG(norm=True), torch.rand(2, 3, 4, 6))
    moved, idle = EXPECTED[setting]
    assert freeze_check(*made) == {"moved": moved, "idle": idle}


def test_a_gradient_that_nobody_uses_grows_from_step_to_step() -> None:
    torch.manual_seed(0)
    step, networks, _ = training_of("Gatys, nothing frozen", ToyTransform(), ToyVGG(norm=True), torch.rand(1, 3, 4, 4))
    step()
    once = networks["vgg"].conv.weight.grad.norm()
    step()
    assert networks["vgg"].conv.weight.grad.norm() > 1.5 * once


def _changed(*changes: tuple[str, str]) -> Any:
    """Return the solution with parts of its source changed."""
    source = find("12.5").solution_code
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    names: dict[str, Any] = {"torch": torch}
    exec(source, names)
    return names["freeze_check"]


def _new_gradients_alone(step, networks, pictures):
    tensors = dict(pictures)
    for name, network in networks.items():
        tensors |= {f"{name}.{key}": one for key, one in [*network.named_parameters(), *network.named_buffers()]}
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    held = {name for name, tensor in tensors.items() if tensor.grad is not None}
    step()
    moved = {name for name, tensor in tensors.items() if not torch.equal(tensor, before[name])}
    idle = {name for name, tensor in tensors.items() if tensor.grad is not None and name not in moved | held}
    return {"moved": moved, "idle": idle}


def _from_state_dict(copied: Any, with_pictures: bool = False, graded: str = "state") -> Any:
    """Return an answer that goes through `state_dict()`; `with_pictures` copies the pictures rightly."""

    def answer(step, networks, pictures):
        everything = nn.ModuleDict(networks)
        before = copied(everything.state_dict())
        before |= {name: x.clone() if with_pictures else x for name, x in pictures.items()}
        step()
        after = everything.state_dict() | pictures
        moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
        seen = dict(everything.named_parameters()) | pictures if graded == "parameters" else after
        return {"moved": moved, "idle": {n for n, x in seen.items() if x.grad is not None and n not in moved}}

    return answer


BUFFERS = "[*network.named_parameters(), *network.named_buffers()]"
EQUAL = "not torch.equal(tensor, before[name])"
IDLE = "tensor.grad is not None and name not in moved"


@pytest.mark.parametrize(
    "answer, message",
    [
        (_changed((".detach().clone()", ".detach()")), "Nothing ever moves in your answer"),
        (_changed((".detach().clone()", ".data")), "Nothing ever moves in your answer"),
        (_changed((EQUAL, "tensor.grad is not None")), "You take a gradient for a movement"),
        (_changed((EQUAL, "tensor.requires_grad")), "You ask what may be trained and not what has moved"),
        (_changed((BUFFERS, "network.named_parameters()")), "Buffers are missing"),
        (_changed(("found = dict(pictures)", "found = {}")), "The pictures are missing"),
        (_changed(("in networks.items():", "in list(networks.items())[-1:]:")), "You look at one network alone"),
        (_changed((EQUAL, "not torch.allclose(tensor, before[name])")), "A small movement is missing"),
        (_changed((EQUAL, "bool((tensor != before[name]).all())")), "only where every one of its values has changed"),
        (_changed((IDLE, "tensor.grad is not None")), "What has moved is in your idle set too"),
        (_changed((IDLE, "tensor.requires_grad and name not in moved")), "Idle is in your answer what asks for"),
        (_changed((IDLE, "name not in moved")), "Idle is in your answer all that has not moved"),
        (_changed((IDLE, "False")), "No tensor is ever idle"),
        (_changed(('f"{name}.{key}"', "key")), "The names lack that of the network"),
        (_changed(('f"{name}.{key}"', "name")), "You name whole networks"),
        (_changed(('f"{name}.{key}"', 'f"{name}:{key}"')), "On one step (setting: 'Johnson', x: float32 (2, 3, 4, 5))"),
        (_changed((EQUAL, "float(tensor.detach().sum()) != float(before[name].sum())")), "You compare a sum"),
        (_changed((EQUAL, "tensor.double().mean() != before[name].double().mean()")), "You compare a sum"),
        (_changed((EQUAL, "tensor is not before[name]")), "All has moved in your answer"),
        (_from_state_dict(copied=lambda state: state), "Nothing ever moves in your answer"),
        (_from_state_dict(copied=lambda state: state, with_pictures=True), "No weight and no buffer ever moves"),
        (_from_state_dict(copied=dict, graded="parameters"), "Nothing ever moves in your answer"),
        (_from_state_dict(copied=copy.deepcopy, with_pictures=True), "tensors of `state_dict()` are detached"),
        (_by_state_dict, "You look through `state_dict()`"),
        (_new_gradients_alone, "A gradient that lay there before the step is missing"),
        (_changed(("tensor.grad is not None and", "tensor.grad is None and")), "those whose `.grad` is None"),
        (_changed(('"idle": idle', '"idle": set()')), "No tensor is ever idle"),
        (_changed(("    step()\n", "    step()\n    step()\n")), "calls `step` 2 times"),
        (_changed(("    step()\n", "")), "calls `step` 0 times"),
        (_changed(("    step()\n", "    [n.eval() for n in networks.values()]\n    step()\n")), "to another mode"),
        (_changed(('"moved": moved, ', "")), "expected a dict with the keys"),
        (_changed(("    return {", "    {")), "returned nothing (None)"),
    ],
)
def test_freeze_check_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.5", answer)


def test_names_of_whole_networks_are_recognised() -> None:
    def answer(step, networks, pictures):
        found = freeze_check(step, networks, pictures)
        return {key: {name.split(".")[0] for name in names} for key, names in found.items()}

    assert refused("12.5", answer).startswith("You name whole networks")
