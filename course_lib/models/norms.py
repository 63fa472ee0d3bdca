"""Normalisation layers that torch has not, or has only slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm

from course_lib.arguments import check_count, check_floats, check_number
from course_lib.errors import ShapeError


class InstanceNorm(nn.Module):
    """Give every channel of every picture mean 0 and variance 1, whatever the other pictures of the batch are.

    The formula is that of ``nn.InstanceNorm2d`` without scale and shift. It is computed as group norm with one channel
    a group, which is the same, because torch's kernel for that keeps the memory format ``channels_last``, in which
    convolutions on a CPU are fastest (forward and backward take a third to a fifth of the time of ``torch.var_mean``).

    Args:
        eps: added to the variance, above 0.

    Raises:
        ShapeError: if ``eps`` is not above 0.

    Source: Ulyanov et al. 2016, "Instance Normalization", equation 4.
    """

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        check_number(eps, "eps", 0, above=True)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)`` over H and W.

        Raises:
            ShapeError: if x has another shape or type.
        """
        _check_maps(x)
        half = x.dtype in (torch.float16, torch.bfloat16)  # in which that kernel is slow; float64 stays as it is
        return group_norm(x.float() if half else x, x.shape[1], eps=self.eps).to(x.dtype)

    def extra_repr(self) -> str:
        """Return what ``print`` shows between the brackets."""
        return f"eps={self.eps}"


class ConditionalInstanceNorm(nn.Module):
    """Instance norm with a learned scale and shift for each of several styles; with one style it is the affine one.

    The formula is ``scale_s * (x - mean(x)) / std(x) + shift_s``. All that tells one style from another are these
    ``2 C`` numbers.

    Args:
        channels: C, of input and output.
        styles: how many rows of scales and shifts there are.
        eps: added to the variance, above 0.

    Raises:
        ShapeError: if there is no channel or style, or ``eps`` is not above 0.

    Source: Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic Style", equation 5.
    """

    def __init__(self, channels: int, styles: int = 1, eps: float = 1e-5) -> None:
        super().__init__()
        check_count(channels, "channels")
        check_count(styles, "styles")
        check_number(eps, "eps", 0, above=True)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(styles, channels))
        self.bias = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style: int | Tensor = 0) -> Tensor:
        """Normalise ``(N, C, H, W)`` over H and W, then scale and shift; ``style`` as ``rows_of`` takes it.

        Raises:
            ShapeError: if x has another shape or type, or the style does not fit.
        """
        _check_maps(x, self.weight.shape[1])
        style = _checked_style(self.weight, style, len(x))
        if x.device != self.weight.device:
            raise ShapeError(f"x is on {x.device} and the network on {self.weight.device}: bring it there with x.to().")
        half = x.dtype in (torch.float16, torch.bfloat16)
        wide = x.float() if half else x
        scale, shift = (_rows(table, style).to(wide.dtype) for table in (self.weight, self.bias))
        if scale.dim() == 1:  # one style for the whole batch: the kernel scales and shifts in the same pass
            return group_norm(wide, x.shape[1], scale, shift, self.eps).to(x.dtype)
        normalised = group_norm(wide, x.shape[1], eps=self.eps)
        return torch.addcmul(shift[:, :, None, None], normalised, scale[:, :, None, None]).to(x.dtype)

    def extra_repr(self) -> str:
        """Return what ``print`` shows between the brackets."""
        return f"{self.weight.shape[1]}, styles={self.weight.shape[0]}, eps={self.eps}"


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: InstanceNorm(),
    "affine instance": ConditionalInstanceNorm,  # with one style
    "none": lambda channels: nn.Identity(),
}
"""The norms that a generator or discriminator can be built with, by name: each takes the number of channels."""


def check_norm(norm: str, what: str) -> str:
    """Return ``norm`` if there is one of that name.

    Args:
        norm: what the user gave.
        what: whose norm it is, for the message.

    Raises:
        ShapeError: if there is none.
    """
    if norm not in NORMS:
        raise ShapeError(f"The norm of {what} is one of {', '.join(map(repr, NORMS))}, not {norm!r}.")
    return norm


