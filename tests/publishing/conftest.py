"""A course in a temporary folder, with one small lesson."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib.publishing.settings import House

SAMPLE = Path(__file__).parent / "sample" / "90_middle.py"
PYPROJECT = '[project]\nname = "sample"\n'


@pytest.fixture
def house(tmp_path: Path, root: Path) -> House:
    """Return a course with the sample lesson and no address."""
    found = House(tmp_path)
    found.sources.mkdir(parents=True)
    shutil.copy(SAMPLE, found.sources)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for folder in ("template", "theme", "vendor"):
        (tmp_path / "slides").mkdir(exist_ok=True)
        (tmp_path / "slides" / folder).symlink_to(root / "slides" / folder)
    return found


@pytest.fixture
def edit(house: House) -> Callable[[str, str], None]:
    """Return a function that replaces text in the sample's source; the text must be there."""

    def replace(old: str, new: str) -> None:
        path = house.source("90_middle")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return replace
