"""Exercise 01.3: how far an output is from the nearest of the right answers."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def nearest_answer(outputs: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Return how far each output is from the nearest of its right answers.

    Args:
        outputs: float32, shape (N, C, H, W), one output an input.
        answers: float32, shape (N, K, C, H, W), the K right answers to each input.

    Returns:
        Shape (N,): the root of the mean squared difference over channels and pixels, to the nearest answer.
    """
    difference = outputs.unsqueeze(1) - answers  # (N, K, C, H, W)
    distance = difference.square().mean(dim=(2, 3, 4)).sqrt()  # (N, K)
    return distance.min(dim=1).values


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def case(label: str, n: int, k: int, *shape: int) -> Case:
        outputs = torch.rand((n, *shape), generator=draw) * 2 - 1
        return Case(label, outputs, torch.rand((n, k, *shape), generator=draw) * 2 - 1)

    answers = torch.rand((3, 4, 3, 4, 4), generator=draw)
    mean = answers.mean(dim=1)
    seven = torch.rand((2, 7, 3, 3, 4), generator=draw) * 2 - 1
    return [
        case("four inputs with six answers", 4, 6, 3, 4, 5),
        case("one input with three answers", 1, 3, 3, 2, 2),
        case("grey-scale images with one answer", 3, 1, 1, 5, 3),
        case("images of one pixel", 6, 2, 3, 1, 1),
        Case("outputs that are a right answer", answers[:, 2].clone(), answers),
        Case("outputs beyond black and white", 3 * mean - 1.5, answers - 1.5),
        Case("outputs that are the mean of the answers", mean, answers),
        Case("seven answers, the last of them near", seven[:, 6] + 0.1, seven),
        Case("outputs far beyond black and white", 8 * torch.rand((2, 3, 3, 4), generator=draw) - 4, seven),
    ]


def _distance(outputs: Tensor, answers: Tensor) -> Tensor:
    """Return the distances between each output and each of its answers, (N, K)."""
    return (outputs.unsqueeze(1) - answers).square().mean(dim=(2, 3, 4)).sqrt()


def _any_of_the_batch(outputs: Tensor, answers: Tensor) -> Tensor:
    everything = answers.flatten(0, 1).unsqueeze(0)
    return (outputs.unsqueeze(1) - everything).square().mean(dim=(2, 3, 4)).sqrt().min(dim=1).values


def _absolute(outputs: Tensor, answers: Tensor) -> Tensor:
    return (outputs.unsqueeze(1) - answers).abs().mean(dim=(2, 3, 4)).min(dim=1).values


def _chosen_by_absolute(outputs: Tensor, answers: Tensor) -> Tensor:
    which = (outputs.unsqueeze(1) - answers).abs().mean(dim=(2, 3, 4)).argmin(dim=1)
    return _distance(outputs, answers)[torch.arange(len(which)), which]


