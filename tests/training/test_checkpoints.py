from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from course_lib.errors import TrainingError
from course_lib.training import checkpoints, read_checkpoint
from course_lib.training.checkpoints import CheckpointFolder, pack, unpack
from course_lib.words import for_the_shell


def state(number: float) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"system": {"w": torch.full((300,), number)}, "number": number}, {"rng": torch.arange(5, dtype=torch.uint8)}


def saved(folder: Path, *steps: int) -> CheckpointFolder:
    checkpoint = CheckpointFolder(folder)
    for step in steps:
        checkpoint.save(step, *state(float(step)))
    return checkpoint


def test_pack_keeps_every_kind_of_value() -> None:
    tree = {
        "int keys": {0: torch.ones(2), 1: {"a": None}},
        "tuple": (0.1, (1, "x"), [True]),
        "dollar": {"$tensor": "not one"},
        "empty": torch.empty(0, 3),
        "number": torch.tensor(3),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "inf": float("inf"),
    }
    tensors: dict[str, torch.Tensor] = {}
    back = unpack(json.loads(json.dumps(pack(tree, tensors))), tensors)
    assert back["tuple"] == (0.1, (1, "x"), [True])
    assert back["dollar"] == {"$tensor": "not one"}
    assert list(back["int keys"]) == [0, 1]
    assert back["inf"] == float("inf")
    assert back["half"].dtype == torch.bfloat16
    assert back["empty"].shape == (0, 3)
    assert back["number"].shape == ()
    with pytest.raises(TrainingError, match="cannot hold a/b, a set"):
        pack({"a": {"b": {1, 2}}}, {})


def test_tied_and_strided_tensors_are_stored_as_they_look(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    CheckpointFolder(tmp_path).save(1, {"a": base, "b": base, "t": base.t(), "row": base[1]}, {})
    stored = read_checkpoint(tmp_path)
    assert torch.equal(stored["a"], base)
    assert torch.equal(stored["t"], base.t())
    assert torch.equal(stored["row"], base[1])


def test_the_newest_two_are_kept_without_pickle(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 30)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000002", "step-00000030"]
    assert {p.suffix for p in (tmp_path / "step-00000030").iterdir()} == {".json", ".safetensors"}
    assert read_checkpoint(tmp_path)["number"] == 30


FAULTS = {
    "truncated tensors": lambda c: os.truncate(c / "state.safetensors", 700),
    "one flipped bit": lambda c: flip_bit(c / "state.safetensors"),
    "missing file": lambda c: (c / "process-0.safetensors").unlink(),
    "changed json": lambda c: (c / "state.json").write_text("{}"),
    "empty list of sums": lambda c: (c / "checkpoint.json").write_text(""),
    "no list of sums": lambda c: (c / "checkpoint.json").unlink(),
    "later format": lambda c: (c / "checkpoint.json").write_text('{"format": 99, "sha256": {}}'),
}


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, 10, 20)
    FAULTS[fault](tmp_path / "step-00000020")
    folder = CheckpointFolder(tmp_path)
    loaded = folder.load()
    assert loaded is not None
    assert loaded[0]["number"] == 10
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "step-00000020 is damaged" in said
    assert "was passed over" in said
    folder.save(20, *state(21.0))  # the same step again takes the damaged one's place, and the good one stays
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000010", "step-00000020"]
    assert read_checkpoint(tmp_path)["number"] == 21


def test_if_none_is_whole_that_is_said(tmp_path: Path) -> None:
    saved(tmp_path, 10)
    flip_bit(tmp_path / "step-00000010" / "state.safetensors")
    with pytest.raises(TrainingError, match=r"No checkpoint in .* is whole: delete the folder, or pass resume=False"):
        CheckpointFolder(tmp_path).load()


def test_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "none").load() is None
    with pytest.raises(TrainingError, match=r"There is no checkpoint in .*: train with fit\("):
        read_checkpoint(tmp_path / "none")
    with for_the_shell(), pytest.raises(TrainingError, match="name the folder of a run and a seed, such as runs/"):
        read_checkpoint(tmp_path / "none")


