"""Exercise 01.2: the pictures that minimise the expected squared and the expected absolute error."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.comparing import Difference, differences
from course_lib.exercises.exercise import Case, Exercise, Mistake


def best_constant(answers: torch.Tensor, weights: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the one picture that is best against several right answers, for each of two losses.

    Args:
        answers: float32, shape (K, C, H, W), the K right answers to one input.
        weights: float32, shape (K,), how often each answer occurs; not negative, and they need not sum to 1.

    Returns:
        A dict of two pictures of shape (C, H, W): "mse_minimiser" minimises the expected squared error,
        "mae_minimiser" the expected absolute error.
    """
    chance = weights / weights.sum()
    mean = (chance.view(-1, 1, 1, 1) * answers).sum(dim=0)
    values, order = answers.sort(dim=0)  # each pixel's K values, from dark to bright
    at_most = chance[order].cumsum(dim=0)  # the chance of an answer that is at most as bright
    first = (at_most < 0.5).sum(dim=0, keepdim=True)  # the first value at which half is reached
    median = values.gather(0, first.clamp(max=len(answers) - 1))[0]
    return {"mse_minimiser": mean, "mae_minimiser": median}


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def answers(*shape: int) -> Tensor:
        return torch.rand(shape, generator=draw) * 2 - 1

    black_white = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1)
    return [
        Case("black or white, 60 to 40", black_white, torch.tensor([0.6, 0.4])),
        Case("black or white, 50 to 50", black_white, torch.tensor([0.5, 0.5])),
        Case("black or white, 47 to 53", black_white, torch.tensor([0.47, 0.53])),
        Case("black or white, 49.97 to 50.03", black_white, torch.tensor([0.4997, 0.5003])),
        Case("black or white, 54 to 46", black_white, torch.tensor([0.54, 0.46])),
        Case("six equally likely answers", answers(6, 3, 4, 4), torch.full((6,), 1 / 6)),
        Case("five answers, one of them frequent", answers(5, 3, 3, 4), torch.tensor([0.05, 0.1, 0.55, 0.1, 0.2])),
        Case("four answers, weights given as counts", answers(4, 1, 5, 2), torch.tensor([3.0, 1.0, 6.0, 2.0])),
        Case("answers beyond black and white", 2 * answers(3, 1, 2, 4), torch.tensor([0.2, 0.5, 0.3])),
        Case("weights with a large sum", answers(7, 2, 2, 3), torch.tensor([9.0, 2.0, 0.0, 7.0, 4.0, 1.0, 3.0])),
        Case("one answer only", answers(1, 3, 2, 2), torch.tensor([2.0])),
    ]


def expected_absolute_error(picture: Tensor, answers: Tensor, weights: Tensor) -> Tensor:
    """Return each pixel's expected absolute error, ``(C, H, W)``, of one picture against weighted answers."""
    chance = (weights / weights.sum()).view(-1, 1, 1, 1)
    return (chance * (answers - picture).abs()).sum(dim=0)


def _compare(result: object, expected: dict[str, Tensor], answers: Tensor, weights: Tensor) -> list[Difference]:
    """Compare the mean by its pixels and the median by its loss: with an even split many pictures are right."""
    found = differences(result, expected)
    if not isinstance(result, dict):
        return found
    keep = [item for item in found if item.part != "mae_minimiser" or item.kind != "value"]
    picture = result.get("mae_minimiser")
    if len(keep) == len(found) or not isinstance(picture, Tensor):
        return keep
    if not picture.isfinite().all():
        return found
    best = expected_absolute_error(expected["mae_minimiser"], answers, weights)
    yours = expected_absolute_error(picture.detach().cpu(), answers, weights)
    excess = (yours - best).flatten()
    if excess.max() <= 1e-5:
        return keep
    worst = int(excess.argmax())
    text = (
        f"the expected absolute error can be as low as {best.flatten()[worst]:.4g} at one pixel, "
        f"and yours is {yours.flatten()[worst]:.4g} there"
    )
    return [*keep, Difference("value", text, "mae_minimiser")]


Pictures = dict[str, Tensor]


