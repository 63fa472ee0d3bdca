"""What wrong results have in common over all inputs, in one sentence: a factor, a bound, a lost axis, a lost sign."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.comparing import same_value


def pattern(results: Sequence[Any], expected: Sequence[Any], kind: str, rtol: float, atol: float) -> str:
    """Return a sentence, with a space before it, that says how results differ on all inputs; empty if none fits.

    Args:
        results: of an answer, one an input.
        expected: the right ones.
        kind: of the first difference, see ``Difference``.
        rtol: relative tolerance.
        atol: absolute tolerance.
    """
    if kind == "shape":
        return _of_shapes(results, expected)
    if kind != "value" or len(results) < 2:
        return ""
    varied = any(not same_value(value, expected[0], rtol, atol) for value in expected[1:])
    if varied and all(same_value(result, results[0], rtol, atol) for result in results[1:]):
        return " Your function returns this whatever the input is."
    pairs = [pair for pair in map(_tensors, results, expected) if pair is not None]
    if len(pairs) != len(results):
        return ""

    def all_are(change: Callable[[Tensor], Tensor]) -> bool:
        return all(torch.allclose(mine, change(right), rtol, atol) for mine, right in pairs)

    mine, right = (torch.cat([pair[side].flatten() for pair in pairs]) for side in (0, 1))
    if not mine.isfinite().all() or not right.isfinite().all() or not right.any():
        return ""
    factor = float((mine * right).sum() / (right * right).sum())
    if factor and torch.allclose(mine, factor * right, rtol, atol):
        return f" On every input your result is {factor:.4g} times the right one."
    above = float((mine - right).mean())
    if abs(above) > 10 * atol and torch.allclose(mine, right + above, rtol, atol):
        return f" On every input your result is {abs(above):.4g} too {'large' if above > 0 else 'small'}."
    if all_are(torch.abs):
        return " Your result is the absolute value of the right one: its sign is lost."
    if all_are(lambda value: value.clamp(min=0)):
        return " Your result is 0 wherever the right one is below 0: nothing is to be cut off there."
    low, high = float(mine.min()), float(mine.max())
    if torch.allclose(mine, right.clamp(low, high), rtol, atol):
        ends = [f"below {low:.4g}"] * bool((right < low - atol).any())
        ends += [f"above {high:.4g}"] * bool((right > high + atol).any())
        return f" Your result never goes {' or '.join(ends)}, as if it were cut off there, and the right one does."
    if any(len(one) > 1 for _, one in pairs if one.dim()):
        if all_are(lambda value: value.mean(0, keepdim=True).expand_as(value) if value.dim() else value):
            return " Each row of your result is the mean of all right ones: keep the rows apart."
        if all_are(lambda value: value[:1].expand_as(value) if value.dim() else value):
            return " Every row of your result is the right one of the first row: each row has its own."
        if all_are(lambda value: value.flip(0) if value.dim() else value):
            return " The rows of your result stand in the opposite order."
    return ""


def _of_shapes(results: Sequence[Any], expected: Sequence[Any]) -> str:
    """Say that an axis was lost or added, or two have changed places, where that is all that is wrong with shapes."""
    wrong = [
        (tuple(mine.shape), tuple(right.shape))
        for mine, right in zip(results, expected, strict=True)
        if isinstance(mine, Tensor) and isinstance(right, Tensor) and mine.shape != right.shape
    ]
    if not wrong:
        return ""
    if all(mine == tuple(side for side in right if side != 1) for mine, right in wrong):
        return " An axis of length 1 is lost: do not squeeze it, for it is one row or one channel like any other."
    if all(len(mine) > len(right) and math.prod(mine) == math.prod(right) for mine, right in wrong):
        return " Your result has an axis of length 1 too many: leave `keepdim` out, or take the axis away."
    if all(math.prod(right) == 1 and len(mine) > len(right) for mine, right in wrong):
        return " Your result has an axis left that should have been summed or averaged away."
    if all(sorted(mine) == sorted(right) for mine, right in wrong):
        return " Axes have changed places."
    if all(not mine for mine, _ in wrong):
        return " You have summed or averaged over all axes: one is to be kept."
    return ""


def _tensors(result: Any, expected: Any) -> tuple[Tensor, Tensor] | None:
    try:
        mine, right = (torch.as_tensor(value).detach().cpu().double() for value in (result, expected))
    except (TypeError, ValueError, RuntimeError):
        return None
    return (mine, right) if mine.shape == right.shape else None
