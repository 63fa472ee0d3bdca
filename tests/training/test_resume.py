"""A run that is stopped and resumed ends with the same bits as one that was never stopped."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.training import fit, seed_everything, state
from course_lib.training.checkpoints import CheckpointFolder

STEPS, BATCH, PER_EPOCH = 17, 4, 6  # 26 rows: 6 batches an epoch and two rows left out


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Return the paths at which two trees of tensors and plain values differ in any bit; times are passed over."""
    if path.endswith("/seconds"):
        return []
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [d for key in a for d in differences(a[key], b[key], f"{path}/{key}")]
    if isinstance(a, (list, tuple)) and type(a) is type(b) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{path}/{i}")]
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        same = a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
        return [] if same else [path]
    return [] if type(a) is type(b) and a == b else [path]


def train(toys: Any, folder: Path, stop_at: int | None = None, **options: Any) -> None:
    """Run Duel from weights and random states that have nothing to do with the run's seed, as a new process would."""

    def stop(system: Any, step: int) -> None:
        if step == stop_at:
            raise KeyboardInterrupt

    torch.manual_seed(5 if stop_at or not folder.exists() else 99)
    system = toys.Duel()
    seed_everything(1234 if stop_at else 4321)
    settings = {"steps": STEPS, "batch_size": BATCH, "seed": 3, "ema_decay": 0.9, "ema_ramp": 0.5, "flip": True}
    settings |= {"progress": False, "device": "cpu"}
    fit(system, toys.duel_data(), checkpoint=folder, on_step=stop, **settings | options)


def end_of(folder: Path) -> dict[str, Any]:
    stored = CheckpointFolder(folder).load()
    assert stored is not None
    return {"shared": stored[0], "personal": stored[1]}