NEAREST_ANSWER = Exercise(
    id="01.3",
    title="How far is an output from the nearest right answer?",
    kind="open extension",
    trains="a metric where several answers are right",
    minutes=10,
    level=1,
    task="""
        The distance to *the* target punishes a network that gives another of the right answers. Measure instead how far
        each output is from the nearest of its K right answers, as the root of the mean squared difference over channels
        and pixels: `nearest_answer(outputs, answers)`. Then use it: compare the outputs of the three networks of this
        lesson, and the exact mean and median of the answers. Which of them is nearest to a real picture, and is
        that what you see?
    """,
    reference=nearest_answer,
    cases=_cases,
    mistakes=(
        Mistake(
            "You averaged over the K answers. An output need not be near to all of them: take the least distance.",
            lambda outputs, answers: _distance(outputs, answers).mean(dim=1),
            lambda outputs, answers: (outputs.unsqueeze(1) - answers).square().mean(dim=(1, 2, 3, 4)).sqrt(),
        ),
        Mistake(
            "You measured the distance to the mean of the answers, which is no real picture. "
            "Measure the distance to each answer, then take the least.",
            lambda outputs, answers: (outputs - answers.mean(dim=1)).square().mean(dim=(1, 2, 3)).sqrt(),
        ),
        Mistake(
            "You chose the nearest answer for each pixel, which mixes several pictures. "
            "Average over the pixels of one answer first, then take the least over the answers.",
            lambda outputs, answers: (
                (outputs.unsqueeze(1) - answers).square().min(dim=1).values.mean(dim=(1, 2, 3)).sqrt()
            ),
        ),
        Mistake(
            "You searched the answers of the whole batch. Each output has its own K answers, those with the same n.",
            _any_of_the_batch,
        ),
        Mistake(
            "You took the least over the batch. Take it over the K answers, which leaves one number for each output.",
            lambda outputs, answers: _distance(outputs, answers).min(),
            lambda outputs, answers: _distance(outputs, answers).min(dim=0).values,
        ),
        Mistake(
            "You forgot the root: this is the mean squared difference. With the root it has the unit of the pixels.",
            lambda outputs, answers: _distance(outputs, answers).square().min(dim=1).values,
        ),
        Mistake(
            "You summed over the pixels, so that larger images are farther away. Average over channels and pixels.",
            lambda outputs, answers: (
                (outputs.unsqueeze(1) - answers).square().sum(dim=(2, 3, 4)).sqrt().min(dim=1).values
            ),
            lambda outputs, answers: (outputs.unsqueeze(1) - answers).square().sum(dim=(2, 3, 4)).min(dim=1).values,
        ),
        Mistake(
            "You averaged absolute differences. Square them, average, then take the root.",
            _absolute,
        ),
        Mistake(
            "You took the largest distance over the answers: that is the farthest answer, not the nearest.",
            lambda outputs, answers: _distance(outputs, answers).max(dim=1).values,
        ),
        Mistake(
            "You returned which answer is nearest. Return how far it is, the `.values` of `.min(dim=1)`.",
            lambda outputs, answers: _distance(outputs, answers).argmin(dim=1),
        ),
        Mistake(
            "You averaged over the batch at the end. Return one number for each output.",
            lambda outputs, answers: _distance(outputs, answers).min(dim=1).values.mean(),
        ),
        Mistake(
            "You compared with one of the K answers alone. Measure the distance to each, and take the least.",
            lambda outputs, answers: _distance(outputs, answers)[:, 0],
            lambda outputs, answers: _distance(outputs, answers)[:, -1],
        ),
        Mistake(
            "You left an answer out. All K of them are right, the first and the last too.",
            lambda outputs, answers: _distance(outputs, answers)[:, : max(1, answers.shape[1] - 1)].amin(1),
            lambda outputs, answers: _distance(outputs, answers)[:, min(1, answers.shape[1] - 1) :].amin(1),
        ),
        Mistake(
            "You took the root for each channel and averaged the roots. Average the squares over channels and pixels "
            "together, then take one root.",
            lambda outputs, answers: (
                (outputs.unsqueeze(1) - answers).square().mean(dim=(3, 4)).sqrt().mean(dim=2).min(dim=1).values
            ),
        ),
        Mistake(
            "You chose the nearest answer by absolute differences and then measured another distance. Choose by the "
            "distance that you return.",
            _chosen_by_absolute,
        ),
        Mistake(
            "A small number stands below the root, so that a right answer is not at distance 0. No gradient is needed "
            "here: leave it out.",
            *(
                (lambda outputs, answers, small=small: (_distance(outputs, answers).square() + small).sqrt().amin(1))
                for small in (1e-3, 1e-4, 1e-6)
            ),
        ),
    ),
    hints=(
        "Go step by step from (N, K, C, H, W) to (N, K) and then to (N,). Is each a mean or a minimum?",
        "`outputs.unsqueeze(1)` has shape (N, 1, C, H, W) and can be compared with all K answers at once.",
        "Mean of the squared difference over `dim=(2, 3, 4)`, root, then `.min(dim=1).values`.",
    ),
    why="the mean runs over the pixels of one answer and only then the minimum over the answers, "
    "so that the nearest answer is one whole picture.",
)
