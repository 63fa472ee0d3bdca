"""The classifier of garments: it leaves no trace, is the same each time, and judges what is known."""

from __future__ import annotations

import pytest
import torch

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03.class_judge import class_accuracy, garment_classifier
from course_lib.lessons.lesson_03.held_out import conditional_figures, drawn_classes
from course_lib.systems.conditional_vae import ConditionalVAE, ConditionalVAEConfig


def test_a_classifier_that_is_known():
    images = torch.zeros(4, 1, 28, 28)
    assert class_accuracy(images, torch.tensor([2, 2, 1, 2]), lambda x: torch.eye(10)[2].expand(len(x), 10)) == 0.75
    with pytest.raises(ShapeError, match="give one a picture"):
        class_accuracy(images, torch.tensor([1]))


def test_training_leaves_no_trace_and_even_a_short_one_helps():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    judge = garment_classifier(seed=1)
    assert torch.equal(torch.rand(3), expected)
    held_out = data.fashion_mnist("validation")
    pictures, labels = normalise(held_out.images[:1000]), held_out.labels[:1000]
    assert class_accuracy(pictures, labels, judge) > 0.5  # 20 steps with the preset of the tests; chance gives 0.1
    assert not judge(pictures[:2]).requires_grad


def test_figures_of_a_network_that_knows_nothing():
    torch.manual_seed(0)
    system = ConditionalVAE(ConditionalVAEConfig(width=8, latents=3))
    found = conditional_figures(system, "test", samples=50)
    assert set(found) == {"negative ELBO", "reconstruction", "KL", "active units", "class accuracy"}
    assert found["negative ELBO"] == pytest.approx(found["reconstruction"] + found["KL"])
    assert found["reconstruction"] == pytest.approx(784 * 0.693, rel=0.05)  # every pixel a half
    assert drawn_classes(system).shape == (20, 3, 28, 28)
