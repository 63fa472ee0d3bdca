"""Run an answer on a case so that neither its errors nor its side effects escape unseen."""

from __future__ import annotations

import copy
import dis
import inspect
import re
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.random import fork_rng

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
from course_lib.exercises.exercise import Case, Exercise
from course_lib.exercises.limits import Asked, TooLarge, TooLong, limited, quiet
from course_lib.exercises.surroundings import SEATS, all_kept, kept, seed_everything_here
from course_lib.exercises.watching import Call, Change, argument_names, state_of

_TRIVIAL = ("RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST")


class NotAttempted(Exception):
    """The answer is still the placeholder."""


class Stopped(Exception):
    """The answer raised an error or did not end; the message goes on after "your function", in one line."""


class Unusable(Exception):
    """The answer returned something that its exercise cannot look at, or left something that stands in the way."""

    def __init__(self, call: Call) -> None:
        super().__init__("the answer's result cannot be looked at")
        self.call = call


def is_placeholder(answer: Any) -> bool:
    """Return whether an answer is None, Ellipsis, a dict or tuple of those, or a function that does nothing."""
    if answer is None or answer is ... or answer is NotImplemented:
        return True
    if isinstance(answer, (dict, list, tuple)):
        values = list(answer.values()) if isinstance(answer, dict) else list(answer)
        return bool(values) and all(is_placeholder(value) for value in values)
    code = _code(answer)
    if code is None:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    loaded = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return all(step.opname in _TRIVIAL for step in steps) and all(value in (None, ...) for value in loaded)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on the CPU with one thread: a check's tensors are tiny, and on a busy machine threads only wait."""
    # A ``with torch.device`` would not bear an answer that sets the default device inside.
    with kept(SEATS, []):
        torch.set_num_threads(1)
        torch.set_default_device("cpu")
        yield


def arguments(answer: Callable[..., Any], reference: Callable[..., Any]) -> str:
    """Return what is wrong with the arguments that an answer takes; an empty text if it can be called."""
    try:
        wanted, taken = inspect.signature(reference), inspect.signature(answer)
    except (TypeError, ValueError):
        return ""
    try:
        taken.bind(*wanted.parameters)
    except TypeError:
        names = [f"({', '.join(signature.parameters)})" for signature in (wanted, taken)]
        return f"The function should take {names[0]}, but yours takes {names[1]}."
    return ""


class Observed(NamedTuple):
    """What was observed of an answer on a case.

    Args:
        result: as a rule the answer's result.
        changes: what it changed in its arguments.
        settings: the settings of the whole program that it changed, which are put back by now.
        replaced: the functions of torch, NumPy or Python that it replaced, which are back by now.
        seconds: how long it took.
    """

    result: Any
    changes: list[Change]
    settings: list[str]
    replaced: list[str]
    seconds: float


def observe(exercise: Exercise, answer: Any, case: Case) -> Any:
    """Run an answer on a copy of the inputs, under a fixed seed and with gradients switched on.

    Returns:
        What was observed, as a rule the answer's result.

    Raises:
        NotAttempted: if the answer raises NotImplementedError itself.
        Stopped: if it raises anything else.
        ExerciseError: what `Exercise.observe` itself finds wrong.
    """
    with fork_rng(devices=[]), torch.enable_grad():
        seed_everything_here()
        return _run(exercise, answer, answer, copy.deepcopy(case.inputs))


def observe_and_watch(exercise: Exercise, answer: Any, case: Case, seconds: float | None = None) -> Observed:
    """Do as `observe` does, watch what the answer changes, and stop it where it would not stop by itself.

    Args:
        exercise: the exercise.
        answer: the learner's answer.
        case: the case.
        seconds: how long it may take; see `limits.limited`.

    Raises:
        Unusable: if the answer's result cannot be looked at.
    """
    call = Call(answer, argument_names(exercise.reference))
    inputs, replaced, began = copy.deepcopy(case.inputs), list[str](), time.monotonic()
    with all_kept(call.settings, replaced), torch.enable_grad(), quiet():
        try:
            with limited(seconds):
                result = _run(exercise, answer, call.wrapped(), inputs)
        except (ExerciseError, NotAttempted):
            raise
        except Exception as error:
            raised = error.__cause__ if isinstance(error, Stopped) else error
            if raised is call.error or (_lines(raised, answer) and not _same_file(answer, exercise.observe)):
                raise
            raise Unusable(call) from raised
        except TooLong as error:
            loop = "look for a loop whose condition stays true"
            raise Stopped(f"had not come to its end after a long time{_where(error, answer)}: {loop}") from None
        except TooLarge as error:
            where = _where(error, answer)
            traceback.clear_frames(error.__traceback__)  # so that the memory is free again
            raise Stopped(f"took more and more memory{where}: look for what grows in a loop") from None
        except Asked as error:
            text = f"asks with `input()`{_where(error, answer)}, and nobody is there"
            raise Stopped(f"{text}: take all from its arguments") from None
        except SystemExit as error:
            raise Stopped(f"ends Python itself{_where(error, answer)}: leave the function with `return`") from None
    return Observed(result, call.changes, call.settings, replaced, time.monotonic() - began)


