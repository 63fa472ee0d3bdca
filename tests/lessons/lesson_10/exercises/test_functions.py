"""Exercises 10.1 to 10.4: other right answers pass, and plausible wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_10.exercises.patch_side import patch_side
from course_lib.lessons.lesson_10.exercises.pix2pix_losses import pix2pix_losses
from course_lib.lessons.lesson_10.exercises.toys import ToyD, ToyG, gradient
from course_lib.lessons.lesson_10.exercises.training_step import buggy_training_step, training_step
from course_lib.losses.adversarial import NonSaturating
from course_lib.models.patchgan import PATCH_LAYERS, PatchGAN, receptive_field
from course_lib.systems.modes import frozen

BCE = F.binary_cross_entropy_with_logits


def found(exercise_id: str, answer: Any) -> str:
    """Return what a check says of an answer, without the exercise's number; an empty text if it is right."""
    try:
        return judge(find(exercise_id), answer)
    except Exception as error:
        return str(error)


@pytest.mark.parametrize("exercise_id", ["10.1", "10.2", "10.4", "10.5", "10.6", "10.3"])
def test_a_blank_says_so_and_goes_on(exercise_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"torch": torch}
    exec(find(exercise_id).stub, names)
    exercise = find(exercise_id)
    assert check(exercise_id, names[exercise.name]) == exercise.reference
    told = capsys.readouterr().out
    assert told.startswith(f"Exercise {exercise_id} is not attempted yet, and the lesson goes on with our ")
    assert told.endswith(f'`{exercise.name}`; hint("{exercise_id}") gives a first hint.\n')


# 10.1: the two losses.


def _by_bce(netD, x, y, fake, lambda_l1):
    real, made = netD(x, y), netD(x, fake.detach())
    d_loss = (BCE(real, torch.ones_like(real)) + BCE(made, torch.zeros_like(made))) / 2
    judged = netD(x, fake)
    return {"g_loss": BCE(judged, torch.ones_like(judged)) + lambda_l1 * F.l1_loss(fake, y), "d_loss": d_loss}


def _without_detach(netD, x, y, fake, lambda_l1):
    made = netD(x, fake)
    d_loss = -0.5 * (F.logsigmoid(netD(x, y)).mean() + F.logsigmoid(-made).mean())
    return {"d_loss": d_loss, "g_loss": -F.logsigmoid(made).mean() + (fake - y).abs().mean() * lambda_l1}


def _frozen(netD, x, y, fake, lambda_l1):
    d_loss = 0.5 * NonSaturating().d_loss(netD(x, y), netD(x, fake.detach()))
    with frozen(netD):
        return {"d_loss": d_loss, "g_loss": NonSaturating().g_loss(netD(x, fake)) + lambda_l1 * F.l1_loss(fake, y)}


@pytest.mark.parametrize("answer", [_by_bce, _without_detach, _frozen])
def test_losses_right(answer: Any) -> None:
    assert found("10.1", answer) == ""


def _losses(d: str = "0.5 * (sp(-netD(x, y)).mean() + sp(netD(x, fake.detach())).mean())", g: str = "") -> Any:
    """Return losses written as a learner may write them; `sp` is softplus, `bce` takes logits and a label."""
    g = g or "sp(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()"
    names = {"sp": F.softplus, "torch": torch, "bce": lambda logits, label: BCE(logits, torch.full_like(logits, label))}
    code = f"def answer(netD, x, y, fake, lambda_l1):\n    return {{'d_loss': {d}, 'g_loss': {g}}}"
    exec(code, names)
    return names["answer"]