@pytest.mark.parametrize("moment", ["save_file", "_write_text", "_flush", "sha256_of", "os.replace"])
def test_an_interrupted_write_leaves_the_old_one(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die at each stage of writing: what was there before is whole, and the next save works."""
    folder = saved(tmp_path, 1, 2)

    def die(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        owner, name = (os, "replace") if moment == "os.replace" else (checkpoints, moment)
        patch.setattr(owner, name, die)
        with pytest.raises(OSError, match="No space left"):
            folder.save(3, *state(3.0))
    assert CheckpointFolder(tmp_path).load()[0]["number"] == 2  # type: ignore[index]
    saved(tmp_path, 3)
    assert read_checkpoint(tmp_path)["number"] == 3
    assert not list(tmp_path.glob(".unfinished*"))


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


FOREIGN = {
    "a folder with a like name": "step-by-step/plan.txt",
    "a file with a like name": "step-notes.txt",
    "a folder with a number": "step-00000005/picture.png",
    "a file named as a checkpoint is": "step-00000004",
    "a draft of somebody else": ".unfinished-letter/page.txt",
    "a file named as a draft is": ".unfinished-step-00000005",
    "a file in a draft of ours": ".unfinished-step-00000003/mine.txt",
    "another file": "notes/today.md",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_is_never_touched(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / FOREIGN[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    saved(tmp_path, 1, 2, 3, 6)
    loaded = CheckpointFolder(tmp_path).load()
    assert loaded is not None
    assert loaded[0]["number"] == 6
    if "draft of ours" in kind:  # the draft became the checkpoint, with the file in it
        path = tmp_path / "step-00000003" / "mine.txt"
    assert path.read_text() == "mine"
    assert "damaged" not in capsys.readouterr().out


def test_a_checkpoint_with_a_file_of_the_user_stays_and_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path, 1, 2)
    (tmp_path / "step-00000001" / "best.txt").write_text("this one was good")
    before = everything(tmp_path / "step-00000001")
    for step in (3, 4, 5):
        folder.save(step, *state(float(step)))
    assert everything(tmp_path / "step-00000001") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000004", "step-00000005"]
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "step-00000001 was not deleted (it also holds best.txt)" in said


def test_a_step_saved_again_beside_a_file_of_the_user(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / "best.txt").write_text("mine")
    saved(tmp_path, 2)
    assert (tmp_path / "step-00000002" / "best.txt").read_text() == "mine"
    assert read_checkpoint(tmp_path)["number"] == 2


def test_no_file_of_the_user_is_written_over(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1)
    (tmp_path / "step-00000002").mkdir()
    (tmp_path / "step-00000002" / "state.json").write_text("mine")
    (tmp_path / "step-00000002" / "other.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"state\.json"):
        folder.save(2, *state(2.0))
    assert set(everything(tmp_path / "step-00000002").values()) == {b"mine"}
    assert not list(tmp_path.glob(".unfinished*"))


def test_an_old_one_that_cannot_be_deleted_costs_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path, 1, 2)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == "step-00000001":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    for step in (3, 4):
        folder.save(step, *state(float(step)))
    assert read_checkpoint(tmp_path)["number"] == 4
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "step-00000001 was not deleted (Permission denied)" in said


def test_a_training_begun_anew_comes_before_a_longer_one_that_could_not_be_deleted(tmp_path: Path) -> None:
    saved(tmp_path, 50)
    (tmp_path / "step-00000050" / "best.txt").write_text("mine")
    saved(tmp_path, 7)  # without loading first, as resume=False does
    assert read_checkpoint(tmp_path)["number"] == 7
    folder = CheckpointFolder(tmp_path)
    folder.load()
    folder.save(9, *state(9.0))
    assert read_checkpoint(tmp_path)["number"] == 9


@pytest.mark.parametrize("kind", [OSError, SafetensorError])
def test_a_full_disk_leaves_no_half_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    folder = saved(tmp_path, 1)

    def full(*_: Any) -> None:
        raise kind("No space left on device")

    monkeypatch.setattr(checkpoints, "_write_text" if kind is OSError else "_write", full)
    with pytest.raises(kind, match="No space left"):
        folder.save(2, *state(2.0))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
