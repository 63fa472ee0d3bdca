"""How a run is stopped: by Ctrl-C, once or twice, and by the time limit; nothing that was trained is lost."""

from __future__ import annotations

import copy
import os
import signal
from pathlib import Path
from typing import Any

from torch import nn

from course_lib.training import fit, read_checkpoint

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
