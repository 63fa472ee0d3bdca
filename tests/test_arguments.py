"""Whatever is given in the place of a right tensor ends in a right result or in one sentence.

The table below has a row for each public function and method that takes tensors, of all files of the packages that a
user calls directly. Each of its tensors is spoilt in turn, in ``SPOILT`` ways. Then there must be a ``CourseError`` of
one sentence, or a result that the row declares and the test checks. A new function without a row fails.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from rows_of_losses import losses
from rows_of_metrics import measured
from rows_of_networks import networks
from rows_of_sets import figures, sets
from spoilt import SPOILT, Row, holds_nan, judge

from course_lib.errors import CourseError

PACKAGES = ("losses", "metrics", "models", "plotting")
SETS = ("answers", "batching", "columns", "containers", "crops", "jitter", "mixtures", "pixels", "rowsets")
TAKES_TENSORS = re.compile(r"\b(Tensor|Any|Value|Row|ndarray|Column)\b")

APART = {
    "losses.adversarial.AdversarialLoss.d_loss": "an interface",
    "losses.adversarial.AdversarialLoss.g_loss": "an interface",
    "metrics.answers.answer_figures": "AnswerJudge and its figures, in one line",
    "metrics.vgg_distance.PooledVGG": "weights, which tests/models/test_vgg.py spoils",
    "models.vgg.VGG16Features": "weights, which tests/models/test_vgg.py spoils",
    "models.authors.generator_of": "state dicts, which tests/models/test_authors.py spoils",
    "models.authors.discriminator_of": "state dicts, which tests/models/test_authors.py spoils",
    "plotting.numbers.check_range": "two numbers, which tests/plotting spoils",
    "plotting.source.show_source": "a function",
    "plotting.style.subplots": "options of matplotlib",
    "data.mixtures.PointSet.own_fields": "called by its own set",
    "data.rowsets.Rows": "abstract: its kinds have rows",
    "data.rowsets.Rows.own_fields": "called by its own set",
    "data.rowsets.RowSet.own_fields": "called by its own set",
    "data.batching.Epoch": "drawn by a set",
    "data.columns": "columns are looked at once, by check(), when a set is made of them",
}
"""Public names without a row, with the reason."""


@cache
def table() -> dict[str, Row]:
    return {**losses(), **measured(), **networks(), **figures(), **sets()}


def taking_tensors() -> Iterator[str]:
    """Yield the name of each public function, method and class that says that it takes a tensor, or anything."""
    for package in PACKAGES:
        found = importlib.import_module(f"course_lib.{package}")
        yield from _of_modules([f"course_lib.{package}.{one.name}" for one in pkgutil.iter_modules(found.__path__)])
    yield from _of_modules([f"course_lib.data.{name}" for name in (*SETS, "super_resolution")])


def _of_modules(names: list[str]) -> Iterator[str]:
    for name in names:
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if not key.startswith("_") and getattr(value, "__module__", "") == name:
                for path, function in _functions(key, value):
                    parameters = inspect.signature(inspect.unwrap(function)).parameters.values()
                    if any(TAKES_TENSORS.search(str(parameter.annotation)) for parameter in parameters):
                        yield f"{name.removeprefix('course_lib.')}.{path}"


def _functions(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if inspect.isfunction(value):
        yield key, value
    elif inspect.isclass(value):
        if inspect.isfunction(vars(value).get("__init__")):
            yield key, value.__init__
        for name, member in vars(value).items():
            member = getattr(member, "__func__", member)
            if inspect.isfunction(member) and (not name.startswith("_") or name in ("__call__", "__getitem__")):
                yield f"{key}.{name}", member


def test_every_public_function_has_a_row() -> None:
    here = set(taking_tensors())
    known = {*table(), *APART}
    missing = {name for name in here - known if not any(name.startswith(f"{apart}.") for apart in APART)}
    assert not missing, "give these a row in the table, with each of their tensors"
    gone = {name for name in known - here if not any(one.startswith(f"{name}.") for one in here)}
    assert not gone, "these are not there any more"


def test_each_row_is_right_as_it_stands() -> None:
    for name, row in table().items():
        try:
            right = row.call(**row.given, **row.others)
        except CourseError as error:
            pytest.fail(f"{name}: {error}")
        assert not holds_nan(right), name


def one_sentence(text: str) -> bool:
    return text.endswith((".", "?")) and "\n" not in text and not re.search(r"[a-z)\]'\"][.!?] +[A-Z]", text)


@pytest.mark.filterwarnings("ignore:VGG-FID of")
@pytest.mark.parametrize("name", sorted(table()))
def test_a_spoilt_tensor_ends_in_a_right_result_or_in_one_sentence(name: str) -> None:
    row, wrong = table()[name], []
    right = row.call(**row.given, **row.others)
    for key, value in row.given.items():
        for way, spoil in SPOILT.items():
            spoilt = spoil(value)
            if spoilt is None:
                continue
            try:
                found = row.call(**{**row.given, key: spoilt}, **row.others)
            except CourseError as error:
                if not one_sentence(str(error)):
                    wrong.append(f"{key} {way}: not one sentence: {error}")
            except Exception as error:
                wrong.append(f"{key} {way}: {type(error).__name__} from below: {str(error)[:90]}")
            else:
                says = judge(way, found, right)
                if way in ("nan", "elsewhere") and (not says or row.allows(key, way)):
                    continue
                if says:
                    wrong.append(f"{key} {way}: {says}")
                elif not row.allows(key, way):
                    wrong.append(f"{key} {way}: taken without a word")
    assert not wrong, "\n".join([name, *wrong])
