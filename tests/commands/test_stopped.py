"""What a shell sees of a training that is stopped: the sentence, the exit status, and that the command goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from course_lib import runs
from course_lib.cli import main
from course_lib.commands import names
from course_lib.history import History
from course_lib.runs import registry
from course_lib.runs.base import Run, RunSizes
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import read_checkpoint

Captured = pytest.CaptureFixture[str]
STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
SMALL = RegressionConfig(loss="mae", base_channels=8, max_channels=16, levels=2)


@pytest.fixture(autouse=True)
def two_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put two small runs in the place of the course's: the second starts from the first; six steps each."""
    import torch

    from course_lib.data.containers import PairedSet

    def pairs() -> PairedSet:
        draw = torch.Generator().manual_seed(1)
        x, y = (torch.randint(0, 256, (12, c, 16, 16), generator=draw, dtype=torch.uint8) for c in (1, 3))
        return PairedSet(name="few", split="train", x=x, y=y)

    sizes = RunSizes(smoke_epochs=2, cpu_epochs=3, gpu_epochs=4, batch_size=4)
    first = Run("tiny/first", "The first.", lambda: Regression(SMALL), pairs, sizes)
    second = Run("tiny/second", "The second.", lambda: Regression(SMALL), pairs, sizes, start="tiny/first")
    both = {one.name: one for one in (first, second)}
    monkeypatch.setattr(registry, "_registry", lambda: both)
    monkeypatch.setattr(names, "listed", lambda: None)
    monkeypatch.chdir(tmp_path)


def course(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


class Sent:
    """Sends a signal in the n-th step to come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.name = 0, "SIGINT"
        original = Regression.training_step

        def training_step(system: Any, batch: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), getattr(signal, self.name))
            return original(system, batch)

        monkeypatch.setattr(Regression, "training_step", training_step)


@pytest.mark.parametrize("name", STATUS)
def test_a_stopped_training_ends_with_the_status_of_its_signal_and_goes_on(
    name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Sent(monkeypatch)
    before = {each: signal.getsignal(getattr(signal, each)) for each in STATUS}
    train = ("train", "tiny/second", "--seed", "3", "--device", "cpu")
    sent.left, sent.name = 2, name
    assert course(*train) == STATUS[name]  # in the first of the two
    captured = capsys.readouterr()
    assert "after step 2 of 6; saved in runs/tiny/first/seed3, and the same command goes on from there." in captured.out
    if name == "SIGINT":
        assert (
            "tiny/first has to be trained first and was stopped: run the same command again to go on." in captured.err
        )
    assert list(Path("runs/tiny/second/seed3").iterdir()) == []
    sent.left = 4 + 3
    assert course(*train) == STATUS[name]  # in the second
    assert "after step 3 of 6; saved in runs/tiny/second/seed3, and the same command" in capsys.readouterr().out
    assert course(*train) == 0
    assert "tiny/second, seed 3: 6 steps" in capsys.readouterr().out
    assert {each: signal.getsignal(getattr(signal, each)) for each in STATUS} == before


def test_a_signal_outside_of_a_training(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(seconds: float) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("course_lib.bench.bench", killed)
    assert course("bench") == 143
    assert capsys.readouterr().err == "course: stopped.\n"


def test_restart_begins_again_and_what_disagrees_names_it(capsys: Captured) -> None:
    train = ("train", "tiny/first", "--seed", "1", "--device", "cpu")
    assert course(*train) == 0
    registry._registry()["tiny/first"] = Run(
        "tiny/first", "", lambda: Regression(SMALL), lambda: runs.run("tiny/second").dataset()[:8],
        RunSizes(smoke_epochs=2, cpu_epochs=3, gpu_epochs=4, batch_size=4),
    )  # fmt: skip
    capsys.readouterr()
    assert course(*train) == 2
    said = capsys.readouterr().err
    assert "rows = 12 and this run has 8: use the same, name another --folder, or add --restart to start again." in said
    assert course(*train, "--restart") == 0
    assert read_checkpoint("runs/tiny/first/seed1")["position"]["step"] == 4


def test_a_restart_that_is_stopped_says_how_to_go_on(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()  # where the signal is ignored, as for a shell's background job, it would publish
    (tmp_path / "data" / "manifest.json").write_text('{"files": {}}')
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    sent = Sent(monkeypatch)
    sent.left = 3
    assert course("train", "tiny/first", "--device", "cpu", "--restart", "--publish") == 130
    said = capsys.readouterr().out
    assert "the same command without --restart goes on from there" in said
    assert "Not published: run the same command again without --restart" in said


def test_of_several_processes_one_publishes_and_speaks(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text('{"files": {}}')
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    published: list[Any] = []
    monkeypatch.setattr(runs, "publish", lambda *arguments: published.append(arguments) or Path("weights"))
    monkeypatch.setattr(runs, "train", lambda *_, **__: (Regression(SMALL), History()))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    train = ("train", "tiny/first", "--device", "cpu", "--publish")
    monkeypatch.setenv("RANK", "1")
    assert course(*train) == 0
    assert published == []
    assert "tiny/first, seed" not in capsys.readouterr().out
    monkeypatch.setenv("RANK", "0")
    assert course(*train) == 0
    assert len(published) == 1


def test_what_cannot_be_published_is_said_before_the_training(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("it was trained"))
    registry._registry()["tiny/first"] = Run("tiny/first", "", lambda: None, lambda: None, None, bundled=0)  # type: ignore[arg-type, return-value]
    assert course("train", "tiny/first", "--publish") == 2
    assert "has no held-out figures to be recorded with seed 0: leave --publish out" in capsys.readouterr().err