def _variant(
    mean: Callable[[Tensor, Tensor], Tensor] | None = None, median: Callable[[Tensor, Tensor], Tensor] | None = None
) -> Callable[[Tensor, Tensor], Pictures]:
    def answer(answers: Tensor, weights: Tensor) -> Pictures:
        pictures = best_constant(answers, weights)
        if mean is not None:
            pictures["mse_minimiser"] = mean(answers, weights)
        if median is not None:
            pictures["mae_minimiser"] = median(answers, weights)
        return pictures

    return answer


def _mean(answers: Tensor, weights: Tensor) -> Tensor:
    return best_constant(answers, weights)["mse_minimiser"]


def _half_of_raw_weights(answers: Tensor, weights: Tensor, half: float) -> Tensor:
    values, order = answers.sort(dim=0)
    first = (weights[order].cumsum(dim=0) < half).sum(dim=0, keepdim=True).clamp(max=len(answers) - 1)
    return values.gather(0, first)[0]


def _unsorted_weights(answers: Tensor, weights: Tensor, reached: float = 0.5) -> Tensor:
    """Return the value at which weights reach half, added up in their own order and not in that of the values."""
    chance = weights / weights.sum()
    first = int((chance.cumsum(dim=0) < reached).sum().clamp(max=len(answers) - 1))
    return answers.sort(dim=0).values[first]


def _least_total_distance(answers: Tensor, weights: Tensor) -> Tensor:
    """Return the whole answer with the least expected absolute error."""
    errors = [expected_absolute_error(one, answers, weights).sum() for one in answers]
    return answers[int(torch.stack(errors).argmin())]


def _before_half(answers: Tensor, weights: Tensor) -> Tensor:
    values, order = answers.sort(dim=0)
    chance = (weights / weights.sum())[order]
    first = ((chance.cumsum(dim=0) < 0.5).sum(dim=0, keepdim=True) - 1).clamp(min=0)
    return values.gather(0, first)[0]


def _after_half(answers: Tensor, weights: Tensor) -> Tensor:
    values, order = answers.sort(dim=0)
    reached = ((weights / weights.sum())[order].cumsum(dim=0) < 0.5 - 1e-6).sum(dim=0, keepdim=True)
    return values.gather(0, (reached + 1).clamp(max=len(answers) - 1))[0]


def _repeated(answers: Tensor, weights: Tensor) -> Tensor:
    return answers.repeat_interleave(weights.round().long().clamp(min=1), 0).median(dim=0).values


def _over_pixels(answers: Tensor, weights: Tensor) -> Tensor:
    share = weights.view(-1, 1, 1, 1).expand_as(answers).flatten()
    flat = best_constant(answers.reshape(-1, 1, 1, 1), share)["mae_minimiser"]
    return flat.expand(answers.shape[1:])


def _times_weight(answers: Tensor, weights: Tensor) -> Tensor:
    return (answers * weights.view(-1, 1, 1, 1)).median(dim=0).values


