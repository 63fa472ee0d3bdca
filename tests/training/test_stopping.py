"""How a run is stopped: by Ctrl-C and other signals, once or twice, and by the time limit; nothing is lost."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from course_lib.training import fit, read_checkpoint
from course_lib.training.checkpoints import CheckpointFolder
from course_lib.training.stopping import signals_heeded
from course_lib.words import for_the_shell

QUICK: dict[str, Any] = {"batch_size": 5, "progress": False, "device": "cpu"}


def bits(system: nn.Module) -> dict[str, bytes]:
    return {k: v.contiguous().numpy().tobytes() for k, v in system.state_dict().items()}


class TestStopping:
    @staticmethod
    def ctrl_c(at: int, times: int = 1) -> Any:
        def press(system: Any, step: int) -> None:
            for _ in range(times if step == at else 0):
                os.kill(os.getpid(), signal.SIGINT)

        return press

    def test_ctrl_c_keeps_saves_and_resumes(self, toys: Any, tmp_path: Path, capsys: Any) -> None:
        before = signal.getsignal(signal.SIGINT)
        system = toys.Duel()
        start = copy.deepcopy(system.state_dict())
        history = fit(system, toys.duel_data(), steps=9, checkpoint=tmp_path, on_step=self.ctrl_c(4), **QUICK)
        assert history.interrupted
        assert len(history) == 4
        assert signal.getsignal(signal.SIGINT) is before
        said = capsys.readouterr().out
        assert said.count("\n") == 1
        assert "Stopped by Ctrl-C after step 4 of 9; saved in" in said
        resumed, whole = toys.Duel(), toys.Duel()
        whole.load_state_dict(start)
        history = fit(resumed, toys.duel_data(), steps=9, checkpoint=tmp_path, **QUICK)
        fit(whole, toys.duel_data(), steps=9, **QUICK)
        assert len(history) == 9
        assert not history.interrupted
        assert bits(resumed) == bits(whole)

    def test_ctrl_c_in_the_middle_of_a_step_lets_it_finish(self, toys: Any, tmp_path: Path) -> None:
        class Slow(toys.Duel):
            def training_step(self, batch: Any) -> Any:
                if self.step == 2:
                    os.kill(os.getpid(), signal.SIGINT)
                return super().training_step(batch)

        assert len(fit(Slow(), toys.duel_data(), steps=9, checkpoint=tmp_path, **QUICK)) == 3
        assert read_checkpoint(tmp_path)["position"]["step"] == 3

    def test_pressed_twice_stops_at_once_and_saves_no_half_step(self, toys: Any, tmp_path: Path, capsys: Any) -> None:
        class Stuck(toys.Duel):
            def training_step(self, batch: Any) -> Any:
                if self.step == 5:
                    os.kill(os.getpid(), signal.SIGINT)
                    os.kill(os.getpid(), signal.SIGINT)
                return super().training_step(batch)

        history = fit(Stuck(), toys.duel_data(), steps=9, checkpoint=tmp_path, save_every=3, **QUICK)
        assert history.interrupted
        assert len(history) == 5
        assert read_checkpoint(tmp_path)["position"]["step"] == 3
        assert "not saved, and the same fit() goes on from step 3" in capsys.readouterr().out

    def test_without_a_folder_the_weights_are_kept(self, toys: Any, capsys: Any) -> None:
        system = toys.Line()
        before = bits(system)
        history = fit(system, toys.line_data(), steps=50, on_step=self.ctrl_c(10), **QUICK)
        assert len(history) == 10
        assert bits(system) != before
        assert "the weights are kept" in capsys.readouterr().out

    def test_time_limit(self, toys: Any, tmp_path: Path, capsys: Any) -> None:
        system = toys.Line()
        history = fit(system, toys.line_data(), steps=10**9, time_limit=0.2, checkpoint=tmp_path, **QUICK)
        assert history.stopped == "time limit"
        assert not history.interrupted
        assert history.seconds[-1] >= 0.2
        assert read_checkpoint(tmp_path)["position"]["step"] == len(history) == system.step
        assert "Stopped by the time limit after step" in capsys.readouterr().out


class Handled:
    """Handlers of the program's own for all signals to stop: they write down what reaches them."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.before = {name: signal.getsignal(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP")}

    def __enter__(self) -> list[str]:
        for name in self.before:
            signal.signal(getattr(signal, name), self.handler)
        return self.seen

    def handler(self, number: int, frame: Any) -> None:
        self.seen.append(signal.Signals(number).name)

    def __exit__(self, *_: Any) -> None:
        for name, handler in self.before.items():
            assert signal.getsignal(getattr(signal, name)) == self.handler  # fit has put it back
            signal.signal(getattr(signal, name), handler)


