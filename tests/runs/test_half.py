"""Bfloat16 only where it gains something: what a run is trained in, and what it goes on in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib import doctor
from course_lib.half import IN_FULL, IN_HALF, computes_in_bfloat16
from course_lib.runs import cards, train, trained
from course_lib.runs.base import Run
from course_lib.systems import pix2pix, regression, style_transfer
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.training import Settings


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return a function that gives every device bfloat16 or takes it away."""

    def has(able: bool) -> None:
        for module in (trained, pix2pix, regression, style_transfer):
            monkeypatch.setattr(module, "computes_in_bfloat16", lambda device="cpu": able)

    return has


@pytest.fixture
def one_run(two_runs: dict[str, Run]) -> Run:
    """Return one of the two runs, which asks for bfloat16 now."""
    two_runs["tiny/first"] = replace(two_runs["tiny/first"], settings=Settings(precision=IN_HALF))
    return two_runs["tiny/first"]


def test_what_a_device_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in (True, False):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda able=able: able, raising=False)
        assert computes_in_bfloat16("cpu") is able
        assert computes_in_bfloat16(torch.device("cpu")) is able
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert computes_in_bfloat16("cuda:1") is False
    assert computes_in_bfloat16("auto") is False  # of the processor, which has just said so


@pytest.mark.parametrize(("able", "precision"), [(True, IN_HALF), (False, IN_FULL)])
def test_a_run_is_trained_in_what_is_fast_here(
    processor: Any, one_run: Run, able: bool, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    processor(able)
    system, _ = train(one_run.name, device="cpu", progress=True)
    assert system.precision == precision
    assert ("float32, because" in capsys.readouterr().err) == (not able)


def test_what_is_asked_for_by_name_is_done(processor: Any, one_run: Run) -> None:
    processor(False)
    assert train(one_run.name, device="cpu", progress=False, precision=IN_HALF)[0].precision == IN_HALF


@pytest.mark.parametrize("first", [True, False])
def test_a_checkpoint_goes_on_in_its_own_precision(processor: Any, one_run: Run, first: bool, tmp_path: Path) -> None:
    """Moved to a machine of the other kind a training goes on, and ends with the bits that it would have had."""
    processor(first)
    whole, history_of_whole = train(one_run.name, device="cpu", progress=False)
    train(one_run.name, folder=tmp_path, device="cpu", progress=False, time_limit=0.0)
    processor(not first)
    moved, history = train(one_run.name, folder=tmp_path, device="cpu", progress=False)
    assert len(history) == len(history_of_whole)
    assert moved.precision == whole.precision
    for key, value in whole.state_dict().items():
        assert torch.equal(value, moved.state_dict()[key]), key


@pytest.mark.parametrize("able", [True, False])
def test_a_judge_in_half_is_one_where_that_is_fast(processor: Any, able: bool) -> None:
    processor(able)
    wanted = torch.bfloat16 if able else torch.float32
    small: dict[str, Any] = {"base_channels": 8, "max_channels": 16, "levels": 3}
    pair = Pix2Pix(Pix2PixConfig(**small, patch_layers=1, d_channels=8, lambda_features=1.0, half_judge=True))
    assert next(pair._judge.on("cpu").vgg.buffers()).dtype == wanted
    by_features = Regression(RegressionConfig(loss="perceptual", half_judge=True, **small))
    assert next(by_features.judge.vgg.buffers()).dtype == wanted
    style = StyleTransfer(StyleTransferConfig(base_channels=4, blocks=1, style_side=48, half_judge=True))
    assert next(style.training_judge.vgg.buffers()).dtype == wanted
    assert next(style.judge_in(True).vgg.buffers()).dtype == torch.bfloat16  # asked for, and so done


def test_a_card_names_the_seeds_of_another_precision(one_run: Run) -> None:
    entries: dict[int, dict[str, Any]] = {0: {}, 1: {"precision": IN_FULL}, 2: {"precision": IN_FULL}}
    assert cards._otherwise_computed(one_run, entries) == f"seeds 1, 2 in `{IN_FULL}`"
    assert cards._otherwise_computed(replace(one_run, settings=Settings()), entries) == ""


@pytest.mark.parametrize(("able", "said"), [(True, "in hardware"), (False, "`course train` computes in float32")])
def test_the_doctor_says_it(able: bool, said: str, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "computes_in_bfloat16", lambda: able)
    doctor._machine()
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("bfloat16"))
    assert said in line
