"""How the pool of exercise 11.5 is looked at: play a stream of pictures, and say what happens to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING

Query = Callable[[Tensor, list[Tensor], int, "torch.Generator | None"], Tensor]

FILLING, LENGTH, SAME_DRAWS = "while the pool fills", "the length of the pool", "the same generator twice"
SHARE, AS_IS, EXCHANGE, PLACES = (
    "the share that comes back new once the pool is full",
    "the pool when a new picture comes back",
    "the pool when an old picture comes back",
    "which pictures of the pool come back",
)
COIN = "whether the coin is off the middle"
GRAPH_OUT, GRAPH_IN = "the graph of what comes back", "the graph of what is stored"
_SHARES = ("none", "about a sixth", "about a third", "about a half", "about two thirds", "about five sixths", "all")


def _play(answer: Query, images: Tensor, size: int, count: int) -> list[dict[str, Any]]:
    """Ask for one picture after the other, and return for each what came back and the pool before and after, by number.

    A picture is known by its place in the stream; what is none of the stream is -1.
    """
    numbers = {str(pixels): number for number, pixels in enumerate(images.tolist())}

    def number(image: object) -> int:
        return numbers.get(str(image.tolist()), -1) if isinstance(image, Tensor) else -1

    made = images[:count].clone().requires_grad_() * 1  # with a graph, as G's outputs have one
    pool: list[Tensor] = []
    draw = torch.Generator().manual_seed(0)
    after: list[int] = []
    steps = []
    for new, image in enumerate(made):
        returned = answer(image, pool, size, draw)
        if returned is None:
            raise ExerciseError(NOTHING)
        if not isinstance(returned, Tensor) or returned.shape != image.shape:
            shown = f"shape {tuple(returned.shape)}" if isinstance(returned, Tensor) else f"a {type(returned).__name__}"
            raise ExerciseError(f"Return one picture of the shape of `image`, {tuple(image.shape)}; yours is {shown}.")
        before, after = after, [number(stored) for stored in pool]
        steps.append({"new": new, "back": number(returned), "before": before, "after": after})
        steps[-1]["graph"] = returned.requires_grad
    steps[-1]["stored graph"] = any(isinstance(stored, Tensor) and stored.requires_grad for stored in pool)
    return steps


def _length(longest: int, wanted: int) -> str:
    if longest == wanted:
        return f"at most {wanted}"
    if longest == wanted + 1:
        return "one more"
    return "it grows on" if longest > wanted else "less than it may"


def findings(answer: Query, images: Tensor, pool: list[Tensor], size: int) -> dict[str, object]:
    """Look at how the pool fills, and at what comes back and what is stored once it is full."""
    answer(images[0].clone(), list(images[:size]), size, None)  # torch's own generator must do as well
    steps = _play(answer, images, size, len(images))
    repeats = [step["back"] for step in _play(answer, images, size, min(len(images), 24))]
    first, rest = steps[:size], steps[size:]
    new = [step for step in rest if step["back"] == step["new"]]
    old = [step for step in rest if step["back"] != step["new"]]
    longest = max(len(step["after"]) for step in steps)
    wanted = min(size, len(images))
    enough = len(rest) > 300  # with fewer, chance alone could make a right answer look wrong
    return {
        FILLING: _filling(first),
        LENGTH: _length(longest, wanted),
        AS_IS: _as_is(new),
        EXCHANGE: _exchange(old) if old or len(rest) < 50 else "no old picture ever comes back",
        PLACES: _places(old, size) if enough else "not counted",
        COIN: enough and _coin(answer, images, size),
        SHARE: _share(len(new) / len(rest)) if enough else "not counted",
        GRAPH_OUT: "there is one" if any(step["graph"] for step in steps) else "none",
        GRAPH_IN: "there is one" if steps[-1]["stored graph"] else "none",
        SAME_DRAWS: repeats == [step["back"] for step in steps[: len(repeats)]],
    }


class _Told(TorchFunctionMode):
    """Lets each draw of a number between two ends give the same part of the way from the lower to the upper one."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found, name = function(*args, **(kwargs or {})), getattr(function, "__name__", "")
        if name in ("rand", "rand_like") or (name == "uniform_" and len(args) == 1):
            return found.fill_(self.part)
        if name == "randint":
            low, high = args[:2] if isinstance(args[1], int) else (0, args[0])
            return found.fill_(int(low + self.part * (high - low)))
        if name in ("bernoulli", "bernoulli_") and len(args) == 1 + (name == "bernoulli_"):
            return found.copy_(torch.as_tensor(args[-1]) > self.part)
        return found


def _coin(answer: Query, images: Tensor, size: int) -> bool:
    """Say whether the coin is seen to be split off the middle, from what comes back when every draw is told.

    Counting cannot tell a coin of 0.45 from a fair one without some thousand pictures.
    """
    parts = (0.03, 0.3, 0.46, 0.495, 0.505, 0.54, 0.7, 0.97)
    sides = []
    for part in parts:
        pool = list(images[1 : size + 1])
        with _Told(part):
            returned = answer(images[0].clone(), pool, size, torch.Generator())
        sides.append(isinstance(returned, Tensor) and torch.equal(returned, images[0]))
    switches = [i for i in range(1, len(parts)) if sides[i] != sides[i - 1]]
    return len(switches) == 1 and parts[switches[0]] != 0.505


def _filling(steps: list[dict[str, Any]]) -> str:
    if not any(step["after"] for step in steps):
        return "nothing is stored"
    if any(sorted(step["after"]) != sorted([*step["before"], step["new"]]) for step in steps):
        return "not every picture is stored, each once"
    if any(step["back"] != step["new"] for step in steps):
        return "every picture is stored, and others come back"
    return "every picture is stored, and comes back"


def _as_is(steps: list[dict[str, Any]]) -> str:
    changed = sum(step["before"] != step["after"] for step in steps)
    if not changed:
        return "stays as it is"
    return "always changes" if changed == len(steps) else "sometimes changes"


def _exchange(steps: list[dict[str, Any]]) -> str:
    """Say what is wrong at the first old picture that comes back, or that the new one is in its place each time."""
    for step in steps:
        if step["back"] not in step["before"]:
            return "what comes back is neither new nor in the pool"
        left = list(step["before"])
        left.remove(step["back"])
        if sorted(step["after"]) == sorted([*left, step["new"]]):
            continue
        if step["after"] == step["before"]:
            return "stays as it is"
        if sorted(step["after"]) == sorted(left):
            return "loses the old one and does not get the new one"
        return "keeps the old one" if step["back"] in step["after"] else "is something else"
    return "has the new one in place of the old"


def _places(steps: list[dict[str, Any]], size: int) -> str:
    places = {step["before"].index(step["back"]) for step in steps if step["back"] in step["before"]}
    return "any of them" if len(places) == size else "always the same place" if len(places) == 1 else "not all of them"


def _share(share: float) -> str:
    """Name a share; about a half is 0.4 to 0.6, four standard deviations of 396 tosses of a fair coin."""
    return "about a half" if 0.4 <= share <= 0.6 else _SHARES[round(6 * share)]
