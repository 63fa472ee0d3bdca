"""Weights from wherever they lie, and trainings that go on from them: bit for bit what was there, and said so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib import data, runs
from course_lib.data.containers import PairedSet
from course_lib.errors import DataError, TrainingError
from course_lib.history import History
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.srresnet import SRResNet
from course_lib.models.unet import UNet
from course_lib.runs import registry
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.own_weights import label_of
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import fit, save_authors_generator

CONFIG = Pix2PixConfig(base_channels=4, max_channels=8, levels=3, d_channels=4, patch_layers=1)


def pairs(size: int = 16, rows: int = 8) -> PairedSet:
    generator = torch.Generator().manual_seed(size)
    x = torch.randint(0, 256, (rows, 3, size, size), generator=generator, dtype=torch.uint8)
    return PairedSet(name="mine", split="train", x=x, y=255 - x)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch, release: Callable[[], Path]) -> str:
    """Bundle the generator of a small pix2pix, and not its discriminator."""
    sizes = RunSizes(smoke_epochs=1, cpu_epochs=1, gpu_epochs=1, batch_size=4)
    one = Run("tiny/pairs", "Pairs.", lambda: Pix2Pix(CONFIG), pairs, sizes)
    monkeypatch.setattr(registry, "_registry", lambda: {one.name: one})
    history = History()
    history.append({"l1": 1.0}, epoch=0, seconds=1.0)
    runs.publish(one.name, 3, Pix2Pix(CONFIG), history, 1.0)
    release()
    return one.name


# Where weights lie.


def test_a_name_is_a_bundled_run(bundled: str) -> None:
    assert same(weights(runs.system_of(bundled, 3)), weights(runs.load(bundled, 3)))
    assert label_of(bundled, runs.load(bundled, 3), 3) == "tiny/pairs, seed 3"


@pytest.mark.parametrize("kept", [0.0, 0.9])
def test_a_folder_is_one_s_own_training(tmp_path: Path, kept: float) -> None:
    system = Pix2Pix(dataclasses.replace(CONFIG, dropout=0.0))
    fit(system, pairs(), steps=3, batch_size=4, ema_decay=kept, checkpoint=tmp_path, progress=False, device="cpu")
    found = runs.system_of(tmp_path)
    assert isinstance(found, Pix2Pix)
    assert found.config == system.config
    assert same(weights(found), weights(system))
    assert list(found.averages) == (["netG"] if kept else [])
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    assert torch.equal(found.translate(x), system.translate(x))
    assert not found.training
    assert "after 3 steps" in label_of(tmp_path, found, 0)


def test_a_folder_named_after_a_run_has_the_run_s_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings of a regression do not tell that its network enlarges: the run does."""

    def enlarging() -> Regression:
        return Regression(RegressionConfig(x_channels=3), netG=SRResNet(channels=4, blocks=1, factor=2))

    def small() -> PairedSet:
        return PairedSet(name="small", split="train", x=pairs().x[:, :, ::2, ::2].clone(), y=pairs().x)

    one = Run("tiny/large", "Larger.", enlarging, small, RunSizes(1, 1, 1, batch_size=4))
    monkeypatch.setattr(registry, "_registry", lambda: {one.name: one})
    system, _ = runs.train("tiny/large", 2, folder=tmp_path, progress=False, device="cpu")
    for place in ("tiny/large/seed2", "tiny/large"):
        assert same(weights(runs.system_of(tmp_path / place, 2)), weights(system))
    (tmp_path / "tiny" / "large" / "seed2").rename(tmp_path / "elsewhere")
    with pytest.raises(TrainingError, match=r"does not fit the system .* runs\.system_of\(folder, system=\.\.\.\)"):
        runs.system_of(tmp_path / "elsewhere")
    assert same(weights(runs.system_of(tmp_path / "elsewhere", system=enlarging())), weights(system))


def test_a_class_of_one_s_own_has_to_be_built(tmp_path: Path) -> None:
    class Mine(Regression):
        pass

    config = RegressionConfig(x_channels=3, base_channels=4, max_channels=8, levels=2)
    system = Mine(config)
    fit(system, pairs(), steps=1, batch_size=4, checkpoint=tmp_path, progress=False, device="cpu")
    with pytest.raises(TrainingError, match=r"is of Mine, which is not one of the course's systems: build it"):
        runs.system_of(tmp_path)
    assert same(weights(runs.system_of(tmp_path, system=Mine(config))), weights(system))


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (lambda: UNet(base_channels=4, levels=5, wiring="authors", dropout_start=1), Pix2Pix),
        (lambda: ResNetGenerator(base_channels=4, blocks=6), CycleGAN),
    ],
)
def test_a_file_of_the_authors(tmp_path: Path, network: Callable[[], Any], kind: type) -> None:
    net = network()
    path = save_authors_generator(net, tmp_path / "latest_net_G.pth")
    system = runs.system_of(path)
    assert isinstance(system, kind)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        expected = net.eval()(x)
    torch.testing.assert_close(runs.system_of(path).translate(x, noise=False), expected)  # type: ignore[operator]
    assert label_of(path, system, 0).startswith("latest_net_G.pth, sha256 ")


