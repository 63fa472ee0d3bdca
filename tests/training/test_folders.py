"""Before the first step: can the folders be written, is there room on the disk, whose table is that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from course_lib.errors import TrainingError
from course_lib.training import fit, folders
from course_lib.training.folders import AT_ONCE
from course_lib.words import for_the_shell

QUICK: dict[str, Any] = {"batch_size": 5, "steps": 4, "progress": False, "device": "cpu"}


def no_step(system: Any, step: int) -> None:
    raise AssertionError("a step was done")


def test_a_folder_that_is_a_file_is_seen_before_the_first_step(toys: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(TrainingError, match=r"cannot be written \(.+\): name another folder\.$"):
            fit(toys.Line(), toys.line_data(), checkpoint=folder, on_step=no_step, **QUICK)
        with for_the_shell(), pytest.raises(TrainingError, match=r": name another --tensorboard\.$"):
            fit(toys.Line(), toys.line_data(), tensorboard=folder, on_step=no_step, **QUICK)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), OSError(122, "Disk quota exceeded")])
def test_a_folder_that_takes_nothing_is_seen_before_the_first_step(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(handle: int) -> None:
        raise error

    monkeypatch.setattr(folders.os, "fsync", refuse)
    with pytest.raises(TrainingError, match=rf"cannot be written \({error.strerror}\): name another folder\."):
        fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, on_step=no_step, **QUICK)
    assert list(tmp_path.iterdir()) == []


def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))


def test_a_disk_without_room_for_what_is_held_at_once(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = folders.checkpoint_bytes
    monkeypatch.setattr(folders, "checkpoint_bytes", lambda *a: sizes.append(original(*a)) or sizes[-1])
    disk(monkeypatch, 10**12)
    fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path, ema_decay=0.9, save_every=2, **QUICK)
    estimate = sizes.pop()
    held = sum(file.stat().st_size for file in (tmp_path / "step-00000004").glob("*.safetensors"))
    assert 0.8 * held < estimate < 1.5 * held
    disk(monkeypatch, AT_ONCE * estimate - 1)
    with pytest.raises(
        TrainingError, match=r"has 0\.\d MB of free disk and the checkpoints .* take 0\.\d MB more: make"
    ):
        fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path / "new", on_step=no_step, ema_decay=0.9, **QUICK)
    disk(monkeypatch, AT_ONCE * estimate)
    fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path / "new", ema_decay=0.9, **QUICK)
    disk(monkeypatch, 2 * estimate)  # two lie there already: one more has room
    options = QUICK | {"steps": 6, "ema_decay": 0.9}
    assert len(fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path, **options)) == 6


def test_a_table_of_the_user_is_not_written_over(toys: Any, tmp_path: Path) -> None:
    table = tmp_path / "history.csv"
    table.write_text("year,event\n1789,revolution\n")
    with pytest.raises(TrainingError, match=r"history\.csv is not of a training and has the name .*: move it"):
        fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, on_step=no_step, **QUICK)
    assert table.read_text().startswith("year,event")
    table.unlink()
    fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, **QUICK)
    shutil.rmtree(tmp_path / "step-00000004")
    fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, **QUICK)  # our own may be replaced
    assert len(table.read_text().splitlines()) == 5


@pytest.mark.parametrize("name", ["step-00000002", ".unfinished-step-00000002"])
def test_a_file_with_the_name_of_a_checkpoint_is_seen_before_the_first_step(
    toys: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(TrainingError, match=f"{name} is not of a training"):
        fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, on_step=no_step, **QUICK)
    assert (tmp_path / name).read_text() == "mine"


def test_a_table_that_cannot_be_replaced_costs_a_word(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_elsewhere(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", "history.csv")

    monkeypatch.setattr("course_lib.history.History.to_csv", open_elsewhere)
    system = toys.Line()
    fit(system, toys.line_data(), checkpoint=tmp_path, save_every=1, **QUICK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]
    said = capsys.readouterr().out
    assert said == "history.csv could not be written (Permission denied); training goes on.\n"


def test_an_error_on_the_way_frees_the_folder(toys: Any, tmp_path: Path) -> None:
    def fail(system: Any, step: int) -> None:
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, on_step=fail, **QUICK)
    assert not [name for name in os.listdir(tmp_path) if "lock" in name]
    assert torch.isfinite(next(toys.Line().parameters())).all()


def test_one_folder_for_both_is_locked_once(toys: Any, tmp_path: Path) -> None:
    with folders.reserved(SimpleNamespace(global_rank=0, world_size=1, barrier=None), tmp_path, tmp_path):  # type: ignore[arg-type]
        assert [path.name for path in tmp_path.iterdir()] == [".training.lock"]
