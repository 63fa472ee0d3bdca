"""Each import contract of pyproject.toml breaks when one import is put in that it forbids; and what an import costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORBIDDEN = {
    "Imports run one way: each part knows only what stands below it, and the library knows no lesson": [
        {"losses/reconstruction.py": "course_lib.training.ema"},
        {"errors.py": "course_lib.paths"},
        {"runs/cards.py": "course_lib.lessons.lesson_01.held_out"},
    ],
    "Lessons know the library, never each other": [
        {"lessons/lesson_02/runs.py": "course_lib.lessons.lesson_01.held_out"}
    ],
    "No two files import each other": [
        {"models/patchgan.py": "course_lib.models.unet", "models/unet.py": "course_lib.models.patchgan"}
    ],
    "Training knows systems only through their interface": [{"training/loop.py": "course_lib.systems.gan"}],
    "Building blocks draw nothing and measure nothing": [
        {"data/batching.py": "matplotlib"},
        {"models/unet.py": "torchmetrics"},
    ],
}
"""By contract, sets of imports (by file) of which each must break it."""


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the contracts and a copy of the package's code."""
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copy(root / "pyproject.toml", folder)
    shutil.copytree(root / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def lint_imports(folder: Path) -> tuple[int, str]:
    """Return the exit status, and the text in one line; what has not changed since the last call is not read again."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--cache-dir", str(folder / "cache")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, " ".join((run.stdout + run.stderr).split())


def test_every_contract_has_an_import_that_breaks_it(root: Path) -> None:
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert [contract["name"] for contract in tools["importlinter"]["contracts"]] == list(FORBIDDEN)


def test_the_copy_keeps_them_all(copy: Path) -> None:
    status, text = lint_imports(copy)
    assert status == 0, text
    assert f"Contracts: {len(FORBIDDEN)} kept, 0 broken." in text


@pytest.mark.parametrize(
    ("contract", "imports"),
    [(contract, imports) for contract, sets in FORBIDDEN.items() for imports in sets],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_forbidden_import_breaks_it(contract: str, imports: dict[str, str], copy: Path) -> None:
    before = {copy / "course_lib" / file: (copy / "course_lib" / file).read_text() for file in imports}
    for path, module in zip(before, imports.values(), strict=True):
        path.write_text(f"{before[path]}\n\ndef _late() -> None:\n    import {module}  # noqa\n")
    try:
        status, text = lint_imports(copy)
    finally:
        for path, content in before.items():
            path.write_text(content)
    assert status == 1
    assert f"{contract} BROKEN" in text


def test_importing_the_package_costs_little() -> None:
    """A package costs what it imports: of its own files the face alone, and nothing from elsewhere but Python's own."""
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import course_lib\n"
        "print(*(set(sys.modules) - before - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    own = {name for name in run.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names}
    assert own == {"course_lib"}