def test_what_is_nowhere(tmp_path: Path, bundled: str) -> None:
    with pytest.raises(DataError, match=r"neither a run nor a folder called 'tiny/pears' \(did you mean 'tiny/pairs'"):
        runs.system_of("tiny/pears")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"notes\.txt holds no weights that can be read here"):
        runs.system_of(tmp_path / "notes.txt")
    with pytest.raises(TrainingError, match="There is no checkpoint in"):
        runs.system_of(tmp_path)


# To go on from them.


def test_training_goes_on_from_bundled_weights(bundled: str, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(8)
    expected = torch.rand(2)
    torch.manual_seed(8)
    system: Any = runs.start_from(bundled, 3, lr=1e-4, dropout=0.0)
    assert torch.equal(torch.rand(2), expected)  # what is drawn leaves torch's own generator alone
    assert capsys.readouterr().out == (
        "Taken over from tiny/pairs, seed 3: the weights of netG.\n"
        "New: netD drawn anew from seed 3, optimisers, schedules and the count of steps; "
        "lr 0.0001 instead of 0.0002, dropout 0.0 instead of 0.5.\n"
    )
    bundle: Any = runs.load(bundled, 3)
    assert same(weights(system.netG), weights(bundle.netG))  # to the bit
    assert not same(weights(system.netD), weights(Pix2Pix(CONFIG).netD))
    assert same(weights(system.netD), weights(runs.start_from(bundled, 3, quiet=True).netD))
    assert not same(weights(system.netD), weights(runs.start_from(bundled, 3, quiet=True).netG))
    assert (system.config.lr, system.config.dropout, system.step, system.training) == (1e-4, 0.0, 0, True)


def test_on_a_folder_of_one_s_own_the_loss_falls(bundled: str, tmp_path: Path) -> None:
    from PIL import Image

    for number, row in enumerate(pairs(20, 6).x):
        both = torch.cat([row, 255 - row], dim=2).permute(1, 2, 0)
        Image.fromarray(both.numpy()).save(tmp_path / f"{number}.png")
    mine = data.folder(tmp_path, kind="halves", size=24, progress=False)  # another size than that of the training
    system = runs.start_from(bundled, 3, lr=5e-3, dropout=0.0, quiet=True)
    history = fit(system, mine, steps=30, batch_size=6, progress=False, device="cpu")
    assert history["l1"][-1] < 0.9 * history["l1"][0]
    assert system.step == 30


def test_training_goes_on_from_one_s_own_averages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = Pix2Pix(CONFIG)
    fit(system, pairs(), steps=3, batch_size=4, ema_decay=0.9, checkpoint=tmp_path, progress=False, device="cpu")
    further: Any = runs.start_from(tmp_path)
    assert same(weights(further.netG), weights(system.averages["netG"]))
    assert same(weights(further.netD), weights(system.netD))
    assert not further.averages
    said = capsys.readouterr().out
    assert "the weights of netG, netD (averaged: netG).\nNew: optimisers, schedules and the count of steps." in said
    assert len(fit(further, pairs(32), steps=2, batch_size=2, progress=False, device="cpu")) == 2


def test_another_discriminator_is_new_and_another_generator_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(Pix2Pix(CONFIG), pairs(), steps=1, batch_size=4, checkpoint=tmp_path, progress=False, device="cpu")
    further: Any = runs.start_from(tmp_path, patch_layers=2)
    assert further.config.patch_layers == 2
    assert "New: netD drawn anew from seed 0" in capsys.readouterr().out
    for change in ({"x_channels": 1}, {"base_channels": 8}, {"levels": 2}):
        with pytest.raises(TrainingError, match=r"gives netG other weights than those of .*: leave out what changes"):
            runs.start_from(tmp_path, **change)
    with pytest.raises(TrainingError, match=r"Pix2Pix has no setting 'dropuot' \(did you mean 'dropout'\?\)"):
        runs.start_from(tmp_path, dropuot=0.1)


def test_a_network_of_another_kind_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Regression(RegressionConfig(x_channels=3), netG=SRResNet(channels=4, blocks=1, factor=2))
    monkeypatch.setattr("course_lib.runs.own_weights.system_of", lambda *_, **__: system.eval())
    further: Any = runs.start_from("mine", lr=1e-4, quiet=True)
    assert further is not system
    assert isinstance(further.netG, SRResNet)
    assert same(weights(further), weights(system))
    assert further.optimizers["G"].param_groups[0]["lr"] == 1e-4
    assert system.config.lr == 1e-3


def test_a_system_that_has_grown_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    system: System = Pix2Pix(CONFIG)
    system.stage = 1
    monkeypatch.setattr("course_lib.runs.own_weights.system_of", lambda *_, **__: system)
    with pytest.raises(TrainingError, match="has grown to stage 1"):
        runs.start_from("mine")


def test_a_generator_of_the_authors_learns_further(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = UNet(base_channels=4, levels=5, wiring="authors", dropout_start=1)
    path = save_authors_generator(net, tmp_path / "latest_net_G.pth")
    further: Any = runs.start_from(path, lr=1e-4)
    assert same(weights(further.netG), weights(runs.system_of(path).netG))  # type: ignore[union-attr, arg-type]
    assert "New: netD drawn anew" in capsys.readouterr().out
    assert len(fit(further, pairs(32), steps=1, batch_size=2, progress=False, device="cpu")) == 1
