"""The training loop: the same for every system of the course."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from course_lib.errors import TrainingError
from course_lib.history import HELD_OUT, History
from course_lib.systems.base import System, not_finite
from course_lib.training import arguments
from course_lib.training.devices import (
    any_process,
    connected,
    make_fabric,
    memory_explained,
    one_row_explained,
    own_modes,
    own_rows,
)
from course_lib.training.exactness import float32_products
from course_lib.training.folders import require_room, reserved
from course_lib.training.live import LiveFigure, ProgressLine
from course_lib.training.logs import Logs
from course_lib.training.seeding import rng_untouched, seed_everything
from course_lib.training.settings import Settings
from course_lib.training.stages import Dataset, Plan, Stage, plans
from course_lib.training.state import Position, TrainingState, config_defaults, describe, must_agree
from course_lib.training.stopping import REASONS, SPOKEN, pass_on, signals_heeded
from course_lib.words import either

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from course_lib.training.checkpoints import CheckpointFolder
    from course_lib.training.live import Draw

READ_EVERY = {"cpu": 1}  # steps between two looks at the losses; elsewhere each look waits for the device: 10
SAVE_SECONDS = 600.0  # between two checkpoints where save_every is not given

Folder = str | os.PathLike[str]


@own_modes()
def fit(
    system: System,
    dataset: Dataset | Sequence[Stage],
    settings: Settings | None = None,
    *,
    device: str | torch.device = "auto",
    devices: int = 1,
    compile: bool = False,
    checkpoint: Folder | None = None,
    save_every: int | None = None,
    resume: bool = True,
    evaluate: Callable[[Any], Mapping[str, float]] | None = None,
    evaluate_every: int | None = None,
    tensorboard: Folder | None = None,
    progress: bool = True,
    figure: Draw | None = None,
    figure_every: int | None = None,
    time_limit: float | None = None,
    on_step: Callable[[System, int], Any] | None = None,
    **changes: Any,
) -> History:
    """Train a system and return what it wrote down at every step.

    ``fit(system, data, epochs=3, batch_size=16)`` is the usual call: the settings of a training (see ``Settings``:
    epochs or steps, batch_size, seed, flip, precision, matmul, ema_decay, ema_ramp) are given by name or as one object.

    A run that is stopped and resumed from its checkpoint ends with the same bits as one that was never stopped (on a
    GPU: as far as its kernels are deterministic). Ctrl-C, or the notebook's stop button, ends the run after the step
    at hand, keeps what was trained and saves it if there is a checkpoint folder; pressed twice it stops at once and
    saves nothing. SIGTERM and SIGHUP (a cluster takes its machine back, a terminal is closed) do the same, and are then
    passed on to whoever would have had them: a script ends by them.

    Of an earlier training the system keeps its weights and nothing else: no optimiser, average, count or earlier fake.

    A loss or a gradient that is NaN or infinite stops the run. On the CPU it is seen before it can change a weight,
    and running means are put back. On a GPU losses are read every 10 steps, so that weights and averages in memory may
    have taken up to 10 spoilt steps. In either case no checkpoint is written before all losses have been read, and
    weights, buffers, averages and optimisers are known to be finite.

    Args:
        system: trained in place; afterwards on the device it was trained on, in eval mode.
        dataset: what ``course_lib.data`` returns; for a system that grows a list of ``Stage``.
        settings: all that decides the numbers; what is given by name besides changes it.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        devices: number of devices; with more than one, a script is started once for each (or use ``torchrun``). Each
            process sees its own rows of a batch and gradients are averaged. Batch norm then takes its statistics over
            a process's rows only, and the running means of process 0 are kept.
        compile: compile the networks (costs a minute or two once; pays in long runs).
        checkpoint: folder of this run's checkpoints; the newest two are kept, beside the history as ``history.csv``.
            One training has it at a time. What else lies there is not touched. ``~`` is the home folder, here and in
            ``tensorboard``.
        save_every: steps between two checkpoints; None: about every ten minutes. One is always written at the end.
        resume: go on from the newest checkpoint in the folder, if there is one. False starts again and replaces it.
        evaluate: called with the system, in eval mode; returns figures on held-out data by name, which stand in the
            history as ``"held-out NAME"``. Choose by the validation split: the test split is read once, at the end.
        evaluate_every: steps between two calls; None: a tenth of the run. The last step is always evaluated.
        tensorboard: folder to which losses, learning rates and held-out figures are written for TensorBoard.
        progress: show a progress bar.
        figure: called with the system and the history; returns a matplotlib figure, or a figure and its alt text, or
            what ``course_lib.plotting.mime_bundle`` returns. Redrawn in place in a notebook, not called elsewhere.
        figure_every: steps between two drawings; None: as often as a tenth of the time allows.
        time_limit: seconds after which this call stops as with Ctrl-C.
        on_step: called with the system and the number of finished steps after each step. It may draw random numbers
            and use eval mode without changing the training.
        **changes: settings by name.

    Returns:
        The history of the whole run, earlier parts of a resumed run included.

    Raises:
        TrainingError: a loss is not finite, memory ran out, a setting cannot be, a network was exchanged, the
            checkpoint belongs to other settings or other data, or its folder cannot be written, has no room or is in
            use.
        ShapeError: the data set does not give what the system trains on.
    """
    arguments.must_be_system(system, settings)
    arguments.must_be_callable(evaluate=evaluate, figure=figure, on_step=on_step)
    arguments.must_be_steps(save_every=save_every, evaluate_every=evaluate_every, figure_every=figure_every)
    arguments.must_be_flags(compile=compile, resume=resume, progress=progress)
    arguments.must_be_seconds(time_limit)
    checkpoint = arguments.folder("checkpoint", checkpoint)
    tensorboard = arguments.folder("tensorboard", tensorboard)
    settings = (settings or Settings()).changed(**changes)
    fabric = make_fabric(device, settings.precision, devices)
    stages = plans(dataset, settings, fabric.world_size)
    with reserved(fabric, checkpoint, tensorboard) as folder:
        history = _train(
            system, stages, settings, fabric, folder, compile=compile, save_every=save_every, resume=resume,
            evaluate=evaluate, evaluate_every=evaluate_every, tensorboard=tensorboard, progress=progress,
            figure=figure, figure_every=figure_every, time_limit=time_limit, on_step=on_step,
        )  # fmt: skip
    pass_on(history.stopped)
    return history


def _train(
    system: System,
    stages: list[Plan],
    settings: Settings,
    fabric: Fabric,
    folder: CheckpointFolder | None,
    *,
    compile: bool,
    save_every: int | None,
    resume: bool,
    evaluate: Callable[[Any], Mapping[str, float]] | None,
    evaluate_every: int | None,
    tensorboard: Folder | None,
    progress: bool,
    figure: Draw | None,
    figure_every: int | None,
    time_limit: float | None,
    on_step: Callable[[System, int], Any] | None,
) -> History:
    """Do what ``fit`` says, in a folder that is this training's alone."""
    rank, processes = fabric.global_rank, fabric.world_size
    checkpoint = None if folder is None else folder.folder
    total = sum(plan.steps for plan in stages)
    described = describe(system, settings, stages, processes, contents=folder is not None)

    stored = folder.load() if folder and resume else None
    if stored:  # what is refused is refused before the system is touched
        must_agree(checkpoint, stored[0]["settings"], described, config_defaults(system))
    seed_everything(settings.seed + 1000 * rank)
    with memory_explained(system, stages[0].batch_size):
        system.to(fabric.device).train()
        state = TrainingState(system, [plan.steps for plan in stages], settings, fabric.strategy.precision)
    system.precision = settings.precision
    require_room(fabric, folder, state)
    if stored:
        state.restore(*stored)
    state.must_be_sound()
    position, history = state.position, state.history

    unread: list[tuple[dict[str, Any], int, float]] = []  # scalars, epoch, seconds of steps still on the device
    read_every = READ_EVERY.get(fabric.device.type, 10)
    evaluate_every = evaluate_every or max(1, total // 10)
    logs = Logs(checkpoint if rank == 0 else None, tensorboard if rank == 0 else None, len(history))
    line = ProgressLine(total, position.step, progress and rank == 0)
    live = LiveFigure(figure if rank == 0 else None, figure_every)
    asked: list[str] = []  # to stop, by signals
    table_told = False
    saved_step, half_done = position.step, False
    earlier = history.seconds[-1] if history else 0.0
    started = saved_at = time.perf_counter()

    def read() -> None:
        _read(unread, history)
        logs.update(history)

    def must_be_sound(remedy: str, whole: bool = True) -> None:
        if fault := state.fault(whole):
            raise TrainingError(
                f"The {fault} hold NaN or infinity after step {position.step}: lower the learning rate; {remedy}."
            )

    def save() -> None:
        nonlocal saved_at, saved_step, table_told
        if folder is None or saved_step == position.step:
            return
        read()
        must_be_sound("the last good checkpoint is kept")
        try:
            folder.save(position.step, state.shared() | {"settings": described}, state.personal())
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"The checkpoint of step {position.step} could not be written to {checkpoint} ({error}): "
                f"make room or name another {either('folder', '--folder')}; "
                f"earlier checkpoints{either(' and the weights in memory', '')} are kept."
            ) from error
        saved_at, saved_step = time.perf_counter(), position.step
        try:
            logs.save(history)
        except OSError as error:  # open in another program, say: the checkpoint holds the same numbers
            if not table_told:
                what = error.filename or checkpoint
                print(f"{what} could not be written ({error.strerror or error}); training goes on.")
            table_told = True

    def train_stage(plan: Plan) -> None:
        """Do the steps that are left of the present stage."""
        nonlocal half_done
        started_at, end = position.step, position.stage_start + plan.steps
        explained = memory_explained(system, plan.batch_size), one_row_explained(plan.batch_size)
        with explained[0], explained[1], connected(system, fabric, compile) as intact:
            rows = _batches(plan, position, fabric.device)
            while position.step < end and not history.stopped:
                batch = own_rows(next(rows), rank, processes)
                epoch, rates, half_done = position.epoch, state.rates(), True
                if position.step == started_at:
                    with rng_untouched():
                        system.check_batch(batch)
                scalars: dict[str, Any] = state.step(batch)
                intact()
                state.after_step(plan.per_epoch)
                half_done = False

                now = time.perf_counter()
                last = position.step == total
                if evaluate is not None and (position.step % evaluate_every == 0 or last):
                    scalars = scalars | _held_out(system, evaluate)
                unread.append((scalars | rates, epoch, earlier + now - started))
                if len(unread) >= read_every or last:
                    read()
                if on_step is not None:
                    with rng_untouched():
                        on_step(system, position.step)
                    system.train()
                line.advance(history)
                live.update(system, history)

                late = time_limit is not None and now - started > time_limit
                due = position.step % save_every == 0 if save_every else now - saved_at > SAVE_SECONDS
                *signals, late, due = any_process(fabric, *(reason in asked for reason in REASONS), late, due)
                if due:
                    save()
                if any(signals):
                    history.stopped = REASONS[signals.index(True)]
                elif late and not last:
                    history.stopped = "time limit"

    try:
        with signals_heeded(asked, processes), _quiet(), float32_products(settings.matmul):
            train_stage(stages[position.stage])
            while position.stage + 1 < len(stages) and not history.stopped:
                state.grow()
                train_stage(stages[position.stage])
            save()
            if folder is None:
                must_be_sound("build the system anew", whole=False)
            signals = any_process(fabric, *(reason in asked for reason in REASONS))
            if any(signals):  # while the last checkpoint was written
                history.stopped = REASONS[signals.index(True)]
    except KeyboardInterrupt:  # asked twice, or raised by on_step
        history.stopped = asked[0] if asked else "interrupt"
        if not (half_done or asked):
            save()
    except BaseException:
        logs.close()
        raise
    finally:
        system.eval()
        line.close(history)
    read()
    logs.close()
    live.update(system, history, last=True)
    if history.stopped and rank == 0:
        print(_farewell(history, position.step, total, checkpoint, saved_step, resume))
    return history