@pytest.fixture(scope="module")
def uninterrupted(toys: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("uninterrupted") / "whole"
    train(toys, folder)
    return end_of(folder)


@pytest.fixture(scope="module")
def stopped_at_8(toys: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    train(toys, folder, stop_at=8)
    return folder


@pytest.mark.parametrize("stop_at", [1, 3, PER_EPOCH - 1, PER_EPOCH, PER_EPOCH + 1, 2 * PER_EPOCH, STEPS - 1])
def test_resumed_run_has_the_same_bits(toys: Any, tmp_path: Path, uninterrupted: dict[str, Any], stop_at: int) -> None:
    train(toys, tmp_path / "parts", stop_at=stop_at)
    assert end_of(tmp_path / "parts")["shared"]["position"]["step"] == stop_at
    train(toys, tmp_path / "parts")
    assert differences(end_of(tmp_path / "parts"), uninterrupted) == []


def test_resume_after_resume_and_saves_in_between(toys: Any, tmp_path: Path, uninterrupted: dict[str, Any]) -> None:
    for stop_at in (4, 5, 12):
        train(toys, tmp_path / "parts", stop_at=stop_at, save_every=3)
    train(toys, tmp_path / "parts", save_every=2)
    assert differences(end_of(tmp_path / "parts"), uninterrupted) == []


PIECES = [
    "shared/system/netG.0.weight",
    "shared/system/netG.1.running_mean",
    "shared/system/netD.2.bias",
    "shared/system/seen",
    "shared/optimizers/G/state/0/exp_avg",
    "shared/optimizers/G/state/0/exp_avg_sq",
    "shared/optimizers/G/state/0/step",
    "shared/optimizers/G/param_groups/0/lr",
    "shared/optimizers/D/state/0/momentum_buffer",
    "shared/optimizers/D/param_groups/0/lr",
    "shared/schedules/G/last_epoch",
    "shared/schedules/D/last_epoch",
    "shared/averages/netG/0.weight",
    "shared/position/step",
    "shared/position/epoch",
    "shared/position/batch",
    "shared/epoch_start",
    "shared/history/values/G",
    "personal/rng/torch",
    "personal/rng/numpy/keys",
    "personal/rng/numpy/rest",
    "personal/rng/python/words",
    "personal/pools/fakes/images",
]


@pytest.mark.parametrize("piece", PIECES)
def test_no_piece_of_the_state_is_idle(
    toys: Any,
    tmp_path: Path,
    uninterrupted: dict[str, Any],
    stopped_at_8: Path,
    piece: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spoil one piece when it is read back: the end must differ, so the comparison above would have seen it missing."""
    original = state.TrainingState.restore

    def restore(self: Any, shared: dict[str, Any], personal: dict[str, Any]) -> None:
        stored = copy.deepcopy({"shared": shared, "personal": personal})
        *way, last = piece.replace("state/0", "state/#0").split("/")
        place: Any = stored
        for key in way:
            place = place[int(key.lstrip("#")) if isinstance(place, list) or key.startswith("#") else key]
        value = place[last]
        if piece == "shared/epoch_start" or piece == "personal/rng/torch":
            place[last] = torch.Generator().manual_seed(8).get_state()
        elif piece == "personal/rng/python/words":
            place[last] = torch.cat([value[:-1].flip(0), value[-1:]])  # the last one is a position
        elif piece == "personal/rng/numpy/rest":
            place[last] = [value[0] - 1, *value[1:]]
        elif isinstance(value, Tensor):
            place[last] = value.flip(0) if value.numel() > 1 else value + 1
        else:
            place[last] = value * 2 + 1
        original(self, stored["shared"], stored["personal"])

    shutil.copytree(stopped_at_8, tmp_path / "parts")
    monkeypatch.setattr(state.TrainingState, "restore", restore)
    train(toys, tmp_path / "parts")
    assert differences(end_of(tmp_path / "parts"), uninterrupted) != []


def test_layout_of_optimiser_state_matters(
    toys: Any,
    tmp_path: Path,
    uninterrupted: dict[str, Any],
    stopped_at_8: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without putting the moments back into channels_last order, fused Adam pairs the wrong numbers."""
    shutil.copytree(stopped_at_8, tmp_path / "parts")
    monkeypatch.setattr(state, "_keep_layout", lambda optimizer: None)
    train(toys, tmp_path / "parts")
    assert differences(end_of(tmp_path / "parts"), uninterrupted) != []


def test_same_seed_same_bits_and_another_seed_others(toys: Any, tmp_path: Path, uninterrupted: dict[str, Any]) -> None:
    train(toys, tmp_path / "again")
    assert differences(end_of(tmp_path / "again"), uninterrupted) == []
    train(toys, tmp_path / "other", seed=4)
    assert "/shared/system/netG.0.weight" in differences(end_of(tmp_path / "other"), uninterrupted)


def test_finished_run_is_only_read(toys: Any, tmp_path: Path) -> None:
    train(toys, tmp_path / "run")
    before = end_of(tmp_path / "run")
    train(toys, tmp_path / "run")
    assert differences(end_of(tmp_path / "run"), before) == []


def test_longer_run_goes_on(toys: Any, tmp_path: Path) -> None:
    train(toys, tmp_path / "run")
    train(toys, tmp_path / "run", steps=STEPS + 5)
    assert len(end_of(tmp_path / "run")["shared"]["history"]["epoch"]) == STEPS + 5


def test_resume_false_starts_again(toys: Any, tmp_path: Path) -> None:
    train(toys, tmp_path / "run")
    train(toys, tmp_path / "run", resume=False, steps=3)
    assert end_of(tmp_path / "run")["shared"]["position"]["step"] == 3
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["history.csv", "step-00000003"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 2}, "batch_size = 4 and this run has 2"),
        ({"seed": 7}, "seed = 3 and this run has 7"),
        ({"flip": False}, "flip = True"),
        ({"ema_decay": 0.5}, "ema_decay = 0.9"),
    ],
)
def test_other_settings_are_refused(toys: Any, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    train(toys, tmp_path / "run", stop_at=2)
    with pytest.raises(TrainingError, match=words):
        train(toys, tmp_path / "run", **change)


def test_other_config_and_other_data_are_refused(toys: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 5, "steps": 4, "progress": False, "device": "cpu"}
    fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, **options)
    with pytest.raises(TrainingError, match=r"config\.lr = 0\.1 and this run has 0\.2: use the same, name another"):
        fit(toys.Line(toys.LineConfig(lr=0.2)), toys.line_data(), checkpoint=tmp_path, **options)
    with pytest.raises(TrainingError, match="rows = 50 and this run has 49"):
        fit(toys.Line(), toys.line_data(49), checkpoint=tmp_path, **options)
    with pytest.raises(TrainingError, match="system = 'Line' and this run has 'Duel'"):
        fit(toys.Duel(), toys.duel_data(), checkpoint=tmp_path, **options)


def test_other_architecture_is_refused(toys: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 5, "progress": False, "device": "cpu", "checkpoint": tmp_path}
    fit(toys.Line(), toys.line_data(), steps=4, **options)
    with pytest.raises(TrainingError, match=r"does not fit these networks .*size mismatch"):
        fit(toys.Line(inputs=3), toys.line_data(), steps=6, **options)


@pytest.mark.parametrize(("lr", "fits"), [(None, True), (0.7, False)])
def test_a_checkpoint_from_before_a_config_had_an_option_was_trained_with_its_default(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lr: float | None, fits: bool
) -> None:
    config = toys.LineConfig() if lr is None else toys.LineConfig(lr=lr)
    quick = {"batch_size": 5, "progress": False, "device": "cpu", "checkpoint": tmp_path}
    full = state.describe

    def without_lr(*args: Any, **options: Any) -> dict[str, Any]:
        return {name: value for name, value in full(*args, **options).items() if name != "config.lr"}

    with monkeypatch.context() as patch:
        patch.setattr("course_lib.training.loop.describe", without_lr)
        fit(toys.Line(config), toys.line_data(), steps=2, **quick)
    if fits:
        assert len(fit(toys.Line(config), toys.line_data(), steps=4, **quick)) == 4
    else:
        with pytest.raises(TrainingError, match=r"with config.lr = [\d.]+ and this run has 0.7"):
            fit(toys.Line(config), toys.line_data(), steps=4, **quick)