BEST_CONSTANT = Exercise(
    id="01.2",
    title="The best picture against several right answers",
    kind="derivation to code",
    trains="minimisers of an expected loss",
    minutes=15,
    level=2,
    task=r"""
        One input has $K$ right answers $y_1, \dots, y_K$, which occur with weights $w_1, \dots, w_K$ (counts, say: they
        need not sum to 1). A network that gives one picture $\hat y$ for this input is judged by the expected loss
        $\sum_k p_k\, \ell(\hat y, y_k)$ with $p_k = w_k / \sum_j w_j$. Set its derivative with respect to one pixel of
        $\hat y$ to zero, once for the squared error and once for the absolute error, and turn both results into code:
        `best_constant(answers, weights)` returns the two best pictures. Where every value in an interval is equally
        good, any of them counts as right.
    """,
    reference=best_constant,
    cases=_cases,
    compare=_compare,
    mistakes=(
        Mistake(
            "For the absolute error you gave the mean as well. The mean minimises the squared error; "
            "the expected absolute error is least at a median of each pixel's values.",
            _variant(median=_mean),
            _variant(median=lambda answers, weights: answers.mean(dim=0)),
        ),
        Mistake(
            "Your mean gives every answer the same weight. A frequent answer must pull harder: take the weighted mean.",
            _variant(mean=lambda answers, weights: answers.mean(dim=0)),
        ),
        Mistake(
            "The weights do not sum to 1 here, and your mean does not divide by their sum. Normalise them first.",
            _variant(mean=lambda answers, weights: (answers * weights.view(-1, 1, 1, 1)).sum(dim=0)),
            _variant(mean=lambda answers, weights: (answers * weights.view(-1, 1, 1, 1)).mean(dim=0)),
        ),
        Mistake(
            "Your mean is taken over the pixels too. Each pixel has its own mean, over the K answers.",
            _variant(mean=lambda answers, weights: _mean(answers, weights).mean().expand(answers.shape[1:])),
            _variant(mean=lambda answers, weights: answers.mean().expand(answers.shape[1:])),
        ),
        Mistake(
            "Your median forgets the weights: it counts each answer once. "
            "Add up the weights from the darkest value on, and stop where half of the total is reached.",
            _variant(median=lambda answers, weights: answers.median(dim=0).values),
            _variant(median=lambda answers, weights: answers.quantile(0.5, dim=0)),
            _variant(median=lambda answers, weights: answers.sort(dim=0).values[len(answers) // 2]),
        ),
        Mistake(
            "You sorted the values, but added up the weights in their old order. Each weight belongs to its value: "
            "bring the weights into the order of each pixel's values, too.",
            _variant(median=_unsorted_weights),
        ),
        Mistake(
            "Your median is one value too low: it stops before half of the weight is reached.",
            _variant(median=_before_half),
        ),
        Mistake(
            "Your median is taken over all pixels at once. Each pixel has its own median, over the K answers.",
            _variant(median=_over_pixels),
            _variant(median=lambda answers, weights: answers.median().expand(answers.shape[1:])),
            _variant(median=lambda answers, weights: answers.quantile(0.5).expand(answers.shape[1:])),
        ),
        Mistake(
            "Your median compares the added-up weights with 0.5 although they do not sum to 1. Normalise them first.",
            _variant(median=lambda answers, weights: _half_of_raw_weights(answers, weights, 0.5)),
        ),
        Mistake(
            "For the absolute error you gave one whole answer: the likeliest, the mode, or the one nearest to all. "
            "Each pixel has its own median, and these need not come from one answer.",
            _variant(median=lambda answers, weights: answers[weights.argmax()]),
            _variant(median=_least_total_distance),
        ),
        Mistake(
            "You multiplied the answers by their weights before you took the median, which changes the values. "
            "The weights say how often a value counts; the median itself is one of the answers' values.",
            _variant(median=_times_weight),
            _variant(median=lambda answers, weights: _times_weight(answers, weights / weights.sum())),
            _variant(median=lambda answers, weights: _times_weight(answers, len(weights) * weights / weights.sum())),
        ),
        Mistake(
            "The weights went through a softmax. They are shares already: divide them by their sum.",
            lambda answers, weights: best_constant(answers, weights.softmax(0)),
        ),
        Mistake(
            "Your median is one place too far: take the first value at which half of the weight is reached.",
            _variant(median=_after_half),
        ),
        Mistake(
            "You repeated answers as often as their weights say, rounded. Weights may be shares, such as 0.47: add "
            "them up in the order of the values.",
            _variant(median=_repeated),
        ),
    ),
    hints=(
        "The pixels do not see each other: solve it for one pixel with K values, then do the same for all at once.",
        "Squared error: the derivative is the sum of `2 * p_k * (y_hat - y_k)`. Absolute error: every darker "
        "answer adds `+p_k` and every brighter one `-p_k`. When do these sums vanish?",
        "The first gives the weighted mean. The second vanishes where the weights on both sides are equal: a weighted "
        "median. Sort each pixel's K values with `answers.sort(dim=0)`, which returns the order too.",
        "`chance[order].cumsum(dim=0)` adds up the chances from the darkest value on; the median is the first value at "
        "which the sum reaches 0.5, and `values.gather(0, index)` picks it.",
    ),
    why="the squared error pulls in proportion to the distance and rests at the weighted mean; "
    "the absolute error pulls with the weights alone and rests where half of the weight is on either side.",
)
