"""All that a training step changes, in one place, so that a checkpoint can hold it and a resumed run go on from it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib.asked import shown
from course_lib.errors import TrainingError
from course_lib.history import RATE, History
from course_lib.systems.base import System
from course_lib.training.ema import EMA
from course_lib.training.fingerprint import fingerprint
from course_lib.training.seeding import rng_state, rng_untouched, seed_everything, set_rng_state
from course_lib.training.settings import Settings
from course_lib.training.soundness import Guard, Soundness, spoilt_columns
from course_lib.training.stages import Plan
from course_lib.words import either

CONTENT = "content of the data"
ORIGIN = "weights it started from"


class Position:
    """Where a run is: in which stage, and where in its data.

    All random numbers of an epoch are drawn from ``generator`` when the epoch starts. The state it had just before,
    with the number of batches already seen, is enough to go on in the middle of the epoch.

    Args:
        seed: of the order of the data; each stage has a stream of random numbers of its own.

    Attributes:
        step: training steps done.
        stage: number of the stage, from 0; it began after ``stage_start`` steps.
        epoch: passes through the data begun so far, over all stages, less one.
        batch: batches of this epoch that were seen.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch_start: Tensor = self.generator.get_state()
        self.step = self.epoch = self.batch = self.stage = self.stage_start = 0

    def advance(self, batches_per_epoch: int) -> None:
        """Count one batch, and begin the next epoch after the last one."""
        self.step += 1
        self.batch += 1
        if self.batch == batches_per_epoch:
            self.epoch, self.batch, self.epoch_start = self.epoch + 1, 0, self.generator.get_state()

    def next_stage(self) -> None:
        """Begin a stage, and with it an epoch."""
        self.stage, self.stage_start = self.stage + 1, self.step
        self.epoch, self.batch = self.epoch + bool(self.batch), 0
        self.epoch_start = self.generator.manual_seed(self.seed + 7919 * self.stage).get_state()

    def counts(self) -> dict[str, int]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in ("step", "stage", "stage_start", "epoch", "batch")}


