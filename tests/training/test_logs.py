"""Held-out figures and learning rates are in the history with the losses, and all of it in a table, in TensorBoard."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib.errors import TrainingError
from course_lib.training import fit

QUICK: dict[str, Any] = {"batch_size": 5, "progress": False, "device": "cpu"}


def held_out(system: Any) -> dict[str, float]:
    assert not system.training
    torch.rand(3)  # a measurement may draw random numbers
    return {"weight": float(system.net.weight.detach()[0, 0])}


def test_held_out_figures_and_rates_are_in_the_history(toys: Any) -> None:
    plain, watched = toys.Line(), toys.Line()
    watched.load_state_dict(plain.state_dict())
    fit(plain, toys.line_data(), steps=7, **QUICK)
    weights: list[float] = []
    history = fit(
        watched,
        toys.line_data(),
        steps=7,
        evaluate=held_out,
        evaluate_every=3,
        on_step=lambda s, _: weights.append(float(s.net.weight.detach()[0, 0])),
        **QUICK,
    )
    assert torch.equal(plain.net.weight, watched.net.weight)  # looking changed nothing
    steps, figures = history.series("held-out weight")
    assert steps == [3, 6, 7]
    assert figures == pytest.approx([weights[2], weights[5], weights[6]])
    assert history.names == ["mse"]
    assert history.held_out == ["held-out weight"]
    assert history["lr net"] == [0.1] * 7
    assert "held-out weight" in repr(history)
    assert "lr" not in repr(history)


def test_rates_are_those_that_the_steps_were_done_with(toys: Any) -> None:
    history = fit(toys.Duel(), toys.duel_data(), steps=8, **QUICK)
    assert history["lr G"][:5] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01])
    assert history["lr D"] == pytest.approx([0.01 * (1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)])


def test_the_table_is_written_beside_the_checkpoints_and_goes_on(toys: Any, tmp_path: Path) -> None:
    options = {"checkpoint": tmp_path, "evaluate": held_out, "evaluate_every": 2, **QUICK}
    fit(toys.Line(), toys.line_data(), steps=3, **options)
    history = fit(toys.Line(), toys.line_data(), steps=5, **options)
    with (tmp_path / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "epoch", "seconds", "mse", "lr net", "held-out weight"]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [float(row["mse"]) for row in rows] == pytest.approx(history["mse"], rel=1e-6)
    assert [bool(row["held-out weight"]) for row in rows] == [False, True, True, True, True]


def test_tensorboard_gets_every_number_once(toys: Any, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {"checkpoint": tmp_path / "run", "evaluate": held_out, "tensorboard": tmp_path / "logs", **QUICK}
    fit(toys.Line(), toys.line_data(), steps=3, **options)
    history = fit(toys.Line(), toys.line_data(), steps=5, **options)
    found = EventAccumulator(str(tmp_path / "logs"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss/mse", "lr/net", "held-out/weight"}
    losses = found.Scalars("loss/mse")
    assert [one.step for one in losses] == [1, 2, 3, 4, 5]
    assert [one.value for one in losses] == pytest.approx(history["mse"], rel=1e-6)


def test_without_tensorboard_a_sentence_says_what_to_do(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match="pip install tensorboard"):
        fit(toys.Line(), toys.line_data(), steps=1, tensorboard=tmp_path, **QUICK)


def test_a_setting_that_does_not_exist_gets_the_nearest_name(toys: Any) -> None:
    with pytest.raises(TrainingError, match=r"no setting 'epoch' \(did you mean 'epochs'\?\)"):
        fit(toys.Line(), toys.line_data(), epoch=1, **QUICK)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ema_ramp": -1.0}, "ema_ramp is -1.0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"matmul": "low"}, "highest, high, medium"),
        ({"epochs": 1}, "exactly one of the two"),
        ({"batch_size": None}, "needs a batch_size"),
    ],
)
def test_settings_that_cannot_be(toys: Any, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(toys.Line(), toys.line_data(), **{**QUICK, "steps": 2, **wrong})


def test_settings_are_one_object_that_names_change() -> None:
    from course_lib.training import Settings

    settings = Settings(epochs=3, batch_size=4, ema_decay=0.9)
    assert settings.changed(steps=5) == Settings(steps=5, batch_size=4, ema_decay=0.9)
    assert settings.changed(steps=5).changed(epochs=2.5).steps is None
    assert settings.changed(seed=2).remembered()["seed"] == 2
    assert "epochs" not in settings.remembered()


def test_a_set_says_whether_it_may_be_mirrored(toys: Any) -> None:
    class Letters(toys.Pairs):
        mirrors = False

        def batches(self, *args: Any, flip: bool, **options: Any) -> Any:
            assert not flip
            return super().batches(*args, flip=flip, **options)

    data = toys.line_data()
    fit(toys.Line(), Letters(data.x, data.y), steps=1, **QUICK)
    fit(toys.Line(), Letters(data.x, data.y), steps=1, flip=False, **QUICK)
    with pytest.raises(TrainingError, match="may not be mirrored: leave flip out"):
        fit(toys.Line(), Letters(data.x, data.y), steps=1, flip=True, **QUICK)


def test_the_ramp_looks_back_over_a_share_of_the_steps() -> None:
    """With ramp r the decay after n steps is min(d, 1 - 1 / (r n)): at r n = 1 the average is the weights alone."""
    from torch import nn

    from course_lib.training import EMA

    ema = EMA(nn.Linear(2, 2), 0.998, ramp=0.1)
    assert [ema.decay_at(step) for step in (1, 10, 20, 100, 5000, 9999)] == pytest.approx(
        [0.0, 0.0, 0.5, 0.9, 0.998, 0.998]
    )
    assert EMA(nn.Linear(2, 2), 0.998).decay_at(1) == 0.998


def test_tensorboard_hides_an_earlier_run_in_the_same_folder(toys: Any, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(toys.Line(), toys.line_data(), steps=5, tensorboard=tmp_path, **QUICK)
    history = fit(toys.Line(), toys.line_data(), steps=3, tensorboard=tmp_path, **QUICK)
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    scalars = found.Scalars("loss/mse")
    assert [one.step for one in scalars] == [1, 2, 3]
    assert [one.value for one in scalars] == pytest.approx(history["mse"])
