"""Exercise 03.3: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.draw_latent import buggy_draw_latent, draw_latent


def _root_of_variance(mu, logvar, noise):
    return mu + logvar.exp().sqrt() * noise


def _by_loops(mu, logvar, noise):
    return torch.stack([m + torch.exp(s / 2) * e for m, s, e in zip(mu, logvar, noise, strict=True)])


@pytest.mark.parametrize(
    "answer",
    [
        _root_of_variance,
        _by_loops,
        lambda mu, logvar, noise: torch.addcmul(mu, noise, torch.exp(logvar / 2)),
        lambda mu, logvar, noise: noise.detach() * logvar.exp() ** 0.5 + mu,
    ],
)
def test_draw_latent_right(answer: Any) -> None:
    assert judge(find("03.3"), answer) == ""


def _in_place(mu, logvar, noise):
    return mu + noise.mul_((0.5 * logvar.detach()).exp())


def _numbers(mu, logvar, noise):
    return torch.tensor(draw_latent(mu, logvar, noise).tolist())


@pytest.mark.parametrize(
    "answer, message",
    [
        (buggy_draw_latent, "No gradient reaches logvar"),
        (_in_place, "No gradient reaches logvar"),
        (_numbers, "No gradient reaches mu or logvar"),
        (lambda mu, logvar, noise: draw_latent(mu, logvar, noise).data, "No gradient reaches mu or logvar"),
        (lambda mu, logvar, noise: torch.normal(mu, logvar.exp()), "No gradient reaches mu or logvar"),
        (
            lambda mu, logvar, noise: torch.distributions.Normal(mu, (0.5 * logvar).exp()).rsample(),
            "You draw noise of your own",
        ),
        (lambda mu, logvar, noise: mu + logvar.exp() * torch.randn(mu.shape), "You draw noise of your own"),
        (lambda mu, logvar, noise: mu.detach() + logvar.exp() * noise, "No gradient reaches mu:"),
        (lambda mu, logvar, noise: draw_latent(mu, logvar, noise).sum(), "yours is a tensor of shape ()"),
        (lambda mu, logvar, noise: (draw_latent(mu, logvar, noise), mu), "yours is a tuple"),
        (lambda mu, logvar, noise: print(end=""), "returned nothing (None): is a `return` missing?"),
        (lambda mu, logvar, noise: draw_latent(mu, logvar, noise) + 1, "z: "),
        (lambda mu, logvar, noise: draw_latent(mu, logvar, noise).sigmoid(), "z: expected values from"),
        (lambda mu, logvar, noise: draw_latent(2 * mu, logvar, noise) - mu.detach(), "the gradient in mu: "),
        (lambda mu, logvar: mu, "The function should take (mu, logvar, noise), but yours takes (mu, logvar)."),
    ],
)
def test_draw_latent_wrong_in_another_way(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("03.3", answer)
    assert message in str(caught.value)


def test_right_values_alone_are_not_enough() -> None:
    """What a check of the values alone would let pass."""
    cut = [
        lambda mu, logvar, noise: draw_latent(mu, logvar, noise).detach(),
        lambda mu, logvar, noise: draw_latent(mu.detach(), logvar, noise),
        lambda mu, logvar, noise: draw_latent(mu, logvar.detach(), noise),
    ]
    mu, logvar, noise = torch.randn(3, 2, 4)
    for answer in cut:
        assert torch.equal(answer(mu, logvar, noise), draw_latent(mu, logvar, noise))
        assert judge(find("03.3"), answer).startswith("No gradient reaches")


def test_one_bug_repaired_leaves_the_other_to_be_named() -> None:
    def std(mu, logvar, noise):
        with torch.no_grad():
            shift = (0.5 * logvar).exp() * noise
        return mu + shift

    assert judge(find("03.3"), std).startswith("No gradient reaches logvar")
    assert "which is the variance" in judge(find("03.3"), lambda mu, logvar, noise: mu + logvar.exp() * noise)


@pytest.mark.parametrize(
    "answer",
    [
        lambda mu, logvar, noise: mu * noise + (0.5 * logvar).exp(),
        lambda mu, logvar, noise: torch.addcmul(logvar.exp().sqrt(), mu, noise),
        lambda mu, logvar, noise: logvar.exp() + noise * mu,
    ],
)
def test_mean_and_standard_deviation_exchanged(answer: Any) -> None:
    assert judge(find("03.3"), answer).startswith("mu and the standard deviation are exchanged")


def test_the_hint_names_the_bug_that_hides_the_other() -> None:
    hints = " ".join(find("03.3").hints)
    assert "the `no_grad` bug, which lets logvar settle there, hides the other" in hints
    assert "first bug" not in hints
    noise = torch.randn((3, 2))
    assert torch.equal(buggy_draw_latent(noise, torch.zeros(3, 2), noise), draw_latent(noise, torch.zeros(3, 2), noise))


def test_the_symptoms_in_the_task_are_true() -> None:
    def leaves() -> tuple[Tensor, Tensor]:
        return torch.zeros(100_000, 1, requires_grad=True), torch.full((100_000, 1), -2.0, requires_grad=True)

    noise = torch.randn((100_000, 1), generator=torch.Generator().manual_seed(0))
    mu, logvar = leaves()
    z = buggy_draw_latent(mu, logvar, noise)
    (z - 0.3).square().sum().backward()  # any reconstruction error
    assert mu.grad is not None
    assert logvar.grad is None
    assert z.std().item() == pytest.approx(0.14, abs=0.005)
    mu, logvar = leaves()
    z = draw_latent(mu, logvar, noise)
    (z - 0.3).square().sum().backward()
    assert mu.grad is not None
    assert logvar.grad is not None
    assert z.std().item() == pytest.approx(0.37, abs=0.005)


def test_the_given_code_runs_in_a_notebook() -> None:
    names: dict[str, Any] = {"torch": torch}
    exec(find("03.3").given, names)
    assert judge(find("03.3"), names["buggy_draw_latent"]).startswith("No gradient reaches logvar")
