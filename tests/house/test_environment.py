"""environment.yml (conda, Binder) says the same as pyproject.toml; checked without a network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Packages whose name on conda-forge is another.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def environment(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))


def conda_specs(environment: dict[str, Any]) -> list[str]:
    return [entry for entry in environment["dependencies"] if isinstance(entry, str)]


def pip_lines(environment: dict[str, Any]) -> list[str]:
    return next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))


def lower_bounds(specs: list[str]) -> dict[str, str]:
    return {match[1]: match[2] for spec in specs if (match := re.fullmatch(r"([\w-]+)>=([\d.]+)", spec))}


def test_conda_reads_every_spec(environment: dict[str, Any]) -> None:
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")
    for spec in conda_specs(environment):
        name = rattler.MatchSpec(spec, strict=True).name
        assert name is not None
        assert name.normalized == re.match(r"[\w-]+", spec)[0]
    assert environment["channels"] == ["conda-forge"]


def test_same_packages_with_the_same_lower_bounds(project: dict[str, Any], environment: dict[str, Any]) -> None:
    wanted = {}
    for text in project["dependencies"] + project["optional-dependencies"]["lab"]:
        requirement = Requirement(text)
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{text}: keep upper bounds open"
        wanted[requirement.name] = bound.version
    conda, pip = lower_bounds(conda_specs(environment)), lower_bounds(pip_lines(environment))
    assert not set(conda) & set(pip)
    found = {**conda, **pip}
    assert found == {CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()}


def test_python_versions_agree(root: Path, project: dict[str, Any], environment: dict[str, Any]) -> None:
    (spec,) = (spec for spec in conda_specs(environment) if re.match(r"python\b", spec))
    low, high = re.fullmatch(r"python>=([\d.]+),<([\d.]+)", spec).groups()
    assert project["requires-python"] == f">={low}"
    last = Version(high).minor - 1
    named = re.findall(r"3\.(\d+)\.\*", (root / "Makefile").read_text(encoding="utf-8"))
    assert [int(minor) for minor in named] == list(range(Version(low).minor, last + 1))


def test_the_package_itself_is_installed_from_the_folder(environment: dict[str, Any]) -> None:
    assert "-e ." in pip_lines(environment)


def test_notebook_can_fetch_on_colab_what_the_package_needs(project: dict[str, Any]) -> None:
    from course_lib.notebook import SMALL_PACKAGES

    on_colab = {"torch", "torchvision", "numpy", "scipy", "pillow", "matplotlib"}
    wanted = {Requirement(text).name for text in project["dependencies"]} - on_colab
    assert wanted <= set(SMALL_PACKAGES.values())
    assert not on_colab & set(SMALL_PACKAGES.values())
