"""Exercise 10.6: what each term of G's loss gives by itself, predicted before it is looked up.

Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2017), section 4.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import Difference, describe, differences
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake
from course_lib.paths import manifest
from course_lib.runs.records import record_name, records_of


def predicted_ablation(system: str) -> dict[str, str]:
    """Predict how the held-out figures of a system compare with those of L1 and cGAN together.

    Args:
        system: "L1 alone", "cGAN alone", or "both", trained once more.

    Returns:
        A dict with the keys "sharpness", "L1" and "colourfulness". Each value is "lower", "same" or "higher": the
        figure of this system against that of both terms together.
    """
    return {
        "L1 alone": {"sharpness": "lower", "L1": "lower", "colourfulness": "lower"},
        "cGAN alone": {"sharpness": "higher", "L1": "higher", "colourfulness": "higher"},
        "both": {"sharpness": "same", "L1": "same", "colourfulness": "same"},
    }[system]


RUNS = {"L1 alone": "outline_l1", "cGAN alone": "outline_cgan"}
FIGURES = ("sharpness", "L1", "colourfulness")
WORDS = ("lower", "same", "higher")


def _cases() -> list[Case]:
    return [
        Case("the regression", "L1 alone"),
        Case("the adversary by itself", "cGAN alone"),
        Case("the same training again", "both"),
    ]


def _observe(answer: Callable[[str], object], system: str) -> object:
    """Look at the prediction, and refuse other words than the three."""
    found = answer(system)
    if found is None:
        raise ExerciseError(NOTHING)
    if isinstance(found, dict) and found and set(FIGURES) <= set(found):
        odd = next((value for value in found.values() if value not in WORDS), None)
        if odd is not None:
            raise ExerciseError(f'Each value is "lower", "same" or "higher"; yours has {describe(odd)}.')
    return found


def recorded_figures(run: str) -> list[dict[str, float]]:
    """Return the held-out figures of a run of the ablation, one dict a seed; an empty list where none are recorded."""
    if record_name("lesson_10") not in manifest():
        return []
    return [entry["figures"] for entry in records_of("lesson_10").get(f"lesson_10/{run}", {}).values()]


def decided(figure: str, system: str) -> tuple[str, str]:
    """Return what the record says of a figure, and the two means as a text.

    Returns:
        "lower" or "higher" where the seeds of this system and those of both terms do not overlap, "" where they do or
        where nothing is recorded.
    """
    mine, both = ([seed[figure] for seed in recorded_figures(run)] for run in (RUNS[system], "outline_both"))
    if not mine or not both:
        return "", ""
    told = f"{sum(mine) / len(mine):.3f} against {sum(both) / len(both):.3f}"
    if max(mine) < min(both):
        return "lower", told
    return ("higher" if min(mine) > max(both) else ""), told


def _compare(result: Any, expected: dict[str, str], system: str) -> list[Difference]:
    """Hold the prediction against the record; where its seeds overlap, any answer is right."""
    if system not in RUNS or not isinstance(result, dict) or not set(FIGURES) <= set(result):
        return differences(result, expected)
    found = []
    for figure in FIGURES:
        recorded, told = decided(figure, system)
        word = recorded or expected[figure]
        if result[figure] != word and (recorded or not told):
            text = f"the record does not say {describe(result[figure])}"  # what it does say is not given away
            found.append(Difference("value", text, figure))
    return found


Answer = Callable[[str], dict[str, str]]


def _but(figure: str, words: tuple[str, ...]) -> Answer:
    """Put other words, one a system, in place of the right ones for a figure."""
    return lambda system: predicted_ablation(system) | {figure: dict(zip(SYSTEMS, words, strict=True))[system]}


SYSTEMS = ("L1 alone", "cGAN alone", "both")

MESSAGES = {
    ("sharpness", "L1 alone"): "L1 alone is not as sharp as both. Where several answers fit x, "
    "the median of them is a smooth picture, and no term asks for detail.",
    ("sharpness", "cGAN alone"): "Without L1, nothing holds G back from fine detail, right or wrong: "
    "L1 punishes detail in the wrong place, and takes some of it away from both.",
    ("sharpness", "both"): "A training of both terms against another one of both terms has no reason to be sharper "
    "or less sharp.",
    ("L1", "L1 alone"): "The held-out L1 is what L1 alone minimises, and nothing else pulls it away from there. "
    "An adversary makes it larger, though the pictures look better.",
    ("L1", "cGAN alone"): "Without the L1 term nothing asks for *this* target: any picture that D believes will do. "
    "A believable output can be far from the one right answer.",
    ("L1", "both"): "Both against both: the held-out L1 has no reason to differ.",
    ("colourfulness", "L1 alone"): "L1 alone is not as colourful as both. "
    "The median of many possible colours is a quiet one, and no term minds.",
    ("colourfulness", "cGAN alone"): "A grey picture is easy for D to tell, and an adversary asks for colour. "
    "L1 is what pulls towards grey, and here it is missing.",
    ("colourfulness", "both"): "Both against both: the colours have no reason to differ.",
}


def _mistakes() -> list[Mistake]:
    """Return a mistake for each figure and system: the wrong words there, right or the same for the systems after it.

    A prediction that is wrong for several systems belongs to the first of them.
    """
    found = []
    for figure in FIGURES:
        right = tuple(predicted_ablation(system)[figure] for system in SYSTEMS)
        for place, system in enumerate(SYSTEMS):
            wrong = [
                (*right[:place], word, *later)
                for word in WORDS
                if word != right[place]
                for later in itertools.product(*({other, word} for other in right[place + 1 :]))
            ]
            found.append(Mistake(MESSAGES[figure, system], *(_but(figure, words) for words in sorted(wrong))))
    return found


PREDICTED_ABLATION = Exercise(
    id="10.6",
    title="What does each term give by itself?",
    kind="prediction to test",
    trains="reading an ablation",
    minutes=10,
    level=1,
    task="""
        The lesson trains from outlines to 3D emoji with L1 alone, with the conditional adversary alone (cGAN), and with
        both, and measures the outputs for held-out emoji: their *sharpness* and *colourfulness*, where 1 is as much as
        the true pictures have, and their *L1* distance from the targets. Before you look at the table: is each figure
        of L1 alone and of cGAN alone lower or higher than with both? Write `predicted_ablation(system)`, which returns
        a dict with the keys `"sharpness"`, `"L1"` and `"colourfulness"` and the values `"lower"`, `"same"` or
        `"higher"`. For a system of both terms against another one of both, say `"same"`. The check looks at the
        recorded trainings with several seeds; where the seeds overlap, it takes any answer.
    """,
    reference=predicted_ablation,
    cases=_cases,
    observe=_observe,
    compare=_compare,
    mistakes=_mistakes(),
    hints=(
        "An outline fits many colours. Which single picture has the least expected absolute error? How sharp and how "
        "colourful is it?",
        "Which of the three systems is trained on the very figure *L1*, and which never hears of the target at all?",
        "With both, L1 pulls G back towards the median, in detail and in colour. Without it, "
        "the adversary alone decides: does that give more detail and colour than both, or less?",
    ),
    why="by itself L1 goes to the quiet, smooth median, the adversary alone to detail and colour that need not be "
    "those of the target, and both together lie between.",
)
