"""The runs on the paper's data sets have the paper's settings at the preset ``gpu``."""

from __future__ import annotations

import pytest

from course_lib.lessons.lesson_11.paper_scale import RUNS
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig

IDENTITY = {"horse2zebra": 0.0, "monet2photo": 0.5, "apple2orange": 0.0, "summer2winter_yosemite": 0.0}


@pytest.mark.parametrize("name", IDENTITY)
def test_the_gpu_preset_is_the_papers(name, at_gpu) -> None:
    (one,) = (one for one in RUNS if one.name == f"lesson_11/{name}")
    asked, system = at_gpu(one)
    assert asked == {"name": name, "split": "train", "size": 286, "limit": None, "crop": 256}
    assert (one.training.epochs, one.training.batch_size, one.settings.flip) == (200, 1, None)
    assert isinstance(system, CycleGAN)
    assert system.config == CycleGANConfig(identity=IDENTITY[name])
    assert all(hasattr(system, net) for net in one.inference)


def test_these_are_all() -> None:
    assert [one.name.split("/")[1] for one in RUNS] == list(IDENTITY)