def send(name: str, at: int, times: int = 1) -> Any:
    def press(system: Any, step: int) -> None:
        for _ in range(times if step == at else 0):
            os.kill(os.getpid(), getattr(signal, name))

    return press


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
class TestSignals:
    def test_the_step_is_finished_and_saved_and_the_signal_passed_on(
        self, toys: Any, tmp_path: Path, capsys: Any, name: str
    ) -> None:
        with Handled() as seen:
            history = fit(toys.Duel(), toys.duel_data(), steps=9, checkpoint=tmp_path, on_step=send(name, 4), **QUICK)
        assert seen == [name]  # when all was done
        assert history.stopped == name
        assert not history.interrupted
        assert read_checkpoint(tmp_path)["position"]["step"] == len(history) == 4
        assert f"Stopped by the signal {name} after step 4 of 9; saved in {tmp_path}" in capsys.readouterr().out

    def test_twice_stops_at_once(self, toys: Any, tmp_path: Path, capsys: Any, name: str) -> None:
        class Stuck(toys.Duel):
            def training_step(self, batch: Any) -> Any:
                send(name, 5, times=2)(self, self.step)
                return super().training_step(batch)

        with Handled() as seen:
            history = fit(Stuck(), toys.duel_data(), steps=9, checkpoint=tmp_path, save_every=3, **QUICK)
        assert seen == [name]
        assert (history.stopped, len(history)) == (name, 5)
        assert read_checkpoint(tmp_path)["position"]["step"] == 3
        assert "not saved, and the same fit() goes on from step 3" in capsys.readouterr().out

    def test_one_that_is_ignored_stays_so(self, toys: Any, name: str) -> None:
        number = getattr(signal, name)
        before = signal.signal(number, signal.SIG_IGN)  # as nohup does
        try:
            history = fit(toys.Line(), toys.line_data(), steps=9, on_step=send(name, 4), **QUICK)
            assert signal.getsignal(number) is signal.SIG_IGN
        finally:
            signal.signal(number, before)
        assert history.stopped is None
        assert len(history) == 9


def test_a_script_ends_by_the_signal_once_all_is_saved(tmp_path: Path, root: Path) -> None:
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(root / "tests")!r})
import small_systems as toys
from course_lib.training import fit
kill = lambda system, step: step == 2 and os.kill(os.getpid(), signal.SIGTERM)
system, dataset, settings = toys.Critic(toys.CriticConfig("clip")), toys.pictures(2), dict(steps=9, batch_size=4)
fit(system, dataset, checkpoint={str(tmp_path)!r}, on_step=kill, device="cpu", progress=False, **settings)
print("this must not be reached")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert done.stdout.startswith("Stopped by the signal SIGTERM after step 2 of 9; saved in")
    assert "reached" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "step-00000002"]
    assert read_checkpoint(tmp_path)["position"]["step"] == 2


def test_in_another_thread_nothing_is_changed(toys: Any) -> None:
    found: list[Any] = []

    def look(system: Any, step: int) -> None:
        found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: fit(toys.Line(), toys.line_data(), steps=2, on_step=look, **QUICK))
    thread.start()
    thread.join()
    assert found == [before, before]


def test_with_several_processes_a_second_one_waits() -> None:
    asked: list[str] = []
    with signals_heeded(asked, processes=2):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert asked == ["interrupt", "interrupt"]


class TestTheLastStep:
    """What is asked for in the last step is no less meant: nothing that follows may begin."""

    def test_it_is_a_stop_of_a_complete_run(self, toys: Any, tmp_path: Path, capsys: Any) -> None:
        press = TestStopping.ctrl_c(9)
        history = fit(toys.Line(), toys.line_data(), steps=9, checkpoint=tmp_path, on_step=press, **QUICK)
        assert history.interrupted
        assert len(history) == 9
        assert "after step 9 of 9; saved in" in (said := capsys.readouterr().out)
        assert "nothing is left to train" in said

    def test_so_is_one_while_the_last_checkpoint_is_written(self, toys: Any, tmp_path: Path, monkeypatch: Any) -> None:
        original = CheckpointFolder.save

        def save(self: Any, *arguments: Any) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return original(self, *arguments)

        monkeypatch.setattr(CheckpointFolder, "save", save)
        history = fit(toys.Line(), toys.line_data(), steps=9, checkpoint=tmp_path, **QUICK)
        assert history.interrupted
        assert read_checkpoint(tmp_path)["position"]["step"] == 9

    def test_the_time_limit_is_none(self, toys: Any) -> None:
        history = fit(toys.Line(), toys.line_data(), steps=1, time_limit=0.0, **QUICK)
        assert history.stopped is None


def test_after_resume_false_the_same_call_would_start_again(toys: Any, tmp_path: Path, capsys: Any) -> None:
    options: dict[str, Any] = {"steps": 9, "checkpoint": tmp_path, "on_step": TestStopping.ctrl_c(4), "resume": False}
    fit(toys.Line(), toys.line_data(), **options, **QUICK)
    assert "and fit() without resume=False goes on from there" in capsys.readouterr().out
    with for_the_shell():
        fit(toys.Line(), toys.line_data(), **options, **QUICK)
    assert "and the same command without --restart goes on from there" in capsys.readouterr().out
    with for_the_shell():
        fit(toys.Line(), toys.line_data(), **options | {"resume": True, "on_step": TestStopping.ctrl_c(6)}, **QUICK)
    assert "and the same command goes on from there" in capsys.readouterr().out
