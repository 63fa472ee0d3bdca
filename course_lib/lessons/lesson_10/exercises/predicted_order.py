"""Exercise 10.5: which pairs D accepts, predicted before D is asked.

Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2017), section 3.1.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake


def predicted_order(sees: str) -> dict[str, str]:
    """Predict which of two kinds of pairs has the higher mean score by a trained D, on held-out emoji.

    Args:
        sees: what D is given: "x and y" as in pix2pix, "y" alone (the unconditional D), or "x" alone (a slip).

    Returns:
        A dict with the keys "true ? shuffled", "true ? output", "output ? shuffled" and "output ? shuffled output". The
        value of "a ? b" is ">" if D's loss asks for a higher score of the kind a, "<" if for one of the kind b, "=" if
        both must have the very same mean, and "?" if nothing that D met settles it.
    """
    if sees == "x":  # both sides show the same conditions
        return {
            "true ? shuffled": "=",
            "true ? output": "=",
            "output ? shuffled": "=",
            "output ? shuffled output": "=",
        }
    if sees == "y":  # shuffling changes nothing that D sees
        return {
            "true ? shuffled": "=",
            "true ? output": ">",
            "output ? shuffled": "<",
            "output ? shuffled output": "=",
        }
    return {
        "true ? shuffled": "?",  # a real picture beside a wrong x is neither in the data nor among the outputs
        "true ? output": ">",
        "output ? shuffled": "?",
        "output ? shuffled output": "?",
    }


def mean_scores(netD, x, y, fake):
    wrong_x = x.roll(1, dims=0)  # each condition goes to the next picture
    pairs = {"true": (x, y), "shuffled": (wrong_x, y), "output": (x, fake), "shuffled output": (wrong_x, fake)}
    with torch.no_grad():
        return {kind: netD(*pair).mean().item() for kind, pair in pairs.items()}


SEES = ("x and y", "y", "x")
PAIRS = ("true ? shuffled", "true ? output", "output ? shuffled", "output ? shuffled output")
SIGNS = (">", "=", "<", "?")
SHOWN = 32  # held-out pairs


def held_out() -> tuple[Tensor, Tensor]:
    """Return flat and 3D pictures of held-out emoji, no two of the same person or thing, float32 in [-1, 1]."""
    pairs = data.emoji_pairs("test", x="flat", y="3d")
    assert pairs.factors is not None
    first: dict[int, int] = {}
    for row, role in enumerate(pairs.factors["role"].tolist()):
        first.setdefault(role, row)
    rows = torch.tensor(list(first.values()))
    rows = rows[torch.linspace(0, len(rows) - 1, SHOWN).long()]
    return normalise(pairs.x[rows]), normalise(pairs.y[rows])


def _cases() -> list[Case]:
    labels = ("the conditional D", "the unconditional D", "a D that is blind to the picture")
    return [Case(label, sees) for label, sees in zip(labels, SEES, strict=True)]


def _observe(answer: Callable[[str], object], sees: str) -> object:
    """Look at the prediction, and refuse other signs than the four."""
    found = answer(sees)
    if found is None:
        raise ExerciseError(NOTHING)
    if isinstance(found, dict) and set(PAIRS) <= set(found):
        odd = next((value for value in found.values() if value not in SIGNS), None)
        if odd is not None:
            raise ExerciseError(f'Each value is ">", "=", "<" or "?"; yours has {describe(odd)}.')
    return found


def _but(pair: str, signs: tuple[str, ...]) -> Callable[[str], dict[str, str]]:
    """Put other signs, one a D, in place of the right ones for a comparison."""
    return lambda sees: predicted_order(sees) | {pair: dict(zip(SEES, signs, strict=True))[sees]}


MESSAGES = {
    ("true ? shuffled", "x and y"): "You think that D's loss settles what a real picture beside a wrong x is worth. "
    "D was shown true pairs and outputs, and such a pair is neither: where p + q is 0, D is free.",
    ("true ? shuffled", "y"): "To a D that sees y alone, true and shuffled pairs are the same pictures. "
    "Whatever it thinks of them, their mean score stays as it is.",
    ("true ? shuffled", "x"): "To a D that sees x alone, shuffling exchanges the conditions among themselves. "
    "Their mean score stays as it is.",
    ("true ? output", "x and y"): "D is trained to score true pairs higher than outputs, "
    "and G does not catch up so far that the order turns.",
    ("true ? output", "y"): "A D that sees y alone is still trained to tell real pictures from outputs. "
    "It lacks the condition, not the labels.",
    ("true ? output", "x"): "A D that sees x alone is shown the very same x with a true picture and with an output. "
    "It has nothing to tell them by.",
    ("output ? shuffled", "x and y"): "You compare outputs with real pictures beside a wrong x. D knows the first "
    "as made, and has never met the second: no label says which of the two scores higher.",
    ("output ? shuffled", "y"): "A D that sees y alone does not notice the wrong x: "
    "to it, shuffled pairs are real pictures, and outputs are not.",
    ("output ? shuffled", "x"): "A D that sees x alone does not notice that one side has outputs and the other side "
    "real pictures: the conditions are the same.",
    ("output ? shuffled output", "x and y"): "An output beside the x of another was never shown to D, neither as real "
    "nor as made. That it does not fit is our knowledge, and no part of D's loss.",
    ("output ? shuffled output", "y"): "Both sides are the same outputs beside other conditions, "
    "and a D that sees y alone never looks at those.",
    ("output ? shuffled output", "x"): "You expect a D that sees x alone to notice which output stands beside it. "
    "The conditions themselves are the same on both sides.",
}


def _mistakes() -> list[Mistake]:
    """Return a mistake for each comparison and each D: the wrong signs there, right or the same for the D after it.

    A prediction that is wrong for several D belongs to the first of them.
    """
    found = []
    for pair in PAIRS:
        right = tuple(predicted_order(sees)[pair] for sees in SEES)
        for place, sees in enumerate(SEES):
            wrong = [
                (*right[:place], sign, *later)
                for sign in SIGNS
                if sign != right[place]
                for later in itertools.product(*({other, sign} for other in right[place + 1 :]))
            ]
            found.append(Mistake(MESSAGES[pair, sees], *(_but(pair, signs) for signs in sorted(wrong))))
    return found


PREDICTED_ORDER = Exercise(
    id="10.5",
    title="Which pair does D accept?",
    kind="prediction to test",
    trains="what a D of pairs has learned",
    minutes=10,
    level=2,
    task="""
        Take held-out emoji and make four kinds of pairs: *true* ones, (x, y); *shuffled* ones, in which the real y
        stands beside the x of another emoji; *outputs*, (x, G(x)); and *shuffled outputs*, G(x) beside the x of
        another. A trained D scores them all, and we take the mean over the pairs of a kind. Predict the order for three
        D: the conditional D of pix2pix, which sees "x and y"; an unconditional one, which sees "y" alone; and one that
        by a slip sees "x" alone. Write `predicted_order(sees)`, which returns `">"`, `"="`, `"<"` or `"?"` for four
        comparisons in a dict. `"?"` means: nothing that this D was shown settles it. Each D was trained in its game:
        its examples were true pairs and outputs of G, and no shuffled ones. Then ask the bundled conditional D:
        `mean_scores` is how.
    """,
    reference=predicted_order,
    given=inspect.getsource(mean_scores),
    cases=_cases,
    observe=_observe,
    mistakes=_mistakes(),
    hints=(
        "For each D write down what it is actually shown on both sides of a comparison. Where both sides show the same "
        "pictures, in another order, what can a mean do?",
        "Where the two sides differ, ask whether both kinds were among D's examples, as it sees them. To a D of y "
        "alone, a shuffled pair is a real picture; to a D of pairs it is something that it has never met.",
        "D* = p / (p + q) has a value where p or q is above 0. For the conditional D that holds for true pairs and for "
        "outputs beside their own x, and for neither kind of shuffled pair.",
    ),
    why="only what D has met is settled, and to the unconditional D a shuffled pair is as good as a true one. "
    "The bundled conditional D even scores real pictures beside a wrong x higher than true pairs.",
)
