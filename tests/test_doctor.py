"""The doctor: all is well, or the one thing that is not is named, and no folder of the machine is."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from course_lib import doctor as module
from course_lib.doctor import doctor, matmul_gflops

FILES = {"emoji/index.csv": b"position,code\n0,1f600\n", "mnist/mnist_5k.npz": bytes(range(256)) * 8}
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundle two files in a folder of the test's own, on a machine with enough memory."""
    folder = tmp_path / "data"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
    listed = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in FILES.items()
    }
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": listed}))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    with_memory(monkeypatch, 8e9)
    monkeypatch.setattr(module, "matmul_gflops", lambda: 42.0)
    return folder


def with_memory(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free, total=16e9))


def problems(out: str) -> list[str]:
    return [line.removeprefix("PROBLEM").strip() for line in out.splitlines() if line.startswith("PROBLEM")]


def without_paths(out: str, tmp_path: Path) -> bool:
    return (
        str(tmp_path) not in out and str(Path.home()) not in out and not re.search(r"(?:^|[\s'\"(])(/|[A-Z]:\\)\w", out)
    )


def test_all_is_well(data: Path, tmp_path: Path, capsys: Captured) -> None:
    assert doctor() is True
    out = capsys.readouterr().out
    assert out.endswith("All is well.\n")
    assert problems(out) == []
    for wanted in (
        r"^Python +3\.1\d\.", rf"^torch +{re.escape(importlib.metadata.version('torch'))}$", r"^device +(cpu|cuda|mps)",
        r"^CPU +\d+ cores, \d+ threads, 42 GFLOP/s", r"^memory +8\.0 GB free of 16\.0 GB", r"^preset +smoke$",
        r"^data +2 of 2 files are whole", r"^cache +can be written$",
    ):  # fmt: skip
        assert re.search(wanted, out, re.MULTILINE), wanted
    assert without_paths(out, tmp_path)


@pytest.mark.parametrize("fault", ["flipped", "short", "gone"])
def test_a_damaged_file_is_named(data: Path, tmp_path: Path, capsys: Captured, fault: str) -> None:
    path, content = data / "mnist/mnist_5k.npz", FILES["mnist/mnist_5k.npz"]
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-5] if fault == "short" else b"\xff" + content[1:])
    assert doctor() is False
    out = capsys.readouterr().out
    assert len(problems(out)) == 1
    assert problems(out)[0].startswith("data/mnist/mnist_5k.npz ")
    assert problems(out)[0].endswith("restore it with `git checkout -- data/mnist/mnist_5k.npz`.")
    assert "1 of 2 files are whole" in out
    assert out.endswith("Mend the lines above, then run this again.\n")
    assert without_paths(out, tmp_path)


def test_without_the_data_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    assert doctor() is False
    out = capsys.readouterr().out
    assert problems(out)[0].startswith("The course's data folder is missing")
    assert without_paths(out, tmp_path)


def test_a_cache_that_cannot_be_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    assert doctor() is False
    out = capsys.readouterr().out
    assert problems(out) == ["The cache folder cannot be written: set COURSE_CACHE to a folder that can."]
    assert without_paths(out, tmp_path)


def test_an_unknown_preset_and_little_memory(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("COURSE_PRESET", "huge")
    with_memory(monkeypatch, 1.5e9)
    assert doctor() is False
    found = problems(capsys.readouterr().out)
    assert found == [
        "Only 1.5 GB of memory is free: close other programs before a lesson.",
        "COURSE_PRESET is 'huge': set it to one of smoke, cpu, gpu.",
    ]


@pytest.mark.parametrize(("package", "needed"), [("torchmetrics", True), ("torch", True), ("jupyterlab", False)])
def test_a_missing_package(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, package: str, needed: bool
) -> None:
    version = importlib.metadata.version

    def fails(name: str) -> str:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", fails)
    assert doctor() is not needed
    out = capsys.readouterr().out
    assert re.search(rf"^{package} +not installed$", out, re.MULTILINE)
    assert problems(out) == [f"{package} is missing: run `make lab`, or `pip install {package}`."] * needed
    assert "2 of 2 files" in out
    assert ("GFLOP/s" in out) == (package != "torch")


def test_an_old_python_is_a_problem(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(module, "sys", SimpleNamespace(version_info=(3, 9, 18)))
    assert doctor() is False
    assert "not one of 3.10 to 3.13" in problems(capsys.readouterr().out)[0]


def test_the_matrix_product_is_timed_at_least_once_and_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    readings = itertools.count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(readings) / 2)  # each look is half a second later
    state = torch.get_rng_state()
    assert matmul_gflops(0) == pytest.approx(2 * 1024**3 / 0.5 / 1e9)
    assert torch.equal(torch.get_rng_state(), state)