@pytest.mark.parametrize(
    "answer, message",
    [
        (_losses("bce(netD(x, y), 1) + bce(netD(x, fake.detach()), 0)"), "D's loss is not halved."),
        (
            _losses(g="bce(netD(x, fake).sigmoid(), 1) + lambda_l1 * (y - fake).abs().mean()"),
            "A sigmoid too many",
        ),
        (
            _losses("-0.5 * (netD(x, y).sigmoid().log().mean() + (-netD(x, fake)).sigmoid().log().mean())"),
            "In the thousands your logarithm is infinite",
        ),
        (_losses("0.5 * (bce(netD(x, y), 0) + bce(netD(x, fake), 1))"), "The labels in D's loss are swapped"),
        (_losses(g="bce(netD(x, fake), 0) + lambda_l1 * (y - fake).abs().mean()"), "G's loss has D's label"),
        (_losses("0.5 * (bce(netD(y), 1) + bce(netD(fake), 0))"), "D was called without a second picture"),
        (_losses("0.5 * (bce(netD(None, y), 1) + bce(netD(None, fake), 0))"), "D was called without a second picture"),
        (_losses("0.5 * (bce(netD(x, y), 1) + bce(netD(fake, fake), 0))"), "In D's loss, D judges the picture without"),
        (_losses(g="bce(netD(x, fake), 1) + lambda_l1 * (fake - x).abs().mean()"), "You compare the output with x."),
        (_losses(g="bce(netD(x, fake), 1) + lambda_l1 * (y - x).abs().mean()"), "You compare x with y"),
        (_losses(g="bce(netD(x, fake), 1) + lambda_l1 * (y - fake).abs().sum()"), "The L1 term is a sum."),
        (_losses("0.5 * (sp(-netD(x, y)).sum() + sp(netD(x, fake)).sum())"), "An adversarial term is a sum"),
        (_losses(g="lambda_l1 * bce(netD(x, fake), 1) + (y - fake).abs().mean()"), "lambda is on the wrong term"),
        (_losses(g="bce(netD(x, fake), 1) + (y - fake).abs().mean()"), "lambda is missing"),
        (lambda *inputs: tuple(pix2pix_losses(*inputs).values()), "Return a dict with the keys"),
        (lambda *inputs: {k: v.item() for k, v in pix2pix_losses(*inputs).items()}, "d_loss should be a tensor"),
        (lambda *inputs: {k: v.detach() for k, v in pix2pix_losses(*inputs).items()}, "No gradient can flow back"),
        (lambda netD, x, y, fake, lambda_l1: print(end=""), "Your function returned nothing (None)"),
        (lambda netD, x, y, fake: {}, "The function should take (netD, x, y, fake, lambda_l1), but yours takes"),
    ],
)
def test_losses_wrong(answer: Any, message: str) -> None:
    assert found("10.1", answer).startswith(message)


def test_two_slips_in_two_losses_get_the_message_of_one_of_them() -> None:
    answer = _losses("bce(netD(x, y), 1) + bce(netD(x, fake), 0)", g="bce(netD(x, fake), 1) + (y - fake).abs().mean()")
    assert found("10.1", answer).startswith("D's loss is not halved.")


def test_losses_of_a_d_that_always_says_one_half() -> None:
    """Both logarithms are log 2 then: D's loss is log 2, G's is log 2 and lambda times the L1 distance."""
    netD = ToyD(scale=0.0)
    losses = pix2pix_losses(netD, torch.zeros(2, 1, 4, 4), torch.ones(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.25), 8.0)
    assert losses["d_loss"].item() == pytest.approx(math.log(2))
    assert losses["g_loss"].item() == pytest.approx(math.log(2) + 8 * 0.75)


# 10.2: the missing detach.


