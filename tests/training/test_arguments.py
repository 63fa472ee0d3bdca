"""A user's mistake in a call of fit() ends in one sentence, and in no library's error."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import data
from course_lib.errors import CourseError, TrainingError
from course_lib.training import Settings, Stage, fit, read_checkpoint
from course_lib.training.devices import make_fabric

QUICK: dict[str, Any] = {"steps": 1, "batch_size": 5, "progress": False, "device": "cpu"}
WHOLE = "give a whole number of at least 1"


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("steps", (2.5, "16", True, math.nan), WHOLE),
        ("steps", (0, -1), "at least one step"),
        ("epochs", (0, -1.0), "at least one step"),
        ("epochs", (math.nan, math.inf, "1", [1]), "give a finite number above 0"),
        ("batch_size", (0, -1, 2.5, "16", True), f"batch_size is .*: {WHOLE}"),
        ("seed", (-1, 2**63, 1.5, "a", None, True), "seed is .*: give a whole number from 0"),
        ("flip", ("no", 1), "flip is .*: give True, False, or None"),
        ("precision", ("half", "fp16", "64-true", None, torch.float16), "choose one of 32-true, bf16-mixed, 16-mixed"),
        ("matmul", ("low", None, ["high"]), "choose one of highest, high, medium"),
        (
            "ema_decay",
            (1, -0.1, "x", math.nan, None),
            "ema_decay is .*: give a finite number of at least 0 and below 1",
        ),
        ("ema_ramp", (-1, math.inf, "x"), "ema_ramp is .*: give a finite number of at least 0"),
        ("save_every", (0, -1, 1.5, "1"), f"save_every is .*: {WHOLE}"),
        ("evaluate_every", (0, -2), f"evaluate_every is .*: {WHOLE}"),
        ("figure_every", (0, "x"), f"figure_every is .*: {WHOLE}"),
        ("time_limit", (-1, math.nan, "x", True), "time_limit is .*: give seconds"),
        ("on_step", (3, "x"), "on_step is .*: give a function, for example lambda system, step"),
        ("evaluate", (3, {"L1": 0.1}), "evaluate is .*: give a function, for example lambda system"),
        ("figure", (3,), "figure is 3: give a function"),
        ("resume", ("no",), "resume is 'no': give True or False"),
        ("compile", ("x",), "compile is 'x': give True or False"),
        ("progress", ("x",), "progress is 'x': give True or False"),
        ("checkpoint", (3, "", True), "checkpoint is .*: give a path"),
        ("checkpoint", ("~nobody at all/x",), "no such home folder: write the path out"),
        ("tensorboard", (3, ""), "tensorboard is .*: give a path"),
        ("settings", ({"steps": 1}, 3), "settings is .*: give Settings"),
        ("device", ("CPU", "cpus"), r"device is .*did you mean 'cpu'\?\): choose one of auto, cpu, cuda"),
        ("device", ("gpu", "cuda:x", "cuda:-1"), r"device is .*did you mean 'cuda'\?\)"),
        ("device", (None, 0, "", "meta", torch.device("meta")), "device is .*: choose one of auto, cpu, cuda"),
        ("device", ("cpu:1",), "There is no device cpu:1 here"),
        ("devices", (0, -1, "2", True, 2.0, None), f"devices is .*: {WHOLE}"),
    ],
)
def test_what_cannot_be_has_a_sentence(toys: Any, name: str, values: tuple[Any, ...], words: str) -> None:
    for value in values:
        options = {**QUICK, **({"steps": None} if name == "epochs" else {}), name: value}
        with pytest.raises(TrainingError, match=words) as caught:
            fit(toys.Line(), toys.line_data(), **options)
        assert "\n" not in str(caught.value)


def test_what_can_be_is_taken_in_any_usual_form(toys: Any, tmp_path: Path) -> None:
    settings = Settings(steps=np.int64(2), batch_size=np.int32(5), seed=np.int64(3), ema_decay=np.float32(0.5))
    assert [type(getattr(settings, name)) for name in ("steps", "batch_size", "seed", "ema_decay")] == [int] * 3 + [
        float
    ]
    fit(toys.Line(), toys.line_data(), settings, device=torch.device("cpu"), progress=False, checkpoint=str(tmp_path))
    again = Settings(steps=3, batch_size=5, seed=3, ema_decay=0.5)
    assert len(fit(toys.Line(), toys.line_data(), again, device="cpu:0", progress=False, checkpoint=tmp_path)) == 3
    assert len(fit(toys.Line(), toys.line_data(), **{**QUICK, "seed": 2**63 - 1, "time_limit": math.inf})) == 1


@pytest.mark.parametrize(
    ("short", "full"),
    [("bf16", "bf16-mixed"), (16, "16-mixed"), ("16", "16-mixed"), (32, "32-true"), ("32", "32-true")],
)
def test_short_names_of_precision_are_those_of_fabric(short: Any, full: str) -> None:
    assert Settings(precision=short) == Settings(precision=full)


def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with two GPUs, which this one is taken for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device, devices, words in (
        ("cuda:9", 1, "There is no device cuda:9 here, of 2 counted from 0"),
        ("cuda:1", 2, "one device and devices=2 are more"),
        ("cuda", 3, "devices is 3 and there are 2 CUDA devices here"),
    ):
        with pytest.raises(TrainingError, match=words):
            make_fabric(device, "32-true", devices)


def test_systems_that_are_none(toys: Any) -> None:
    with pytest.raises(TrainingError, match=r"is the class Line: build one, Line\(\.\.\.\)"):
        fit(toys.Line, toys.line_data(), **QUICK)
    for other in (nn.Linear(1, 1), toys.line_data(), None):
        with pytest.raises(TrainingError, match=r"The system is .*: give one of course_lib\.systems first"):
            fit(other, toys.line_data(), **QUICK)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            lambda: torch.utils.data.DataLoader(torch.zeros(4, 2), 2),
            "of type DataLoader: fit.. cuts the batches itself",
        ),
        (
            lambda: torch.utils.data.TensorDataset(torch.zeros(4)),
            "of type TensorDataset: give an ImageSet, a PairedSet",
        ),
        (lambda: torch.zeros(4, 3, 8, 8), "of type Tensor: put it into an ImageSet"),
        (lambda: np.zeros((4, 3, 8, 8)), "of type ndarray: give an ImageSet"),
        (lambda: [torch.zeros(3, 8, 8)], "a list that holds a Tensor: give one set"),
        (lambda: [], "an empty list: give one set"),
        (lambda: None, "of type NoneType: give an ImageSet"),
        (lambda: data.ImageSet, "is the class ImageSet: give an ImageSet"),
        (lambda: data.load("photos"), r"of type PhotoSet: .*crops\(size\) or patches\(size\)"),
    ],
)
def test_data_that_are_no_set_of_the_course(toys: Any, given: Any, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(toys.Line(), given(), **QUICK)


def test_a_stage_is_checked_as_fit_is(toys: Any) -> None:
    good: dict[str, Any] = {"dataset": toys.line_data(), "batch_size": 5}
    for wrong, words in (
        ({"batch_size": 0}, WHOLE),
        ({"batch_size": "4"}, WHOLE),
        ({"batch_size": None}, "needs a batch_size"),
        ({"steps": 1.5}, WHOLE),
        ({"steps": None, "epochs": "2"}, "finite number above 0"),
        ({"dataset": torch.zeros(3)}, "of type Tensor"),
    ):
        with pytest.raises(TrainingError, match=words):
            Stage(**{**good, "steps": 1, **wrong})
    assert len(fit(toys.Line(), Stage(**good, steps=2), progress=False, device="cpu")) == 2


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (1.0, r"evaluate returned 1\.0: return figures by name"),
        ({"L1": torch.zeros(2)}, "for 'L1' a value of type Tensor: return one number"),
        ({"L1": None}, "for 'L1' a value None: return one number"),
    ],
)
def test_what_evaluate_returns_is_looked_at(toys: Any, found: Any, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(toys.Line(), toys.line_data(), evaluate=lambda system: found, **QUICK)


def test_a_held_out_figure_may_be_infinite(toys: Any) -> None:
    """PSNR is, of a perfect output; that is no reason to stop a training."""
    figures = [{"PSNR": math.inf}, {"PSNR": math.nan}, {"PSNR": 30.0}]
    options = {**QUICK, "steps": 3, "evaluate_every": 1, "evaluate": lambda system: figures[system.step - 1]}
    history = fit(toys.Line(), toys.line_data(), **options)
    assert history["held-out PSNR"][0] == math.inf
    assert math.isnan(history["held-out PSNR"][1])
    assert history["held-out PSNR"][2] == 30.0


def test_a_tilde_is_the_home_folder(toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    history = fit(toys.Line(), toys.line_data(), checkpoint="~/runs/a", tensorboard=Path("~/board"), **QUICK)
    assert (tmp_path / "home" / "runs" / "a" / "history.csv").is_file()
    assert any((tmp_path / "home" / "board").iterdir())
    assert read_checkpoint("~/runs/a")["position"]["step"] == 1
    assert history.to_csv("~/table.csv") == tmp_path / "home" / "table.csv"
    assert os.listdir() == []


def test_fewer_rows_than_a_batch(toys: Any) -> None:
    """Alone they make one smaller batch; of several processes each needs its share."""
    from course_lib.training.stages import plans

    settings = Settings(steps=1, batch_size=8)
    pictures = data.ImageSet(name="toy", split="train", images=torch.zeros(3, 1, 2, 2, dtype=torch.uint8))
    (plan,) = plans(pictures, settings, 1)
    assert (plan.per_epoch, plan.drop_last) == (1, False)
    for dataset in (pictures, toys.line_data(3)):
        with pytest.raises(TrainingError, match="too few rows, 3, for a batch of 8: lower batch_size"):
            plans(dataset, settings, 2)
    with pytest.raises(TrainingError, match="give each of the 3 processes the same number of rows"):
        plans(pictures, settings, 3)


def test_batch_norm_of_one_row(toys: Any) -> None:
    class Normed(toys.Line):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))

    for rows, size in ((50, 1), (1, 5)):
        with pytest.raises(TrainingError, match=f"one row to take a variance of .batch_size is {size}.*batch_size=2"):
            fit(Normed(), toys.line_data(rows), **{**QUICK, "batch_size": size})
    assert issubclass(TrainingError, CourseError)
