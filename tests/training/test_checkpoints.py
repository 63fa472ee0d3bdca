from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib.errors import TrainingError
from course_lib.training import checkpoints, read_checkpoint
from course_lib.training.checkpoints import CheckpointFolder, pack, unpack


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
    with pytest.raises(TrainingError, match="There is no checkpoint in"):
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
