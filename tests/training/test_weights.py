from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from course_lib.errors import DataError
from course_lib.training import load_weights, save_weights, weights_metadata


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ConvTranspose2d(32, 8, 4))
    with torch.no_grad():
        network[0].weight[3] *= 100  # one loud channel must not spoil the others
        network[0].weight[4] = 0
    return network


@pytest.mark.parametrize(("dtype", "share"), [("float16", 0.55), ("int8", 0.35), ("float32", 1.05)])
def test_round_trip_fits_the_network_and_is_small(network: nn.Module, tmp_path: Path, dtype: str, share: float) -> None:
    path = save_weights(network, tmp_path / "deep" / "w.safetensors", dtype, {"data": "emoji", "minutes": 3.5})
    state = load_weights(path)
    assert list(state) == sorted(network.state_dict()) or set(state) == set(network.state_dict())
    network.load_state_dict(state)
    full = sum(t.numel() * 4 for t in network.state_dict().values())
    assert path.stat().st_size < share * full + 2000
    assert weights_metadata(path) == {"data": "emoji", "minutes": 3.5}
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_float16_error_is_at_most_half_a_step_of_half_precision(network: nn.Module, tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}
    after = load_weights(save_weights(network, tmp_path / "w.safetensors"))
    for name, tensor in before.items():
        if tensor.is_floating_point():
            assert after[name].dtype == torch.float32
            assert bool(((after[name] - tensor).abs() <= tensor.abs() * 2**-11 + 2**-25).all()), name
        else:
            assert torch.equal(after[name], tensor)
            assert after[name].dtype == tensor.dtype


def test_int8_error_is_at_most_half_a_scale_of_its_own_channel(network: nn.Module, tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}
    path = save_weights(network, tmp_path / "w.safetensors", "int8")
    after = load_weights(path)
    for name in ("0.weight", "2.weight"):
        bound = before[name].flatten(1).abs().amax(1) / 254 * 1.0001
        error = (after[name] - before[name]).flatten(1).abs().amax(1)
        assert bool((error <= bound).all())
        assert float(error.max()) > 0
    assert torch.equal(after["0.weight"][4], torch.zeros(16, 3, 3))
    with safe_open(path, "pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
        assert bool((file.get_tensor("0.weight.scale") > 0).all())  # also of the channel that is all zero
    assert kinds["0.weight"] == torch.int8
    assert kinds["0.weight.scale"] == torch.float32
    assert kinds["0.bias"] == torch.float16  # one dimension: not worth it


def test_numbers_too_large_for_half_precision_are_kept(tmp_path: Path) -> None:
    state = {"big": torch.tensor([1e6, 1.0]), "a.scale": torch.ones(2)}
    assert torch.equal(load_weights(save_weights(state, tmp_path / "w.safetensors"))["big"], state["big"])
    assert set(load_weights(tmp_path / "w.safetensors")) == {"big", "a.scale"}


def test_channels_last_and_tied_weights(tmp_path: Path) -> None:
    weight = torch.randn(32, 16, 3, 3).to(memory_format=torch.channels_last)
    after = load_weights(save_weights({"a": weight, "b": weight}, tmp_path / "w.safetensors", "float32"))
    assert torch.equal(after["a"], weight)
    assert torch.equal(after["b"], weight)


def test_faults_have_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are no weights at"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"12345")
    with pytest.raises(DataError, match="corrupt"):
        load_weights(tmp_path / "bad.safetensors")
    with pytest.raises(DataError, match="a hold NaN or infinity"):
        save_weights({"a": torch.tensor([float("nan")])}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="use 'float16'"):
        save_weights({}, tmp_path / "w.safetensors", "int4")


def test_a_disk_without_room_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_weights({"w": torch.ones(3)}, tmp_path / "weights.safetensors")

    def full(tensors: Any, unfinished: Path, *_: Any) -> None:
        unfinished.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("course_lib.training.weights.save_file", full)
    with pytest.raises(
        DataError, match=r"could not be written \(No space left on device\): make room, or name another"
    ):
        save_weights({"w": torch.zeros(3)}, path)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]
    assert torch.equal(load_weights(path)["w"], torch.ones(3))
