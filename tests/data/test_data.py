"""The front door of course_lib.data: cheap to import, one function a set, mistakes told with the nearest name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from course_lib import data
from course_lib.errors import DataError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Put a set in place of each real one that only notes how it was called."""
    calls: list[tuple] = []

    def stand_in(name: str):
        if name == "paintings":
            return lambda: calls.append((name,))
        if name == "emoji":
            return lambda split="train", style="3d", subset="all": calls.append((name, split, style, subset))
        return lambda split="train": calls.append((name, split))

    stand_ins = {name: stand_in(name) for name in data.names()}
    monkeypatch.setattr(data, "__getattr__", lambda name: stand_ins[name])
    return calls


def test_load_hands_split_and_options_on(calls: list[tuple]) -> None:
    data.load("emoji", "test", style="flat")
    data.load("mnist")
    data.load("paintings")
    data.load("paintings", "all")
    data.emoji("validation", subset="factorial")
    assert calls == [
        ("emoji", "test", "flat", "all"),
        ("mnist", "train"),
        ("paintings",),
        ("paintings",),
        ("emoji", "validation", "3d", "factorial"),
    ]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ("fashion-mnist",),
            {},
            r"no set called 'fashion-mnist': choose one of fashion_mnist, .*mean 'fashion_mnist'\?",
        ),
        (("Photos",), {}, r"did you mean 'photos'\?"),
        (("qqqqqq",), {}, r"paintings\.$"),
        ((3,), {}, r"no set called 3"),
        (
            ("emoji", "valid"),
            {},
            r"no split 'valid': choose one of train, validation, test \(did you mean 'validation'\?",
        ),
        (("paintings", "train"), {}, r"no split 'train': choose one of all"),
        (("emoji",), {"styel": "3d"}, r"no option 'styel': choose one of style, subset \(did you mean 'style'\?"),
        (("paintings",), {"style": "3d"}, r"no option 'style': leave it out"),
    ],
)
def test_an_unknown_word_names_the_known_ones(calls: list, arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.load(*arguments, **options)
    assert calls == []


def test_the_import_is_cheap_and_sets_stay_functions_when_their_files_are_imported() -> None:
    """Importing a file of a package binds it as an attribute there, which must not hide the function."""
    script = """
import sys
from course_lib import data
assert "torch" not in sys.modules, "importing the package imports torch"
assert {"load", "mnist", "ImageSet", "download"} <= set(dir(data))
import course_lib.data.bundled.mnist
from course_lib.data.bundled.photos import SPLITS
assert callable(data.mnist) and callable(data.photos), "a module took the place of the function"
from course_lib.data import mnist, ImageSet
assert mnist is data.mnist is sys.modules["course_lib.data.bundled.mnist"].mnist
try:
    data.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError("an unknown attribute was found")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("row", data.CATALOGUE, ids=lambda row: row.name)
def test_the_catalogue_tells_the_truth(row: data.CatalogueRow) -> None:
    from course_lib.paths import data_dir

    splits = [data.load(row.name, split) for split in row.splits]
    assert sum(len(part) for part in splits) == row.count
    assert [part.split for part in splits] == list(row.splits)
    assert {part.name for part in splits} == {row.name}
    assert all(part.source for part in splits)
    assert row.licence
    assert row.what
    assert (data_dir() / row.folder / "README.md").is_file()
