"""Exercises 11.2, 11.1, 11.3 and 11.4: other right answers pass, and wrong ones get the message of the mistake."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, exercises, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_11.exercises.cycle_loss import cycle_loss
from course_lib.lessons.lesson_11.exercises.identity_loss import _perfect, identity_loss
from course_lib.lessons.lesson_11.exercises.least_squares import least_squares_losses
from course_lib.lessons.lesson_11.exercises.predicted_losses import predicted_losses
from course_lib.lessons.lesson_11.ring import play_on_a_ring
from course_lib.losses.adversarial import LeastSquares
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig


def test_the_lesson_has_six_exercises() -> None:
    assert list(exercises("11")) == [f"11.{number}" for number in range(1, 7)]


@pytest.mark.parametrize("number", range(1, 7))
def test_blank_says_so_and_goes_on(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = find(f"11.{number}")
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(exercise.stub, names)
    check(exercise.id, names[exercise.name])
    assert "not attempted yet" in capsys.readouterr().out


# 11.2: the cycle loss


def _cycle_in_one_pass(netG, netF, x, y, lambda_cycle):
    fake_y, fake_x = netG(x), netF(y)
    return lambda_cycle * (F.l1_loss(netF(fake_y), x) + F.l1_loss(netG(fake_x), y))


@pytest.mark.parametrize(
    "answer",
    [
        _cycle_in_one_pass,
        lambda netG, netF, x, y, w: w * torch.mean(torch.abs(x - netF(netG(x)))) + w * F.l1_loss(netG(netF(y)), y),
        lambda netG, netF, x, y, w: 2 * w * (torch.cat([netF(netG(x)) - x, netG(netF(y)) - y])).abs().mean(),
    ],
)
def test_cycle_loss_right(answer: Any) -> None:
    assert judge(find("11.2"), answer) == ""


def _first_translation_without_gradient(netG, netF, x, y, lambda_cycle):
    with torch.no_grad():
        fake_y, fake_x = netG(x), netF(y)
    return lambda_cycle * (F.l1_loss(netF(fake_y), x) + F.l1_loss(netG(fake_x), y))


def _all_without_gradient(netG, netF, x, y, lambda_cycle):
    with torch.no_grad():
        return cycle_loss(netG, netF, x, y, lambda_cycle)


def _calls_backward(netG, netF, x, y, lambda_cycle):
    loss = cycle_loss(netG, netF, x, y, lambda_cycle)
    loss.backward()
    return loss


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda G, B, x, y, w: w * (F.l1_loss(G(B(x)), x) + F.l1_loss(B(G(y)), y)), "in the wrong order"),
        (lambda G, B, x, y, w: w * (F.l1_loss(B(G(x)), y) + F.l1_loss(G(B(y)), x)), "with a picture of the other kind"),
        (lambda G, B, x, y, w: w * F.l1_loss(B(G(x)), x), "Only the way from x to y and back"),
        (lambda G, B, x, y, w: w * F.l1_loss(G(B(y)), y), "Only the way from y to x and back"),
        (lambda G, B, x, y, w: w * (F.mse_loss(B(G(x)), x) + F.mse_loss(G(B(y)), y)), "You square the error"),
        (lambda G, B, x, y, w: w * cycle_loss(G, B, x, y, x.numel()), "You add the errors of all pixels"),
        (lambda G, B, x, y, w: F.l1_loss(B(G(x)), x) + F.l1_loss(G(B(y)), y), "The weight is missing"),
        (lambda G, B, x, y, w: F.l1_loss(B(G(x)), x) + w * F.l1_loss(G(B(y)), y), "One direction has the weight"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(x), x) + F.l1_loss(B(y), y)), "after one translation"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(x), y) + F.l1_loss(B(y), x)), "as if the two were a pair"),
        (lambda G, B, x, y, w: w * (F.l1_loss(B(G(x)), x) + F.l1_loss(B(B(y)), y)), "twice with the same generator"),
        (lambda G, B, x, y, w: cycle_loss(G, B, x, y, w) / 2, "You averaged the two directions"),
        (_first_translation_without_gradient, "You cut the way in the middle"),
        (_all_without_gradient, "No gradient reaches netG and netF"),
        (_calls_backward, "without calling `backward()`"),
        (lambda G, B, x, y, w: cycle_loss(G, B, x, y, w).item(), "Return the tensor, without `.item()`"),
        (lambda G, B, x, y, w: (F.l1_loss(B(G(x)), x), F.l1_loss(G(B(y)), y)), "yours is a tuple"),
        (lambda G, B, x, y, w: print(end=""), "returned nothing (None)"),
        (lambda G, B, x, y, w: 3 * cycle_loss(G, B, x, y, w), "your result is 3 times the right one"),
    ],
)
def test_cycle_loss_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.2", answer)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_cycle_loss_of_known_translations() -> None:
    """With G(x) = x + 0.3 and F(y) = y - 0.1 both ways end 0.2 off."""
    x, y = torch.zeros(2, 1, 3, 3), torch.ones(2, 1, 3, 3)
    found = cycle_loss(lambda x: x + 0.3, lambda y: y - 0.1, x, y, 10.0)  # type: ignore[arg-type]
    assert found.item() == pytest.approx(10 * (0.2 + 0.2), rel=1e-5)


# 11.1: least squares


@pytest.mark.parametrize(
    "answer",
    [
        lambda real, fake: {"d": 0.5 * LeastSquares().d_loss(real, fake), "g": LeastSquares().g_loss(fake)},
        lambda real, fake: {
            "g": F.mse_loss(fake, torch.ones_like(fake)),
            "d": (F.mse_loss(real, torch.ones_like(real)) + F.mse_loss(fake, torch.zeros_like(fake))) / 2,
        },
    ],
)
def test_least_squares_right(answer: Any) -> None:
    assert judge(find("11.1"), answer) == ""


def _with(**changes: Any):
    return lambda real, fake: least_squares_losses(real, fake) | {k: f(real, fake) for k, f in changes.items()}


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda real, fake: least_squares_losses(real.sigmoid(), fake.sigmoid()), "A sigmoid has been applied"),
        (_with(d=lambda r, f: 0.5 * (r.pow(2).mean() + (f - 1).pow(2).mean())), "D's marks are exchanged"),
        (_with(g=lambda r, f: (f**2).mean()), "G's target is 0"),
        (_with(d=lambda r, f: LeastSquares().d_loss(r, f)), "D's loss is not halved: the paper halves it."),
        (_with(g=lambda r, f: 0.5 * (f - 1).pow(2).mean()), "You halve G's loss as well"),
        (_with(g=lambda r, f: -F.logsigmoid(f).mean()), "the logarithm that does not saturate"),
        (
            _with(g=lambda r, f: F.binary_cross_entropy_with_logits(f, torch.ones_like(f))),
            "Its slope is sigmoid(l) - 1",
        ),
        (_with(d=lambda r, f: F.softplus(-r).mean() + F.softplus(f).mean()), "This is the logarithmic form"),
        (_with(d=lambda r, f: 0.5 * ((r - 1).pow(2).mean() + (f + 1).pow(2).mean())), "You pull fake logits to -1"),
        (_with(g=lambda r, f: (1 - f.sigmoid()).log().mean()), "has the slope -sigmoid(l)"),
        (_with(d=lambda r, f: torch.cat([(r - 1).flatten(), f.flatten()]).pow(2).mean()), "one mean over all of D's"),
        (_with(d=lambda r, f: 0.5 * ((r - 1).abs().mean() + f.abs().mean())), "You took absolute values"),
        (_with(g=lambda r, f: (f - 1).pow(2).sum()), "You added the errors of all logits"),
        (_with(d=lambda r, f: least_squares_losses(r, f.detach())["d"]), "The fake logits are cut off in D's loss"),
        (_with(g=lambda r, f: -f.pow(2).mean()), "right only for logits above 0"),
        (_with(g=lambda r, f: (f.mean() - 1) ** 2), "You averaged the logits first"),
        (lambda real, fake: tuple(least_squares_losses(real, fake).values()), "Return a dict of both losses"),
        (_with(d=lambda r, f: 0.3), '"d" is no tensor'),
        (_with(g=lambda r, f: (f.detach() - 1).pow(2).mean()), 'No gradient flows back from "g"'),
        (_with(g=lambda r, f: (f - 1).pow(4).mean()), "g: expected"),
    ],
)
def test_least_squares_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.1", answer)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_the_gradients_where_d_is_sure_are_as_the_messages_say() -> None:
    logit = torch.tensor([0.0, -8.0], requires_grad=True)
    squares = torch.autograd.grad(2 * least_squares_losses(logit, logit)["g"], logit)[0]  # twice: a mean of two
    assert squares.tolist() == pytest.approx([-2.0, -18.0])
    logs = torch.autograd.grad((1 - torch.sigmoid(logit)).log().sum(), logit)[0]
    assert logs.tolist() == pytest.approx([-0.5, -1 / (1 + math.exp(8))], rel=1e-3)
    assert abs(logs[1].item()) < 4e-4


# 11.3: what the cycle rules out


def _by_tables(scores: Tensor, lambda_cycle: float) -> dict[str, float]:
    """Compute the four sums from tables, with F the best of all K to the power of K."""
    k = len(scores)
    likes = int(scores.argmax())
    tables = {"right": list(range(k)), "shifted": [(i + 1) % k for i in range(k)], "collapse": [likes] * k}
    found = {}
    for name, to_y in tables.items():
        cycle = min(sum(back[to_y[i]] != i for i in range(k)) / k for back in itertools.product(range(k), repeat=k))
        found[name] = sum((scores[j].item() - 1) ** 2 for j in to_y) / k + lambda_cycle * cycle
    says = torch.linspace(0, 1, 100001, dtype=torch.float64)  # D's loss at the one y of the collapse, 1 / K real there
    best = says[((says - 1).square() / k + says.square()).argmin()].item()
    found["caught"] = (best - 1) ** 2 + found["collapse"] - (scores.max().item() - 1) ** 2
    return found


@pytest.mark.parametrize("weight", [0.0, 0.4, 10.0])
@pytest.mark.parametrize("scores", [[0.5, 0.8, 0.2], [0.9, 0.3], [0.5, 0.5, 0.5, 0.5]])
def test_predicted_losses_agree_with_a_search_over_all_tables(scores: list[float], weight: float) -> None:
    expected = _by_tables(torch.tensor(scores), weight)
    assert predicted_losses(torch.tensor(scores), weight) == pytest.approx(expected, abs=2e-5)


def test_what_is_possible_at_lambda_0_and_at_10() -> None:
    scores = torch.tensor([0.5, 0.8, 0.2, 0.6])
    alone, both = predicted_losses(scores, 0.0), predicted_losses(scores, 10.0)
    assert alone["collapse"] < alone["right"] == alone["shifted"] < alone["caught"]
    assert both["right"] == both["shifted"] == alone["right"]
    assert both["collapse"] > 7 + both["right"] - alone["right"]


def _paper(scores, lambda_cycle):
    k, e = scores.numel(), (1 - scores) ** 2
    c = lambda_cycle * (1 - 1 / k)
    return {
        "right": e.mean(),
        "shifted": e.mean(),
        "collapse": e[scores.argmax()] + c,
        "caught": (k / (k + 1)) ** 2 + c,
    }


def test_predicted_losses_right() -> None:
    assert judge(find("11.3"), _paper) == ""


def _but(**changes: Any):
    return lambda scores, w: (
        predicted_losses(scores, w) | {key: f(scores, len(scores), w) for key, f in changes.items()}
    )


@pytest.mark.parametrize(
    "answer, message",
    [
        (_but(shifted=lambda s, k, w: float(((s - 1) ** 2).mean()) + w), "You let the shifted pairs pay for the cycle"),
        (_but(shifted=lambda s, k, w: 1), "You let D_Y find the shifted pairs out"),
        (_but(right=lambda s, k, w: 0), "You let the right pairs pay nothing"),
        (_but(collapse=lambda s, k, w: float((s.max() - 1) ** 2)), "You let the collapse pay nothing for the cycle"),
        (_but(collapse=lambda s, k, w: float((s.max() - 1) ** 2) + w), "You let the collapse lose every x"),
        (_but(caught=lambda s, k, w: (k / (k + 1)) ** 2 + w / k), "You count the pictures that come back"),
        (_but(collapse=lambda s, k, w: float(((s - 1) ** 2).mean()) + w * (k - 1) / k), "the mean of the scores"),
        (_but(caught=lambda s, k, w: 1 + w * (k - 1) / k), "Your D_Y says 0 to the y of the collapse"),
        (_but(caught=lambda s, k, w: 0.25 + w * (k - 1) / k), "Your D_Y still says 1/2"),
        (_but(caught=lambda s, k, w: predicted_losses(s, w)["collapse"]), "Your D_Y has learnt nothing"),
        (_but(caught=lambda s, k, w: 1 / (k + 1) ** 2 + w * (k - 1) / k), "Your D* is not that of the collapse"),
        (
            _but(collapse=lambda s, k, w: float((s.max() - 1) ** 2) + (k - 1) / k),
            "The weight is missing",
        ),
        (_but(caught=lambda s, k, w: (k / (k + 1)) ** 2 + 2 * w * (k - 1) / k), "the cycle in both directions"),
        (_but(right=lambda s, k, w: float(((s - 1) ** 2).sum())), "You added up what G pays to D_Y"),
        (_but(shifted=lambda s, k, w: float((s.mean() - 1) ** 2)), "You took the mean of the scores first"),
        (
            _but(caught=lambda s, k, w: float((1 - s.max() / (s.max() + 1)) ** 2) + w * (k - 1) / k),
            "You put D_Y's score into D* as p",
        ),
        (
            _but(caught=lambda s, k, w: (k / (k + 1)) ** 2 / k + 1 / (k + 1) ** 2 + w * (k - 1) / k),
            "Your `caught` has D's loss",
        ),
        (
            _but(caught=lambda s, k, w: ((k / (k + 1)) ** 2 / k + 1 / (k + 1) ** 2) / 2),
            "Your `caught` has D's loss",
        ),
        (_but(shifted=lambda s, k, w: -1.0), "Shifted is not right|On GAN alone"),
        (lambda s, w: predicted_losses(s, 0.0), "You let the collapse pay nothing for the cycle"),
        (lambda s, w: predicted_losses(s, w)["right"], "expected a dict with the keys"),
    ],
)
def test_predicted_losses_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.3", answer)
    assert any(part in str(caught.value) for part in message.split("|"))
    assert str(caught.value).endswith((".", "?"))


def test_the_ring_collapses_without_the_cycle_and_pairs_wrongly_with_it() -> None:
    """What the lesson says of the slow D: nearly all x to one or a few y, against all eight y in a wrong pairing."""
    names: dict[str, Any] = {"torch": torch}
    exec(find("11.3").given, names)
    alone = names["play_on_a_ring"](0, 1e-4)
    cycle = names["play_on_a_ring"](10, 1e-4)
    assert alone["reached"] <= 4
    assert alone["cycle error"] > 0.5
    assert cycle["reached"] == 8
    assert cycle["cycle error"] < 0.1
    assert cycle["right"] < 8
    assert play_on_a_ring(0, 1e-3, seed=1, steps=2) == play_on_a_ring(0, 1e-3, seed=1, steps=2)


# 11.4: the identity loss


@pytest.mark.parametrize(
    "answer",
    [
        lambda netG, netF, x, y, w: w * F.l1_loss(netF(x), x) + w * F.l1_loss(netG(y), y),
        lambda netG, netF, x, y, w: 2 * w * torch.cat([y - netG(y), x - netF(x)]).abs().mean(),
    ],
)
def test_identity_loss_right(answer: Any) -> None:
    assert judge(find("11.4"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda G, B, x, y, w: w * (F.l1_loss(G(x), x) + F.l1_loss(B(y), y)), "You give x to G and ask for x back"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(y), y) + F.l1_loss(B(y), y)), "and y to F too"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(x), x) + F.l1_loss(B(x), x)), "and x to G too"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(x), y) + F.l1_loss(B(y), x)), "as if x and y were a pair"),
        (lambda G, B, x, y, w: w * (F.l1_loss(G(y), x) + F.l1_loss(B(x), y)), "you compare what comes out"),
        (lambda G, B, x, y, w: cycle_loss(G, B, x, y, w), "This is the cycle loss"),
        (lambda G, B, x, y, w: w * F.l1_loss(G(y), y), "The term of F is missing"),
        (lambda G, B, x, y, w: w * F.l1_loss(B(x), x), "The term of G is missing"),
        (lambda G, B, x, y, w: w * (F.mse_loss(G(y), y) + F.mse_loss(B(x), x)), "You square the error"),
        (lambda G, B, x, y, w: F.l1_loss(G(y), y) + F.l1_loss(B(x), x), "The weight is missing"),
        (lambda G, B, x, y, w: w * F.l1_loss(G(y), y) + F.l1_loss(B(x), x), "One term has the weight"),
        (lambda G, B, x, y, w: F.l1_loss(G(y), y) + w * F.l1_loss(B(x), x), "One term has the weight"),
        (lambda G, B, x, y, w: 0.5 * identity_loss(G, B, x, y, w), "is the whole weight already"),
        (lambda G, B, x, y, w: w * ((G(y) - y).abs().sum() + (B(x) - x).abs().sum()), "add the errors of all pixels"),
        (lambda G, B, x, y, w: identity_loss(G, B, x, y, w).detach(), "No gradient reaches netG and netF"),
    ],
)
def test_identity_loss_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.4", answer)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_what_a_perfect_pair_pays_is_as_the_message_says() -> None:
    netG, netF, x, y, weight = _perfect().inputs
    assert torch.equal(netG(x), y)
    assert torch.equal(netF(y), x)
    assert identity_loss(netG, netF, x, y, weight).item() == 0
    wrong = (netG(x) - x).abs().mean() + (netF(y) - y).abs().mean()
    assert wrong.item() == pytest.approx(2.8)
    assert "pay 2.8" in find("11.4").mistakes[0].message


def test_the_losses_are_those_of_the_system() -> None:
    """CycleGAN's own terms are the cycle and the identity loss of the exercises, with half of lambda for the second."""
    torch.manual_seed(0)
    system = CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=1, identity=0.5))
    batch = system.example_batch(2, "cpu")
    with torch.no_grad():
        cycle = cycle_loss(system.netG, system.netF, batch.x, batch.y, 10.0)
        identity = identity_loss(system.netG, system.netF, batch.x, batch.y, 5.0)
    system.optimizer_step = lambda name, loss: None  # type: ignore[method-assign, assignment]
    terms = system.training_step(batch)
    assert (terms["forward"] + terms["backward"]).item() == pytest.approx(cycle.item(), rel=1e-4)
    assert (terms["identity_y"] + terms["identity_x"]).item() == pytest.approx(identity.item(), rel=1e-4)