class TrainingState:
    """Everything that a training step reads and changes.

    Args:
        system: already on its device.
        stage_steps: length of each stage.
        settings: seed of the order of the data, and how weights are averaged.
        precision: Fabric's precision plug-in (it holds the loss scale of 16-bit training).
    """

    def __init__(self, system: System, stage_steps: list[int], settings: Settings, precision: Any) -> None:
        if settings.ema_decay and not system.ema_networks:
            raise TrainingError(f"{type(system).__name__} names no ema_networks: pass ema_decay=0.")
        if system.stage:
            raise TrainingError(f"This system has grown to stage {system.stage} already: build it anew.")
        system.begin_anew()
        self.system = system
        self.stage_steps = stage_steps
        self.precision = precision
        self.history = History()
        # Another stream than the global generator's, which starts from the same seed.
        self.position = Position(settings.seed + 0x0DA7A)
        names = system.ema_networks if settings.ema_decay else ()
        self.averages = {name: EMA(getattr(system, name), settings.ema_decay, settings.ema_ramp) for name in names}
        system.total_steps = sum(stage_steps)
        self._begin_stage()

    def _begin_stage(self) -> None:
        """Make optimisers and schedules of the networks as they are now."""
        system, position = self.system, self.position
        system.averages = {name: ema.module for name, ema in self.averages.items()}
        system.step, system.stage_step = position.step, position.step - position.stage_start
        system.stage_steps = self.stage_steps[position.stage]
        system._optimizers = None
        self.guard, self.soundness = Guard(system), Soundness(system)
        self.optimizers: dict[str, Optimizer] = system.optimizers
        self.schedules: dict[str, LRScheduler] = system.configure_schedules(self.optimizers, system.stage_steps)

    def grow(self) -> None:
        """Begin the next stage: networks grow; optimisers and averages keep what they know of old parameters."""
        moments = {p: state for optimizer in self.optimizers.values() for p, state in optimizer.state.items()}
        averages = {name: ema.kept() for name, ema in self.averages.items()}
        self.position.next_stage()
        self._grow_to(self.position.stage)
        for name, ema in self.averages.items():
            ema.follow(getattr(self.system, name), averages[name])
        self._begin_stage()
        for optimizer in self.optimizers.values():
            for parameter in (p for group in optimizer.param_groups for p in group["params"]):
                if parameter in moments:
                    optimizer.state[parameter] = moments[parameter]

    def _grow_to(self, stage: int) -> None:
        device = self.system.device
        with rng_untouched():
            seed_everything(self.position.seed + stage)  # new weights are the same in every process
            self.system.at_stage(stage)
        self.system.to(device).train()

    def step(self, batch: Any) -> dict[str, Any]:
        """Do one training step; if it is spoilt before a weight has changed, put back what it has changed besides.

        Raises:
            TrainingError: see ``System.optimizer_step``; if the batch itself holds NaN or infinity, it says so.
        """
        self.guard.remember()
        try:
            scalars = self.system.training_step(batch)
        except TrainingError as error:
            self.guard.put_back()
            if columns := spoilt_columns(batch):
                raise TrainingError(
                    f"The data hold NaN or infinity, in {columns[0]!r} of the batch of step {self.position.step + 1}: "
                    "repair the data set or leave those rows out."
                ) from error
            raise
        if not isinstance(scalars, dict):
            raise TrainingError(
                f"training_step of {type(self.system).__name__} returned {shown(scalars)}: "
                'return losses by name, such as {"loss": loss.detach()}.'
            )
        return scalars

    def must_be_sound(self) -> None:
        """Raise a TrainingError if weights, buffers or averages hold NaN or infinity before a step is done."""
        if fault := self.fault(whole=False):
            raise TrainingError(
                f"The {fault} of {type(self.system).__name__} hold NaN or infinity "
                f"before step {self.position.step + 1}: build the system anew, or load other weights."
            )

    def fault(self, whole: bool = True) -> str | None:
        """Return in words what of this state holds NaN or infinity, or None.

        Args:
            whole: look at all that a checkpoint holds; else at what is left after a training.
        """
        optimizers = {name: optimizer.state_dict()["state"] for name, optimizer in self.optimizers.items()}
        shared = {
            "system": self.system.state_dict(),
            "averages": {name: ema.module.state_dict() for name, ema in self.averages.items()},
            "optimizers": optimizers if whole else {},
        }
        return self.soundness.fault(shared, {"pools": self._pools() if whole else {}})

    def _pools(self) -> dict[str, Any]:
        return {name: pool.state_dict() for name, pool in self.system.get_pools().items()}

    def after_step(self, batches_per_epoch: int) -> None:
        """Do what follows every training step: schedules, averages, counting."""
        for scheduler in self.schedules.values():
            scheduler.step()
        self.position.advance(batches_per_epoch)
        for ema in self.averages.values():
            ema.update(self.position.step)
        self.system.step = self.position.step
        self.system.stage_step = self.position.step - self.position.stage_start

    def rates(self) -> dict[str, float]:
        """Return the learning rate of each optimiser, of its first group of parameters, by its name in the history."""
        return {f"{RATE}{name}": float(one.param_groups[0]["lr"]) for name, one in self.optimizers.items()}

    def shared(self) -> dict[str, Any]:
        """Return the state that is the same in every process."""
        position = self.position
        history = self.history.to_dict()
        history["values"] = {k: torch.tensor(v, dtype=torch.float64) for k, v in history["values"].items()}
        history["seconds"] = torch.tensor(history["seconds"], dtype=torch.float64)
        history["epoch"] = torch.tensor(history["epoch"], dtype=torch.int64)
        return {
            "system": dict(self.system.state_dict()),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "schedules": {name: scheduler.state_dict() for name, scheduler in self.schedules.items()},
            "averages": {name: dict(ema.module.state_dict()) for name, ema in self.averages.items()},
            "precision": self.precision.state_dict(),
            "position": position.counts(),
            "epoch_start": position.epoch_start,
            "history": history,
        }

    def personal(self) -> dict[str, Any]:
        """Return the state that each process has for itself."""
        return {"rng": rng_state(), "pools": self._pools()}

    def restore(self, shared: dict[str, Any], personal: dict[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            TrainingError: if it belongs to another architecture.
        """
        position = self.position
        for name, count in shared["position"].items():
            setattr(position, name, count)
        try:
            if position.stage >= len(self.stage_steps):
                raise ValueError(f"it is in stage {position.stage} and this training has {len(self.stage_steps)}")
            self._grow_to(position.stage)
            for name, ema in self.averages.items():
                ema.follow(getattr(self.system, name), {})
            self._begin_stage()
            _must_match(self.system.state_dict(), shared["system"])
            self.system.load_state_dict(shared["system"])
            for name, ema in self.averages.items():
                ema.module.load_state_dict(shared["averages"][name])
            self.system.averages = {name: ema.module for name, ema in self.averages.items()}
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(shared["optimizers"][name])
                _keep_layout(optimizer)
            for name, scheduler in self.schedules.items():
                scheduler.load_state_dict(shared["schedules"][name])
            for name, pool in self.system.get_pools().items():
                pool.load_state_dict(personal["pools"][name], self.system.device)
        except (RuntimeError, KeyError, ValueError) as error:
            fault = " ".join(str(error).split())
            raise TrainingError(
                f"The checkpoint does not fit these networks ({fault[:200]}): "
                f"{either('build the system as it was, name another folder, or pass resume=False', 'add --restart')} "
                "to start again."
            ) from error
        self.precision.load_state_dict(shared["precision"])
        history = shared["history"]
        values = {name: numbers.tolist() for name, numbers in history["values"].items()}
        self.history = History(values, history["epoch"].tolist(), history["seconds"].tolist())
        position.epoch_start = shared["epoch_start"]
        set_rng_state(personal["rng"])


def _must_match(present: dict[str, Any], stored: dict[str, Any]) -> None:
    """Raise a ValueError if names or shapes differ, before a single weight is replaced."""
    for name in {**present, **stored}:
        here, there = (tuple(state[name].shape) if name in state else "missing" for state in (present, stored))
        if here != there:
            raise ValueError(f"size mismatch: {name} is {there} there and {here} here")


def _keep_layout(optimizer: Optimizer) -> None:
    """Give the state of an optimiser the memory layout of its parameters.

    A file holds tensors row by row. Fused kernels walk through the memory of a parameter and of its moments side by
    side, so with channels_last parameters they would pair the wrong numbers.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.dim() > 0:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def describe(
    system: System, settings: Settings, stages: list[Plan], processes: int, *, contents: bool = False
) -> dict[str, Any]:
    """Return what must agree where a run goes on, as plain json values by name, the system's config among them.

    Args:
        system: about to be trained.
        settings: of the training.
        stages: their data, batches and names.
        processes: how many train together.
        contents: look at the data themselves too.
    """
    config = system.config
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = dataclasses.asdict(config)
    plain: dict[str, Any] = {"system": type(system).__name__, **settings.remembered(), "processes": processes}
    if system.origin is not None:
        plain[ORIGIN] = system.origin
    for number, stage in enumerate(stages):
        before = f"stage {number}: " if len(stages) > 1 else ""
        about = {"batch_size": stage.batch_size, "flip": stage.flip, "rows": len(stage.dataset)}
        plain |= {f"{before}{name}": value for name, value in about.items()}
        plain[f"{before}data"] = getattr(stage.dataset, "name", None)
        if contents and (content := fingerprint(stage.dataset)) is not None:
            plain[f"{before}{CONTENT}"] = content
    plain |= {f"config.{k}": v for k, v in config.items()} if isinstance(config, dict) else {"config": config}
    return json.loads(json.dumps(plain, default=str))


def config_defaults(system: System) -> dict[str, Any]:
    """Return the default of each option of a system's config that has one, by its name in ``describe``."""
    config = system.config
    if not dataclasses.is_dataclass(config):
        return {}
    plain = {f"config.{f.name}": f.default for f in dataclasses.fields(config) if f.default is not dataclasses.MISSING}
    return json.loads(json.dumps(plain, default=str))


def must_agree(
    folder: Any, stored: dict[str, Any], present: dict[str, Any], defaults: dict[str, Any] | None = None
) -> None:
    """Raise a TrainingError that names the first setting in which a checkpoint and this run differ.

    Checkpoints from before data had a fingerprint have nothing to compare, and go on. Those from before a config had
    some option were trained with what is its default.

    Args:
        folder: of the checkpoint, for the message.
        stored: what ``describe`` returned then.
        present: what it returns now.
        defaults: see ``config_defaults``.
    """
    again = either("pass resume=False", "add --restart")
    for name in {**present, **stored}:
        old, new = stored.get(name, (defaults or {}).get(name)), present.get(name)
        if name.endswith((CONTENT, ORIGIN)):
            if old is None or new is None or old == new:
                continue
            what = "other data of the same name and number" if name.endswith(CONTENT) else "another first training"
            raise TrainingError(
                f"The checkpoint in {folder} was made with {what} ({name} = {old} and this run has {new}): "
                f"use the same, name another {either('folder', '--folder')}, or {again} to start again."
            )
        if old != new:
            raise TrainingError(
                f"The checkpoint in {folder} was made with {name} = {old!r} and this run has {new!r}: "
                f"use the same, name another {either('folder', '--folder')}, or {again} to start again."
            )
