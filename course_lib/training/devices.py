"""Where a training runs: Lightning Fabric on one device, or one process a device."""

from __future__ import annotations

import inspect
import logging
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from course_lib.asked import shown, whole
from course_lib.errors import TrainingError
from course_lib.systems.base import System
from course_lib.training.live import in_notebook
from course_lib.words import either, suggest

if TYPE_CHECKING:
    from lightning_fabric import Fabric

NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
DEVICES = ("auto", "cpu", "cuda", "mps")


def _kind_and_index(device: Any, devices: int) -> tuple[str, int | None]:
    """Return what ``"cuda:1"`` means: the kind of device, and which one, if it says so.

    Raises:
        TrainingError: if there is no such device, here or at all.
    """
    kind, colon, index = str(device).partition(":")
    known = isinstance(device, (str, torch.device)) and kind in DEVICES
    if not known or (colon and not (index.isdecimal() and kind != "auto")):
        said = shown(str(device) if isinstance(device, torch.device) else device)
        near = suggest("cuda" if kind.lower() == "gpu" else kind, DEVICES) if isinstance(device, str) else ""
        raise TrainingError(
            f"device is {said}{near}: choose one of auto, cpu, cuda, cuda:1 (the second of them) or mps."
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("There is no CUDA device here: use device='auto' or device='cpu'.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise TrainingError("There is no MPS device here: use device='auto' or device='cpu'.")
    here = torch.cuda.device_count() if kind == "cuda" else 1
    if index and int(index) >= here:
        raise TrainingError(
            f"There is no device {kind}:{index} here, of {here} counted from 0: "
            f"give a smaller number, or device={kind!r} for the first."
        )
    if index and devices > 1:
        raise TrainingError(
            f"device={str(device)!r} is one device and devices={devices} are more: give one of the two."
        )
    if kind == "cuda" and devices > here:
        raise TrainingError(f"devices is {devices} and there are {here} CUDA devices here: give a smaller number.")
    return kind, int(index) if index and kind == "cuda" else None


def make_fabric(device: str | torch.device, precision: str, devices: int) -> Fabric:
    """Start Fabric, alone or as one of the processes of ``torchrun`` or ``fabric run``.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        precision: a name that Fabric knows, for example "32-true" or "bf16-mixed".
        devices: number of devices on this machine; under a launcher its number counts.

    Raises:
        TrainingError: if there is no such device, or not as many.
    """
    devices = whole("devices", devices, error=TrainingError)
    kind, index = _kind_and_index(device, devices)
    launched = os.environ.get("LT_CLI_USED") == "1"  # by `fabric run`, which passes its options by the environment
    nodes = 1
    if "TORCHELASTIC_RUN_ID" in os.environ:  # by `torchrun`, or by `fabric run`, which uses it
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    elif devices > 1 and in_notebook():
        raise TrainingError("A notebook trains on one device: write a script and start it with torchrun.")
    nvml_check = os.environ.get(NVML_CHECK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy

        logging.getLogger("lightning_fabric").setLevel(logging.ERROR)  # importing it sets another level
        if nvml_check is None:  # importing it also makes every optimiser step look for NVIDIA's library on the disk
            os.environ.pop(NVML_CHECK, None)
        options: dict[str, Any] = {"accelerator": kind, "precision": precision, "num_nodes": nodes}
        options["devices"] = [index] if index is not None and devices == nodes == 1 else devices
        if devices * nodes > 1:
            # Without sending buffers around before each forward pass: that would change the running means of batch
            # norm in place between two passes through one network, which autograd forbids.
            newer = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
            buffers: dict[str, Any] = {"forward_sync_buffers" if newer else "broadcast_buffers": False}
            options["strategy"] = DDPStrategy(**buffers)
        if launched:
            return Fabric(**{k: v for k, v in options.items() if f"LT_{k.upper()}" not in os.environ})
        fabric = Fabric(**options)
        fabric.launch()
        return fabric


@contextmanager
def connected(system: System, fabric: Fabric, compile: bool = False) -> Iterator[Callable[[], None]]:
    """Put every trainable network and optimiser of a system through Fabric, and take them out again at the end.

    The names and tensors of ``system.state_dict()`` are the same inside and outside.

    Yields:
        A function that raises a TrainingError if a network was exchanged in the meantime. What is put in the place of
        a network inside the block is unknown to optimisers, averages and checkpoints: networks change in
        ``System.grow`` alone.
    """
    if fabric.world_size > 1 and any(p.requires_grad for p in system._parameters.values() if p is not None):
        raise TrainingError(f"{type(system).__name__} has parameters outside its networks: put them into a module.")
    raw = system.optimizers
    places = list(_networks(system))
    parameters = [(name, list(network.parameters())) for _, name, network in places]
    wrapped: list[nn.Module] = []

    def intact() -> None:
        for (parent, name, _), wrapper in zip(places, wrapped, strict=True):
            if parent._modules.get(name) is not wrapper:
                raise _exchanged(system, name)

    try:
        for parent, name, network in places:
            ready: Any = torch.compile(network) if compile else network
            wrapped.append(fabric.setup_module(ready, move_to_device=False))
            parent._modules[name] = wrapped[-1]
        connected_optimizers = _as_tuple(fabric.setup_optimizers(*raw.values()))
        system._optimizers = dict(zip(raw, connected_optimizers, strict=True))
        system._backward = fabric.backward
        system._gradient = partial(_gradient, compile)
        scaler = getattr(fabric.strategy.precision, "scaler", None)
        system._unscale, system._scaled = partial(_unscale, scaler), scaler is not None
        yield intact
        intact()
        for (_, _, network), (name, before) in zip(places, parameters, strict=True):
            if [id(p) for p in network.parameters()] != [id(p) for p in before]:
                raise _exchanged(system, name)
    finally:
        for parent, name, network in places:
            parent._modules[name] = network
        system._optimizers = None
        system._backward = Tensor.backward
        system._gradient = torch.autograd.grad
        system._unscale, system._scaled = (lambda optimizer: None), False


def _exchanged(system: System, name: str) -> TrainingError:
    return TrainingError(
        f"{name} of {type(system).__name__} was exchanged, or given other parameters, while it was being trained, and "
        "nothing would train the new ones: let networks grow in grow(stage), between two stages."
    )


def _gradient(compiled: bool, *arguments: Any, **options: Any) -> tuple[Tensor, ...]:
    """Do what ``torch.autograd.grad`` does on what Fabric's networks returned.

    In mixed precision those refuse every backward pass that is not ``fabric.backward``, which multiplies a loss of
    16-bit training by the scale that the optimiser divides by. Here nothing is multiplied: the gradient of an output in
    its input is no loss and meets no optimiser, and the loss that is made of it is scaled as any other.
    """
    if compiled:
        raise TrainingError("Compiled networks have no second derivatives: pass compile=False for this penalty.")
    from lightning_fabric import wrappers

    before = wrappers._in_fabric_backward
    wrappers._in_fabric_backward = True
    try:
        return torch.autograd.grad(*arguments, **options)
    finally:
        wrappers._in_fabric_backward = before


def _unscale(scaler: Any, optimizer: Any) -> None:
    """Divide the gradients by the scale of 16-bit training; the optimiser's step knows that it was done."""
    if scaler is not None:
        scaler.unscale_(getattr(optimizer, "optimizer", optimizer))


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _networks(parent: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Yield the trainable networks of a system with the place where each hangs, looking into lists and dicts."""
    for name, child in parent.named_children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _networks(child)
        elif any(p.requires_grad for p in child.parameters()):
            yield parent, name, child


def own_rows(batch: Any, rank: int, processes: int) -> Any:
    """Return the rows ``rank``, ``rank + processes``, ... of a batch: of all its columns, whatever each of them is."""
    if processes == 1:
        return batch
    if isinstance(batch, dict):
        return {name: own_rows(value, rank, processes) for name, value in batch.items()}
    if isinstance(batch, tuple):
        return tuple(own_rows(value, rank, processes) for value in batch)
    return batch[rank::processes]


def any_process(fabric: Fabric, *flags: bool) -> list[bool]:
    """Return for each flag whether it is set in any process, the same answer in all of them."""
    if fabric.world_size == 1:
        return list(flags)
    together = torch.tensor(flags, dtype=torch.float32, device=fabric.device)
    torch.distributed.all_reduce(together, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in together.tolist()]


@contextmanager
def own_modes() -> Iterator[None]:
    """Compute gradients inside the block, whatever is on around it, and leave the current CUDA device as it was.

    Training on ``cuda:1`` makes that one current, where everything that is then put on ``"cuda"`` would go.
    """
    before = torch.cuda.current_device() if torch.cuda.is_initialized() else 0
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        if torch.cuda.is_initialized() and torch.cuda.current_device() != before:
            torch.cuda.set_device(before)


@contextmanager
def one_row_explained(batch_size: int) -> Iterator[None]:
    """Turn torch's error that batch norm has one number a channel to take a variance of into what to do about it."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            f"Batch norm has one row to take a variance of (batch_size is {batch_size}, over all processes): "
            "give batch_size=2 or more and as many rows of data, or a network without batch norm."
        ) from error


@contextmanager
def memory_explained(system: System, batch_size: int) -> Iterator[None]:
    """Turn an error that says that memory ran out, on any device, into a sentence that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        signs = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and not any(sign in str(error).lower() for sign in signs):
            raise
        traceback.clear_frames(error.__traceback__)  # lets go of the tensors of the step that failed
        raise TrainingError(
            f"Memory ran out at step {system.step + 1} with batches of {batch_size}: "
            f"{either('lower batch_size', 'close other programs')}, or choose a smaller preset with COURSE_PRESET."
        ) from None
