"""Rules that hold for the whole tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.publishing.lessons import read_lesson
from course_lib.publishing.readme import BEGIN, END, table, table_of_decks, with_table
from course_lib.publishing.settings import House

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONGEST_FILE = 400
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:(?:home|Users)/(?!me/|ada/)|(?:root|work|private)/)\w|[A-Z]:\\\\?Users")
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".csv", ".json", ".ipynb", ".j2", ".css", ".txt", ".cfg", ""}


@pytest.fixture(scope="module")
def tracked(root: Path) -> list[Path]:
    """Return the files that git knows, and, where this is no clone, skip."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip("this folder is no git clone")
    paths = [root / name for name in run.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and "vendor" not in path.parts]


def test_files_are_short(root: Path, tracked: list[Path]) -> None:
    long = {}
    for path in tracked:
        if path.suffix == ".py" and path.parent != root / "notebooks" / "source":
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines >= LONGEST_FILE:
                long[path.relative_to(root).as_posix()] = lines
    assert not long


def test_no_paths_of_a_machine(root: Path, tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [
                f"{path.relative_to(root)}: {text[max(0, m.start() - 20) : m.end() + 20]!r}"
                for m in MACHINE_PATH.finditer(text)
            ]
    assert not found


def test_nothing_lies_at_the_top_that_has_no_place_there(root: Path, tracked: list[Path]) -> None:
    """What a tool has left behind is easily committed with the rest."""
    folders = {path.relative_to(root).parts[0] for path in tracked if path.parent != root}
    assert folders == {".ci", "course_lib", "data", "notebooks", "slides", "tests"}


def test_the_path_pattern_sees_paths() -> None:
    for text in ('File "/home/eve/x.py"', "/Users/eve/x", "in /" + "work/y", r"C:\Users\eve"):
        assert MACHINE_PATH.search(text), text
    for text in ("https://example.org/home/x", "a/root/b", "notebooks/work/x", "/home/me/example"):
        assert not MACHINE_PATH.search(text), text


def test_every_part_is_under_the_import_contract(root: Path) -> None:
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")["layers"]
    named = set(re.findall(r"\w+", " ".join(layers)))
    parts = {
        path.stem
        for path in (root / "course_lib").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert parts - {"__init__"} <= named


def test_readme_table_is_true(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    house = House(root)
    lessons = [read_lesson(house, name) for name in house.lessons()]
    if not lessons:
        pytest.skip("there are no lessons yet")
    assert with_table(readme, table(lessons)) == readme, "run `make notebooks`"
    decks = (root / "slides/README.md").read_text(encoding="utf-8")
    assert with_table(decks, table_of_decks(house, house.lessons())) == decks, "run `make notebooks`"
    block = readme[readme.index(BEGIN) : readme.index(END)]
    assert block.count(".ipynb)") == 2 * len(lessons)


def test_readme_links_exist(root: Path) -> None:
    for document in ("README.md", "CONTRIBUTING.md", "slides/README.md"):
        path = root / document
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if not re.match(r"\w+:", link):
                assert (path.parent / link).exists(), f"{document}: {link}"


def test_readme_names_only_commands_that_exist(root: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "slides/README.md"):
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", (root / document).read_text(encoding="utf-8"), re.MULTILINE):
            assert target in targets, f"{document}: make {target}"