class Statistics:
    """Lets all instance norms of a network take mean and variance of one batch, and hold them for what comes next.

    Inside ``with`` and after ``take()``, a pass normalises its whole batch together, as if its pictures were parts of
    one. After ``hold()`` every pass is normalised by what the last one had. Outside, norms are what they were.

    Args:
        network: whose norms are meant; None has none.

    Attributes:
        found: the norms; those that keep running statistics do not look at their picture, and are left alone.
    """

    def __init__(self, network: nn.Module | None) -> None:
        kinds = (InstanceNorm, ConditionalInstanceNorm, nn.InstanceNorm2d)
        modules = network.modules() if network is not None else ()
        self.found = [
            norm for norm in modules if isinstance(norm, kinds) and getattr(norm, "running_mean", None) is None
        ]
        self._kept: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        self._taking: bool | None = None
        self._hooks: list[Any] = []

    def take(self) -> None:
        """Take statistics of the passes from now on."""
        self._taking = True

    def hold(self) -> None:
        """Use the last statistics for the passes from now on."""
        self._taking = False

    def __enter__(self) -> Statistics:
        self._hooks = [norm.register_forward_hook(self._normalised) for norm in self.found]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._kept, self._taking = [], {}, None

    def _normalised(self, norm: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        if self._taking is None:
            return output
        x = inputs[0].float()
        if self._taking:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
            self._kept[norm] = mean, variance
        mean, variance = self._kept[norm]
        factor = torch.rsqrt(variance + norm.eps)
        scale, shift = factor[None], -(mean * factor)[None]
        if getattr(norm, "weight", None) is not None:
            style = inputs[1] if len(inputs) > 1 else 0
            learned = isinstance(norm, ConditionalInstanceNorm)
            weight, bias = ((rows_of(table, style) if learned else table) for table in (norm.weight, norm.bias))
            scale, shift = scale * weight, shift * weight + bias
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None]).to(output.dtype)


def rows_of(table: Tensor, style: int | Tensor) -> Tensor:
    """Return what a table with one row a style holds for each picture of a batch.

    Args:
        table: ``(S, ...)``.
        style: the number of one style for all; or ``(N,)`` int64, one for each picture; or ``(N, S)`` float, weights
            that mix the rows.

    Returns:
        ``(...)`` for one number, else ``(N, ...)``.

    Raises:
        ShapeError: if the style is something else, a number is out of range, or the two lie on two devices.
    """
    check_floats(table, "table", "(S, ...)")
    return _rows(table, _checked_style(table, style, len(style) if isinstance(style, Tensor) and style.dim() else 1))


def _checked_style(table: Tensor, style: int | Tensor, rows: int) -> int | Tensor:
    style = check_style(style, len(table), rows)
    if isinstance(style, Tensor) and style.device != table.device:
        raise ShapeError(f"style is on {style.device} and what it chooses from on {table.device}: use style.to(...).")
    return style


def _rows(table: Tensor, style: int | Tensor) -> Tensor:
    if isinstance(style, Tensor) and style.is_floating_point():
        # no matrix product: mixed precision would round the rows
        return (style.view(*style.shape, *[1] * (table.dim() - 1)) * table).sum(1)
    return table[style]


def _check_maps(x: Tensor, channels: int | None = None) -> None:
    check_floats(x, "x", empty=True)
    if x.dim() != 4 or x.shape[1] != (channels or x.shape[1]):
        raise ShapeError(f"x has the shape {tuple(x.shape)}: give (N, {channels or 'C'}, H, W).")


def check_style(style: int | Tensor | None, styles: int, rows: int) -> int | Tensor:
    """Return the style of each picture of a batch as ``rows_of`` takes it; None is the first where there is only one.

    Args:
        style: what the user gave.
        styles: S, how many there are.
        rows: N, how many pictures.

    Raises:
        ShapeError: if there are several styles and none was chosen, or a number or shape does not fit.
    """
    if style is None and styles == 1:
        return 0
    if isinstance(style, int) and not isinstance(style, bool) and 0 <= style < styles:
        return style
    if isinstance(style, Tensor):
        if style.is_floating_point() and style.shape == (rows, styles):
            return style
        if style.dtype == torch.int64 and style.shape == (rows,):
            # looking at the numbers would stop a GPU, which says so itself when one is out of range
            unseen = style.device.type != "cpu" or torch.compiler.is_compiling()
            if unseen or rows == 0 or (int(style.min()) >= 0 and int(style.max()) < styles):
                return style
    got = f"{style.dtype} {tuple(style.shape)}" if isinstance(style, Tensor) else repr(style)
    if styles == 1:
        raise ShapeError(f"style is {got}, but there is only one style: give 0 or leave it out.")
    raise ShapeError(
        f"style is {got}: give a number from 0 to {styles - 1}, int64 numbers of shape ({rows},), one a picture, "
        f"or float weights of shape ({rows}, {styles})."
    )
