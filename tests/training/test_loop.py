"""What fit() promises besides resuming: learning, errors with a sentence, stopping, and leaving no trace."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.errors import TrainingError
from course_lib.training import fit, read_checkpoint, seed_everything

QUICK: dict[str, Any] = {"batch_size": 5, "progress": False, "device": "cpu"}


def bits(system: nn.Module) -> dict[str, bytes]:
    return {k: v.contiguous().numpy().tobytes() for k, v in system.state_dict().items()}


def test_a_line_is_learnt_and_written_down(toys: Any) -> None:
    system = toys.Line()
    history = fit(system, toys.line_data(), epochs=20, **QUICK)
    assert len(history) == 200
    assert system.step == 200
    assert history.epoch[-1] == 19
    assert history.mean("mse", 10) < 1e-2 * history["mse"][0]
    torch.testing.assert_close(system.net.weight.detach(), torch.tensor([[1.0, -2.0, 3.0, 0.5]]), atol=0.05, rtol=0)
    assert not history.interrupted
    assert sorted(history.seconds) == history.seconds


def test_both_players_of_a_duel_move_and_gaps_are_kept(toys: Any) -> None:
    system = toys.Duel()
    before = bits(system)
    history = fit(system, toys.duel_data(), steps=7, **QUICK)
    after = bits(system)
    assert all(after[k] != v for k, v in before.items())
    assert [i for i, v in enumerate(history["third"]) if v == v] == [0, 3, 6]


def test_afterwards_the_system_is_as_it_was_built(toys: Any) -> None:
    system = toys.Duel()
    names, kinds, netG = list(system.state_dict()), [type(m) for m in system.modules()], system.netG
    inside: list[Any] = []
    fit(
        system,
        toys.duel_data(),
        steps=2,
        on_step=lambda s, _: inside.append((list(s.state_dict()), s.training)),
        **QUICK,
    )
    assert list(system.state_dict()) == names
    assert [type(m) for m in system.modules()] == kinds
    assert system.netG is netG
    assert not system.training
    assert system._optimizers is None
    assert inside == [(names, True)] * 2
    copy.deepcopy(system)


def test_the_average_of_the_run(toys: Any) -> None:
    system, seen = toys.Line(), []
    start = system.net.weight.detach().clone()
    fit(
        system,
        toys.line_data(),
        steps=4,
        ema_decay=0.6,
        ema_ramp=0.0,
        on_step=lambda s, _: seen.append(s.net.weight.clone()),
        **QUICK,
    )
    expected = 0.6**4 * start + 0.4 * sum(0.6 ** (3 - i) * w for i, w in enumerate(seen))
    torch.testing.assert_close(system.averaged("net").weight, expected.detach())
    fit(system, toys.line_data(), steps=1, **QUICK)
    assert system.averaged("net") is system.net


def test_schedules_are_stepped_once_a_step(toys: Any) -> None:
    rates: list[float] = []
    fit(
        toys.Duel(), toys.duel_data(), steps=10,
        on_step=lambda s, _: rates.append(s.optimizers["G"].param_groups[0]["lr"]), **QUICK,
    )  # fmt: skip
    warm_then_line = [0.4, 0.6, 0.8, 1, 1, 0.8, 0.6, 0.4, 0.2, 0]
    assert rates == pytest.approx([0.01 * factor for factor in warm_then_line])


def test_half_precision_in_the_networks_leaves_weights_whole(toys: Any) -> None:
    seen: list[torch.dtype] = []

    class Spy(toys.Line):
        def __init__(self) -> None:
            super().__init__()
            self.net.register_forward_hook(lambda module, x, y: seen.append(y.dtype))

        def loss(self, batch: Any) -> Any:
            loss = super().loss(batch)
            seen.append(loss.dtype)
            return loss

    system = Spy()
    fit(system, toys.line_data(), steps=1, precision="bf16-mixed", **QUICK)
    assert seen == [torch.bfloat16, torch.float32]
    assert system.net.weight.dtype == torch.float32


def test_epochs_may_be_broken_and_small_sets_have_one_batch(toys: Any) -> None:
    assert len(fit(toys.Line(), toys.line_data(), epochs=1.5, **QUICK)) == 15
    assert len(fit(toys.Line(), toys.line_data(52), epochs=1, **QUICK)) == 10  # two rows are left out
    assert len(fit(toys.Line(), toys.line_data(3), epochs=2, **QUICK)) == 2


def test_every_row_is_seen_once_an_epoch_in_another_order_each_time(toys: Any) -> None:
    orders: list[int] = []

    class Spy(toys.Line):
        def training_step(self, batch: Any) -> Any:
            orders.extend(batch["index"].tolist())
            return super().training_step(batch)

    fit(Spy(), toys.line_data(), epochs=3, **QUICK)
    epochs = [orders[i : i + 50] for i in (0, 50, 100)]
    assert all(sorted(e) == list(range(50)) for e in epochs)
    assert len({tuple(e) for e in epochs}) == 3


def test_watching_does_not_change_the_training(toys: Any) -> None:
    def nosy(system: Any, step: int) -> None:
        seed_everything(step)
        system.eval()

    watched, alone = toys.Duel(), toys.Duel()
    alone.load_state_dict(watched.state_dict())
    fit(watched, toys.duel_data(), steps=6, on_step=nosy, **QUICK)
    fit(alone, toys.duel_data(), steps=6, **QUICK)
    assert bits(watched) == bits(alone)


class TestNotFinite:
    @staticmethod
    def system(toys: Any, at: int) -> Any:
        class Diverges(toys.Line):
            def loss(self, batch: Any) -> Any:
                return super().loss(batch) * (float("nan") if self.step + 1 == at else 1.0)

        return Diverges()

    def test_the_loss_and_the_step_are_named_and_the_checkpoint_is_kept(self, toys: Any, tmp_path: Path) -> None:
        system, weights = self.system(toys, at=8), []
        with pytest.raises(TrainingError, match="The loss of net became nan at step 8: lower the learning rate"):
            fit(
                system, toys.line_data(), steps=20, checkpoint=tmp_path, save_every=3,
                on_step=lambda s, _: weights.append(bits(s)), **QUICK,
            )  # fmt: skip
        assert read_checkpoint(tmp_path)["position"]["step"] == 6
        assert bits(system) == weights[6]  # as after step 7: the bad loss has touched nothing
        assert type(system.net) is nn.Linear

    def test_on_a_device_that_is_read_every_few_steps_nothing_bad_is_saved(
        self, toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on a GPU: no look at the loss within a step, and numbers are read every tenth step, or before a save."""
        from course_lib.training import loop

        class Unlooked(type(self.system(toys, at=6))):  # type: ignore[misc]
            def optimizer_step(self, name: str, loss: Any, **_: Any) -> None:
                self.optimizers[name].zero_grad()
                self._backward(loss)
                self.optimizers[name].step()

        monkeypatch.setattr(loop, "READ_EVERY", {"cpu": 10})
        with pytest.raises(TrainingError, match="The mse became nan at step 6"):
            fit(Unlooked(), toys.line_data(), steps=20, **QUICK)
        with pytest.raises(TrainingError, match="The mse became nan at step 6"):
            fit(Unlooked(), toys.line_data(), steps=20, checkpoint=tmp_path, save_every=4, **QUICK)
        assert read_checkpoint(tmp_path)["position"]["step"] == 4
        history = fit(toys.Line(), toys.line_data(), steps=13, **QUICK)
        assert len(history["mse"]) == 13

    def test_weights_that_are_spoilt_under_a_finite_loss_are_not_saved(self, toys: Any, tmp_path: Path) -> None:
        class Root(toys.Line):
            """The gradient of sqrt at 0 is infinite while its value is fine."""

            def loss(self, batch: Any) -> Any:
                loss = super().loss(batch)
                return loss + (self.net.weight * 0).sum().sqrt() if self.step == 6 else loss

        class Unlooked(Root):
            """As on a GPU, where nothing is looked at within a step."""

            def optimizer_step(self, name: str, loss: Any, **_: Any) -> None:
                self.optimizers[name].zero_grad()
                self._backward(loss)
                self.optimizers[name].step()

        with pytest.raises(TrainingError, match=r"The weights net\.weight hold NaN or infinity after step 7"):
            fit(Unlooked(), toys.line_data(), steps=20, checkpoint=tmp_path / "a", save_every=1, **QUICK)
        assert read_checkpoint(tmp_path / "a")["position"]["step"] == 6
        with pytest.raises(
            TrainingError, match=r"The weights net\.weight hold NaN .* step 7: .* build the system anew"
        ):
            fit(Unlooked(), toys.line_data(), steps=7, **QUICK)
        system, weights = Root(), []
        with pytest.raises(TrainingError, match="The gradient of net became nan at step 7: lower the learning rate"):
            fit(
                system, toys.line_data(), steps=20, checkpoint=tmp_path / "b", save_every=1,
                on_step=lambda s, _: weights.append(bits(s)), **QUICK,
            )  # fmt: skip
        assert bits(system) == weights[5]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
)
def test_out_of_memory_says_what_to_lower_and_lets_go(toys: Any, tmp_path: Path, error: Exception) -> None:
    import weakref

    held: list[weakref.ref[Any]] = []

    class Big(toys.Line):
        def training_step(self, batch: Any) -> Any:
            if self.step == 3:
                large = torch.zeros(1000)
                held.append(weakref.ref(large))
                raise error
            return super().training_step(batch)

    with pytest.raises(TrainingError, match="Memory ran out at step 4 with batches of 5: lower batch_size") as caught:
        fit(Big(), toys.line_data(), steps=9, checkpoint=tmp_path, save_every=2, **QUICK)
    assert caught.value.__suppress_context__
    assert held[0]() is None
    assert read_checkpoint(tmp_path)["position"]["step"] == 2


