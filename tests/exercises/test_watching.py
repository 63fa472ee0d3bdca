"""What an answer changes in its arguments, named by what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.exercises import Case, Exercise
from course_lib.exercises.checking import judge
from tests.exercises.test_checking import make, three


class Net(nn.Module):
    """A network with a weight, a buffer, a mode and a rate."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.dropout = nn.Dropout(0.25)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale ``(N, 3)``."""
        return self.weight * x


def scaled(net: nn.Module, x: torch.Tensor, more: list[torch.Tensor]) -> torch.Tensor:
    """Apply the network."""
    return net(x)


def _cases() -> list[Case]:
    return [Case(str(n), Net(), torch.rand(n, 3), [torch.zeros(1)]) for n in (2, 3, 4)]


def exercise(**changes: Any) -> Exercise:
    mistakes = three(*[lambda net, x, more, k=k: net(x) * k for k in (2, 3, 4)])
    return make(**({"reference": scaled, "cases": _cases, "mistakes": mistakes} | changes))


def _data(net: Any, x: torch.Tensor, more: Any) -> None:
    x.data.add_(1)


def _hook(net: Any, x: torch.Tensor, more: Any) -> None:
    net.norm.register_forward_hook(lambda *_: None)


def _weights(net: Any, x: torch.Tensor, more: Any) -> None:
    net.weight.data *= 2
    net.weight.data /= 4


CHANGES: dict[str, tuple[Callable[..., Any], str]] = {
    "values": (_data, "Your function changes its input x: work on a copy"),
    "values in place": (lambda net, x, more: x.sub_(1), "Your function changes its input x: work on a copy"),
    "shape": (lambda net, x, more: x.resize_(1, 3), "Your function changes its input x: work on a copy"),
    "asks for a gradient": (
        lambda net, x, more: x.requires_grad_(),
        "Your function leaves `requires_grad` of its input x on, and it was off before",
    ),
    "list": (lambda net, x, more: more.append(x), "Your function changes its input more (a list of 2)"),
    "inside of a list": (lambda net, x, more: more[0].add_(1), "Your function changes `more[0]`: work on a copy"),
    "mode": (lambda net, x, more: net.eval(), "Your function leaves net in eval mode, and it came in training mode"),
    "mode of a layer": (lambda net, x, more: net.dropout.eval(), "Your function leaves net in eval mode"),
    "frozen": (
        lambda net, x, more: net.requires_grad_(False),
        "Your function leaves `requires_grad` of `net.weight` off, and it was on before",
    ),
    "weights": (_weights, "Your function changes the weights of net (weight)"),
    "buffers": (lambda net, x, more: net.norm(x), "Your function changes a buffer of net (norm."),
    "gradient": (
        lambda net, x, more: net(x).sum().backward(),
        "Your function leaves a gradient in `net.weight`, or changes the one that lay there",
    ),
    "rate": (lambda net, x, more: setattr(net.dropout, "p", 0.5), "Your function leaves `net.dropout.p` changed"),
    "hook": (_hook, "Your function leaves a hook on net: remove it before you return."),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named(name: str) -> None:
    change, text = CHANGES[name]

    def answer(net, x, more):
        result = net(x)
        change(net, x.detach() if name in ("gradient", "buffers") else x, more)
        return result.detach().clone()

    told = judge(exercise(reference=scaled), answer)
    assert told.startswith(text)
    assert told.endswith(".")


def test_a_change_inside_of_the_observation_is_seen_too() -> None:
    """An exercise may hand the answer other tensors than those of its case: clones that ask for a gradient."""

    def look(answer: Any, net: nn.Module, x: torch.Tensor, more: Any) -> Any:
        return answer(net, x.clone().requires_grad_(), more)

    def answer(net, x, more):
        result = net(x)
        x.data.zero_()
        return result

    assert judge(exercise(observe=look), answer).startswith("Your function changes its input x")


def test_what_the_reference_changes_an_answer_may_change() -> None:
    def trained(net: nn.Module, x: torch.Tensor, more: list[torch.Tensor]) -> torch.Tensor:
        """Apply the network, move its weight and remember x."""
        result = net(x).detach().clone()
        net.weight.data.add_(1)
        more.append(x)
        return result

    def in_eval(net, x, more):
        result = trained(net, x, more)
        net.eval()
        return result

    one = exercise(reference=trained)
    assert judge(one, lambda net, x, more: trained(net, x, more)) == ""
    assert judge(one, in_eval).startswith("Your function leaves net in eval mode")


def test_an_exercise_may_allow_more() -> None:
    def answer(net, x, more):
        net(x).sum().backward()
        return net(x)

    assert judge(exercise(), answer).startswith("Your function leaves a gradient in `net.weight`")
    assert judge(exercise(may_leave=("grad",)), answer) == ""


def test_a_wrong_result_comes_before_what_is_left_changed() -> None:
    assert "leaves" not in judge(exercise(), lambda net, x, more: 2 * net.eval()(x))


def test_a_result_that_cannot_be_looked_at_is_told_in_words() -> None:
    def look(answer: Any, net: nn.Module, x: torch.Tensor, more: Any) -> Any:
        return torch.autograd.grad(answer(net, x, more).sum(), list(net.parameters()))[0]

    one = exercise(observe=look)
    assert judge(one, scaled) == ""
    where = "On 2 (x: float32 (2, 3), more: a list of 1), your function returned "
    assert judge(one, lambda net, x, more: "text") == where + "'text', and that is not what the docstring asks for."
    # The graph is gone: what the answer left behind says why.
    assert judge(one, _gone) == (
        "Your function leaves a gradient in `net.weight`, or changes the one that lay there: return the value, "
        "and leave `backward()` to the caller."
    )


def _gone(net: nn.Module, x: torch.Tensor, more: Any) -> torch.Tensor:
    result = net(x).exp().exp()
    result.sum().backward()
    return result


def test_a_comparison_that_fails_is_told_in_words() -> None:
    def compare(result: Any, expected: Any, *inputs: Any) -> list[Any]:
        return [result["b"]]

    told = judge(exercise(compare=compare), lambda net, x, more: {"a": 1})
    assert told.startswith("On 2 (x: float32 (2, 3), more: a list of 1), your function returned {'a': 1}, and that")
