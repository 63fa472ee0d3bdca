"""What lesson 03 says of its bundled runs and of the record of the usual example."""

import pytest

from course_lib import data, runs
from course_lib.lessons.lesson_03 import usual
from course_lib.lessons.lesson_03.runs import BETAS
from course_lib.metrics import active_units, elbo_figures, importance_bound


@pytest.fixture(scope="module")
def held_out():
    return data.fashion_mnist("test").images


def test_long_run_has_a_better_bound_than_ten_epochs_of_the_usual_example(held_out):
    assert elbo_figures(runs.load("lesson_03/garments"), held_out)["negative ELBO"] < 241


def test_the_bound_rises_with_the_draws(held_out):
    system = runs.load("lesson_03/binary")
    few = held_out[:100]
    bounds = [float(importance_bound(system, few, samples=k).mean()) for k in (1, 10, 500)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert bounds[2] - bounds[0] < 10


def test_a_larger_beta_buys_rate_with_distortion_and_switches_latents_off(held_out):
    figures, used = [], []
    for beta in BETAS:
        system = runs.load(f"lesson_03/beta_{beta:g}")
        figures.append(elbo_figures(system, held_out[:2000]))
        used.append(int(active_units(system, held_out[:2000]).sum()))
    rates, distortions = [one["KL"] for one in figures], [one["reconstruction"] for one in figures]
    assert rates == sorted(rates, reverse=True)
    assert distortions == sorted(distortions)
    assert used == sorted(used, reverse=True)
    assert used[-1] < 5
    best = min(range(len(BETAS)), key=lambda k: figures[k]["negative ELBO"])
    assert BETAS[best] == 1.0


def test_the_record_of_the_usual_example():
    record = usual.COMPARISON.last()
    theirs, ours = record["usual"], record["ours"]
    assert record["epochs"] == 10
    assert len(theirs["negative ELBO"]) == len(ours["negative ELBO"]) == 3
    assert max(ours["negative ELBO"]) < min(theirs["negative ELBO"])
    assert all(3 * mine <= other for mine, other in zip(ours["seconds"], theirs["seconds"], strict=True))
