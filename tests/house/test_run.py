"""What `make test` says last: totals, and what was left out on this machine and why."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert 0
@pytest.mark.skip(reason="no browser here")
def test_left_out(): pass
@pytest.mark.skip(reason="no browser here")
def test_left_out_too(): pass
def test_skips_itself(): pytest.skip("no network")
@pytest.mark.gpu
@pytest.mark.skip(reason="no CUDA device")
def test_gpu(): pass
@pytest.mark.xfail
def test_known(): assert 0
@pytest.fixture
def broken(): raise ValueError
def test_setup_fails(broken): pass
"""


@pytest.fixture
def runner(root: Path) -> ModuleType:
    """Return tests/run.py as a module."""
    spec = importlib.util.spec_from_file_location("course_test_runner", root / "tests" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(path: Path, **outcomes: int) -> Path:
    skips = [{"reason": "no browser", "gpu": False, "count": 2}] if outcomes.pop("plain", 0) else []
    skips += [{"reason": "no CUDA device", "gpu": True, "count": 1}] if outcomes.pop("gpu", 0) else []
    path.write_text(json.dumps({"outcomes": outcomes, "skips": skips}) + "\n")
    return path


def test_recorder_counts_and_keeps_reasons(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_whole_file.py").write_text("import pytest\npytest.importorskip('no_such_module_anywhere')\n")
    target = tmp_path / "record.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(root / "tests"), "COURSE_TEST_RECORD": str(target)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "left_out", "-p", "no:cacheprovider", "-c", os.devnull]
    subprocess.run([*command, str(tmp_path)], env=environment, cwd=tmp_path, capture_output=True, check=False)
    (line,) = target.read_text().splitlines()
    entry = json.loads(line)
    assert entry["outcomes"] == {"passed": 1, "failed": 2, "skipped": 5, "xfailed": 1}
    reasons = {(skip["reason"], skip["gpu"]): skip["count"] for skip in entry["skips"]}
    assert reasons.pop(("no browser here", False)) == 2
    assert reasons.pop(("no network", False)) == 1
    assert reasons.pop(("no CUDA device", True)) == 1
    ((reason, gpu),) = reasons
    assert "no_such_module_anywhere" in reason
    assert not gpu


@pytest.mark.parametrize(
    ("ci", "outcomes", "fine", "status"),
    [
        ("", {"passed": 5}, True, 0),
        ("", {"passed": 5, "skipped": 2, "plain": 1}, True, 0),
        ("true", {"passed": 5, "skipped": 2, "plain": 1}, True, 1),
        ("true", {"passed": 5, "skipped": 1, "gpu": 1}, True, 0),
        ("true", {"passed": 5}, True, 0),
        ("", {"passed": 5, "failed": 1}, False, 1),
    ],
)
def test_ci_leaves_nothing_out(
    runner: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
    outcomes: dict[str, int],
    fine: bool,
    status: int,
) -> None:
    monkeypatch.setenv("CI", ci)
    skipped = "plain" in outcomes or "gpu" in outcomes
    plain = "plain" in outcomes
    assert runner.close([("unit", fine, 1.0)], record(tmp_path / "record", **outcomes)) == status
    said = capsys.readouterr().out
    assert "5 passed" in said
    assert ("Left out on this machine:" in said) == skipped
    assert ("- 2 tests: no browser" in said) == plain
    assert ("Nothing was left out." in said) == (not skipped)


def test_every_stage_is_known(runner: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(runner.STAGES) == ["lint", "unit", "data", "distributed", "notebooks", "browser"]
    assert runner.main(["units"]) == 2
    assert "choose from lint, unit" in capsys.readouterr().err


def test_no_test_is_outside_the_stages(runner: ModuleType, root: Path) -> None:
    """The unit stage takes all folders but those that another stage names."""
    (unit,) = runner.unit()
    ignored = {argument.removeprefix("--ignore=tests/") for argument in unit[1] if argument.startswith("--ignore=")}
    named = {
        argument.removeprefix("tests/")
        for stage in ("data", "notebooks", "browser")
        for _, command, _ in runner.STAGES[stage]()
        for argument in command
        if argument.startswith("tests/")
    }
    assert ignored == named
    assert all((root / "tests" / folder).is_dir() for folder in ignored)
