"""Where the course's text lives, and the one setting that links are stamped from."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError

if sys.version_info >= (3, 11):
    import tomllib
else:  # jupytext brings tomli on Python 3.10
    import tomli as tomllib

LESSON = re.compile(r"\d\d_[a-z0-9_]+")


@dataclass(frozen=True)
class House:
    """The folders of a course, found from its root; tests make one in a temporary folder.

    Args:
        root: folder that holds ``pyproject.toml`` and ``notebooks/``.
    """

    root: Path

    @property
    def notebooks(self) -> Path:
        """The learner's notebooks."""
        return self.root / "notebooks"

    @property
    def sources(self) -> Path:
        """The only text that is edited."""
        return self.notebooks / "source"

    @property
    def solutions(self) -> Path:
        """The instructor's notebooks."""
        return self.notebooks / "solutions"

    @property
    def slides(self) -> Path:
        """Theme, template and vendored scripts; decks go to its folder ``build``."""
        return self.root / "slides"

    def source(self, lesson: str) -> Path:
        """Return the source file of a lesson such as ``01_regression_blur``."""
        return self.sources / f"{lesson}.py"

    def notebook(self, lesson: str, edition: str) -> Path:
        """Return the notebook of a lesson in the edition ``learner`` or ``solution``."""
        return {"learner": self.notebooks, "solution": self.solutions}[edition] / f"{lesson}.ipynb"

    def lessons(self) -> list[str]:
        """Return the names of all lessons that have a source, in order."""
        return sorted(path.stem for path in self.sources.glob("*.py") if LESSON.fullmatch(path.stem))

    def find(self, names: list[str]) -> list[str]:
        """Return the lessons meant by names, numbers or files (``01``, ``01_regression_blur``, a path); all if none.

        Raises:
            CourseError: if a name fits no lesson.
        """
        known = self.lessons()
        found = []
        for name in names:
            stem = Path(name).stem
            fits = [lesson for lesson in known if lesson == stem or lesson.split("_")[0] == stem]
            if not fits:
                raise CourseError(f"There is no lesson {name!r}: choose from {', '.join(known) or 'none yet'}.")
            found += fits
        return found or known

    def repository(self) -> str:
        """Return ``[project.urls] Repository`` of pyproject.toml without ``.git``, or "" if it is not set."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        address = project.get("urls", {}).get("Repository", "").strip().rstrip("/")
        return address.removesuffix(".git")


def this_house() -> House:
    """Return the house that this package is a part of."""
    return House(Path(__file__).resolve().parents[2])