def _frozen_step(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    fake = netG(x)
    opt_d.zero_grad()
    (0.5 * NonSaturating().d_loss(netD(x, y), netD(x, fake.detach()))).backward()
    opt_d.step()
    with frozen(netD):
        g_loss = NonSaturating().g_loss(netD(x, fake)) + lambda_l1 * F.l1_loss(fake, y)
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()


def _two_outputs(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    with torch.no_grad():
        fake = netG(x)
    opt_d.zero_grad()
    (0.5 * NonSaturating().d_loss(netD(x, y), netD(x, fake))).backward()
    opt_d.step()
    fake = netG(x)
    opt_g.zero_grad()
    (NonSaturating().g_loss(netD(x, fake)) + lambda_l1 * F.l1_loss(fake, y)).backward()
    opt_g.step()


@pytest.mark.parametrize("answer", [_frozen_step, _two_outputs])
def test_step_right(answer: Any) -> None:
    assert found("10.2", answer) == ""


def _mended(*changes: tuple[str, str]) -> Any:
    """Return the step of the exercise with lines of its source changed."""
    source = find("10.2").given.replace("buggy_training_step", "answer")
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(source, names)
    return names["answer"]


DETACH = ("netD(x, fake)).mean())", "netD(x, fake.detach())).mean())")
LEFTOVER = ("    opt_g.zero_grad()", "    opt_g.zero_grad()\n    opt_d.zero_grad()")
RETAIN = ("retain_graph=True", "")


def test_the_smallest_change_is_right() -> None:
    assert found("10.2", _mended(DETACH, RETAIN, LEFTOVER)) == ""


def _stays_frozen(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    netD.requires_grad_(True)
    training_step(netG, netD, opt_g, opt_d, x, y, lambda_l1)
    netD.requires_grad_(False)


def _only_d(netG, netD, opt_g, opt_d, x, y, lambda_l1):
    NonSaturating().d_loss(netD(x, y), netD(x, netG(x).detach())).backward()
    opt_d.step()


@pytest.mark.parametrize(
    "answer, message",
    [
        (buggy_training_step, "Both faults are still there."),
        (_mended(("y - fake", "y.detach() - fake")), "Both faults are still there."),
        (_mended(DETACH), "D's loss ends at the output now. But"),
        (_mended(LEFTOVER), "D is clean now. But D's loss still reaches G"),
        (
            _mended(LEFTOVER, ("    g_loss.backward()", "    opt_g.zero_grad()\n    g_loss.backward()")),
            "The weights move as they should",
        ),
        (_mended(("netD(x, fake)", "netD(x, fake.detach())")), "The output is detached in G's loss as well"),
        (_mended(("netG(x)", "netG(x).detach()")), "You cut the output off from G"),
        (_mended(("netD(x, fake)).mean())", "netD(x, fake).detach()).mean())")), "You detached what D says"),
        (_mended(DETACH, ("    opt_d.zero_grad()\n", "")), "Gradients are never cleared"),
        (_mended(DETACH, LEFTOVER, ("    opt_g.step()", "    opt_g.zero_grad()\n    opt_g.step()")), "You clear the"),
        (_mended(RETAIN), "your function stopped with RuntimeError: Trying to backward through the graph a second"),
        (_stays_frozen, "After your step a network is still frozen"),
        (_only_d, "G did not move: `opt_g.step()` belongs into each step"),
        (lambda netG, netD, opt_g, opt_d, x, y, lambda_l1: None if x is None else 1, "D did not move"),
    ],
)
def test_step_wrong(answer: Any, message: str) -> None:
    assert message in found("10.2", answer)


def _score_and_gradient(logit: float, *, cut: bool) -> tuple[float, float]:
    """Return D's score of an output, and the gradient in its logit of both losses together."""
    fake = torch.tensor([logit], requires_grad=True)
    seen = fake.detach() if cut else fake
    (0.5 * NonSaturating().d_loss(torch.zeros(1), seen) + NonSaturating().g_loss(fake)).backward()
    assert fake.grad is not None
    return torch.sigmoid(fake).item(), fake.grad.item()


@pytest.mark.parametrize("score", [0.1, 0.5, 2 / 3, 0.9])
def test_the_first_symptom_in_the_task_is_true(score: float) -> None:
    logit = math.log(score / (1 - score))
    assert _score_and_gradient(logit, cut=True) == pytest.approx((score, score - 1), abs=1e-6)
    assert _score_and_gradient(logit, cut=False) == pytest.approx((score, 1.5 * score - 1), abs=1e-6)


def _after(step: Any, steps: int) -> torch.Tensor:
    """Return all weights after some steps of gradient descent from the same start."""
    torch.manual_seed(0)
    netG, netD, x, y = ToyG(), ToyD(), torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (netG, netD)]
    for _ in range(steps):
        step(netG, netD, *optimizers, x, y, 0.5)
    return torch.cat([p.detach().flatten() for p in (*netG.parameters(), *netD.parameters())])


def test_the_place_of_zero_grad_decides_whether_a_missing_detach_matters() -> None:
    before_backward = _mended(
        ("    d_loss.backward", "    opt_d.zero_grad()\n    d_loss.backward"),
        ("    g_loss.backward", "    opt_g.zero_grad()\n    g_loss.backward"),
    )
    assert torch.allclose(_after(before_backward, 5), _after(training_step, 5), atol=1e-6)
    assert not torch.allclose(_after(buggy_training_step, 5), _after(training_step, 5), atol=1e-3)


def test_the_second_symptom_needs_a_second_step() -> None:
    both = ToyG(), ToyD()
    count = sum(p.numel() for p in both[1].parameters())
    only_detach = _mended(DETACH)
    assert torch.equal(_after(only_detach, 1), _after(training_step, 1))
    assert not torch.allclose(_after(only_detach, 2)[-count:], _after(training_step, 2)[-count:], atol=1e-4)


def test_gradient_counts_a_missing_one_as_zero() -> None:
    weights = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))]
    (3 * weights[1]).sum().backward()
    assert gradient(weights).tolist() == [0, 0, 3]


