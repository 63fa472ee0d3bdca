"""What the set-up cell calls: packages on Colab, one line, warnings without paths."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
import warnings
from typing import Any

import pytest

from course_lib import notebook
from course_lib.errors import CourseError


class Pip:
    """Stands in for subprocess.run and remembers what it was asked."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, self.status)


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))


def lacking(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in modules else real(name, *rest))


@pytest.mark.usefixtures("colab")
def test_only_what_is_missing_and_never_its_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(subprocess, "run", pip)
    lacking(monkeypatch, "lightning_fabric", "tyro")
    assert notebook.install_on_colab() == ["lightning-fabric", "tyro"]
    (command,) = pip.commands
    assert "--no-deps" in command
    assert not {"torch", "torchvision", "numpy"} & set(command)


@pytest.mark.usefixtures("colab")
def test_pip_that_fails_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", Pip(status=1))
    lacking(monkeypatch, "tyro")
    with pytest.raises(CourseError, match="pip could not install tyro: check the connection"):
        notebook.install_on_colab()


def test_nothing_is_installed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(subprocess, "run", pip)
    lacking(monkeypatch, "tyro")
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    assert notebook.install_on_colab() == []
    assert not pip.commands


def test_start_seeds_says_where_it_runs_and_hides_paths(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    device = notebook.start(seed=3)
    first = torch.rand(4)
    notebook.start(seed=3)
    assert torch.equal(first, torch.rand(4))
    line = capsys.readouterr().out.splitlines()[0]
    for part in (f"torch {torch.__version__}", f"device {device}", "preset smoke"):
        assert part in line
    assert warnings.formatwarning("mind this", UserWarning, "/somewhere/x.py", 3) == "UserWarning: mind this\n"
