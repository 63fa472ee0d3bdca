"""What lesson 02 says of its bundled runs."""

import statistics
from types import SimpleNamespace

import pytest
import torch

from course_lib import runs
from course_lib.lessons.lesson_02.held_out import garment_figures

SEEDS = [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def found():
    return {name: [runs.figures(f"lesson_02/{name}", seed) for seed in SEEDS] for name in NAMES}


NAMES = ("ring_slow", "ring_fast", "grid_slow", "grid_fast")


@pytest.mark.parametrize("name", NAMES)
def test_five_seeds_are_bundled(name):
    assert runs.seeds(f"lesson_02/{name}") == SEEDS


def test_with_a_fast_d_every_run_covers_the_ring(found):
    assert [one["modes"] for one in found["ring_fast"]] == [8] * 5
    assert min(one["high quality"] for one in found["ring_fast"]) > 0.8


def test_with_a_slow_d_most_runs_end_on_no_mode_of_the_ring(found):
    assert sum(one["modes"] == 0 for one in found["ring_slow"]) == 3


def test_on_the_grid_the_remedy_is_no_cure(found):
    assert min(one["modes"] for one in found["grid_fast"]) >= 22
    assert any(one["modes"] < 25 for one in found["grid_fast"])
    slow, fast = (statistics.mean(one["high quality"] for one in found[name]) for name in ("grid_slow", "grid_fast"))
    assert slow < 0.1 < 0.7 < fast


def test_garments_are_varied_and_far_nearer_to_real_ones_than_noise():
    figures = garment_figures(runs.load("lesson_02/garments"), count=200)
    noise = SimpleNamespace(sample=lambda count, generator: torch.rand(count, 1, 28, 28, generator=generator) * 2 - 1)
    assert figures["VGG-KID"] < 0.25 * garment_figures(noise, count=200)["VGG-KID"]
    assert figures["VGG-KID"] < 25
    assert 0.95 < figures["diversity"] < 1.05
