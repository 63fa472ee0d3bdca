"""What every system of the course has in common, and all that the training loop knows about one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from course_lib.errors import TrainingError


class System(nn.Module):
    """Networks, losses and optimisers of one paper, with one training step.

    A subclass builds its networks in ``__init__`` as ordinary attributes (``self.netG``), names its optimisers in
    ``configure_optimizers``, and does one step of all its players in ``training_step``. It calls a network as
    ``self.netG(x)``, never by another method, so that mixed precision and data parallel training work.

    Args:
        config: a frozen dataclass of plain values (numbers, texts, tuples), kept as ``self.config``.

    Attributes:
        ema_networks: names of the networks that ``fit`` keeps a moving average of.
        step: number of training steps done so far.
        total_steps: number of steps that the present ``fit`` will do in all.
        averages: the averaged networks by name; filled by ``fit``.
        card: what the header of bundled weights says; only systems that ``runs.load`` returned have it.
    """

    ema_networks: ClassVar[tuple[str, ...]] = ()
    card: dict[str, Any]

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.step = 0
        self.total_steps = 0
        self.averages: dict[str, nn.Module] = {}
        self._optimizers: dict[str, Optimizer] | None = None
        self._backward: Callable[..., None] = Tensor.backward

    # What a subclass writes.

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """Return the optimisers by name, for example ``{"G": adam(self.netG.parameters(), 2e-4)}``."""
        raise NotImplementedError(f"{type(self).__name__} must define configure_optimizers().")

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return the learning rate schedules by name; each is stepped once after every training step."""
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

    # What a subclass uses.

    def optimizer_step(self, name: str, loss: Tensor, *, retain_graph: bool = False) -> None:
        """Do one step of optimiser ``name`` down the gradient of ``loss``.

        Old gradients are cleared first, so that what another player's loss left in these parameters is gone.

        Args:
            name: a key of ``configure_optimizers()``.
            loss: scalar.
            retain_graph: keep the graph for a second backward pass.

        Raises:
            TrainingError: if the loss is NaN or infinite. On the CPU this is checked here, before any weight has
                changed. On another device looking at a number means waiting for it, so ``fit`` does it every few steps.
        """
        if loss.device.type == "cpu" and not math.isfinite(value := loss.item()):
            raise not_finite(f"loss of {name}", value, self.step + 1)
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        self._backward(loss, retain_graph=retain_graph)
        optimizer.step()

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers in use: those of ``fit``, else made on first use, so that a step can be done by hand."""
        if self._optimizers is None:
            self._optimizers = self.configure_optimizers()
        return self._optimizers

    def averaged(self, name: str) -> nn.Module:
        """Return the moving average of network ``name`` where ``fit`` kept one, else the network itself."""
        return self.averages[name] if name in self.averages else getattr(self, name)

    @property
    def device(self) -> torch.device:
        """The device that the parameters are on."""
        return next(self.parameters()).device

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


def constant_then_linear(optimizer: Optimizer, total_steps: int, decay: float = 0.5) -> LambdaLR:
    """Return a schedule that keeps the rate, and over the last part of the steps takes it to 0 in a line.

    Args:
        optimizer: whose rate it is.
        total_steps: of the whole run.
        decay: share of the steps, at the end, over which the rate falls; above 0.
    """
    return LambdaLR(optimizer, lambda step: min(1.0, (1 - step / max(1, total_steps)) / decay))


def not_finite(what: str, value: float, step: int) -> TrainingError:
    """Return the error for a number that has become NaN or infinite."""
    return TrainingError(
        f"The {what} became {value} at step {step}: lower the learning rate, "
        "or look for a division by zero or the logarithm of zero."
    )
