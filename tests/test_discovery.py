"""Rooms and their modules are found by looking, in a package made for the test and in the course's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib import discovery
from course_lib.discovery import module_of, rooms, submodules


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a package of two rooms and a file beside them in the place of the lessons."""
    folder = tmp_path / "made_up_house"
    for room in ("lesson_07", "lesson_02"):
        (folder / room / "exercises").mkdir(parents=True)
        (folder / room / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "helper.py").touch()
    (folder / "lesson_02" / "runs.py").write_text("RUNS = ('lesson_02/one',)\n")
    (folder / "lesson_07" / "runs.py").write_text("import no_such_module_anywhere\n")
    for name in ("__init__", "second", "first"):
        (folder / "lesson_07" / "exercises" / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(discovery, "ROOMS", "made_up_house")
    rooms.cache_clear()
    yield folder
    rooms.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "made_up_house"]:
        del sys.modules[name]


def test_rooms_come_in_order_and_without_what_lies_beside_them(house: Path) -> None:
    assert rooms() == ("lesson_02", "lesson_07")


def test_a_module_of_a_room_or_none(house: Path) -> None:
    module = module_of("lesson_02", "runs")
    assert module is not None
    assert module.RUNS == ("lesson_02/one",)
    assert module_of("lesson_02", "usual") is None


def test_a_module_that_is_broken_is_not_taken_for_a_missing_one(house: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        module_of("lesson_07", "runs")


def test_submodules_come_imported_in_the_order_of_their_names(house: Path) -> None:
    package = module_of("lesson_07", "exercises")
    assert package is not None
    assert [module.NAME for module in submodules(package)] == ["first", "second"]


def test_the_courses_rooms_are_the_folders(root: Path) -> None:
    folder = root / "course_lib" / "lessons"
    found = sorted(path.name for path in folder.glob("lesson_*") if (path / "__init__.py").is_file())
    assert list(rooms()) == found
    assert {"lesson_00", "lesson_01"} <= set(found)
    for room in found:
        importlib.import_module(f"course_lib.lessons.{room}")
