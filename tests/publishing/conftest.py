"""A course in a temporary folder, with one small lesson and its one exercise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from course_lib.exercises import Case, Exercise, Mistake
from course_lib.publishing import exercise_cells
from course_lib.publishing.settings import House

SAMPLE = Path(__file__).parent / "sample" / "90_middle.py"
PYPROJECT = '[project]\nname = "sample"\n'


def best_for_mae(answers: torch.Tensor) -> torch.Tensor:
    """Return the minimiser of the summed absolute error."""
    return answers.median()


EXERCISE = Exercise(
    id="90.1",
    title="The middle",
    kind="derivation to code",
    trains="medians",
    minutes=5,
    level=1,
    task="Return the value that minimises the summed absolute error: `best_for_mae(answers)`.",
    reference=best_for_mae,
    cases=lambda: [Case("three", torch.tensor([0.0, 0.0, 1.0]))],
    mistakes=tuple(Mistake(f"It is not {k}.", lambda answers, k=k: answers * 0 + k) for k in (1, 2, 3)),
    hints=("One.", "Two.", "Three."),
    why="as many answers lie below as above.",
)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exercise]:
    """Return the exercises that every lesson is taken to have, by id; a test may change them."""
    found = {EXERCISE.id: EXERCISE}
    monkeypatch.setattr(exercise_cells, "exercises_of", lambda lesson: found)
    return found


@pytest.fixture
def house(tmp_path: Path, root: Path, known: dict[str, Exercise]) -> House:
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
