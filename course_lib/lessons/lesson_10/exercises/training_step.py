"""Exercise 10.2: a step of pix2pix in which each player also follows the other's loss."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import differences
from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.modes import stay_in_training
from course_lib.lessons.lesson_10.exercises.toys import ToyD, ToyG, gradient


def training_step(
    netG: torch.nn.Module,
    netD: torch.nn.Module,
    opt_g: torch.optim.Optimizer,
    opt_d: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    lambda_l1: float,
) -> None:
    """Move D and then G, each along the gradient of its own loss and of nothing else.

    Args:
        netG: G. netG(x) is the output, float32, the shape of y.
        netD: D. netD(x, y) judges pairs and returns logits.
        opt_g: the optimiser of G's weights; no gradient lies in them when the first step begins.
        opt_d: the optimiser of D's weights, likewise.
        x: float32, shape (N, C_x, H, W), the conditions.
        y: float32, shape (N, C_y, H, W), the targets.
        lambda_l1: the weight of the L1 term.
    """
    fake = netG(x)
    real_logits = netD(x, y)
    fake_logits = netD(x, fake.detach())  # D's loss ends at the output
    d_loss = 0.5 * (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean())
    d_loss.backward()
    opt_d.step()

    g_loss = F.softplus(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()
    g_loss.backward()  # on its way to G it also leaves a gradient in D's weights
    opt_g.step()
    opt_g.zero_grad()
    opt_d.zero_grad()  # so this stands behind both


def buggy_training_step(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    fake = netG(x)
    d_loss = 0.5 * (F.softplus(-netD(x, y)).mean() + F.softplus(netD(x, fake)).mean())
    d_loss.backward(retain_graph=True)  # without retain_graph the second backward stops
    opt_d.step()
    opt_d.zero_grad()

    g_loss = F.softplus(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()
    g_loss.backward()
    opt_g.step()
    opt_g.zero_grad()


def _cases() -> list[Case]:
    def case(label: str, n: int, x_channels: int, size: tuple[int, int], lambda_l1: float) -> Case:
        x = torch.rand((n, x_channels, *size)) * 2 - 1
        y = torch.rand((n, 3, *size)) * 2 - 1
        return Case(label, ToyG(x_channels), ToyD(), x, y, lambda_l1)

    return [
        case("two outlines", 2, 1, (8, 10), 1.0),
        case("no L1 term", 3, 3, (8, 8), 0.0),
        case("the paper's lambda", 1, 1, (10, 8), 100.0),
    ]


class _Watched(torch.optim.SGD):
    """Plain gradient descent that tells what lies in the weights when it takes a step."""

    def __init__(self, network: nn.Module, tell: Callable[[], None]) -> None:
        super().__init__(network.parameters(), lr=0.05)
        self.tell = tell

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.tell()
        super().step()


ORDER, LEARNS = "the order of the steps", "whether any gradient arrives in G"
REACHES = "whether a gradient lies in G's weights when D moves"
D_FIRST, G_FIRST = "the gradient that D follows in the first step", "the gradient that G follows in the first step"
D_LATER, G_LATER = "the gradient that D follows in the second step", "the gradient that G follows in the second step"

Step = Callable[..., object]


def _watch(answer: Step, netG: nn.Module, netD: nn.Module, x: Tensor, y: Tensor, lambda_l1: float) -> dict[str, Any]:
    """Take two steps and look at what lies in the weights of both players whenever an optimiser moves."""
    netG, netD = copy.deepcopy(netG), copy.deepcopy(netD)
    of_g, of_d = list(netG.parameters()), list(netD.parameters())
    seen: list[tuple[str, Tensor, Tensor]] = []
    arrived: list[bool] = []
    hooks = [parameter.register_hook(lambda _: arrived.append(True)) for parameter in of_g]
    opt_g = _Watched(netG, lambda: seen.append(("G", gradient(of_g), gradient(of_d))))
    opt_d = _Watched(netD, lambda: seen.append(("D", gradient(of_g), gradient(of_d))))
    for _ in range(2):
        before = len(seen)
        with stay_in_training(netG, netD):
            answer(netG, netD, opt_g, opt_d, x, y, lambda_l1)
        moved = {name for name, _, _ in seen[before:]}
        for player in ("D", "G"):
            if player not in moved:
                raise ExerciseError(
                    f"{player} did not move: `opt_{player.lower()}.step()` belongs into each step, after `backward()`."
                )
        if not all(parameter.requires_grad for parameter in (*of_g, *of_d)):
            raise ExerciseError(
                "After your step a network is still frozen, and cannot learn in the next one. "
                "Set `requires_grad_(True)` again before you return."
            )
    for hook in hooks:
        hook.remove()
    half = len(seen) // 2
    d_steps = [(g, d) for name, g, d in seen if name == "D"]
    g_steps = [g for name, g, _ in seen if name == "G"]
    return {
        ORDER: ", ".join(name for name, _, _ in seen[:half]),
        LEARNS: bool(arrived),
        REACHES: "yes" if d_steps[0][0].any() and seen[0][0] == "D" else "no",
        D_FIRST: d_steps[0][1],
        G_FIRST: g_steps[0],
        D_LATER: d_steps[-1][1],
        G_LATER: g_steps[-1],
    }


def _observe(answer: Step, netG: nn.Module, netD: nn.Module, x: Tensor, y: Tensor, lambda_l1: float) -> object:
    """Watch an answer, and tell whether a gradient of D's loss that lies in G does any harm there."""
    found = _watch(answer, netG, netD, x, y, lambda_l1)
    if found[REACHES] == "yes":
        right = _watch(training_step, netG, netD, x, y, lambda_l1) | {REACHES: "yes"}
        if not differences(found, right):
            found[REACHES] = "yes, and it is cleared in time"
    return found