def test_real_lack_of_memory_is_recognised(toys: Any) -> None:
    class Huge(toys.Line):
        def training_step(self, batch: Any) -> Any:
            torch.empty(2**52, dtype=torch.uint8)
            return {}

    with pytest.raises(TrainingError, match="Memory ran out at step 1"):
        fit(Huge(), toys.line_data(), steps=1, **QUICK)


def test_other_errors_pass_as_they_are(toys: Any) -> None:
    class Wrong(toys.Line):
        def training_step(self, batch: Any) -> Any:
            raise RuntimeError("shapes cannot be multiplied")

    system = Wrong()
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fit(system, toys.line_data(), steps=1, **QUICK)
    assert type(system.net) is nn.Linear


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either epochs or steps"),
        ({"epochs": 1, "steps": 1}, "either epochs or steps"),
        ({"steps": 0}, "at least one step"),
        ({"steps": 1, "batch_size": 0}, "batch_size is 0"),
        ({"steps": 1, "device": "cuda:99" if not torch.cuda.is_available() else "mps"}, "There is no .* device here"),
    ],
)
def test_wrong_arguments_have_a_sentence(toys: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(toys.Line(), toys.line_data(), **QUICK | options)


def test_an_average_of_nothing_is_refused(toys: Any) -> None:
    class Plain(toys.Line):
        ema_networks = ()

    with pytest.raises(TrainingError, match="names no ema_networks: pass ema_decay=0"):
        fit(Plain(), toys.line_data(), steps=1, ema_decay=0.9, **QUICK)


def test_data_that_breaks_its_promise(toys: Any) -> None:
    class Short(toys.Pairs):
        def batches(self, *args: Any, **options: Any) -> Any:
            return list(super().batches(*args, **options))[:-1]

    data = toys.line_data()
    with pytest.raises(TrainingError, match="fewer batches than its num_batches"):
        fit(toys.Line(), Short(data.x, data.y), epochs=1, **QUICK)
    empty = toys.Pairs(torch.zeros(0, 4), torch.zeros(0, 1))
    with pytest.raises(TrainingError, match="too few rows"):
        fit(toys.Line(), empty, epochs=1, **QUICK)


def test_scalars_may_be_tensors_of_any_kind_or_numbers(toys: Any) -> None:
    class Mixed(toys.Line):
        def training_step(self, batch: Any) -> Any:
            more = {
                "float": 0.1,
                "one": torch.ones(1),
                "double": torch.tensor(0.5).double(),
                "half": torch.tensor(2).half(),
            }
            return super().training_step(batch) | more

    history = fit(Mixed(), toys.line_data(), steps=2, **QUICK)
    assert [history.last(name) for name in ("float", "one", "double", "half")] == [0.1, 1.0, 0.5, 2.0]

    class Wide(toys.Line):
        def training_step(self, batch: Any) -> Any:
            return {"x": batch["x"]}

    with pytest.raises(TrainingError, match="returned 'x' with 20 numbers: return scalars"):
        fit(Wide(), toys.line_data(), steps=1, **QUICK)


def test_a_full_disk_has_a_sentence(toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from course_lib.training import checkpoints

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    system = toys.Line()
    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(TrainingError, match=r"of step 4 could not be written .*No space left on device.*: make room"):
        fit(system, toys.line_data(), steps=4, checkpoint=tmp_path, **QUICK)
    assert system.step == 4


def test_fabric_leaves_no_slow_check_behind(toys: Any) -> None:
    """With this variable set every optimiser step looks for NVIDIA's library on the disk, 0.2 ms each."""
    fit(toys.Line(), toys.line_data(), steps=1, **QUICK)
    assert "PYTORCH_NVML_BASED_CUDA_CHECK" not in os.environ


def test_no_word_is_printed_but_the_bar(toys: Any, capfd: Any, recwarn: pytest.WarningsRecorder) -> None:
    fit(toys.Duel(), toys.duel_data(), steps=3, batch_size=5, device="cpu")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("step") >= 1
    assert "arn" not in err
    assert err.count("\n") == 1
    fit(toys.Duel(), toys.duel_data(), steps=3, **QUICK)
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


def test_a_step_that_returns_no_names(toys: Any) -> None:
    class Bare(toys.Line):
        def training_step(self, batch: Any) -> Any:
            return super().training_step(batch)["mse"]

    with pytest.raises(TrainingError, match="training_step of Bare returned of type Tensor: return losses by name"):
        fit(Bare(), toys.line_data(), steps=1, **QUICK)
