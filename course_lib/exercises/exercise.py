"""What an exercise is: one declarative object with its text, its reference answer and the mistakes it recognises.

A new lesson adds a module ``lesson_NN.py`` (or a package ``lesson_NN/`` with one file an exercise) whose variables
are `Exercise` objects; nothing has to be registered. The reference is an ordinary function with a docstring: the
learner's stub, the solution and the notebook cell are cut from its source.
"""

from __future__ import annotations

import ast
import inspect
import pprint
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises.comparing import Difference

KINDS = ("warm-up", "derivation to code", "bug to find", "prediction to test", "open extension")

LEVELS = (1, 2, 3)

NOTHING = "Your function returned nothing (None): is a `return` missing?"

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Mistake:
    """A likely mistake: what to tell the learner, and the wrong answers that betray it.

    Args:
        message: one or two short sentences in the second person that say what was done and what to look at.
        answers: wrong variants of the reference; one message may have several, for example two kinds of median.
        whole: whether the message says that all else is right, so that nothing else may be wrong in an answer.
    """

    message: str
    answers: tuple[Any, ...]
    whole: bool = False

    def __init__(self, message: str, *answers: Any, whole: bool = False) -> None:
        if not answers:
            raise ValueError(f"the mistake {message!r} needs at least one wrong answer")
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "answers", answers)
        object.__setattr__(self, "whole", whole)


@dataclass(frozen=True)
class Case:
    """One input of a check, with a few words that name it in messages ("an even split").

    The inputs are the arguments of `Exercise.observe` after the answer: as a rule those of the answer itself.
    """

    label: str
    inputs: tuple[Any, ...]

    def __init__(self, label: str, *inputs: Any) -> None:
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "inputs", inputs)


def call(answer: Callable[..., Any], *inputs: Any) -> Any:
    """Observe an answer in the usual way: call it."""
    return answer(*inputs)


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise and all that its check needs.

    Args:
        id: lesson and number, ``"01.2"``.
        title: a few words.
        kind: one of `KINDS`.
        trains: what one can do afterwards, in a few words.
        minutes: that it takes, about.
        level: how hard it is, from 1 to 3.
        task: Markdown for the lesson, without a heading (`markdown` puts one on top).
        reference: the right answer: a function, or a value (a number or a dict) for a prediction.
        mistakes: the recognised mistakes, the most likely first; at least three.
        cases: a function without arguments that makes the inputs, the same at each call; none for a value.
        hints: Markdown, the gentlest first; at least three.
        why: one sentence that says why the reference is right.
        optional: whether a learner may well leave it out.
        name: the variable that a value is assigned to in the notebook (for a function, its own name).
        given: source code that the lesson shows beside the task, for example the function with the bug.
        observe: what is looked at, called as ``observe(answer, *inputs)``: the answer's result as a rule; a function
            that builds or trains something is called, run and described by a dict of named findings. It may raise
            ExerciseError with a message of its own.
        compare: ``compare(result, expected, *inputs)`` returns the differences that count, where more than one
            answer is right; by default all within ``rtol`` and ``atol``.
        rtol: relative tolerance of the comparison of floats.
        atol: absolute tolerance.
        exact_dtype: whether the task names the dtype of the result; else any dtype of floats will do for floats.
        may_leave: kinds of change (see `watching.Change`) that a right answer may leave in its arguments although the
            reference does not, such as a gradient; what the reference changes, every answer may change.
    """

    id: str
    title: str
    kind: str
    trains: str
    minutes: int
    level: int
    task: str
    reference: Any
    mistakes: Sequence[Mistake]
    hints: Sequence[str]
    why: str
    cases: Callable[[], Sequence[Case]] | None = None
    optional: bool = False
    name: str = ""
    given: str = ""
    observe: Callable[..., Any] = call
    compare: Callable[..., list[Difference]] | None = None
    rtol: float = 1e-4
    atol: float = 1e-5
    exact_dtype: bool = False
    may_leave: tuple[str, ...] = ()
    lesson: str = field(init=False)
    remembered: dict[int, Any] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.[1-9]\d*", self.id):
            raise ValueError(f"the id {self.id!r} should look like 01.2")
        if self.kind not in KINDS:
            raise ValueError(f"exercise {self.id}: the kind is one of {', '.join(KINDS)}")
        if not self.trains or self.minutes < 1 or self.level not in LEVELS:
            raise ValueError(
                f"exercise {self.id}: say what it trains, how many minutes it takes, and a level of 1 to 3"
            )
        if len(self.mistakes) < 3 or len(self.hints) < 3:
            raise ValueError(f"exercise {self.id}: at least three mistakes and three hints")
        if self.is_function and (self.cases is None or not self.reference.__doc__):
            raise ValueError(f"exercise {self.id}: a function needs cases, and a docstring for the stub")
        if not self.is_function and not self.name:
            raise ValueError(f"exercise {self.id}: say which variable holds the value (name=...)")
        object.__setattr__(self, "lesson", self.id[:2])
        object.__setattr__(self, "name", self.name or self.reference.__name__)
        for text in ("task", "given", "why"):
            object.__setattr__(self, text, textwrap.dedent(getattr(self, text)).strip())
        object.__setattr__(self, "hints", tuple(textwrap.dedent(hint).strip() for hint in self.hints))

    @property
    def is_function(self) -> bool:
        """Whether the answer is a function (else a value)."""
        return callable(self.reference)

    @property
    def markdown(self) -> str:
        """The task as the lesson shows it, with heading and kind."""
        optional = ", optional" if self.optional else ""
        return f"### Exercise {self.id}: {self.title}\n\n*{self.kind.capitalize()}{optional}.* {self.task}"

    @property
    def solution_code(self) -> str:
        """The source of the reference answer."""
        if self.is_function:
            return textwrap.dedent(inspect.getsource(self.reference)).strip()
        return f"{self.name} = {pprint.pformat(self.reference, sort_dicts=False)}"

    @property
    def stub(self) -> str:
        """What the learner starts from: signature, docstring and ``raise NotImplementedError``."""
        if self.is_function:
            return f"{self._split()[0]}\n    raise NotImplementedError"
        if isinstance(self.reference, Mapping):
            return f"{self.name} = {{{', '.join(f'{key!r}: ...' for key in self.reference)}}}"
        return f"{self.name} = ..."

    @property
    def cell(self) -> str:
        """The source of the notebook's cell: the solution between the marks that the learner's edition is cut at."""
        if self.is_function:
            head, body = self._split()
            return f"{head}\n    {BEGIN}\n{body}\n    {END}"
        return f"{self.stub}\n{BEGIN}\n{self.solution_code}\n{END}"

    def _split(self) -> tuple[str, str]:
        """Return the reference's source up to the end of its docstring, and the rest."""
        source = self.solution_code
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        end = function.body[0].end_lineno
        lines = source.splitlines()
        return "\n".join(lines[:end]), "\n".join(lines[end:])
