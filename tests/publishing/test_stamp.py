"""Links and the set-up cell come from one setting, and no address is invented."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.publishing.derive import derive
from course_lib.publishing.settings import House
from course_lib.publishing.stamp import links, setup_cell

GITHUB = "https://github.com/example/course"


def first_and_setup(house: House, edition: str) -> tuple[str, str]:
    cells = derive(house.source("90_middle"), edition, house.repository()).cells
    return cells[0].source, next(cell.source for cell in cells if cell.id == "setup")


def test_without_a_setting_there_is_no_address(house: House) -> None:
    first, setup = first_and_setup(house, "learner")
    assert "http" not in first + setup
    assert "<!--" not in first
    assert "(solutions/90_middle.ipynb)" in first
    assert "[project.urls] Repository" in setup


def test_one_setting_stamps_links_and_setup(house: House) -> None:
    (house.root / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{GITHUB}.git"\n')
    first, setup = first_and_setup(house, "learner")
    assert "https://colab.research.google.com/github/example/course/blob/main/notebooks/90_middle.ipynb" in first
    assert "https://mybinder.org/v2/gh/example/course/main?urlpath=lab/tree/notebooks/90_middle.ipynb" in first
    assert f'os.environ.get("COURSE_REPOSITORY", "{GITHUB}")' in setup
    assert "notebooks/solutions/90_middle.ipynb" in first_and_setup(house, "solution")[0]
    ast.parse(setup)


def test_other_hosts_get_binder_alone() -> None:
    line = links("90_middle", "learner", "https://git.example.org/a/course")
    assert "colab" not in line
    assert "mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fcourse/main" in line


def test_setup_is_the_same_in_all_lessons(root: Path) -> None:
    stamped = setup_cell(House(root).repository())
    for path in (root / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" not in path.parts:
            cells = nbformat.read(path, as_version=4).cells
            assert [cell.source for cell in cells if cell.id == "setup"] == [stamped], path.name


@pytest.mark.parametrize("depth", [0, 2])
def test_setup_finds_a_parent_folder(tmp_path: Path, depth: int) -> None:
    package = tmp_path / "course_lib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "notebook.py").write_text("def start(seed):\n    print('started', seed)\n    return 'cpu'\n")
    folder = tmp_path.joinpath(*["deeper"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    run = _lone_setup(folder, "")
    assert run.stdout.strip() == "started 0", run.stderr


def test_setup_names_the_setting_when_it_has_no_address(tmp_path: Path) -> None:
    run = _lone_setup(tmp_path, "")
    assert run.returncode
    assert "The course is not here: set COURSE_REPOSITORY to the address" in run.stderr


def _lone_setup(folder: Path, repository: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up cell with a Python that sees no installed package."""
    script = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        f"exec({json.dumps(setup_cell(repository))})"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
