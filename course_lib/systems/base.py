"""What every system of the course has in common, and all that the training loop knows about one."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib.asked import shown, whole
from course_lib.errors import ShapeError, TrainingError
from course_lib.systems.batches import must_fit
from course_lib.systems.modes import inference
from course_lib.words import suggest


class System(nn.Module):
    """Networks, losses and optimisers of one paper, with one training step.

    A subclass builds its networks in ``__init__`` as ordinary attributes (``self.netG``), names its optimisers in
    ``configure_optimizers``, and does one step of all its players in ``training_step``. It calls a network as
    ``self.netG(x)``, never by another method, so that mixed precision and data parallel training work.

    Args:
        config: a frozen dataclass of plain values (numbers, texts, tuples), kept as ``self.config``; of the class that
            the system's annotation ``config: ...`` names, where there is one.

    Attributes:
        ema_networks: names of the networks that ``fit`` keeps a moving average of.
        sampled_by: names of the networks that make samples of latents.
        noisy: whether ``translate(x)`` draws noise, which ``translate(x, noise=False)`` leaves out.
        paired: whether row i of ``x`` must belong to row i of ``y``, so that two unpaired sides are no data for it.
        one_size: whether pictures must have the very size of those in ``example_batch``.
        step: number of training steps done so far.
        total_steps: number of steps that the present ``fit`` will do in all.
        stage: number of the stage that the networks have grown to, from 0.
        stage_step: steps done in this stage; ``stage_steps``: its length.
        averages: the averaged networks by name; filled by ``fit``.
        card: what the header of bundled weights says; only systems that ``runs.load`` returned have it, until ``fit``.
        precision: what the last ``fit`` computed in; None before.
        origin: a digest of the weights that training starts from, where another training made them: a checkpoint
            remembers it.

    Raises:
        ShapeError: if the config is of another class.
    """

    ema_networks: ClassVar[tuple[str, ...]] = ()
    sampled_by: ClassVar[tuple[str, ...]] = ("netG",)
    noisy: ClassVar[bool] = False
    paired: ClassVar[bool] = False
    one_size: ClassVar[bool] = False
    card: dict[str, Any]
    origin: str | None = None
    precision: str | None = None

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.check_config(config)
        self.config = config
        self.step = self.total_steps = 0
        self.stage = self.stage_step = self.stage_steps = 0
        self.averages: dict[str, nn.Module] = {}
        self._optimizers: dict[str, Optimizer] | None = None
        self._backward: Callable[..., None] = Tensor.backward
        self._gradient: Callable[..., tuple[Tensor, ...]] = torch.autograd.grad
        self._unscale: Callable[[Optimizer], None] = lambda optimizer: None
        self._scaled = False  # whether gradients are multiplied by the scale of 16-bit training

    # What a subclass writes.

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """Return the optimisers by name, for example ``{"G": adam(self.netG.parameters(), 2e-4)}``."""
        raise NotImplementedError(f"{type(self).__name__} must define configure_optimizers().")

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return the learning rate schedules by name; each is stepped once after every training step.

        Args:
            optimizers: what ``configure_optimizers`` returned.
            total_steps: of the training; of the stage, where it has several: each stage has schedules of its own.
        """
        return {}

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Do one step of all players and return named, detached scalars for the history."""
        raise NotImplementedError(f"{type(self).__name__} must define training_step(batch).")

    def example_batch(self, batch_size: int, device: torch.device | str) -> Any:
        """Return a batch of the right shapes, of random or empty values, on ``device``."""
        raise NotImplementedError(f"{type(self).__name__} must define example_batch(batch_size, device).")

    def get_pools(self) -> dict[str, Any]:
        """Return the image pools by name, so that a checkpoint can hold them."""
        return {}

    def grow(self, stage: int) -> None:
        """Add the layers of stage ``stage`` to the networks; ``fit`` calls it between two stages.

        What was there before stays the same objects, so that optimisers and averages know it again.
        """
        raise TrainingError(f"{type(self).__name__} does not grow: give fit() one data set, not stages.")

    def _sample(self, z: Tensor, condition: Any, generator: torch.Generator | None) -> Tensor:
        """Return samples by ``self.averaged(...)``; ``sample`` calls it, with those networks in eval mode.

        Args:
            z: latents on the device of the system.
            condition: as ``sample`` was given it.
            generator: of noise other than z.
        """
        raise TrainingError(f"{type(self).__name__} draws no samples from latents: call translate(x), if it has that.")

    # What a subclass uses.

    @classmethod
    def check_config(cls, config: Any) -> None:
        """Compare the class of a config with the annotation ``config: ...``; a subclass that reads it first calls this.

        Raises:
            ShapeError: if it is another one.
        """
        wanted = _class_of_config(cls)
        if wanted is not None and wanted not in [kind.__name__ for kind in type(config).__mro__]:
            raise ShapeError(
                f"{cls.__name__} takes a {wanted} and was given a {type(config).__name__}: "
                f"write {cls.__name__}({wanted}(...))."
            )

    def optimizer_step(
        self, name: str, loss: Tensor, *, retain_graph: bool = False, clip_norm: float | None = None
    ) -> None:
        """Do one step of optimiser ``name`` down the gradient of ``loss``.

        Old gradients are cleared first, so that what another player's loss left in these parameters is gone.

        Args:
            name: a key of ``configure_optimizers()``.
            loss: scalar.
            retain_graph: keep the graph for a second backward pass.
            clip_norm: shorten the gradient of all parameters of the optimiser together to this norm, if it is longer.

        Raises:
            TrainingError: if the loss, or the gradient of a parameter, is NaN or infinite. On the CPU this is checked
                here, before any weight has changed. On another device looking at a number means waiting for it, so
                ``fit`` looks at the losses every few steps. Gradients with the scale of 16-bit training may be
                infinite: then that step is left out and the scale is lowered. Or if there is no such optimiser.
            ShapeError: if the loss is not one number, or has no graph.
        """
        if loss.numel() != 1 or not loss.requires_grad:
            fault = f"has the shape {tuple(loss.shape)}" if loss.numel() != 1 else "has no graph"
            raise ShapeError(f"The loss of {name} {fault}: give one number that was computed from the networks.")
        on_cpu = loss.device.type == "cpu"
        if on_cpu and not math.isfinite(value := loss.item()):
            raise not_finite(f"loss of {name}", value, self.step + 1)
        optimizer = self._optimizer(name)
        optimizer.zero_grad(set_to_none=True)
        self._backward(loss, retain_graph=retain_graph)
        if on_cpu and not self._scaled and not math.isfinite(value := _size_of_gradient(optimizer)):
            raise not_finite(f"gradient of {name}", value, self.step + 1)
        if clip_norm is not None:
            self._unscale(
                optimizer
            )  # 16-bit training multiplies gradients by a large number, which the norm must not see
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, clip_norm)
        optimizer.step()

    def input_gradient(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Return the gradient of each output in its own input, with a graph, so that a penalty on it can be trained.

        Args:
            outputs: of a network whose rows do not mix (no batch norm), ``(N, ...)``; a row's outputs are summed.
            inputs: what the network was given, ``(N, ...)``, with ``requires_grad``.

        Returns:
            float32, in the shape of ``inputs``.

        Raises:
            ShapeError: if the inputs ask for no gradient.
        """
        if not inputs.requires_grad:
            raise ShapeError(
                "The inputs ask for no gradient: call inputs.requires_grad_() before the network sees them."
            )
        return self._gradient(outputs.float().sum(), inputs, create_graph=True)[0].float()

    def due(self, every: int) -> bool:
        """Return whether this is one of every ``every`` steps; the first is.

        What is done at every k-th step only (a lazy penalty, one step of G after k steps of D) asks here. A penalty
        then counts k times as much.

        Raises:
            ShapeError: if ``every`` is no whole number of at least 1.
        """
        return self.step % whole("every", every) == 0

    def at_stage(self, stage: int) -> System:
        """Grow to a stage, from wherever the system is, and return the system.

        Raises:
            TrainingError: if it has grown beyond that stage.
        """
        if self.stage > stage:
            raise TrainingError(f"This system has grown to stage {self.stage} already: build it anew.")
        while self.stage < stage:
            self.grow(self.stage + 1)
            self.stage += 1
            self._optimizers = None
        return self

    # What a user calls.

    def latents(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return z ~ N(0, I), ``(count, config.latents)``, drawn on the CPU so that it is the same on every device.

        Args:
            count: how many rows.
            generator: on the CPU; torch's own if not given.

        Raises:
            TrainingError: if the system has no latents.
            ShapeError: if the count is no whole number.
        """
        size = getattr(self.config, "latents", None)
        if not isinstance(size, int):
            raise TrainingError(f"{type(self).__name__} has no latents: call translate(x), or sample(condition=x).")
        return torch.randn(whole("count", count, 0), size, generator=generator).to(self.device)

    @torch.no_grad()
    def sample(
        self,
        z: Tensor | int | None = None,
        generator: torch.Generator | None = None,
        *,
        condition: Any = None,
    ) -> Tensor:
        """Return samples of the averaged networks where there are some, in eval mode; the same z gives the same sample.

        Args:
            z: latents ``(N, latents)``, or how many to draw; None: as many as the condition has rows.
            generator: on the CPU, of the latents and any other noise; torch's own if not given.
            condition: what steers the samples, N rows, where the system takes one.

        Raises:
            TrainingError: if the system draws no samples, or nothing says how many.
            ShapeError: if z is neither a number nor latents.
        """
        if z is None and condition is None:
            raise TrainingError("sample() needs z or a condition: say how many, for example sample(16).")
        if z is None or (isinstance(z, int) and not isinstance(z, bool)):
            z = self.latents(len(condition) if z is None else z, generator)
        if not isinstance(z, Tensor) or not z.is_floating_point():
            raise ShapeError(
                "z is neither latents nor a number: give floats (N, latents), or how many samples to draw."
            )
        with ExitStack() as modes:
            for name in self.sampled_by:
                modes.enter_context(inference(self.averaged(name)))
            return self._sample(z.to(self.device), condition, generator)

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers in use: those of ``fit``, else made on first use, so that a step can be done by hand."""
        if self._optimizers is None:
            found = self.configure_optimizers()
            if not isinstance(found, dict) or not found:
                raise TrainingError(
                    f"configure_optimizers() of {type(self).__name__} returned {shown(found)}: "
                    'return the optimisers by name, such as {"G": adam(self.netG.parameters(), 2e-4)}.'
                )
            self._optimizers = found
        return self._optimizers

    def _optimizer(self, name: str) -> Optimizer:
        if name not in self.optimizers:
            known = list(self.optimizers)
            raise TrainingError(
                f"{type(self).__name__} has no optimiser {name!r}{suggest(name, known)}: "
                f"choose one of {', '.join(known)}."
            )
        return self.optimizers[name]

    def averaged(self, name: str) -> nn.Module:
        """Return the moving average of network ``name`` where ``fit`` kept one, else the network itself."""
        return self.averages[name] if name in self.averages else getattr(self, name)

    @property
    def device(self) -> torch.device:
        """The device that the parameters are on."""
        return next(self.parameters()).device

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """Take up weights as any module does. Averages are let go of: they are those of the weights before."""
        self.averages = {}
        return super().load_state_dict(*arguments, **options)

    def check_batch(self, batch: Any) -> None:
        """Compare a batch with ``example_batch``; ``fit`` does so with the first batch of each stage.

        A system without an example is not checked. Columns that a step does not read may be there.

        Raises:
            ShapeError: if a column is missing, or has other axes, channels or kinds of numbers, or rows of ``x`` and
                ``y`` do not belong together where they must.
        """
        self._must_fit(batch)

    def _must_fit(self, batch: Any, channels: bool = True) -> None:
        try:
            example = self.example_batch(2, "meta")
        except NotImplementedError:
            return
        options: dict[str, Any] = {"paired": self.paired, "one_size": self.one_size, "channels": channels}
        must_fit(type(self).__name__, batch, example, **options)

    def begin_anew(self) -> None:
        """Keep the weights and forget all else that an earlier training left; ``fit`` calls it at its start."""
        self.step = self.total_steps = self.stage_step = self.stage_steps = 0
        self.averages = {}
        self._optimizers = None
        self.zero_grad(set_to_none=True)
        for pool in self.get_pools().values():
            pool.clear()
        vars(self).pop("card", None)  # it says how the weights came about that are about to change
        self.origin = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> System:
        for network in self.averages.values():  # not sub-modules (state_dict stays as it is), but they move along
            network._apply(fn)
        return super()._apply(fn, recurse)


def adam(
    params: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.9, 0.999), **options: Any
) -> torch.optim.Adam:
    """Return Adam, in its fused form (one kernel for all tensors) where the device has it.

    Args:
        params: the parameters, already on the device they will be trained on.
        lr: learning rate.
        betas: decay of the two moving averages; GANs take (0.5, 0.999).
        options: any other option of ``torch.optim.Adam``.
    """
    params = list(params)
    fused = all(p.device.type in ("cpu", "cuda", "mps") and p.is_floating_point() for p in params)
    return torch.optim.Adam(params, lr=lr, betas=betas, fused=fused, **options)


def _class_of_config(system: type) -> str | None:
    """Return the name of the class in the annotation ``config: ...`` of a system or the nearest it is made from."""
    for kind in system.__mro__:
        if (named := inspect.get_annotations(kind).get("config")) is not None:
            return named if isinstance(named, str) else getattr(named, "__name__", None)
    return None


def _size_of_gradient(optimizer: Optimizer) -> float:
    """Return how large the gradients of an optimiser's parameters are; no finite number if one of them holds none."""
    found = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    dense = [grad._values() if grad.is_sparse else grad for grad in found if grad.numel()]
    if not dense:
        return 0.0
    length = float(torch.stack(torch._foreach_norm(dense)).max())  # a tenth of the time that the largest value takes
    return length if math.isfinite(length) else float(torch.stack(torch._foreach_norm(dense, math.inf)).max())


def not_finite(what: str, value: float, step: int) -> TrainingError:
    """Return the error for a number that has become NaN or infinite."""
    return TrainingError(
        f"The {what} became {value} at step {step}: lower the learning rate, "
        "or look for a division by zero or the logarithm of zero."
    )
