"""The training loop: the same for every system of the course."""

from __future__ import annotations

import math
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.history import History
from course_lib.systems.base import System, not_finite
from course_lib.training.checkpoints import CheckpointFolder
from course_lib.training.devices import any_process, connected, make_fabric, matrix_products, memory_explained, own_rows
from course_lib.training.live import LiveFigure, ProgressLine
from course_lib.training.seeding import rng_untouched, seed_everything
from course_lib.training.state import Position, TrainingState, describe, must_agree, weights_are_finite

if TYPE_CHECKING:
    from course_lib.training.live import Draw

READ_EVERY = {"cpu": 1}  # steps between two looks at the losses; elsewhere each look waits for the device: 10
SAVE_SECONDS = 600.0  # between two checkpoints where save_every is not given


class Dataset(Protocol):
    """What ``fit`` asks of a data set."""

    def __len__(self) -> int: ...

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int: ...

    def batches(self, batch_size: int, **options: Any) -> Iterator[Any]: ...


def fit(
    system: System,
    dataset: Dataset,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    batch_size: int,
    seed: int = 0,
    flip: bool = True,
    device: str | torch.device = "auto",
    precision: str = "32-true",
    matmul: str = "highest",
    devices: int = 1,
    ema_decay: float = 0.0,
    compile: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    resume: bool = True,
    progress: bool = True,
    figure: Draw | None = None,
    figure_every: int | None = None,
    time_limit: float | None = None,
    on_step: Callable[[System, int], Any] | None = None,
) -> History:
    """Train a system and return what it wrote down at every step.

    A run that is stopped and resumed from its checkpoint ends with the same bits as one that was never stopped (on a
    GPU: as far as its kernels are deterministic). Ctrl-C, or the notebook's stop button, ends the run after the step
    at hand, keeps what was trained and saves it if there is a checkpoint folder; pressed twice it stops at once and
    saves nothing.

    A loss that is NaN or infinite stops the run. On the CPU it is seen before it can change a weight. On a GPU losses
    are read every 10 steps, so the weights in memory may have taken up to 10 spoilt steps. In either case no
    checkpoint is written before all losses have been read and all weights are known to be finite.

    Args:
        system: trained in place; afterwards on the device it was trained on, in eval mode.
        dataset: what ``course_lib.data`` returns.
        epochs: passes through the data (2.5 is allowed), or
        steps: training steps; exactly one of the two.
        batch_size: rows of a step, over all processes. A last, smaller batch of an epoch is left out.
        seed: of the weights' random numbers drawn from here on (dropout, noise) and of the order of the data.
        flip: mirror half of the pictures left to right.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        precision: Fabric's name, for example "32-true" or "bf16-mixed".
        matmul: what torch may do to matrix products of float32 numbers: "highest" nothing; "high" or "medium" fewer
            digits inside a product (TF32 on a GPU, bfloat16 on a CPU that has it), sums and weights as before.
        devices: number of devices; with more than one, a script is started once for each (or use ``torchrun``). Each
            process sees its own rows of a batch and gradients are averaged. Batch norm then takes its statistics over
            a process's rows only, and the running means of process 0 are kept.
        ema_decay: decay of the moving average of ``system.ema_networks``, found in ``system.averages``; 0 for none.
        compile: compile the networks (costs a minute or two once; pays in long runs).
        checkpoint: folder of this run's checkpoints; the newest two are kept.
        save_every: steps between two checkpoints; None: about every ten minutes. One is always written at the end.
        resume: go on from the newest checkpoint in the folder, if there is one. False starts again and replaces it.
        progress: show a progress bar.
        figure: called with the system and the history; returns a matplotlib figure, or a figure and its alt text, or
            what ``course_lib.plotting.mime_bundle`` returns. Redrawn in place in a notebook, not called elsewhere.
        figure_every: steps between two drawings; None: as often as a tenth of the time allows.
        time_limit: seconds after which this call stops as with Ctrl-C.
        on_step: called with the system and the number of finished steps after each step. It may draw random numbers
            and use eval mode without changing the training.

    Returns:
        The history of the whole run, earlier parts of a resumed run included.

    Raises:
        TrainingError: a loss is not finite, memory ran out, or the checkpoint belongs to other settings.
    """
    fabric = make_fabric(device, precision, devices)
    rank, processes = fabric.global_rank, fabric.world_size
    _check_length(epochs, steps, batch_size, processes)
    drop_last = processes > 1 or dataset.num_batches(batch_size, drop_last=True) > 0
    per_epoch = dataset.num_batches(batch_size, drop_last=drop_last)
    if per_epoch == 0:
        raise TrainingError(f"The data set has too few rows for a batch of {batch_size}: lower batch_size.")
    total = steps or max(1, round((epochs or 0) * per_epoch))
    settings = describe(
        system,
        batch_size=batch_size,
        seed=seed,
        flip=flip,
        ema_decay=ema_decay,
        precision=precision,
        matmul=matmul,
        processes=processes,
        rows=len(dataset),
        data=getattr(dataset, "name", None),
    )

    seed_everything(seed + 1000 * rank)
    with memory_explained(system, batch_size):
        system.to(fabric.device).train()
        state = TrainingState(system, total, seed, ema_decay, fabric.strategy.precision)
    folder = CheckpointFolder(checkpoint, rank, fabric.barrier) if checkpoint is not None else None
    if folder and resume and (stored := folder.load()):
        must_agree(checkpoint, stored[0]["settings"], settings)
        state.restore(*stored)
    position, history = state.position, state.history

    unread: list[tuple[dict[str, Any], int, float]] = []  # scalars, epoch, seconds of steps still on the device
    read_every = READ_EVERY.get(fabric.device.type, 10)
    line = ProgressLine(total, position.step, progress and rank == 0)
    live = LiveFigure(figure if rank == 0 else None, figure_every)
    pressed: list[bool] = []
    saved_step, half_done = position.step, False
    earlier = history.seconds[-1] if history else 0.0
    started = saved_at = time.perf_counter()

    def save() -> None:
        nonlocal saved_at, saved_step
        if folder is None or saved_step == position.step:
            return
        _read(unread, history)
        if not weights_are_finite(system):
            raise TrainingError(
                f"The weights hold NaN or infinity after step {position.step}: "
                "lower the learning rate; the last good checkpoint is kept."
            )
        try:
            folder.save(position.step, state.shared() | {"settings": settings}, state.personal())
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"The checkpoint of step {position.step} could not be written to {checkpoint} ({error}): "
                "make room or name another folder; earlier checkpoints and the weights in memory are kept."
            ) from error
        saved_at, saved_step = time.perf_counter(), position.step

    try:
        with (
            memory_explained(system, batch_size),
            _ctrl_c(pressed),
            _quiet(),
            matrix_products(matmul),
            connected(system, fabric, compile),
        ):
            rows = _batches(dataset, position, batch_size, device=fabric.device, flip=flip, drop_last=drop_last)
            while position.step < total and not history.stopped:
                batch = own_rows(next(rows), rank, processes)
                epoch, half_done = position.epoch, True
                scalars = system.training_step(batch)
                state.after_step(per_epoch)
                half_done = False

                now = time.perf_counter()
                unread.append((scalars, epoch, earlier + now - started))
                if len(unread) >= read_every or position.step == total:
                    _read(unread, history)
                if on_step is not None:
                    with rng_untouched():
                        on_step(system, position.step)
                    system.train()
                line.advance(history)
                live.update(system, history)

                late = time_limit is not None and now - started > time_limit
                due = position.step % save_every == 0 if save_every else now - saved_at > SAVE_SECONDS
                interrupt, late, due = any_process(fabric, bool(pressed), late, due)
                if due:
                    save()
                if (interrupt or late) and position.step < total:
                    history.stopped = "interrupt" if interrupt else "time limit"
            save()
    except KeyboardInterrupt:  # pressed twice, or raised by on_step
        history.stopped = "interrupt"
        if not (half_done or pressed):
            save()
    finally:
        system.eval()
        line.close(history)
    _read(unread, history)
    live.update(system, history, last=True)
    if history.stopped and rank == 0:
        print(_farewell(history, position.step, total, checkpoint, saved_step))
    return history


