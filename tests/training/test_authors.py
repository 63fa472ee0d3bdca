"""Files of the authors' code: which are read, as what; and that nothing else is, with the reason in one sentence."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import authors_networks as theirs
import pytest
import torch
from torch import Tensor

from course_lib.errors import DataError, ShapeError
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.unet import UNet
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import (
    authors,
    fit,
    load_authors_discriminator,
    load_authors_generator,
    save_authors_generator,
    save_weights,
)

Builder = type(theirs.unet)


def saved(network: torch.nn.Module, path: Path, prefix: str = "", **options: bool) -> Path:
    torch.save({f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}, path, **options)
    return path


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("build", "kind"), [(theirs.unet, UNet), (theirs.resnet, ResNetGenerator)])
def test_files_of_all_times_are_read(tmp_path: Path, build: Builder, kind: type, prefix: str, old_format: bool) -> None:
    other = theirs.stirred(build(6)).eval()
    path = saved(other, tmp_path / "latest_net_G.pth", prefix, _use_new_zipfile_serialization=not old_format)
    ours, x = load_authors_generator(path), torch.randn(2, 3, 64, 64)
    assert isinstance(ours, kind)
    assert torch.allclose(ours(x), other(x.clone()), atol=1e-5)


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    other = theirs.stirred(theirs.resnet(6))
    ours = load_authors_generator(saved(other.half(), tmp_path / "G.pth"))
    assert {p.dtype for p in ours.parameters()} == {torch.float32}
    assert torch.equal(ours.body[1].weight, other.model[1].weight.float())


def test_what_is_written_is_read_there_and_here(tmp_path: Path) -> None:
    ours = theirs.stirred(UNet(base_channels=2, levels=5, wiring="authors")).eval()
    path = save_authors_generator(ours, tmp_path / "deep" / "latest_net_G.pth")
    assert [file.name for file in path.parent.iterdir()] == ["latest_net_G.pth"]
    other = theirs.unet(5)
    other.load_state_dict(torch.load(path, weights_only=True))
    x = torch.randn(1, 3, 32, 32)
    assert torch.allclose(ours(x), other.eval()(x.clone()), atol=1e-5)
    assert torch.equal(load_authors_generator(path)(x), ours(x))
    with pytest.raises(ShapeError, match="its wiring is 'paper'"):
        save_authors_generator(UNet(base_channels=2, levels=5), tmp_path / "no.pth")
    assert not (tmp_path / "no.pth").exists()


def test_a_discriminator_is_read(tmp_path: Path) -> None:
    other = theirs.stirred(theirs.patchgan(3)).eval()
    path = saved(other, tmp_path / "latest_net_D.pth")
    x, y = torch.randn(2, 2, 3, 32, 32)
    assert torch.allclose(load_authors_discriminator(path, x_channels=3)(x, y), other(torch.cat([x, y], 1)), atol=1e-5)
    with pytest.raises(DataError, match=r"x_channels must be from 0 to 5: give the state dict of a discriminator"):
        load_authors_discriminator(path, x_channels=9)
    for wrong in (-1, 1.5, True, None):
        with pytest.raises(ShapeError, match="give a whole number, 3 for pix2pix and 0 for CycleGAN"):
            load_authors_discriminator(path, x_channels=wrong)
    with pytest.raises(DataError, match=r"there is load_authors_discriminator\(\): give the state dict of a generator"):
        load_authors_generator(path)


# In a system.


def plain(system: torch.nn.Module) -> torch.nn.Module:
    """Lay the weights out as theirs are: in another layout dropout draws the same numbers for other places."""
    return system.to(memory_format=torch.contiguous_format)


def test_pix2pix_translates_as_their_test_script_does(tmp_path: Path) -> None:
    """By default theirs leaves dropout on and takes the statistics of the one picture; with --eval neither."""
    other = theirs.stirred(theirs.unet(6, dropout=True))
    netG = load_authors_generator(saved(other, tmp_path / "latest_net_G.pth"))
    system, x = plain(Pix2Pix(netG=netG)).double(), torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        evaluated = other.double().eval()(x.clone())
        torch.manual_seed(3)
        default = other.train()(x.clone())
    torch.manual_seed(3)
    assert torch.allclose(system.translate(x, batch_statistics=True), default, atol=1e-5)
    assert torch.allclose(system.translate(x, noise=False), evaluated, atol=1e-5)
    assert not torch.allclose(default, evaluated, atol=1e-2)


def test_cyclegan_translates_both_ways(tmp_path: Path) -> None:
    others = [theirs.stirred(theirs.resnet(6, dropout=True)).eval() for _ in range(2)]
    netG, netF = (load_authors_generator(saved(one, tmp_path / f"{i}.pth")) for i, one in enumerate(others))
    system, x = plain(CycleGAN(CycleGANConfig(d_channels=4), netG, netF)), torch.rand(2, 3, 32, 32) * 2 - 1
    for translate, other in ((system.translate, others[0]), (system.translate_back, others[1])):
        assert torch.allclose(translate(x), other(x.clone()), atol=1e-5)
        torch.manual_seed(3)
        noisy = other.train()(x.clone())
        torch.manual_seed(3)
        assert torch.allclose(translate(x, noise=True), noisy, atol=1e-5)
        assert not torch.allclose(translate(x), noisy, atol=1e-2)


def test_training_goes_on_from_their_weights(tmp_path: Path) -> None:
    from course_lib.data.containers import PairedSet

    path = saved(theirs.unet(5, inputs=1), tmp_path / "latest_net_G.pth")
    config = Pix2PixConfig(x_channels=1, levels=5, d_channels=4, patch_layers=1)
    system = Pix2Pix(config, load_authors_generator(path))
    before = [p.detach().clone() for p in system.netG.parameters()]
    x, y = (torch.randint(0, 256, (4, c, 32, 32), dtype=torch.uint8) for c in (1, 3))
    fit(system, PairedSet("few", "train", x, y), steps=2, batch_size=2, progress=False)
    assert not any(torch.equal(a, b) for a, b in zip(before, system.netG.parameters(), strict=True))


# What is refused.


class Touch:
    """What a hostile pickle does: it calls a function when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def state() -> dict[str, Tensor]:
    return dict(theirs.resnet(6).state_dict())


