"""Check an answer: run it beside the reference and beside the known wrong variants, and say what was found."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

from course_lib.errors import DataError, ExerciseError
from course_lib.exercises import limits
from course_lib.exercises.comparing import Difference, describe, differences
from course_lib.exercises.exercise import Case, Exercise
from course_lib.exercises.patterns import pattern
from course_lib.exercises.progress import remember
from course_lib.exercises.registry import find
from course_lib.exercises.running import (
    NotAttempted,
    Observed,
    Stopped,
    Unusable,
    arguments,
    given,
    is_placeholder,
    observe,
    observe_and_watch,
    one_thread,
)
from course_lib.exercises.surroundings import chance_kept, replaced_by_the_notebook
from course_lib.exercises.watching import Change

Wrong = Sequence[dict[str, Difference]]
TIMES = 100  # how much longer than the reference an answer may take, where that is more than `limits.SECONDS`


def check(exercise_id: str, answer: Any) -> Any:
    """Check an answer to an exercise, print one line, and hand back what the lesson goes on with.

    That is the answer if it is right, and ours if it is not attempted yet: ``f = check("01.2", f)``.
    The check runs the answer on fixed random and edge inputs and compares it with the reference within the tolerance of
    floats. A wrong answer that agrees with a known mistake gets the message of that mistake.

    Args:
        exercise_id: lesson and number, ``"01.2"``.
        answer: the function itself (not its result), or the value, as the task says.

    Returns:
        The answer, or the reference.

    Raises:
        ExerciseError: if the answer is wrong; the message names the likely mistake. An answer that is not attempted
            is an error only where the environment variable ``COURSE_GRADING`` is set, as an instructor does.
    """
    exercise = find(exercise_id)
    try:
        message = judge(exercise, answer)
    except NotAttempted as error:
        if os.environ.get("COURSE_GRADING"):
            raise ExerciseError(f"Exercise {exercise.id} is not attempted.") from error
        print(
            f"Exercise {exercise.id} is not attempted yet, and the lesson goes on with our `{exercise.name}`; "
            f'hint("{exercise.id}") gives a first hint.'
        )
        return exercise.reference if exercise.is_function else copy.deepcopy(exercise.reference)
    except Stopped as error:
        raise ExerciseError(f"Exercise {exercise.id}: {error}") from error.__cause__
    if message:
        raise ExerciseError(f"Exercise {exercise.id}: {message}")
    if not os.environ.get("COURSE_GRADING"):  # a hand-in's answers are not those of who grades it
        remember(exercise.id)
    print(f"Exercise {exercise.id} is right: {exercise.why}")
    return answer


@one_thread()
def judge(exercise: Exercise, answer: Any) -> str:
    """Return what is wrong with an answer, in one or two sentences; an empty text if it is right.

    Raises:
        NotAttempted: if the answer is the placeholder.
        Stopped: if the answer raises an error of its own.
    """
    if is_placeholder(answer):
        raise NotAttempted
    if not exercise.is_function:
        return _judge_value(exercise, answer)
    if not callable(answer):
        return f'Hand over the function itself, check("{exercise.id}", {exercise.name}): this is {describe(answer)}.'
    wrong_arguments = arguments(answer, exercise.reference)
    if wrong_arguments:
        return wrong_arguments
    replaced = replaced_by_the_notebook()
    if replaced:
        return f"A cell has put something else in the place of `{replaced}`: restart the kernel and choose other names."
    cases = _cases(exercise)
    expected, _ = _remembered(exercise, exercise.reference, cases)
    seen: list[Observed] = []
    for case, known in zip(cases, _watched(exercise, cases), strict=True):
        where = f"On {given(exercise, case)}"
        try:
            seen.append(observe_and_watch(exercise, answer, case, max(limits.SECONDS, TIMES * known.seconds)))
        except ExerciseError as error:
            return str(error)
        except Unusable as error:
            left = _left(exercise, known, error.call.changes, error.call.settings, [])
            return left or f"{where}, your function returned {describe(error.call.returned)}, {NOT_ASKED_FOR}."
        except Stopped as error:
            raise Stopped(f"{where} your function {error}.") from error.__cause__
        except NotAttempted:
            if seen:
                return f"{where} your function still raises NotImplementedError."
            raise
    pairs = zip(_watched(exercise, cases), seen, strict=True)
    told = (_left(exercise, known, one.changes, one.settings, one.replaced) for known, one in pairs)
    return _verdict(exercise, cases, [one.result for one in seen], expected, next(filter(None, told), ""))


NOT_ASKED_FOR = "and that is not what the docstring asks for"


def wrong_parts(exercise: Exercise, result: Any, expected: Any, case: Case) -> dict[str, Difference]:
    """Return the differences that count, by the part of the result (a key of the dict; "" for the whole)."""
    try:
        if exercise.compare is not None:
            found = exercise.compare(result, expected, *case.inputs)
        else:
            found = differences(result, expected, exercise.rtol, exercise.atol, exact=exercise.exact_dtype)
    except DataError:  # a file of the course, which is nobody's answer
        raise
    except Exception:  # a thing that cannot even be compared: the learner should read a sentence, not our line
        found = [Difference("type", f"your function returned {describe(result)}, {NOT_ASKED_FOR}")]
    first: dict[str, Difference] = {}
    for difference in found:
        first.setdefault(difference.part, difference)
    return first


def recognise(
    exercise: Exercise, cases: Sequence[Case], results: Sequence[Any], expected: Sequence[Any], whole: bool = False
) -> str:
    """Return the message of the first mistake that explains the results on all cases; an empty text if none does.

    A wrong variant explains the results if, wherever the variant is wrong, the answer agrees with it, and wherever
    the variant is right, the answer is right too. Of a dict only the parts count in which the variant is ever wrong,
    so that a second mistake elsewhere does not hide the first; with ``whole`` the variant must be wrong in all parts in
    which the answer is.
    """
    answers_wrong = _wrong(exercise, cases, results, expected)
    parts = {part for wrong in answers_wrong for part in wrong}
    for mistake in exercise.mistakes:
        for variant in mistake.answers:
            observed, variants_wrong = _remembered(exercise, variant, cases)
            slips = {part: difference for wrong in variants_wrong for part, difference in wrong.items()}
            agrees = all(
                _agrees(exercise, result, other, wrong[part]) if part in wrong else _right(mine.get(part), slip)
                for result, other, mine, wrong in zip(results, observed, answers_wrong, variants_wrong, strict=True)
                for part, slip in slips.items()
            )
            if slips and agrees and (parts <= slips.keys() or not (whole or mistake.whole)):
                return mistake.message
    return ""


def _exchanged(exercise: Exercise, cases: Sequence[Case], results: Sequence[Any], expected: Sequence[Any]) -> str:
    """Say that two values of a dict are exchanged, if that alone is wrong."""
    parts = list({part: None for wrong in _wrong(exercise, cases, results, expected) for part in wrong})
    if len(parts) != 2 or not all(isinstance(result, dict) and set(parts) <= set(result) for result in results):
        return ""
    one, other = parts
    back = [result | {one: result[other], other: result[one]} for result in results]
    if any(_wrong(exercise, cases, back, expected)):
        return ""
    return f'The values of "{one}" and "{other}" are exchanged.'


def _cases(exercise: Exercise) -> Sequence[Case]:
    assert exercise.cases is not None
    with chance_kept():
        return exercise.cases()


def _watched(exercise: Exercise, cases: Sequence[Case]) -> Sequence[Observed]:
    """Return what the reference does on the cases, which an answer may do as well."""
    if 0 not in exercise.remembered:
        exercise.remembered[0] = [observe_and_watch(exercise, exercise.reference, case) for case in cases]
    return exercise.remembered[0]


def _remembered(exercise: Exercise, own: Any, cases: Sequence[Case]) -> tuple[Sequence[Any], Wrong]:
    """Return what the reference or a known wrong variant gives on the cases, and what is wrong with it.

    The cases are the same at each check, so that it is run at the first alone. Comparing must not change results.
    """
    if id(own) not in exercise.remembered:
        right = own is exercise.reference
        if right and exercise.is_function:
            results = [one.result for one in _watched(exercise, cases)]
        else:
            results = [observe(exercise, own, case) for case in cases] if exercise.is_function else [own]
        expected = results if right else _remembered(exercise, exercise.reference, cases)[0]
        exercise.remembered[id(own)] = results, _wrong(exercise, cases, results, expected)
    return exercise.remembered[id(own)]


def _wrong(exercise: Exercise, cases: Sequence[Case], results: Sequence[Any], expected: Sequence[Any]) -> Wrong:
    return [wrong_parts(exercise, *triple) for triple in zip(results, expected, cases, strict=True)]


def _judge_value(exercise: Exercise, answer: Any) -> str:
    if callable(answer):
        return f'Hand over the value, check("{exercise.id}", {exercise.name}): this is a function.'
    return _verdict(exercise, [Case("")], [answer], [exercise.reference])


def _verdict(
    exercise: Exercise, cases: Sequence[Case], results: Sequence[Any], expected: Sequence[Any], left: str = ""
) -> str:
    """Say what is wrong with results; ``left`` is what the answer left changed, which may be the reason."""
    wrong = _wrong(exercise, cases, results, expected)
    first = next((i for i, found in enumerate(wrong) if found), None)
    if first is None:
        return left
    message = (
        recognise(exercise, cases, results, expected, whole=True)
        or _exchanged(exercise, cases, results, expected)
        or recognise(exercise, cases, results, expected)
    )
    if message:
        return message
    part, difference = next(iter(wrong[first].items()))
    where = f"{part}: " if part else ""
    if not exercise.is_function:
        # A prediction is not given away: only what is wrong with its form is said in full.
        told = f"{where}{difference.text}" if difference.kind != "value" else f"{part or 'the value'} is not right"
        return _sentence(told[0].upper() + told[1:])
    if left:
        return f"{_sentence(f'On {given(exercise, cases[first])}, {where}{difference.text}')} {left}"
    got = _part(results[first], part)
    if exercise.kind == "prediction to test" and difference.kind == "value" and isinstance(got, str):
        # One word of three or four: to name the right one would give the prediction away.
        return _sentence(f"On {given(exercise, cases[first])}, {where}{describe(got)} is not right")
    text = _sentence(f"On {given(exercise, cases[first])}, {where}{difference.text}")
    mine = [_part(result, part) for result in results]
    right = [_part(value, part) for value in expected]
    return text + pattern(mine, right, difference.kind, exercise.rtol, exercise.atol)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _left(
    exercise: Exercise, known: Observed, changes: Sequence[Change], settings: Sequence[str], replaced: Sequence[str]
) -> str:
    """Say what an answer leaves changed that the reference leaves as it is: arguments, settings, functions."""
    may = {(change.name, change.kind) for change in known.changes}
    for change in changes:
        if (change.name, change.kind) not in may and change.kind not in exercise.may_leave:
            return change.text
    if replaced:
        return f"Your function puts something else in the place of `{replaced[0]}`, for all: choose another name."
    if settings:
        return f"Your function changes a setting of the whole program (`{settings[0]}`): leave it as it was."
    return ""


def _agrees(exercise: Exercise, result: Any, other: Any, wrong: Difference) -> bool:
    """Return whether an answer has the value of a wrong variant in a part in which the variant is wrong."""
    mine, its = _part(result, wrong.part), _part(other, wrong.part)
    found = differences(mine, its, exercise.rtol, exercise.atol, exact=exercise.exact_dtype)
    return all(difference.kind == "dtype" and wrong.kind != "dtype" for difference in found)


def _right(mine: Difference | None, slip: Difference) -> bool:
    """Return whether an answer is right where a variant is: a second slip in the dtype does not count."""
    return mine is None or (mine.kind == "dtype" and slip.kind != "dtype")


def _part(result: Any, part: str) -> Any:
    if not part:
        return result
    if isinstance(result, dict):
        return result.get(part)
    if isinstance(result, (tuple, list)) and part.startswith("result "):
        position = int(part.removeprefix("result ")) - 1
        return result[position] if position < len(result) else None
    return None
