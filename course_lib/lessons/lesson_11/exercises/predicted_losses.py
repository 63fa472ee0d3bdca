"""Exercise 11.3: what G gains by collapse and by wrong pairs, with and without the cycle loss.

Source: Zhu et al. (2017), section 3.2: adversarial losses alone cannot say which x belongs to which y.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.lessons.lesson_11.ring import play_on_a_ring


def predicted_losses(scores: torch.Tensor, lambda_cycle: float) -> dict[str, float]:
    """Predict four sums that G may pay for K pictures, E[(D_Y(G(x)) - 1)^2] + lambda E|F(G(x)) - x|.

    Args:
        scores: float32, shape (K,), K at least 2: what D_Y says to each of y_1 ... y_K, from 0 to 1.
        lambda_cycle: the weight of the cycle loss, 0 or more.

    Returns:
        A dict of four sums: "right" for x_k to y_k, "shifted" for x_k to y_(k+1) and the last to y_1, "collapse" for
        every x to the y with the highest score, and "caught" for the same after D_Y has found its best answer to it.
    """
    k = len(scores)
    error = (scores - 1).square()
    lost = lambda_cycle * (k - 1) / k  # F gets the same y for every x, and is right once in K
    return {
        "right": error.mean().item(),
        "shifted": error.mean().item(),  # D_Y sees no pairs, and F can undo the shift
        "collapse": error.min().item() + lost,
        "caught": (1 - 1 / (k + 1)) ** 2 + lost,  # the best D_Y: p / (p + q) = (1 / K) / (1 / K + 1)
    }


def _cases() -> list[Case]:
    return [
        Case("GAN alone", torch.tensor([0.5, 0.8, 0.2]), 0.0),
        Case("the paper's weight", torch.tensor([0.5, 0.8, 0.2]), 10.0),
        Case("a D_Y that has not made up its mind", torch.full((8,), 0.5), 10.0),
        Case("two pictures", torch.tensor([0.9, 0.3]), 0.0),
        Case("two pictures and a small weight", torch.tensor([0.9, 0.3]), 0.4),
        Case("five pictures", torch.tensor([0.4, 0.7, 0.1, 0.55, 0.6]), 2.0),
    ]


Answer = Callable[[Tensor, float], dict[str, float]]
Part = Callable[[Tensor, float], float]


def _but(**changes: Part) -> Answer:
    def answer(scores: Tensor, lambda_cycle: float) -> dict[str, float]:
        changed = {key: change(scores, lambda_cycle) for key, change in changes.items()}
        return predicted_losses(scores, lambda_cycle) | changed

    return answer


def _gan(errors: Callable[[Tensor], Tensor]) -> Answer:
    """Return a variant with another adversarial term in the two translations that D_Y is held still for."""

    def answer(scores: Tensor, lambda_cycle: float) -> dict[str, float]:
        error, right = errors(scores), predicted_losses(scores, lambda_cycle)
        lost = right["collapse"] - (scores - 1).square().min().item()
        mean = error.mean().item()
        return right | {"right": mean, "shifted": mean, "collapse": error[scores.argmax()].item() + lost}

    return answer


def _mean(scores: Tensor, lambda_cycle: float = 0.0) -> float:
    return (scores - 1).square().mean().item()


def _best(scores: Tensor, lambda_cycle: float = 0.0) -> float:
    return (scores - 1).square().min().item()


def _caught(scores: Tensor) -> float:
    return (len(scores) / (len(scores) + 1)) ** 2


def _charged(cycle: Callable[[int, float], float]) -> tuple[Answer, ...]:
    """Return the variants in which the collapse pays something else for the cycle: in both parts, and in one."""

    def collapse(scores: Tensor, lambda_cycle: float) -> float:
        return _best(scores) + cycle(len(scores), lambda_cycle)

    def caught(scores: Tensor, lambda_cycle: float) -> float:
        return _caught(scores) + cycle(len(scores), lambda_cycle)

    return _but(collapse=collapse, caught=caught), _but(collapse=collapse), _but(caught=caught)


def _lost(share: Callable[[int], float]) -> tuple[Answer, ...]:
    """Return the variants in which the collapse loses another share of the pictures: in both parts, and in one."""
    return _charged(lambda k, weight: weight * share(k))


def _all_made(part: Callable[[Tensor], Tensor]) -> tuple[Answer, ...]:
    """Return the variants in which G pays D_Y something else where each y is made once: in both parts, and in one."""

    def pays(scores: Tensor, lambda_cycle: float) -> float:
        return part(scores).item()

    return _but(right=pays, shifted=pays), _but(right=pays), _but(shifted=pays)


def _after(d_says: Callable[[int], float]) -> Answer:
    """Return the variant in which the D_Y that has caught up says something else to the collapsed output."""

    def caught(scores: Tensor, lambda_cycle: float) -> float:
        k = len(scores)
        return (1 - d_says(k)) ** 2 + lambda_cycle * (k - 1) / k

    return _but(caught=caught)


def _cycle_of_collapse(scores: Tensor, lambda_cycle: float) -> float:
    return lambda_cycle * (len(scores) - 1) / len(scores)


def _loss_of_d(share: float) -> tuple[Answer, ...]:
    """What D pays at D*, in all 1 / (K + 1), in the place of what G pays; with and without the cycle."""

    def alone(scores: Tensor, lambda_cycle: float) -> float:
        return share / (len(scores) + 1)

    def with_cycle(scores: Tensor, lambda_cycle: float) -> float:
        return alone(scores, lambda_cycle) + _cycle_of_collapse(scores, lambda_cycle)

    return _but(caught=alone), _but(caught=with_cycle)


def _with_score_as_p(scores: Tensor) -> float:
    return (1 - scores.max().item() / (scores.max().item() + 1)) ** 2


PREDICTED_LOSSES = Exercise(
    id="11.3",
    title="What does lambda = 0 give, and what does the cycle rule out?",
    kind="prediction to test",
    trains="what a loss rules out, and what it leaves open",
    minutes=25,
    level=3,
    task=r"""
        K emoji, each drawn in two styles: $x_1 \ldots x_K$ and $y_1 \ldots y_K$. Nobody knows the pairs. Two different
        pictures of a style are 1 apart (mean absolute error). G is a table that sends each x to one of the y, and F
        one that sends each y to one of the x. F is always the table with the smallest cycle loss.

        $D_Y$ is held still and says the numbers in `scores` to $y_1 \ldots y_K$. Then G pays
        $E[(D_Y(G(x)) - 1)^2] + \lambda\, E|F(G(x)) - x|$. How much is it in each of these cases?

        * `"right"`: each $x_k$ becomes $y_k$.
        * `"shifted"`: $x_k$ becomes $y_{k+1}$, and the last one $y_1$. No pair is right.
        * `"collapse"`: every x becomes the y with the highest score.
        * `"caught"`: the same, but $D_Y$ has now minimised its own least-squares loss against this G. It says
          $D^* = p / (p + q)$ to that y, with p its share among the real pictures and q among the outputs.

        Write `predicted_losses(scores, lambda_cycle)`, which returns the four sums in a dict. Then compare lambda = 0
        with lambda = 10: which of the four can G end in? The networks of the ring, below, put your answer to the test.
    """,
    reference=predicted_losses,
    given=inspect.getsource(play_on_a_ring),
    cases=_cases,
    mistakes=(
        Mistake(
            "You let the shifted pairs pay for the cycle. F takes every y back to the x that it came from, "
            "whichever pairing G has chosen: a wrong pairing that F can undo costs nothing.",
            _but(shifted=lambda scores, weight: _mean(scores) + weight),
            _but(shifted=lambda scores, weight: _mean(scores) + _cycle_of_collapse(scores, weight)),
            _but(shifted=lambda scores, weight: _mean(scores) + weight / len(scores)),
        ),
        Mistake(
            "You let D_Y find the shifted pairs out. D_Y sees one picture at a time and no x: "
            "every y is made once, as with the right pairs.",
            _but(shifted=lambda scores, weight: 1.0),
            _but(shifted=lambda scores, weight: 1.0 + weight),
            _but(shifted=lambda scores, weight: _caught(scores)),
        ),
        Mistake(
            "You let the right pairs pay nothing at all. D_Y knows no pairs: G pays for what D_Y says to each y, "
            "rightly paired or not.",
            _but(right=lambda scores, weight: 0.0),
            _but(right=lambda scores, weight: 0.0, shifted=lambda scores, weight: 0.0),
        ),
        Mistake(
            "You let the collapse pay nothing for the cycle. F gets the same y for every x, "
            "and can bring back no more than one of the K.",
            *_lost(lambda k: 0),
        ),
        Mistake(
            "You let the collapse lose every x. F sends the one y that is left to one of the x, "
            "and for that one the cycle is right.",
            *_lost(lambda k: 1),
        ),
        Mistake(
            "You count the pictures that come back in place of those that are lost: of K pictures F brings back one.",
            *_lost(lambda k: 1 / k),
        ),
        Mistake(
            "You added up the lost pictures of the collapse. The cycle loss is a mean over the K pictures.",
            *_lost(lambda k: k - 1),
            *_lost(lambda k: k),
        ),
        Mistake(
            "The weight is missing: the share of lost pictures is multiplied by `lambda_cycle`.",
            *_charged(lambda k, weight: (k - 1) / k),
        ),
        Mistake(
            "You count the cycle in both directions. Here G pays for one, from x to y and back.",
            *_lost(lambda k: 2 * (k - 1) / k),
        ),
        Mistake(
            "You added up what G pays to D_Y. E is a mean over the K pictures.",
            *_all_made(lambda scores: (scores - 1).square().sum()),
        ),
        Mistake(
            "You took the mean of the scores first and squared then. Each output has its own error, "
            "and the mean is that of the squares.",
            *_all_made(lambda scores: (scores.mean() - 1).square()),
        ),
        Mistake(
            "You let the collapsed G pay for the mean of the scores, or for another y than the best. "
            "All of its outputs are the one y that D_Y likes most: that is the gain of a collapse.",
            _but(collapse=lambda scores, weight: _mean(scores) + _cycle_of_collapse(scores, weight)),
            _but(collapse=lambda scores, weight: (1 - scores.mean()).item() ** 2 + _cycle_of_collapse(scores, weight)),
            _but(
                collapse=lambda scores, weight: (1 - scores.argmax().item()) ** 2 + _cycle_of_collapse(scores, weight)
            ),
            _but(collapse=lambda scores, weight: (1 - scores.min()).item() ** 2 + _cycle_of_collapse(scores, weight)),
            _but(collapse=lambda scores, weight: (1 - scores[0]).item() ** 2 + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "You let the collapsed G deceive D_Y entirely. D_Y says its highest score to each output, "
            "and what is missing to 1 is paid for.",
            _but(collapse=lambda scores, weight: _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "You let D_Y find the collapse out while it is held still. In `collapse` it still says what it said; "
            "only in `caught` has it learnt.",
            _but(collapse=lambda scores, weight: _caught(scores) + _cycle_of_collapse(scores, weight)),
            _but(collapse=lambda scores, weight: 1 + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "Your D_Y has learnt nothing from the collapse: `caught` is what G paid before. "
            "All outputs are now one y, which is real in 1 of K cases only.",
            _but(caught=lambda scores, weight: _best(scores) + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "Your D_Y says 0 to the y of the collapse once it has caught up. It cannot: "
            "that picture is also one of the real ones. Use D* = p / (p + q).",
            _after(lambda k: 0.0),
        ),
        Mistake(
            "Your D_Y still says 1/2 to the y of the collapse. That holds where real and made pictures are "
            "equally frequent; here it is 1 of K real ones and all of the made ones.",
            _after(lambda k: 0.5),
        ),
        Mistake(
            "You put D_Y's score into D* as p. p is how often that y is drawn among the real pictures, "
            "and no matter of what D_Y said before.",
            _but(caught=lambda scores, weight: _with_score_as_p(scores) + _cycle_of_collapse(scores, weight)),
            _but(caught=lambda scores, weight: _with_score_as_p(scores)),
        ),
        Mistake(
            "Your `caught` has D's loss. D* is where D's loss is smallest, but it is G that pays here: "
            "put D* into the loss of G.",
            *_loss_of_d(1.0),
            *_loss_of_d(0.5),
        ),
        Mistake(
            "Your D* is not that of the collapse. One real picture in K is that y, p = 1 / K, and every output is, "
            "q = 1: put both into p / (p + q).",
            _after(lambda k: 1 / k),
            _after(lambda k: k / (k + 1)),
            _after(lambda k: 1 - 1 / k),
        ),
        Mistake(
            "The square is missing in the adversarial term: it is the mean of (D - 1)^2.",
            _gan(lambda scores: 1 - scores),
            _but(caught=lambda scores, weight: _caught(scores) ** 0.5 + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "You halved what G pays to D_Y. The half belongs to D's loss: G pays the whole of (D - 1)^2.",
            _gan(lambda scores: 0.5 * (scores - 1).square()),
            _but(caught=lambda scores, weight: 0.5 * _caught(scores) + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "You put 10 in the place of `lambda_cycle`: the weight is an argument.",
            lambda scores, weight: predicted_losses(scores, 10.0),
        ),
        Mistake(
            "You let the collapse lose half of the pictures. F brings back one of the K, so that K - 1 are lost.",
            *_lost(lambda k: 0.5),
        ),
        Mistake(
            "You divided by K what the caught G pays to D_Y. Every output is that one y, and each pays the same.",
            _but(caught=lambda scores, weight: _caught(scores) / len(scores) + _cycle_of_collapse(scores, weight)),
        ),
        Mistake(
            "You took D's target for G's: G pays for what is missing to 1, (D - 1)^2.",
            _gan(lambda scores: scores.square()),
        ),
        Mistake(
            "You took logarithms in the adversarial term. This game is that of the squares, (D - 1)^2.",
            _gan(lambda scores: -scores.log()),
            _gan(lambda scores: (1 - scores).log()),
        ),
    ),
    hints=(
        "Take the two terms apart. Which of the four translations makes every y once? What does D_Y, which sees no x, "
        "say to them on average?",
        "The cycle: whenever G sends different x to different y, a table F can undo it. If G sends all x to one y, "
        "F has one x to give back. How often is that the right one?",
        "So the cycle costs 0, 0 and lambda (K - 1) / K. The collapse pays for the highest score only, "
        "the other two for the mean of all.",
        "Caught: p = 1 / K and q = 1 give D* = 1 / (K + 1), and G pays (1 - D*)^2 besides the cycle.",
    ),
    why="against a D_Y that is held still a collapse is never dearer than the right pairs at lambda = 0, and only a "
    "D_Y that keeps up makes it so; the cycle loss charges a collapse lambda (K - 1) / K and a wrong pairing nothing. "
    "On the ring, lambda = 10 reaches all eight points at both rates, and hardly any partner is right (measured: "
    "0 or 2 of 8).",
)