def _variant(
    *,
    for_d: Callable[[Tensor], Tensor] = Tensor.detach,
    for_g: Callable[[Tensor], Tensor] = lambda fake: fake,
    output: Callable[[Tensor], Tensor] = lambda fake: fake,
    logits: Callable[[Tensor], Tensor] = lambda logits: logits,
    half: float = 0.5,
    l1: Callable[[float], float] = lambda lambda_l1: lambda_l1,
    near: Callable[[Tensor], Tensor] = lambda fake: fake,
    adversarial: Callable[[Tensor], Tensor] = lambda logits: F.softplus(-logits).mean(),
    exchanged: bool = False,
    old_judge: bool = False,
    before_d: str = "",
    after_d: str = "",
    before_g: str = "",
    after_g: str = "dg",
    late: bool = False,
) -> Step:
    """Return a step with other paths or other places of `zero_grad`: of D ("d"), of G ("g"), or of both ("dg").

    "before" is between a player's `backward` and its step, "after" behind its step.
    """

    def answer(netG, netD, opt_g, opt_d, x, y, lambda_l1):
        def clear(which: str) -> None:
            for player in which:
                {"d": opt_d, "g": opt_g}[player].zero_grad()

        fake = output(netG(x))
        real, made = F.softplus(-netD(x, y)).mean(), F.softplus(logits(netD(x, for_d(fake)))).mean()
        (half * (real + made)).backward(retain_graph=True)
        judge = copy.deepcopy(netD) if old_judge else netD
        clear(before_d)
        if not late:
            opt_d.step()
        clear(after_d)
        pair = (for_g(fake), x) if exchanged else (x, for_g(fake))
        loss = adversarial(judge(*pair)) + l1(lambda_l1) * (y - near(fake)).abs().mean()
        loss.backward()
        clear(before_g)
        if late:
            opt_d.step()
        opt_g.step()
        clear(after_g)

    return answer


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _g_first(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    fake = netG(x)
    (F.softplus(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()).backward()
    opt_g.step()
    opt_d.zero_grad()
    made = netD(x, fake.detach())
    (0.5 * (F.softplus(-netD(x, y)).mean() + F.softplus(made).mean())).backward()
    opt_d.step()
    opt_g.zero_grad()
    opt_d.zero_grad()


TRAINING_STEP = Exercise(
    id="10.2",
    title="The missing detach",
    kind="bug to find",
    trains="gradients that wait in the weights",
    minutes=20,
    level=3,
    task=r"""
        `buggy_training_step` runs without an error. Look at the gradients when an optimiser moves, and two things are
        wrong. First, when G moves, its weights also hold the gradient of D's loss. In the logit of an output that D
        takes for real with probability $s$, G's loss has the gradient $s - 1$, and D's loss has $s / 2$. G follows
        their sum, which is half as large as it should be at $s = \frac12$, is 0 at $s = \frac23$, and above that
        teaches G to be caught. Second, from the second step on, D moves along a gradient that G's loss left behind, and
        so learns to accept outputs. Mend both: `training_step(netG, netD, opt_g, opt_d, x, y, lambda_l1)` should move D
        and then G, each by its own loss alone, and D's loss should leave no gradient in G at all. It returns nothing.

        When does a missing `detach` matter? Were each `zero_grad` called just before its `backward`, the weights would
        move as they should: all that is lost is the time and memory of a way back through G. It spoils the training
        where gradients wait in the weights, as here, where `zero_grad` follows `step`, or where they are summed over
        several batches.
    """,
    reference=training_step,
    may_leave=("grad",),
    given=inspect.getsource(buggy_training_step),
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "Both faults are still there. Look for the path from `d_loss` to G's weights, "
            "and for what `g_loss.backward()` leaves in D's.",
            _variant(for_d=_same, after_d="d", after_g="g"),
        ),
        Mistake(
            "D's loss ends at the output now. But `g_loss.backward()` still leaves a gradient in D's weights, "
            "and D follows it in its next step.",
            _variant(after_d="d", after_g="g"),
        ),
        Mistake(
            "D is clean now. But D's loss still reaches G, and G follows it: "
            "cut the path between `fake` and D where D's own loss is computed.",
            _variant(for_d=_same),
        ),
        Mistake(
            "The weights move as they should, but D's loss still goes back through all of G, "
            "only for you to clear it. That is wasted work: cut the path with `detach`.",
            _variant(for_d=_same, after_d="g"),
            _variant(for_d=_same, after_d="dg"),
        ),
        Mistake(
            "The output is detached in G's loss as well: what D says of it cannot reach G. "
            "Detach it in D's loss alone.",
            _variant(for_g=Tensor.detach),
            _variant(for_g=Tensor.detach, after_d="d", after_g="g"),
            _variant(for_d=_same, for_g=Tensor.detach),
            _variant(for_d=_same, for_g=Tensor.detach, after_d="d", after_g="g"),
        ),
        Mistake(
            "You cut the output off from G right where it is made, so that G learns nothing from either loss. "
            "`fake` itself must keep its past; hand a detached one to D.",
            _variant(output=Tensor.detach),
            _variant(output=Tensor.detach, after_d="d", after_g="g"),
        ),
        Mistake(
            "You detached what D says of the output, not the output: D learns from true pairs alone. "
            "Cut before D, not behind it.",
            _variant(for_d=_same, logits=Tensor.detach),
            _variant(for_d=_same, logits=Tensor.detach, after_d="d", after_g="g"),
        ),
        Mistake(
            "Gradients are never cleared in one or both networks, and pile up from step to step. "
            "Each optimiser needs its `zero_grad`.",
            _variant(after_g=""),
            _variant(after_g="d"),
            _variant(after_g="g"),
            _variant(for_d=_same, after_g=""),
        ),
        Mistake(
            "You clear the gradients between `backward` and `step`, and the optimiser finds nothing to follow.",
            _variant(before_d="d"),
            _variant(before_d="dg"),
            _variant(before_g="g"),
            _variant(before_g="dg"),
            _variant(before_d="d", before_g="g"),
            _variant(before_d="d", before_g="g", after_g=""),
        ),
        Mistake(
            "D moves only after `g_loss.backward()`, which has added its gradient to D's. "
            "Let D move before, or clear that gradient.",
            _variant(late=True),
            _variant(late=True, for_d=_same),
        ),
        Mistake(
            "You move G first. In this step D moves first, and G is judged by the D that has just moved.",
            _g_first,
        ),
        Mistake(
            "The L1 term teaches G nothing: its weight is 0, or the output in it is detached. "
            "Only D's loss takes a detached output.",
            _variant(l1=lambda lambda_l1: 0.0),
            _variant(near=Tensor.detach),
        ),
        Mistake(
            "G's adversarial loss is another one than was given: it is -log D of the output, `F.softplus(-logits)`, "
            "and log(1 - D) has no gradient where D is sure.",
            _variant(adversarial=lambda logits: -F.softplus(logits).mean()),
        ),
        Mistake(
            "In G's loss the pair is the wrong way round: D takes the condition first, `netD(x, fake)`.",
            _variant(exchanged=True),
        ),
        Mistake(
            "G is judged by the D of before its step. In this step D moves first, and G is judged by the D that has "
            "just moved.",
            _variant(old_judge=True),
        ),
        Mistake(
            "A loss is not the one that was given: D's is halved, G's adversarial term is not, and lambda weighs the "
            "L1 term. Only the path of a gradient and a `zero_grad` are wrong.",
            _variant(half=1.0),
            _variant(l1=lambda lambda_l1: 1.0),
            _variant(adversarial=lambda logits: 0.5 * F.softplus(-logits).mean()),
        ),
    ),
    hints=(
        "Print `[p.grad for p in netG.parameters()]` after `d_loss.backward()`, and that of `netD` after "
        "`g_loss.backward()`. In which of the two should there be nothing, and which is only to be cleared?",
        "`fake.detach()` is the same picture without its past. In which of the two calls `netD(x, fake)` may G's "
        "weights be reached, and in which must they be?",
        "With `fake.detach()` in D's loss, `retain_graph` is no longer needed: the second backward finds G's graph "
        "untouched.",
        "D's leftover: call `opt_d.zero_grad()` after `g_loss.backward()` or just before `d_loss.backward()`. Or "
        "freeze D's weights with `requires_grad_(False)` during G's turn, which also saves their gradient.",
    ),
    why="detach ends D's loss at the output, and D's weights are empty again when its next step begins; "
    "the lesson's own step freezes D during G's turn, so that nothing is left to clear.",
)
