"""Held-out figures of lesson 12: the terms of the loss on photographs that no training has seen."""

from __future__ import annotations

import pytest

from course_lib.data.crops import photo_crops
from course_lib.data.pixels import normalise
from course_lib.lessons.lesson_12.held_out import style_figures
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig


def test_style_figures_are_the_terms_of_the_loss():
    """A system that changes nothing costs no content, and as much style as it says."""
    config = StyleTransferConfig(style_side=48, style_layers=("relu1_2", "relu2_2"), base_channels=2, tv_weight=3.0)
    system = StyleTransfer(config)
    system.stylise = lambda images, style=0: images.clone()
    found = style_figures(system, count=4)
    assert found["content"] == 0
    assert found["total variation"] == pytest.approx(1)
    x = normalise(photo_crops("test", 128, 4).images)
    expected = float(system.judge.terms(x, content=x)["style"])
    assert found["style"] == found["style untouched"] == pytest.approx(expected, rel=1e-4)
    system.stylise = lambda images, style=0: 0.5 * images
    darker = style_figures(system, count=4)
    assert darker["content"] > 0
    assert darker["total variation"] == pytest.approx(0.25, rel=1e-3)
    assert darker["style untouched"] == pytest.approx(expected, rel=1e-4)