def compressed(path: Path) -> None:
    torch.save(state(), path)
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def truncated(share: float, **options: bool):
    def write(path: Path) -> None:
        torch.save(state(), path, **options)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return write


def larger_claim(path: Path) -> None:
    """An old file of 1000 numbers, changed to claim 2^31 - 1 of them."""
    torch.save({"model.1.weight": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"M\xe8\x03") == 2
    path.write_bytes(content.replace(b"M\xe8\x03", b"J\xff\xff\xff\x7f"))


def saved_as(content):
    return lambda path: torch.save(content() if callable(content) else content, path)


FAULTS = {
    "missing": (lambda path: None, "there is no such file"),
    "folder": (lambda path: path.mkdir(), "it is a folder"),
    "empty": (lambda path: path.touch(), r"it is no file of torch.save\(\)"),
    "text": (lambda path: path.write_text("weights\n" * 9), r"it is no file of torch.save\(\)"),
    "safetensors": (lambda path: save_weights(state(), path), r"safetensors file, for which there is load_weights\(\)"),
    "bare pickle": (lambda path: path.write_bytes(pickle.dumps([1, 2], 2)), "it is damaged|it holds"),
    "a tensor": (saved_as(torch.ones(3)), "it holds one object of type Tensor"),
    "a list": (saved_as([torch.ones(3)]), "it holds one object of type list"),
    "nothing": (saved_as({}), "it is empty"),
    "nested": (saved_as(lambda: {"netG": state(), "epoch": 3}), "it holds 'netG' of type dict"),
    "number": (saved_as(lambda: state() | {"epoch": 3}), "it holds 'epoch' of type int"),
    "numbered": (saved_as({1: torch.ones(3)}), "it holds '1' of type Tensor"),
    "whole model": (saved_as(lambda: theirs.resnet(6)), "it holds more than tensors"),
    "truncated": (truncated(0.9), "it is damaged"),
    "truncated at the start": (truncated(0.01), "it is damaged"),
    "truncated old": (truncated(0.9, _use_new_zipfile_serialization=False), "it is damaged"),
    "compressed": (compressed, r"it is compressed, which torch.save\(\) never does"),
    "stretched": (saved_as(lambda: state() | {"model.1.weight": torch.zeros(1).expand(10**6, 3, 7, 7)}), "claim more"),
    "larger claim": (larger_claim, "it is damaged"),
    "meta": (saved_as({"model.1.weight": torch.ones(9, device="meta")}), "no ordinary tensor"),
    "sparse": (saved_as({"model.1.weight": torch.eye(3).to_sparse()}), "no ordinary tensor"),
    "parameter": (
        saved_as({"model.1.weight": torch.nn.Parameter(torch.ones(3))}),
        "it holds 'model.1.weight' of type Param",
    ),
    "other": (saved_as(lambda: torch.nn.Linear(2, 2).state_dict()), "neither those of a U-Net"),
    "NaN": (saved_as(lambda: state() | {"model.23.bias": torch.full((3,), torch.nan)}), "model.23.bias holds NaN"),
}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize("name", list(FAULTS))
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    write, words = FAULTS[name]
    path = tmp_path / "latest_net_G.pth"
    write(path)
    with pytest.raises(DataError, match=words) as caught:
        load_authors_generator(path)
    said = str(caught.value)
    assert said.startswith(f"{path} was not loaded, because ")
    assert said.endswith("as the authors' code saves it, for example latest_net_G.pth.")
    assert "\n" not in said
    assert len(said) < 300 + len(str(path))


def test_a_pickle_that_acts_is_not_run(tmp_path: Path) -> None:
    for old_format in (False, True):
        path, trace = tmp_path / f"{old_format}.pth", tmp_path / "trace"
        torch.save(state() | {"model.1.weight": Touch(trace)}, path, _use_new_zipfile_serialization=not old_format)
        with pytest.raises(DataError, match="it holds more than tensors"):
            load_authors_generator(path)
        assert not trace.exists()


def test_a_file_that_claims_more_than_its_bytes_or_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(theirs.resnet(6), tmp_path / "G.pth")
    entries = zipfile.ZipFile.infolist

    def larger(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        found = entries(archive)
        found[0].file_size += path.stat().st_size
        return found

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "infolist", larger)
        with pytest.raises(DataError, match="it claims to hold more than it has bytes"):
            load_authors_generator(path)
    monkeypatch.setattr(authors, "LARGEST", 100)
    with pytest.raises(DataError, match="it has 0 GiB, and at most 0 are read"):
        load_authors_generator(path)


def test_a_file_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(theirs.resnet(6), tmp_path / "G.pth")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError, match=r"it cannot be read \(Permission denied\): give the state dict"):
        load_authors_generator(path)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_is_a_chance(tmp_path: Path, dropout: float) -> None:
    with pytest.raises(ShapeError, match="give a chance from 0 to below 1"):
        load_authors_generator(tmp_path / "G.pth", dropout=dropout)