def _run(exercise: Exercise, answer: Any, called: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    try:
        return exercise.observe(called, *inputs)
    except ExerciseError:
        raise
    except Exception as error:
        if _is_the_stub(error, answer):
            raise NotAttempted from error
        raise Stopped(_predicate(error, answer)) from error


def given(exercise: Exercise, case: Case) -> str:
    """Describe a case and its inputs: ``a batch of two (images: uint8 (2, 3, 4, 5))``."""
    pairs = zip(_names(exercise, case), case.inputs, strict=True)
    inputs = ", ".join(f"{name}: {_brief(value)}" for name, value in pairs if not isinstance(value, nn.Module))
    return f"{case.label} ({inputs})" if case.label else inputs


def _names(exercise: Exercise, case: Case) -> list[str]:
    """Return the names of a case's inputs: those of the reference's arguments, else those of ``observe``."""
    names = argument_names(exercise.reference)
    return names if len(names) == len(case.inputs) else argument_names(exercise.observe)[1:]


def _brief(value: Any) -> str:
    """Describe an input as briefly as can be: a short vector by its values, any other tensor by dtype and shape."""
    if isinstance(value, Tensor) and value.ndim == 1 and 0 < len(value) <= 4:
        return "[" + ", ".join(f"{item:.4g}" for item in value.tolist()) + "]"
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return describe(value)


def _code(answer: Any) -> CodeType | None:
    return getattr(inspect.unwrap(answer) if callable(answer) else answer, "__code__", None)


def _is_the_stub(error: Exception, answer: Any) -> bool:
    """Return whether the error is the stub's own ``raise``: torch raises NotImplementedError too."""
    code = _code(answer)
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = code is None or (last.filename == code.co_filename and "NotImplementedError" in code.co_names)
    return type(error) is NotImplementedError and own


def _predicate(error: Exception, answer: Any) -> str:
    """Say in one line which error it was and in which line of the answer, to go on after "your function"."""
    if isinstance(error, RecursionError):
        text = "calls itself without an end"
        return f"{text}{_where(error, answer)}: look for the case in which it should return without a further call"
    if isinstance(error, MemoryError) or re.search(r"can't allocate memory|out of memory", str(error)):
        text = "asked for more memory than there is"
        return f"{text}{_where(error, answer)}: look at the shapes there, and at what grows in a loop"
    text = (str(error).strip().splitlines() or [""])[0]
    text = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][\w.\-]+){2,}", "a file", text)
    text = f"{type(error).__name__}: {text[:160]}".rstrip(": ").rstrip(".")
    return f"stopped with {text}{_where(error, answer)}"


def _where(error: BaseException, answer: Any) -> str:
    """Return the line of the answer in which an error was raised, in brackets; "" if it was not in the answer."""
    lines = _lines(error, answer)
    return f" (in the line `{lines[-1].strip()[:80]}`)" if lines else ""


def _lines(error: BaseException | None, answer: Any) -> list[str]:
    code = _code(answer)
    if error is None or code is None:
        return []
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.line for frame in frames if frame.filename == code.co_filename and frame.line]


def _same_file(answer: Any, other: Any) -> bool:
    """Return whether two functions stand in one file, so that a line cannot tell whose error it is."""
    one, two = _code(answer), _code(other)
    return one is not None and two is not None and one.co_filename == two.co_filename


def _state(value: Any) -> Any:
    """Return something that changes when a value is changed in place, however deep inside."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), value.requires_grad, value.detach().cpu().numpy().tobytes()
    if isinstance(value, nn.Module):
        return state_of(value)
    if isinstance(value, (list, tuple)):
        return [_state(item) for item in value]
    if isinstance(value, dict):
        return [(key, _state(item)) for key, item in value.items()]
    return repr(value)
