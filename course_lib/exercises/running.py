"""Run an answer on a case so that neither its errors nor its side effects escape unseen."""

from __future__ import annotations

import copy
import dis
import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
from course_lib.exercises.exercise import Case, Exercise

_TRIVIAL = ("RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST")


class NotAttempted(Exception):
    """The answer is still the placeholder."""


class Stopped(Exception):
    """The answer raised an error; the message says which, in one line."""


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
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_num_threads(threads)


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


def observe(exercise: Exercise, answer: Any, case: Case) -> Any:
    """Run an answer on a copy of the inputs, under a fixed seed and with gradients switched on.

    Returns:
        What was observed, as a rule the answer's result.

    Raises:
        NotAttempted: if the answer raises NotImplementedError itself.
        Stopped: if it raises anything else.
        ExerciseError: what `Exercise.observe` itself finds wrong.
    """
    return _run(exercise, answer, copy.deepcopy(case.inputs))


def observe_and_watch(exercise: Exercise, answer: Any, case: Case) -> tuple[Any, str]:
    """Do as `observe` does, and return the name of an input that the answer changed too ("" if none)."""
    inputs = copy.deepcopy(case.inputs)
    result = _run(exercise, answer, inputs)
    triples = zip(_names(exercise, case), case.inputs, inputs, strict=True)
    return result, next((name for name, before, after in triples if _state(before) != _state(after)), "")


def _run(exercise: Exercise, answer: Any, inputs: tuple[Any, ...]) -> Any:
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        try:
            return exercise.observe(answer, *inputs)
        except ExerciseError:
            raise
        except Exception as error:
            if _is_the_stub(error, answer):
                raise NotAttempted from error
            raise Stopped(_one_line(error, answer)) from error


def given(exercise: Exercise, case: Case) -> str:
    """Describe a case and its inputs: ``a batch of two (images: uint8 (2, 3, 4, 5))``."""
    pairs = zip(_names(exercise, case), case.inputs, strict=True)
    inputs = ", ".join(f"{name}: {_brief(value)}" for name, value in pairs if not isinstance(value, nn.Module))
    return f"{case.label} ({inputs})" if case.label else inputs


def _names(exercise: Exercise, case: Case) -> list[str]:
    """Return the names of a case's inputs: those of the reference's arguments, else those of ``observe``."""
    names = list(inspect.signature(exercise.reference).parameters)
    return names if len(names) == len(case.inputs) else list(inspect.signature(exercise.observe).parameters)[1:]


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


def _one_line(error: Exception, answer: Any) -> str:
    """Say in one line which error it was, and in which line of the answer."""
    text = (str(error).strip().splitlines() or [""])[0]
    text = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][\w.\-]+){2,}", "a file", text)
    text = f"{type(error).__name__}: {text[:160]}".rstrip(": ").rstrip(".")
    code = _code(answer)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if code is not None and frame.filename == code.co_filename and frame.line]
    return text + (f" (in the line `{lines[-1].strip()[:80]}`)" if lines else "")


def _state(value: Any) -> Any:
    """Return something that changes when the value is changed in place."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), value.requires_grad, value.detach().cpu().numpy().tobytes()
    if isinstance(value, nn.Module):
        flags = [(name, parameter.requires_grad) for name, parameter in value.named_parameters()]
        modes = [(name, module.training) for name, module in value.named_modules()]
        return flags, modes, [(name, _state(tensor.detach())) for name, tensor in value.state_dict().items()]
    if isinstance(value, (list, tuple)):
        return [_state(item) for item in value]
    if isinstance(value, dict):
        return [(key, _state(item)) for key, item in value.items()]
    return repr(value)
