"""The Makefile's first step: which Python, and when the environment is built again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """Return a folder with what `make` reads, and nothing installed."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "PYTHON")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def fake_python(folder: Path, version: str) -> Path:
    program = folder / "fake-python"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", ["3.9.18", "3.14.0", "2.7.18"])
def test_other_pythons_are_refused_by_name(clone: Path, version: str) -> None:
    program = fake_python(clone, version)
    run = make(clone, "lab", f"PYTHON={program}")
    assert run.returncode
    assert f"needs Python 3.10, 3.11, 3.12 or 3.13; found: {program} is Python {version}" in run.stderr
    assert "make lab PYTHON=" in run.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_does_not_run_is_said(clone: Path) -> None:
    run = make(clone, "test", "PYTHON=/no/python")
    assert "no /no/python that runs" in run.stderr


def test_torch_comes_first_from_the_chosen_index(clone: Path) -> None:
    run = make(clone, "-n", "lab", "TORCH_INDEX=https://example.org/cpu")
    lines = run.stdout.splitlines()
    torch = next(number for number, line in enumerate(lines) if '--index-url "https://example.org/cpu"' in line)
    course = next(number for number, line in enumerate(lines) if '--editable ".[lab]"' in line)
    assert torch < course
    assert sum("--index-url" in line for line in lines) == 1


def test_stamps(clone: Path) -> None:
    assert '--editable ".[lab,test]"' in make(clone, "-n", "test").stdout
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready-lab").touch()
    assert "--editable" not in make(clone, "-n", "lab").stdout
    assert "--editable" in make(clone, "-n", "test").stdout  # a learner's install is not a tester's
    os.utime(clone / ".venv" / ".ready-lab", (0, 0))
    assert "--editable" in make(clone, "-n", "lab").stdout


def test_half_installed_packages_are_forgotten(clone: Path) -> None:
    """Run the Makefile's own snippet against an environment with one package that lacks its last file."""
    packages = clone / "packages"
    for name in ("whole-1.0.dist-info", "half-1.0.dist-info"):
        (packages / name).mkdir(parents=True)
    (packages / "whole-1.0.dist-info" / "RECORD").touch()
    text = (clone / "Makefile").read_text()
    snippet = text.split("define FORGET_HALF_INSTALLED\n")[1].split("endef")[0]
    fake = f"import sysconfig; sysconfig.get_paths = lambda: {{'purelib': {str(packages)!r}}}\n"
    subprocess.run([sys.executable, "-c", fake + snippet], check=True)
    assert [path.name for path in packages.iterdir()] == ["whole-1.0.dist-info"]


def test_torch_requirements_are_those_of_the_package(clone: Path) -> None:
    text = (clone / "Makefile").read_text()
    snippet = text.split("define TORCH_REQUIREMENTS\n")[1].split("endef")[0]
    run = subprocess.run([sys.executable, "-c", snippet], cwd=clone, capture_output=True, text=True, check=True)
    names = [word.split(">=")[0] for word in run.stdout.split()]
    assert names == ["torch", "torchvision"]


def test_help_names_every_target(clone: Path) -> None:
    said = make(clone, "help").stdout
    for target in ("lab", "test", "test-fast", "notebooks", "slides", "bench", "clean"):
        assert f"make {target} " in said
