"""The faces of packages: every name is there, and its file is imported when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import course_lib
from course_lib.lazy import face

PARTS = [part.name for part in pkgutil.iter_modules(course_lib.__path__) if part.ispkg]
PACKAGES = [importlib.import_module(f"course_lib.{name}") for name in PARTS]
FACES = [package for package in PACKAGES if "__getattr__" in vars(package)]


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a package with the files ``one`` and ``inner.other``; each notes in ``sys`` that it was imported."""
    folder = tmp_path / "made_up"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from course_lib.lazy import face\n"
        "plain = 5\n"
        "files = {'one': 'first second', 'inner.other': 'third', 'lost': 'gone'}\n"
        "__getattr__, __dir__, __all__ = face(__name__, files)\n"
    )
    (folder / "one.py").write_text("first = object()\nsecond = 2\nhidden = 0\n")
    (folder / "inner" / "__init__.py").touch()
    (folder / "inner" / "other.py").write_text("third = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "made_up"]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("made_up")


def test_a_file_is_imported_when_one_of_its_names_is_asked_for(made_up: ModuleType) -> None:
    assert "made_up.one" not in sys.modules
    first = made_up.first
    assert "made_up.one" in sys.modules
    assert "made_up.inner.other" not in sys.modules
    assert made_up.first is first is sys.modules["made_up.one"].first
    assert made_up.third == 3


def test_all_names_are_told_without_an_import(made_up: ModuleType) -> None:
    assert made_up.__all__ == ["first", "gone", "second", "third"]
    assert {"first", "second", "third", "plain", "__name__"} <= set(dir(made_up))
    assert "made_up.one" not in sys.modules
    del sys.modules["made_up"]


def test_an_unknown_name_is_an_attribute_error(made_up: ModuleType) -> None:
    for name in ("hidden", "fourth", "other"):
        with pytest.raises(AttributeError, match=f"^module 'made_up' has no attribute '{name}'$"):
            getattr(made_up, name)


def test_a_file_that_is_missing_is_not_hidden(made_up: ModuleType) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"made_up\.lost"):
        _ = made_up.gone


def test_names_come_in_order() -> None:
    getattr_, _, names = face("course_lib", {"words": "nearest", "lazy": "face"})
    assert names == ["face", "nearest"]
    assert getattr_("face") is face


def test_the_packages_that_have_a_face() -> None:
    assert {package.__name__.split(".")[1] for package in FACES} >= {"data", "metrics", "plotting", "training"}


@pytest.mark.parametrize("package", FACES, ids=lambda package: package.__name__)
def test_every_name_of_a_face_is_there(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        found = getattr(package, name)
        home = getattr(found, "__module__", package.__name__)
        assert home.startswith((package.__name__, "builtins")), f"{package.__name__}.{name} is of {home}"


@pytest.mark.parametrize("package", FACES, ids=lambda package: package.__name__)
def test_no_name_of_a_face_is_that_of_a_file_beside_it(package: ModuleType) -> None:
    """The first use imports the file, and Python then puts it into the place of the name."""
    files = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not files & set(package.__all__)


def test_importing_a_face_imports_none_of_its_files() -> None:
    names = [package.__name__ for package in FACES]
    script = (
        "import sys, importlib\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([name for name in sys.modules if name.rpartition('.')[0] in {names!r}])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
