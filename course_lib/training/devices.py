"""Where a training runs: Lightning Fabric on one device, or one process a device."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from course_lib.errors import TrainingError
from course_lib.systems.base import System

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(device: str | torch.device, precision: str, devices: int) -> Fabric:
    """Start Fabric, alone or as one of the processes of ``torchrun`` or ``fabric run``.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        precision: a name that Fabric knows, for example "32-true" or "bf16-mixed".
        devices: number of devices on this machine; under a launcher its number counts.
    """
    kind, _, index = str(device).partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("There is no CUDA device here: use device='auto' or device='cpu'.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise TrainingError("There is no MPS device here: use device='auto' or device='cpu'.")
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy

        launcher = os.environ.get("LT_CLI_USED") == "1"  # `fabric run` passes its options by the environment
        here, nodes = devices, 1
        if "TORCHELASTIC_RUN_ID" in os.environ:
            here = int(os.environ["LOCAL_WORLD_SIZE"])
            nodes = int(os.environ["WORLD_SIZE"]) // here
        # Buffers are not sent around before every forward pass: that changes batch norm's running means in place
        # between two passes through one network, which autograd forbids.
        parallel = (launcher and "LT_STRATEGY" not in os.environ) or here * nodes > 1
        strategy: Any = DDPStrategy(broadcast_buffers=False) if parallel else "auto"
        if launcher:
            fabric = Fabric(strategy=strategy)
        else:
            where: Any = [int(index)] if index and here * nodes == 1 else here
            fabric = Fabric(accelerator=kind, devices=where, num_nodes=nodes, strategy=strategy, precision=precision)
            fabric.launch()
    return fabric


@contextmanager
def connected(system: System, fabric: Fabric, compile: bool = False) -> Iterator[None]:
    """Put every trainable network and optimiser of a system through Fabric, and take them out again at the end.

    The names and tensors of ``system.state_dict()`` are the same inside and outside.
    """
    raw = system.optimizers
    places = list(_networks(system))
    try:
        for parent, name, network in places:
            ready: Any = torch.compile(network) if compile else network
            parent._modules[name] = fabric.setup_module(ready, move_to_device=False)
        system._optimizers = {name: fabric.setup_optimizers(optimizer) for name, optimizer in raw.items()}
        system._backward = fabric.backward
        yield
    finally:
        for parent, name, network in places:
            parent._modules[name] = network
        system._optimizers = None
        system._backward = Tensor.backward


def _networks(parent: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Yield the trainable networks of a system with the place where each hangs, looking into lists and dicts."""
    for name, child in parent.named_children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _networks(child)
        elif any(p.requires_grad for p in child.parameters()):
            yield parent, name, child


def own_rows(batch: Any, rank: int, processes: int) -> Any:
    """Return the rows ``rank``, ``rank + processes``, ... of every tensor in a batch (a dataclass, dict or tuple)."""
    if processes == 1:
        return batch
    if isinstance(batch, Tensor):
        return batch[rank::processes]
    if isinstance(batch, dict):
        return {key: own_rows(value, rank, processes) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(own_rows(value, rank, processes) for value in batch)
    if dataclasses.is_dataclass(batch):
        part = copy.copy(batch)
        for field in dataclasses.fields(batch):
            object.__setattr__(part, field.name, own_rows(getattr(batch, field.name), rank, processes))
        return part
    return batch


def any_process(fabric: Fabric, *flags: bool) -> list[bool]:
    """Return for each flag whether it is set in any process, the same answer in all of them."""
    if fabric.world_size == 1:
        return list(flags)
    together = torch.tensor(flags, dtype=torch.float32, device=fabric.device)
    torch.distributed.all_reduce(together, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in together.tolist()]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)
