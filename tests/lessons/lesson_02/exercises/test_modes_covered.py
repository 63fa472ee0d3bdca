"""Exercise 02.4: other right answers pass, and other wrong answers get a concrete message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.data.mixtures import ring
from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_02.exercises.modes_covered import _cases, modes_covered
from course_lib.systems.gan import GAN, GANConfig
from course_lib.training import fit, seed_everything


def _by_loops(samples, centres, std):
    found, good = set(), 0
    for sample in samples.tolist():
        distances = [math.dist(sample, centre) for centre in centres.tolist()]
        if min(distances) <= 3 * std:
            good += 1
            found.add(distances.index(min(distances)))
    return {"modes": len(found), "high_quality": good / len(samples)}


def _numpy(samples, centres, std):
    distance = np.linalg.norm(samples.numpy()[:, None] - centres.numpy(), axis=2)
    good = distance.min(1) <= 3 * std
    return {"high_quality": good.mean(), "modes": np.unique(distance.argmin(1)[good]).size}


def _one_hot(samples, centres, std):
    squares = torch.cdist(samples, centres).square()
    nearest = torch.nn.functional.one_hot(squares.argmin(1), len(centres)).bool()
    hits = nearest & (squares <= 9 * std**2)
    return {"modes": hits.any(0).sum(), "high_quality": hits.any(1).float().mean()}


def _counts(samples, centres, std):
    near, which = torch.cdist(samples, centres, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    counts = which[near <= 3 * std].bincount(minlength=len(centres))
    return {"modes": int((counts > 0).sum()), "high_quality": float(counts.sum() / len(samples))}


@pytest.mark.parametrize("answer", [_by_loops, _numpy, _one_hot, _counts])
def test_modes_covered_right(answer: Any) -> None:
    assert judge(find("02.4"), answer) == ""


def _but(**changes: Any) -> Any:
    def answer(samples, centres, std):
        return modes_covered(samples, centres, std) | {key: change(samples) for key, change in changes.items()}

    return answer


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda samples, centres, std: tuple(modes_covered(samples, centres, std).values()), "a dict with the keys"),
        (lambda samples, centres, std: modes_covered(samples, centres, std)["modes"], "a dict with the keys"),
        (_but(modes=lambda samples: set()), "modes: expected a number, got "),
        (_but(modes=lambda samples: 8), "modes: expected 6, got 8"),
        (_but(high_quality=lambda samples: samples[:, 0] > 0), "high_quality: expected a number, got a bool tensor"),
        (_but(high_quality=lambda samples: 1.0), "high_quality: expected 0."),
        (lambda samples, centres, std: (samples - centres).norm(), "your function stopped with RuntimeError"),
    ],
)
def test_modes_covered_wrong_in_another_way(answer: Any, message: str) -> None:
    try:
        found = judge(find("02.4"), answer)
    except Exception as error:
        found = str(error)
    assert message in found


def test_a_consistent_wrong_line_is_named_though_both_figures_are_wrong() -> None:
    def one_std(samples, centres, std):
        return modes_covered(samples, centres, std / 3)

    assert judge(find("02.4"), one_std).startswith("You draw the line at another distance than 3 `std`")


def test_only_one_case_has_a_sample_on_the_border() -> None:
    for case in _cases():
        samples, centres, std = case.inputs
        distance = torch.cdist(samples.double(), centres.double())
        exact = case.label == "a sample exactly 3 std away"
        assert ((distance / (3 * std) - 1).abs() > 0.01).all() != exact, case.label
        two = distance.sort(dim=1).values[:, :2]
        assert len(centres) == 1 or (two[:, 1] - two[:, 0] > 1e-6).all(), case.label


def test_modes_covered_of_known_samples() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = torch.tensor([[2.9, 0.0], [2.2, 2.2], [10.0, -2.9], [7.0, 7.0], [0.0, -1.0]])
    both = modes_covered(samples, centres, 1.0)  # the second is 3.1 away, the fourth belongs nowhere
    assert both == {"modes": 2, "high_quality": pytest.approx(0.6)}


def test_a_generator_that_diverged_has_no_good_samples() -> None:
    both = modes_covered(torch.full((4, 2), float("nan")), torch.zeros(3, 2), 0.1)
    assert both == {"modes": 0, "high_quality": 0.0}


def test_the_mixture_itself_covers_all_and_has_the_share_of_a_rayleigh_distribution() -> None:
    """Of a round Gaussian in the plane exp(-9/2) = 1.1 % lies beyond 3 standard deviations."""
    draw = torch.Generator().manual_seed(0)
    centres = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
    samples = centres.repeat_interleave(4000, dim=0) + 0.05 * torch.randn((36000, 2), generator=draw)
    both = modes_covered(samples, centres, 0.05)
    assert both["modes"] == 9
    assert both["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.002)  # its standard error is 0.0006


def _wrong_dimension(samples, centres, std):
    nearest, which = torch.cdist(samples, centres).min(0)
    good = nearest <= 3 * std
    return {"modes": which[good].unique().numel(), "high_quality": good.float().mean()}


def _diamond(samples, centres, std):
    nearest, which = torch.cdist(samples, centres, p=1.0).min(1)
    good = nearest <= 3 * std
    return {"modes": which[good].unique().numel(), "high_quality": good.float().mean()}


def _pairs(samples, centres, std):
    within = torch.cdist(samples, centres) <= 3 * std
    return modes_covered(samples, centres, std) | {"high_quality": within.sum() / len(samples)}


@pytest.mark.parametrize(
    "answer, message",
    [
        (_wrong_dimension, "You reduce the table of distances over the samples"),
        (_diamond, "You add the distances along the two coordinates, which draws a diamond"),
        (_pairs, "Your `high_quality` counts a sample once for each centre that is near enough"),
    ],
)
def test_a_wrong_table_is_named(answer: Any, message: str) -> None:
    assert judge(find("02.4"), answer).startswith(message)


def test_a_share_of_pairs_exceeds_1_where_modes_are_close() -> None:
    assert max(float(_pairs(*case.inputs)["high_quality"]) for case in _cases()) > 1


def test_the_reason_given_is_true_of_a_generator_on_one_mode() -> None:
    assert "a perfect share, 1, and covers one mode" in find("02.4").why
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert modes_covered(centres[:1].expand(50, 2), centres, 0.05) == {"modes": 1, "high_quality": 1.0}


def test_the_start_that_the_task_names_runs() -> None:
    seed_everything(0)
    system = GAN(GANConfig(g_hidden=(256, 256), d_hidden=(256, 256), d_lr=1e-4, pack=2, noise=0.1, decay=0.5))
    fit(system, ring().points(50_000), steps=2, batch_size=256, flip=False, device="cpu", progress=False)
    found = modes_covered(system.sample(100), ring().means, ring().std)
    assert 0 <= found["modes"] <= 8