def _farewell(history: History, step: int, total: int, checkpoint: Any, saved_step: int) -> str:
    reason = "Ctrl-C" if history.interrupted else "the time limit"
    if checkpoint is None:
        kept = "the weights are kept, and without a checkpoint folder the next fit() starts a new run"
    elif saved_step == step:
        kept = f"saved in {checkpoint}, and the same fit() goes on from there"
    else:
        kept = f"not saved, and the same fit() goes on from step {saved_step}"
    return f"Stopped by {reason} after step {step} of {total}; {kept}."


def _check_length(epochs: float | None, steps: int | None, batch_size: int, processes: int) -> None:
    if (epochs is None) == (steps is None):
        raise TrainingError("fit() needs either epochs or steps: give exactly one of the two.")
    if (steps is not None and steps < 1) or (epochs is not None and epochs <= 0):
        raise TrainingError("fit() needs at least one step: give a positive number of epochs or steps.")
    if batch_size < 1 or batch_size % processes:
        raise TrainingError(
            f"batch_size is {batch_size}: give each of the {processes} processes the same number of rows."
        )


def _batches(dataset: Dataset, position: Position, batch_size: int, **options: Any) -> Iterator[Any]:
    """Yield batches without end, epoch after epoch, from where ``position`` is."""
    while True:
        epoch = position.epoch
        position.generator.set_state(position.epoch_start)
        for batch in dataset.batches(
            batch_size, generator=position.generator, shuffle=True, skip=position.batch, **options
        ):
            yield batch
            if position.epoch != epoch:
                break
        else:
            raise TrainingError("The data set yields fewer batches than its num_batches() says: repair the data set.")


def _read(unread: list[tuple[dict[str, Any], int, float]], history: History) -> None:
    """Move the losses of the last steps from the device into the history, in one transfer.

    Raises:
        TrainingError: if one is NaN or infinite.
    """
    tensors: list[Tensor] = []
    for name, value in ((name, value) for scalars, _, _ in unread for name, value in scalars.items()):
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise TrainingError(f"training_step returned {name!r} with {value.numel()} numbers: return scalars.")
            tensors.append(value.detach().float().reshape(()).to(tensors[0].device if tensors else value.device))
    numbers = iter(torch.stack(tensors).tolist() if tensors else [])
    for scalars, epoch, seconds in unread:
        plain = {name: next(numbers) if isinstance(v, Tensor) else float(v) for name, v in scalars.items()}
        for name, value in plain.items():
            if not math.isfinite(value):
                raise not_finite(name, value, len(history) + 1)
        history.append(plain, epoch=epoch, seconds=seconds)
    unread.clear()


@contextmanager
def _ctrl_c(pressed: list[bool]) -> Iterator[None]:
    """Turn the first Ctrl-C into an entry of a list, so that the step at hand is finished before the run ends."""

    def handler(signum: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    try:
        before = signal.signal(signal.SIGINT, handler)
    except ValueError:  # only the main thread may do this, and only it receives Ctrl-C
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's advice on the order of optimiser and scheduler, given wrongly when a player skips a step."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        yield
