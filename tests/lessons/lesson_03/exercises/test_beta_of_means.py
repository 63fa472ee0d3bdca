"""Exercise 03.4: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_03.exercises.beta_of_means import beta_of_means
from course_lib.lessons.lesson_03.runs import BETAS

BOTH, ONLY = "beta_mean_both", "beta_mean_pixels_only"


def _by_weights(pixels, latents):
    reconstruction, kl = 1 / pixels, 1 / latents
    return {ONLY: 1 / reconstruction, BOTH: kl / reconstruction}


@pytest.mark.parametrize(
    "answer",
    [
        _by_weights,
        lambda pixels, latents: {BOTH: pixels / latents, ONLY: pixels},
        lambda pixels, latents: {BOTH: torch.tensor(pixels / latents), ONLY: torch.tensor(pixels)},
    ],
)
def test_beta_of_means_right(answer: Any) -> None:
    assert judge(find("03.4"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda pixels, latents: pixels / latents, "expected a dict with the keys"),
        (lambda pixels, latents: {BOTH: pixels / latents}, f'got the keys "{BOTH}"'),
        (lambda pixels, latents: beta_of_means(784, 20), "whatever the input is"),
        (lambda pixels, latents: beta_of_means(pixels, latents) | {ONLY: "all"}, "expected a number, got 'all'"),
        (lambda pixels, latents: beta_of_means(pixels, latents) | {ONLY: None}, "expected a number, got None"),
        (lambda pixels, latents: beta_of_means(pixels, latents) | {ONLY: 3 * pixels}, "3 times the right one"),
        (lambda pixels, latents: beta_of_means(pixels, latents) | {BOTH: pixels - latents}, "expected 39.2, got 764"),
        (lambda pixels, latents: {BOTH: 1, ONLY: 1}, "does not have beta = 1"),
        (lambda pixels, latents: {BOTH: latents / pixels, ONLY: 1 / pixels}, "Both numbers are upside down"),
        (lambda pixels, latents: {BOTH: latents / pixels, ONLY: pixels}, f"Your {BOTH} is upside down"),
        (lambda pixels, latents: {BOTH: pixels / latents, ONLY: 1 / pixels}, f"Your {ONLY} is upside down"),
        (lambda pixels, latents: {BOTH: latents / pixels, ONLY: pixels / latents}, f"Your {BOTH} is upside down"),
        (lambda pixels, latents: {BOTH: pixels, ONLY: pixels / latents}, "The two numbers are exchanged"),
        (lambda pixels, latents: {BOTH: pixels, ONLY: pixels}, "you forgot the latents"),
    ],
)
def test_beta_of_means_wrong_in_another_way(answer: Any, message: str) -> None:
    assert message in judge(find("03.4"), answer)


def test_the_task_asks_to_go_beyond_the_figure() -> None:
    assert max(BETAS) == 20 < beta_of_means(784, 20)[BOTH]
    assert "It stops at 20, so extrapolate" in " ".join(find("03.4").task.split())


def test_digits_with_twenty_latents() -> None:
    assert beta_of_means(784, 20) == {BOTH: pytest.approx(39.2), ONLY: 784.0}


@pytest.mark.parametrize("batch", [1, 5])
def test_the_losses_are_proportional_to_that_of_a_beta_vae(batch: int) -> None:
    """Both losses and the beta-VAE's have parallel gradients, whatever the batch."""
    draw = torch.Generator().manual_seed(batch)
    error = torch.rand((batch, 12), generator=draw).requires_grad_()
    kl = torch.rand((batch, 3), generator=draw).requires_grad_()
    beta = beta_of_means(12, 3)
    for key, kl_term in ((BOTH, kl.mean()), (ONLY, kl.sum(dim=1).mean())):
        means = error.mean() + kl_term
        beta_vae = error.sum(dim=1).mean() + beta[key] * kl.sum(dim=1).mean()
        assert beta_vae.item() == pytest.approx(12 * means.item(), rel=1e-5)
        for one, other in zip(
            torch.autograd.grad(means, (error, kl)), torch.autograd.grad(beta_vae, (error, kl)), strict=True
        ):
            assert torch.allclose(12 * one, other)