def _held_out(system: System, evaluate: Callable[[Any], Mapping[str, float]]) -> dict[str, float]:
    """Return held-out figures by their names in the history; the training does not notice."""
    system.eval()
    with rng_untouched(), torch.no_grad():
        found = arguments.held_out_figures(evaluate(system))
    system.train()
    return {f"{HELD_OUT}{name}": value for name, value in found.items()}


def _farewell(history: History, step: int, total: int, checkpoint: Any, saved_step: int, resume: bool) -> str:
    reason = SPOKEN.get(history.stopped or "", "the time limit")
    again = either("the same fit()", "the same command")
    if saved_step and not resume:
        again = either("fit() without resume=False", "the same command without --restart")
    if checkpoint is None:
        kept = "the weights are kept, and without a checkpoint folder the next fit() starts a new run"
    elif saved_step != step:
        kept = f"not saved, and {again} goes on from step {saved_step}"
    elif step == total:
        kept = f"saved in {checkpoint}, and nothing is left to train"
    else:
        kept = f"saved in {checkpoint}, and {again} goes on from there"
    return f"Stopped by {reason} after step {step} of {total}; {kept}."


def _batches(plan: Plan, position: Position, device: torch.device) -> Iterator[Any]:
    """Yield batches of a stage without end, epoch after epoch, from where ``position`` is."""
    options = {"device": device, "flip": plan.flip, "drop_last": plan.drop_last, "shuffle": True}
    while True:
        epoch = position.epoch
        position.generator.set_state(position.epoch_start)
        for batch in plan.dataset.batches(
            plan.batch_size, generator=position.generator, skip=position.batch, **options
        ):
            yield batch
            if position.epoch != epoch:
                break
        else:
            raise TrainingError("The data set yields fewer batches than its num_batches() says: repair the data set.")


def _read(unread: list[tuple[dict[str, Any], int, float]], history: History) -> None:
    """Move the losses of the last steps from the device into the history, in one transfer.

    Raises:
        TrainingError: if one is NaN or infinite; of held-out figures, such as PSNR, that is no fault.
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
            if not (math.isfinite(value) or name.startswith(HELD_OUT)):
                raise not_finite(name, value, len(history) + 1)
        history.append(plain, epoch=epoch, seconds=seconds)
    unread.clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's advice on the order of optimiser and scheduler, given wrongly when a player skips a step."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        yield
