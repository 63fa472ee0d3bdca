"""The usual step of CycleGAN does the same sums as the course's, so that the two times can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from course_lib.data.containers import Batch
from course_lib.lessons.lesson_11.usual import COMPARISON, SETTINGS, compare, pair_of
from course_lib.systems.cyclegan import CycleGANConfig

SMALL = CycleGANConfig(base_channels=8, blocks=2, downs=1, d_channels=8, patch_layers=1, identity=0.5)


@pytest.mark.parametrize("changes", [{}, {"identity": 0.0}, {"downs": 2, "patch_layers": 2}])
def test_both_steps_are_the_same(changes):
    torch.manual_seed(0)
    usual, ours = pair_of(replace(SMALL, **changes))
    x, y = torch.rand(2, 3, 3, 32, 32) * 2 - 1
    losses = usual.step(x, y)
    scalars = ours.training_step(Batch(index=torch.arange(3), x=x, y=y))
    of_g = sum(float(value) for name, value in scalars.items() if not name.startswith("d_"))
    assert of_g == pytest.approx(losses["G"], rel=1e-4)
    assert float(scalars["d_y"] + scalars["d_x"]) == pytest.approx(losses["D"], rel=1e-4)
    for name in ("netG", "netF", "netD_y", "netD_x"):
        theirs = usual.__dict__[name].state_dict().values()
        own = getattr(ours, name).state_dict().values()
        moved = sum(float((a - b).abs().sum()) for a, b in zip(theirs, own, strict=True))
        # Adam's first step has the size lr whatever the gradient: only where that is near 0 can they differ
        assert moved < 0.02 * SMALL.lr * sum(value.numel() for value in own), name


def test_times_are_of_all_players(even_clock):
    found = compare(SMALL, side=32, batch_size=2, seconds=0.1, compiled=False)
    assert found["seconds"] == {"usual": 1.0, "ours": 1.0}
    assert found["images/s"] == {"usual": 2.0, "ours": 2.0}
    assert found["times faster"] == {"usual": 1.0, "ours": 1.0}
    assert found["turns"] == 3
    assert found["GFLOP"] > 0


def test_what_was_measured_last_is_of_the_settings_as_they_are():
    found = COMPARISON.last()["settings"]
    assert {name: (one["side"], one["batch"]) for name, one in found.items()} == {
        name: (side, batch) for name, (_, side, batch) in SETTINGS.items()
    }
    assert all({"usual", "ours"} <= set(one["seconds"]) for one in found.values())
