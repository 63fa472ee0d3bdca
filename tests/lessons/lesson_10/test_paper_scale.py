"""The runs on the paper's data sets have the paper's settings at the preset ``gpu``."""

from __future__ import annotations

import pytest

from course_lib.lessons.lesson_10.paper_scale import RUNS
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size", "size", "crop", "flip"),
    [
        ("facades", 200, 1, 286, 256, True),
        ("maps", 200, 1, 286, 256, True),
        ("edges2shoes", 15, 4, 256, None, False),
    ],
)
def test_the_gpu_preset_is_the_papers(name, epochs, batch_size, size, crop, flip, at_gpu) -> None:
    (one,) = (one for one in RUNS if one.name == f"lesson_10/{name}")
    asked, system = at_gpu(one)
    assert asked == {"name": name, "split": "train", "size": size, "limit": None, "crop": crop}
    assert (one.training.epochs, one.training.batch_size, one.settings.flip is None) == (epochs, batch_size, flip)
    assert isinstance(system, Pix2Pix)
    assert system.config == Pix2PixConfig()
    assert all(hasattr(system, net) for net in one.inference)


def test_these_are_all() -> None:
    assert [one.name.split("/")[1] for one in RUNS] == ["facades", "maps", "edges2shoes"]