# 10.4: the patch of a logit.


def _by_jumps(layers):
    side, jump = 1, 1
    for kernel, stride in layers:
        side, jump = side + (kernel - 1) * jump, jump * stride
    return side


def _by_hand(layers):
    first, last = 0, 0  # the interval of positions that are seen
    for kernel, stride in layers[::-1]:
        first, last = first * stride, last * stride + kernel - 1
    return float(last - first + 1)


@pytest.mark.parametrize("answer", [_by_jumps, _by_hand])
def test_patch_side_right(answer: Any) -> None:
    assert found("10.4", answer) == ""


def _loop(rule: str, start: int = 1, order: str = "reversed(layers)") -> Any:
    names: dict[str, Any] = {}
    exec(f"def answer(layers):\n r = {start}\n for k, s in {order}:\n  r = {rule}\n return r", names)
    return names["answer"]


@pytest.mark.parametrize(
    "answer, message",
    [
        (_loop("(r - 1) * s + k", order="layers"), "You walk from the input to the output"),
        (_loop("r * s + k"), "You add a whole kernel"),
        (_loop("r + k - 1"), "The strides are missing"),
        (_loop("r + (k - 1) * s", order="layers"), "You use the stride of each layer by itself"),
        (_loop("(r + k - 1) * s"), "The stride of a layer acts too early"),
        (_loop("(r - 1) * s + k", start=0), "You are off by the first step"),
        (_loop("(r - k) // s + 1", start=70, order="layers"), "This is the size of the output"),
        (_loop("r * k"), "You multiply the kernels."),
        (_loop("r * s"), "This is the product of the strides"),
        (_loop("r + k", start=0), "This is the sum of the kernels."),
        (lambda layers: 70, "On the D of 1 x 1 pixels"),
        (lambda layers: [patch_side(layers)] * 2, "On the paper's D"),
    ],
)
def test_patch_side_wrong(answer: Any, message: str) -> None:
    assert found("10.4", answer).startswith(message)


@pytest.mark.parametrize("pixels", sorted(PATCH_LAYERS))
def test_patch_side_of_the_courses_own_discriminators(pixels: int) -> None:
    network = PatchGAN(layers=PATCH_LAYERS[pixels], base_channels=1)
    layers = [(m.kernel_size[0], m.stride[0]) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert patch_side(layers) == pixels == receptive_field(network)


def test_patch_side_is_what_a_gradient_reaches() -> None:
    for case in find("10.4").cases()[:8]:  # type: ignore[misc]
        (layers,) = case.inputs
        picture = torch.zeros(1, 1, 200, requires_grad=True)
        output = picture
        for kernel, stride in layers:
            output = F.conv1d(output, torch.ones(1, 1, kernel), stride=stride)
        output[0, 0, 1].backward()
        assert picture.grad is not None
        assert int((picture.grad != 0).sum()) == patch_side(layers), case.label


def test_the_answers_to_the_questions_in_the_task() -> None:
    assert patch_side([(4, 2), (4, 2), (4, 1), (4, 1)]) == 34
    assert patch_side([(4, 2), (4, 1), (4, 1)]) == 16
    assert patch_side([(4, 1), (4, 1), (4, 2), (4, 2), (4, 2)]) == 28
