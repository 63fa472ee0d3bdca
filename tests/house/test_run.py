"""What `make test` says last: totals, what took long, and what was left out on this machine and why."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SUITE = """
import pytest, time

def test_passes(): time.sleep(0.2)
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
    entry = {"outcomes": outcomes, "skips": skips, "slowest": [["a.py::test_short", 0.5], ["a.py::test_long", 61.25]]}
    path.write_text(json.dumps(entry) + "\n" + json.dumps(entry | {"outcomes": {}, "skips": []}) + "\n")
    return path


def recorded(root: Path, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return pytest's exit status for the tests of a folder, and what the recorder wrote."""
    target = folder / "record.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(root / "tests"), "COURSE_TEST_RECORD": str(target)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # most of the time is theirs
    plugins = ["-p", "xdist", "-p", "left_out", "-p", "no:cacheprovider", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(folder), *arguments]
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    (line,) = target.read_text().splitlines()
    return run.returncode, json.loads(line)


@pytest.mark.parametrize("arguments", [(), ("-n", "2", "--dist", "worksteal")], ids=["one process", "two processes"])
def test_recorder_counts_and_keeps_reasons(root: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_whole_file.py").write_text("import pytest\npytest.importorskip('no_such_module_anywhere')\n")
    _, entry = recorded(root, tmp_path, *arguments)
    assert entry["outcomes"] == {"passed": 1, "failed": 2, "skipped": 5, "xfailed": 1}
    seconds = [taken for _, taken in entry["slowest"]]
    assert seconds == sorted(seconds, reverse=True)
    assert dict(entry["slowest"])["test_suite.py::test_passes"] >= 0.2
    reasons = {(skip["reason"], skip["gpu"]): skip["count"] for skip in entry["skips"]}
    assert reasons.pop(("no browser here", False)) == 2
    assert reasons.pop(("no network", False)) == 1
    assert reasons.pop(("no CUDA device", True)) == 1
    ((reason, gpu),) = reasons
    assert "no_such_module_anywhere" in reason
    assert not gpu


def test_a_process_that_dies_is_a_failure(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text("import os\ndef test_dies(): os._exit(0)\ndef test_passes(): pass\n")
    status, entry = recorded(root, tmp_path, "-n", "2")
    assert status == 1
    assert entry["outcomes"] == {"passed": 1, "failed": 1}


def test_a_plugin_that_stops_is_a_failure(runner: ModuleType, tmp_path: Path) -> None:
    """The exit status counts, whatever the recorder heard: pytest's own errors reach it as no test."""
    broken = [sys.executable, "-c", "raise SystemExit(3)"]
    results, record = runner.run([[("unit", broken, {})]], tmp_path)
    assert [(name, fine) for name, fine, _ in results] == [("unit", False)]
    assert runner.close(results, record) == 1


def test_lint_commands_run_beside_each_other_and_keep_their_output_apart(
    runner: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each waits for a file that the other writes."""

    def command(own: str, other: str) -> tuple[str, list[str], dict[str, str]]:
        lines = (
            f"import pathlib, sys, time; pathlib.Path({own!r}).touch(); print('{own[-1]} begins')",
            f"while not pathlib.Path({other!r}).exists(): time.sleep(0.01)",
            f"print('{own[-1]} ends', file=sys.stderr); sys.exit({own[-1]!r} == 'b')",
        )
        return own[-1], [sys.executable, "-c", "\n".join(lines)], {}

    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    results, _ = runner.run([[command(a, b), command(b, a)]], tmp_path)
    assert [(name, fine) for name, fine, _ in results] == [("a", True), ("b", False)]
    said = capsys.readouterr().out
    assert said.index("=== a ===") < said.index("a begins") < said.index("a ends") < said.index("=== b ===")
    assert said.index("=== b ===") < said.index("b begins") < said.index("b ends")


def test_processes_have_one_thread_and_hash_alike(runner: ModuleType, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(runner, "workers", lambda: 3)
    (unit,) = runner.unit()
    assert unit[1][-4:] == ["-n", "3", "--dist", "worksteal"]
    tell = "import os; open('told', 'w').write(os.environ['OMP_NUM_THREADS'] + os.environ['PYTHONHASHSEED'])"
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    runner.run([[("tell", [sys.executable, "-c", tell], unit[2])]], tmp_path)
    assert (tmp_path / "told").read_text() == "10"
    assert all("loadfile" in command for name, command, _ in runner.notebooks() if name.startswith("nbval"))
    monkeypatch.setattr(runner, "workers", lambda: 1)
    assert "-n" not in runner.unit()[0][1]


def test_workers_fit_the_memory(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for gigabytes, expected in ((1, 1), (5, 2), (500, runner.MOST_WORKERS)):
        memory = SimpleNamespace(total=gigabytes * 1e9)
        monkeypatch.setattr(runner.psutil, "virtual_memory", lambda memory=memory: memory)
        assert runner.workers() == expected


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
    lines = said.splitlines()
    first = lines.index("The 10 slowest tests:") + 1
    assert lines[first : first + 2] == ["  61.2 s  a.py::test_long"] * 2
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
