"""Exercise 03.6: a direction among the codes that changes one attribute."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def attribute_direction(mu: torch.Tensor, labels: torch.Tensor, having: int, lacking: int) -> torch.Tensor:
    """Return the step from the mean code of the pictures that lack an attribute to that of those that have it.

    Args:
        mu: float32, shape (N, d), the code of each picture.
        labels: int64, shape (N,), the label of each picture; other labels than the two below may occur.
        having: the label of the pictures with the attribute; at least one picture has it.
        lacking: the label of the pictures without it; at least one picture has it.

    Returns:
        Shape (d,): added to the code of a picture that lacks the attribute, it is an edit of strength 1.
    """
    return mu[labels == having].mean(dim=0) - mu[labels == lacking].mean(dim=0)


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def case(label: str, counts: dict[int, int], d: int, having: int, lacking: int) -> Case:
        labels = torch.tensor([key for key, count in counts.items() for _ in range(count)])
        labels = labels[torch.randperm(len(labels), generator=draw)]
        centres = 2 * torch.randn((10, d), generator=draw)
        # Skewed, so that mean and median differ.
        mu = centres[labels] + torch.randn((len(labels), d), generator=draw).exp()
        return Case(label, mu, labels, having, lacking)

    return [
        case("ten labels", dict.fromkeys(range(10), 3), 4, 8, 3),
        case("two labels, one of them rare", {0: 12, 1: 5}, 3, 1, 0),
        case("the rare label lacks the attribute", {0: 4, 1: 11, 2: 6}, 2, 1, 0),
        case("one latent", {0: 3, 2: 6, 5: 4}, 1, 2, 5),
        case("one picture of each label", {0: 1, 1: 1, 2: 1}, 5, 0, 2),
        case("twenty latents", {4: 7, 7: 9, 9: 5}, 20, 4, 9),
    ]


def _mean(mu: Tensor, labels: Tensor, label: int) -> Tensor:
    return mu[labels == label].mean(dim=0)


def _count(labels: Tensor, label: int) -> int:
    return int((labels == label).sum())


def _in_order(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    split = _count(labels, having)
    return mu[:split].mean(dim=0) - mu[split:].mean(dim=0)


def _as_if_sorted(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    first, second = _count(labels, having), _count(labels, lacking)
    return mu[:first].mean(dim=0) - mu[first : first + second].mean(dim=0)


def _halves(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    return mu[: len(mu) // 2].mean(dim=0) - mu[len(mu) // 2 :].mean(dim=0)


def _unit(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    step = attribute_direction(mu, labels, having, lacking)
    return step / step.norm()


def _paired(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    first, second = mu[labels == having], mu[labels == lacking]
    count = min(len(first), len(second))
    return (first[:count] - second[:count]).mean(dim=0)


def _largest(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    step = attribute_direction(mu, labels, having, lacking)
    return torch.where(step.abs() == step.abs().max(), step, 0.0)


def _covariance(mu: Tensor, labels: Tensor, having: int, lacking: int) -> Tensor:
    either = (labels == having) | (labels == lacking)
    mark = (labels[either] == having).float()
    return ((mark - mark.mean())[:, None] * (mu[either] - mu[either].mean(dim=0))).mean(dim=0)


ATTRIBUTE_DIRECTION = Exercise(
    id="03.6",
    title="A direction that changes one attribute",
    kind="open extension",
    trains="directions in the space of codes",
    minutes=25,
    level=2,
    optional=True,
    task="""
        To edit a picture x, encode it with E (`netE`), change its code z and decode it with the decoder G (`netG`). A
        single latent rarely means something to us, but the labels can say in which direction to go. Write
        `attribute_direction(mu, labels, having, lacking)`: the step from the mean code of the pictures with the label
        `lacking` to the mean code of those with the label `having`. Keep its length: this very step is the edit of
        strength 1. Then use it: encode held-out pictures that lack the attribute, add 0, 0.5, 1, 1.5 and 2 times the
        step to their codes, and decode. At which strength does the picture change over, and what else changes with it?
        At which strength do the decoded pictures stop looking like one garment to you? Does the classifier of the
        section after next agree, that is, does it call fewer of them `having` from there on?
    """,
    reference=attribute_direction,
    cases=_cases,
    mistakes=(
        Mistake(
            "The step goes the other way: it takes the attribute away. It should lead from `lacking` to `having`.",
            lambda mu, labels, having, lacking: _mean(mu, labels, lacking) - _mean(mu, labels, having),
        ),
        Mistake(
            "You added the two mean codes. A step leads from one place to another: "
            "what must be added to the first place to reach the second.",
            lambda mu, labels, having, lacking: _mean(mu, labels, having) + _mean(mu, labels, lacking),
            lambda mu, labels, having, lacking: 0.5 * (_mean(mu, labels, having) + _mean(mu, labels, lacking)),
        ),
        Mistake(
            "You scaled the step to length 1. Its length says how far the two groups lie apart, and is kept: "
            "the whole step is the edit of strength 1.",
            _unit,
            lambda mu, labels, having, lacking: -_unit(mu, labels, having, lacking),
        ),
        Mistake(
            "You subtracted the mean of all pictures. Compare with those that have the label `lacking` alone.",
            lambda mu, labels, having, lacking: _mean(mu, labels, having) - mu.mean(dim=0),
        ),
        Mistake(
            "You compared with all pictures that do not have the label `having`. Other labels occur: "
            "use those with the label `lacking` alone.",
            lambda mu, labels, having, lacking: _mean(mu, labels, having) - mu[labels != having].mean(dim=0),
        ),
        Mistake(
            "You subtracted sums. A label that is frequent would pull harder: take the mean of each group.",
            lambda mu, labels, having, lacking: mu[labels == having].sum(dim=0) - mu[labels == lacking].sum(dim=0),
        ),
        Mistake(
            "You divided by the number of all pictures. Divide each sum by the number of pictures in its own group.",
            lambda mu, labels, having, lacking: (
                (mu[labels == having].sum(dim=0) - mu[labels == lacking].sum(dim=0)) / len(mu)
            ),
        ),
        Mistake(
            "You divided both sums by the same number. Each group has its own number of pictures.",
            lambda mu, labels, having, lacking: (
                (mu[labels == having].sum(dim=0) - mu[labels == lacking].sum(dim=0)) / _count(labels, having)
            ),
            lambda mu, labels, having, lacking: (
                (mu[labels == having].sum(dim=0) - mu[labels == lacking].sum(dim=0))
                / (_count(labels, having) + _count(labels, lacking))
            ),
        ),
        Mistake(
            "You chose rows by their position. Which rows belong to a group is said by `labels`.",
            lambda mu, labels, having, lacking: mu[having] - mu[lacking],
            _in_order,
            _as_if_sorted,
            _halves,
        ),
        Mistake(
            "You took one picture of each label. A single picture differs in much else: take the mean of its group.",
            lambda mu, labels, having, lacking: mu[labels == having][0] - mu[labels == lacking][0],
            lambda mu, labels, having, lacking: mu[labels == having][-1] - mu[labels == lacking][-1],
        ),
        Mistake(
            "You took medians. The step is the difference of the means.",
            lambda mu, labels, having, lacking: (
                mu[labels == having].median(dim=0).values - mu[labels == lacking].median(dim=0).values
            ),
            lambda mu, labels, having, lacking: (
                mu[labels == having].quantile(0.5, dim=0) - mu[labels == lacking].quantile(0.5, dim=0)
            ),
        ),
        Mistake(
            "You returned the mean code of one group. A direction is a difference: from one mean to the other.",
            lambda mu, labels, having, lacking: _mean(mu, labels, having),
            lambda mu, labels, having, lacking: _mean(mu, labels, lacking),
        ),
        Mistake(
            "You averaged over the latents too. The step has one number for each latent.",
            lambda mu, labels, having, lacking: mu[labels == having].mean() - mu[labels == lacking].mean(),
            lambda mu, labels, having, lacking: (
                mu[labels == having].mean(dim=1).mean() - mu[labels == lacking].mean(dim=1).mean()
            ),
        ),
        Mistake(
            "You took the labels 1 and 0, whatever was asked for. `having` and `lacking` say which labels are meant.",
            lambda mu, labels, having, lacking: _mean(mu, labels, 1) - _mean(mu, labels, 0),
        ),
        Mistake(
            "You paired the pictures of both groups and left out those that have no partner. Take the mean of each "
            "whole group.",
            _paired,
        ),
        Mistake(
            "You divided the latents by their standard deviation first: the step then has other units than the codes.",
            lambda mu, labels, having, lacking: attribute_direction(mu / mu.std(dim=0), labels, having, lacking),
        ),
        Mistake(
            "You kept the largest coordinate alone. A direction runs through all latents.",
            _largest,
        ),
        Mistake(
            "This is a covariance of code and label. The step is a difference of two means.",
            _covariance,
        ),
    ),
    hints=(
        "Two groups of rows, a mean code of each, one difference. Where should the step begin, and where end?",
        "`labels == having` is True for the rows with that label; `mu[labels == having]` has these rows alone.",
        "`.mean(dim=0)` of such rows is a mean code of shape (d,).",
        "The mean code of the rows with `having`, minus the mean code of the rows with `lacking`.",
    ),
    why="from the mean code without the attribute one such step leads to the mean code with it, "
    "and what the pictures of both groups have in common cancels.",
)
