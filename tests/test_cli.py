"""The command line: quick help, and for every mistake status 2 and one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from course_lib import runs
from course_lib.cli import main
from course_lib.history import History

Captured = pytest.CaptureFixture[str]
HELP = """
import sys
from course_lib.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = sorted({"torch", "numpy", "matplotlib", "psutil", "PIL"} & set(sys.modules))
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["train", "evaluate", "bench", "doctor", "slides"]),
        (["train", "--help"], ["--seed", "--folder", "--device", "--publish", "--restart", "lesson_01/mae"]),
        (["evaluate"], ["lesson_01/mae", "lesson_12/four", "least absolute error"]),
    ],
)
def test_help_and_the_list_answer_at_once(arguments: list[str], words: list[str]) -> None:
    result = subprocess.run([sys.executable, "-c", HELP, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for word in words:
        assert word in result.stdout


MISTAKES = [
    ["train", "lesson_01/maee"],
    ["train", "lesson_01/mae", "--device", "cpu:x"],
    ["evaluate", "lesson_01/maee"],
    ["evaluate", "lesson_01/mae", "--seed", "77"],
    ["evaluate", "lesson_01/mae", "--split", "tset"],
    ["bench", "--seconds", "-1"],
]


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_answered_at_once(arguments: list[str]) -> None:
    """Without torch, whose import takes seconds: a fresh process, because here everything is imported already."""
    command = HELP.replace("not stop.code", "stop.code == 2")
    result = subprocess.run([sys.executable, "-c", command, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("course: ")
    assert result.stderr.count("\n") == 1


def fails(capsys: Captured, *arguments: str) -> str:
    """Run a command that must end with status 2 and one sentence; return the sentence."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("course: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err + captured.out
    return captured.err.removeprefix("course: ").strip()


def test_mistakes_get_one_sentence(capsys: Captured, tmp_path: Path) -> None:
    folder = f"--folder={tmp_path}"
    assert fails(capsys, "train", "lesson_01/maee", folder).endswith("did you mean 'lesson_01/mae'?")
    assert fails(capsys, "evaluate", "lesson_01/maee").endswith("did you mean 'lesson_01/mae'?")
    assert "with seed 77: " in fails(capsys, "evaluate", "lesson_01/mae", "--seed", "77")
    assert fails(capsys, "train", "garments_", folder).startswith("There is no run called 'garments_': ")
    assert fails(capsys, "train", "mae_all", folder).endswith("did you mean 'lesson_01/mae_all'?")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "cpu:x", "auto:0", "cuda:", "cuda:-1", "", "mps:0", "cuda:x"])
def test_a_device_that_cannot_be(capsys: Captured, tmp_path: Path, device: str) -> None:
    sentence = fails(capsys, "train", "lesson_01/mae", f"--folder={tmp_path}", "--device", device)
    assert sentence.startswith(f"There is no device {device!r}: give --device auto, cpu, cuda, cuda:1 ")
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_here(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sentence(device: str) -> str:
        return fails(capsys, "train", "lesson_01/mae", f"--folder={tmp_path}", "--device", device)

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert sentence("cuda:99") == "There is no CUDA device here: give --device auto or --device cpu."
    assert sentence("mps") == "There is no MPS device here: give --device auto or --device cpu."
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert sentence("cuda:99") == "There is no device cuda:99 here: give --device cuda:0."
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert sentence("cuda:4") == "There is no device cuda:4 here: give --device cuda:0 to cuda:3."


@pytest.mark.parametrize("seed", ["99999999999999999999", "-1", str(2**63)])
def test_a_seed_that_cannot_be(capsys: Captured, tmp_path: Path, seed: str) -> None:
    sentence = fails(capsys, "train", "lesson_01/mae", f"--folder={tmp_path}", "--seed", seed)
    assert sentence == f"--seed is {seed}: give a whole number from 0 to 9223372036854775807."


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_that_cannot_be(capsys: Captured, seconds: str) -> None:
    assert fails(capsys, "bench", "--seconds", seconds).startswith(f"--seconds is {seconds}: give a positive number")


def test_what_cannot_be_evaluated(capsys: Captured) -> None:
    sentence = fails(capsys, "evaluate", "lesson_01/mae", "--split", "tset")
    assert sentence == "There is no split 'tset': give --split validation or --split test."
    sentence = fails(capsys, "evaluate", "lesson_01/mae", "--seed", "-3")
    assert sentence.endswith("with seed -3: choose --seed 0.")
    sentence = fails(capsys, "evaluate", "lesson_10/outline_l1")
    assert "its figures are in data/checkpoints/lesson_10/README.md" in sentence
    sentence = fails(capsys, "evaluate", "lesson_10/facades")
    assert sentence.endswith("make some with `course train lesson_10/facades --publish`.")


def test_a_folder_that_cannot_be_made_is_seen_before_the_training(capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = fails(capsys, "train", "lesson_01/mae", f"--folder={tmp_path / 'file'}")
    assert str(tmp_path / "file") in sentence
    assert sentence.endswith("choose another place.")


def test_an_unknown_preset(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PRESET", "huge")
    assert "COURSE_PRESET is 'huge'" in fails(capsys, "train", "lesson_01/mae", f"--folder={tmp_path}")


@pytest.mark.parametrize("arguments", [["trian"], ["train"], ["train", "lesson_01/mae", "--seed", "x"], []])
def test_a_command_that_cannot_be_read(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err


class Trained:
    """In the place of ``runs.train`` and ``runs.publish``: writes down what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int = 2, stopped: str | None = None) -> None:
        self.history = History(epoch=[0, 1][:steps], seconds=[30.0, 90.0][:steps], stopped=stopped)
        self.calls: list[tuple[Any, ...]] = []
        monkeypatch.setattr(runs, "train", self.train)
        monkeypatch.setattr(runs, "publish", self.publish)

    def train(self, name: str, seed: int, *, folder: Path, **options: Any) -> tuple[nn.Module, History]:
        self.options = options
        self.calls.append((name, seed, folder, options["device"]))
        return nn.Linear(1, 1), self.history

    def publish(self, name: str, seed: int, system: nn.Module, history: History, minutes: float) -> Path:
        self.calls.append((name, seed, history, minutes))
        return Path(f"{name}_seed{seed}.safetensors")


def test_train_says_what_was_done(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Trained(monkeypatch)
    main(["train", "lesson_01/mae", "--seed", "3", f"--folder={tmp_path}", "--device", "cpu"])
    assert trained.calls == [("lesson_01/mae", 3, tmp_path, "cpu")]
    assert (tmp_path / "lesson_01" / "mae" / "seed3").is_dir()
    assert trained.options == {"device": "cpu"}
    assert capsys.readouterr().out == "lesson_01/mae, seed 3: 2 steps, 1.5 minutes.\n"


def test_train_looks_at_the_validation_split_and_writes_for_tensorboard(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = Trained(monkeypatch)
    logs = tmp_path / "logs"
    watch = ["--evaluate-every", "50", f"--tensorboard={logs}"]
    main(["train", "lesson_01/mae", f"--folder={tmp_path}", *watch])
    assert trained.options["evaluate_every"] == 50
    assert trained.options["tensorboard"] == logs / "lesson_01" / "mae" / "seed0"
    seen: list[Any] = []
    monkeypatch.setattr(type(runs.run("lesson_01/mae")), "evaluate", lambda one, *asked: seen.append(asked) or {})
    trained.options["evaluate"]("the system")
    assert seen == [("the system", "validation")]
    for name, every, words in (
        ("lesson_03/garments", "50", "no figures on the validation split: leave --evaluate-every out"),
        ("lesson_01/mae", "-1", "--evaluate-every is -1"),
    ):
        with pytest.raises(SystemExit):
            main(["train", name, f"--folder={tmp_path}", "--evaluate-every", every])
        assert words in capsys.readouterr().err


def test_train_publishes_what_is_whole(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Trained(monkeypatch)
    main(["train", "lesson_01/mae", f"--folder={tmp_path}", "--publish"])
    name, seed, history, minutes = trained.calls[1]
    assert (name, seed, history) == ("lesson_01/mae", 0, trained.history)
    assert minutes == pytest.approx(1.5)  # of the whole history, of which an earlier call may have done a part
    assert "Wrote mae_seed0.safetensors; now run `python data/build/manifest.py`." in capsys.readouterr().out

    trained = Trained(monkeypatch, stopped="interrupt")
    with pytest.raises(SystemExit) as stop:  # so that `course train ... && course evaluate ...` ends here
        main(["train", "lesson_01/mae", f"--folder={tmp_path}", "--publish"])
    assert stop.value.code == 130
    assert len(trained.calls) == 1
    assert "Not published: run the same command again, which" in capsys.readouterr().out


def test_a_training_stopped_before_its_first_step(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trained(monkeypatch, steps=0, stopped="interrupt")
    with pytest.raises(SystemExit):
        main(["train", "lesson_01/mae", f"--folder={tmp_path}"])
    assert "0 steps" in capsys.readouterr().out


def test_evaluate_lists_the_runs_and_prints_figures(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["evaluate"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == runs.names()
    monkeypatch.setattr(runs, "figures", lambda name, seed, split: {"L1": 0.25 + seed, f"on {split}": 1 / 3})
    main(["evaluate", "lesson_01/mae", "--seed", "0", "--split", "validation"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["L1", "0.2500"],
        ["on", "validation", "0.3333"],
    ]


def test_the_other_commands_pass_on_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("course_lib.bench.bench", asked.append)
    main(["bench", "--seconds", "0.5"])
    monkeypatch.setattr("course_lib.publishing.__main__.main", lambda arguments: asked.append(arguments) or 0)
    main(["slides", "00", "01"])
    monkeypatch.setattr("course_lib.doctor.doctor", lambda: True)
    main(["doctor"])
    assert asked == [0.5, ["slides", "00", "01"]]


def test_a_bad_report_and_a_failed_export_show_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.doctor.doctor", lambda: False)
    with pytest.raises(SystemExit) as stop:
        main(["doctor"])
    assert stop.value.code == 1
    monkeypatch.setattr("course_lib.publishing.__main__.main", lambda arguments: 1)
    with pytest.raises(SystemExit) as stop:
        main(["slides", "99"])
    assert stop.value.code == 2


def test_ctrl_c_outside_a_training(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("course_lib.bench.bench", pressed)
    with pytest.raises(SystemExit) as stop:
        main(["bench"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "course: stopped.\n"


def test_the_command_is_installed() -> None:
    script = Path(sys.executable).with_name("course.exe" if os.name == "nt" else "course")
    if not script.is_file():
        pytest.skip("the course is not installed in this environment")
    result = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "usage: course" in result.stdout
