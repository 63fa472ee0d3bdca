"""Where a result differs from what was expected, said in words that a learner can act on."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """One difference between a result and the expected one.

    Args:
        kind: type, keys, shape, dtype or value.
        text: what was expected and what came, as the end of a sentence.
        part: the key of the dict or the position in the tuple where it is; empty if the result is one thing.
    """

    kind: str
    text: str
    part: str = ""


def differences(
    got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5, part: str = "", *, exact: bool = False
) -> list[Difference]:
    """Return where a result differs from the expected one; an empty list if it does not.

    The expected value decides what is acceptable: where a number is expected, a NumPy number or a tensor with one
    element will do; where a tensor is expected, it must be a tensor of the same shape, on any device, and of the same
    dtype, but that floats of another precision will do unless ``exact``.
    """
    if got is None and expected is not None:
        return [_wrong_type(got, _wanted(expected), part)]
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return [_wrong_type(got, _wanted(expected), part)]
        missing = [key for key in expected if key not in got]
        if missing:
            came = f"the keys {_quoted(got)}" if got else "an empty dict"
            return [Difference("keys", f"expected {_wanted(expected)}, got {came}", part)]
        keys = [(key, str(key)) for key in expected]
        return [d for key, name in keys for d in differences(got[key], expected[key], rtol, atol, name, exact=exact)]
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(got) != len(expected):
            return [_wrong_type(got, _wanted(expected), part)]
        pairs = enumerate(zip(got, expected, strict=True), start=1)
        return [d for i, (a, b) in pairs for d in differences(a, b, rtol, atol, f"result {i}", exact=exact)]
    difference = _leaf(got, expected, rtol, atol, exact)
    return [] if difference is None else [Difference(*difference, part)]


def same_value(a: Any, b: Any, rtol: float, atol: float) -> bool:
    """Return whether two results have the same shape and values, whatever their dtype."""
    return all(difference.kind == "dtype" for difference in differences(a, b, rtol, atol))


def describe(value: Any) -> str:
    """Describe a value in a few words: kind, dtype and shape of a tensor, the value of a small thing."""
    try:
        return _describe(value)
    except Exception:  # a class of the learner's own may not even have a text
        return f"a {type(value).__name__}"


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        if value.ndim == 0:
            return f"{_number(value.item())} (a tensor without dimensions)"
        return f"a {_dtype(value.dtype)} tensor of shape {tuple(value.shape)}"
    if isinstance(value, torch.nn.Module):
        return "a network"
    if type(value).__module__ == "numpy" and hasattr(value, "shape") and value.shape:
        return f"a NumPy array of shape {tuple(value.shape)}"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return _number(float(value))
    if type(value).__module__ == "torch.return_types":
        return f"both results of torch's `{type(value).__name__}`: take its `.values`"
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        items = list(value.values()) if isinstance(value, dict) else list(value)
        if any(isinstance(item, Tensor) for item in items) or len(repr(value)) > 60:
            return f"a {type(value).__name__} of {len(value)}"
    if callable(value):
        return "a function"
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"


def _leaf(got: Any, expected: Any, rtol: float, atol: float, exact: bool) -> tuple[str, str] | None:
    if isinstance(expected, Tensor):
        return _tensor(got, expected, rtol, atol, exact)
    if isinstance(expected, (bool, str)) or expected is None:
        if type(got) is type(expected) and got == expected:
            return None
        kind = "value" if type(got) is type(expected) else "type"
        return kind, f"expected {expected!r}, got {describe(got)}"
    if isinstance(expected, numbers.Real):
        return _scalar(got, float(expected), rtol, atol)
    if isinstance(expected, (set, frozenset)):
        if not isinstance(got, (set, frozenset)):
            return "type", _wrong_type(got, _wanted(expected)).text
        if got == expected:
            return None
        if any(isinstance(item, Tensor) for item in got):
            return "type", "expected a set of Python integers, got tensors in it (call .item() or .tolist())"
        return "value", f"expected {_set(expected)}, got {_set(got)}"
    raise TypeError(f"an exercise cannot compare {type(expected).__name__}")


def _scalar(got: Any, expected: float, rtol: float, atol: float) -> tuple[str, str] | None:
    one = (isinstance(got, Tensor) and got.numel() == 1 and not got.is_meta) or getattr(got, "size", None) == 1
    if one and not isinstance(got, numbers.Real):
        got = got.item()
    if not isinstance(got, numbers.Real) or isinstance(got, bool):
        return "type", _wrong_type(got, _wanted(expected)).text
    if math.isclose(float(got), expected, rel_tol=rtol, abs_tol=atol) or (math.isnan(expected) and math.isnan(got)):
        return None
    return "value", _beside(expected, float(got))


def _tensor(got: Any, expected: Tensor, rtol: float, atol: float, exact: bool) -> tuple[str, str] | None:
    odd = isinstance(got, Tensor) and (got.layout != expected.layout or got.is_complex() != expected.is_complex())
    if not isinstance(got, Tensor) or odd or got.is_meta:  # a tensor on the device "meta" has no values
        return "type", _wrong_type(got, _wanted(expected)).text
    got, expected = got.detach().cpu(), expected.detach().cpu()
    if got.shape != expected.shape:
        return "shape", f"expected {_shape(expected)}, got {_shape(got)}"
    close = torch.isclose(got.double(), expected.double(), rtol, atol, equal_nan=True)
    if not close.all():
        return "value", _values(got, expected, ~close)
    if got.dtype != expected.dtype and (exact or not (got.is_floating_point() and expected.is_floating_point())):
        return "dtype", f"expected dtype {_dtype(expected.dtype)}, got {_dtype(got.dtype)}"
    return None


def _values(got: Tensor, expected: Tensor, wrong: Tensor) -> str:
    """Say how the values of two tensors of the same shape differ: not finite, the range, or the worst place."""
    got, expected = got.double(), expected.double()
    bad = int((~got.isfinite() & expected.isfinite()).sum())
    if bad:
        return f"expected finite numbers, got NaN or infinity in {bad} of {got.numel()} places"
    if got.ndim == 0:
        return _beside(expected.item(), got.item())
    ends = [float(end) for end in (expected.min(), expected.max(), got.min(), got.max())]
    slack = 0.02 * (ends[1] - ends[0]) + 1e-4
    if abs(ends[0] - ends[2]) > slack or abs(ends[1] - ends[3]) > slack:
        a, b, c, d = map(_number, ends)
        return f"expected values from {a} to {b}, got values from {c} to {d}"
    worst = int(((got - expected).abs() * wrong).argmax())
    index = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(worst), got.shape))
    both = _beside(expected.flatten()[worst].item(), got.flatten()[worst].item())
    return f"{int(wrong.sum())} of {wrong.numel()} values are wrong: at [{index}] {both}"


def _wanted(expected: Any) -> str:
    """Say what kind of thing is expected."""
    if isinstance(expected, Mapping):
        return f"a dict with the keys {_quoted(expected)}"
    if isinstance(expected, (tuple, list)):
        return f"a tuple of {len(expected)}"
    if isinstance(expected, (bool, str)):
        return repr(expected)
    if isinstance(expected, (set, frozenset)):
        return "a set"
    return "a torch tensor" if isinstance(expected, Tensor) else "a number"


def _wrong_type(got: Any, wanted: str, part: str = "") -> Difference:
    if got is None and not part:
        return Difference("type", f"expected {wanted}, got nothing (None): is a `return` missing?", part)
    return Difference("type", f"expected {wanted}, got {describe(got)}", part)


def _shape(tensor: Tensor) -> str:
    return f"shape {tuple(tensor.shape)}" if tensor.ndim else "a scalar (shape ())"


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _number(value: float) -> str:
    return f"{value:.4g}"


def _beside(expected: float, got: float) -> str:
    """Say two numbers that are not equal, with as many digits as it takes to see that."""
    for digits in (4, 6, 8, 12):
        texts = f"{expected:.{digits}g}", f"{got:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return f"expected {texts[0]}, got {texts[1]}"


def _quoted(keys: Any) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _set(items: Any) -> str:
    if not items:
        return "the empty set"
    shown = sorted(items, key=lambda item: (str(type(item)), item if isinstance(item, numbers.Real) else str(item)))
    return "{" + ", ".join(map(str, shown[:8])) + (", ..." if len(shown) > 8 else "") + "}"
