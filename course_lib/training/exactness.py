"""How many digits products of float32 numbers may lose inside a training, and how torch is left as it was found."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

Value = TypeVar("Value")
backends: Any = torch.backends  # whose parts by kind of operation are not in its type hints

# Where torch keeps what it may do. Each takes "ieee", "tf32", "bf16" or "none", which is: as what stands above it.
_PLACES: tuple[Any, ...] = (
    backends.cuda.matmul,
    backends.cudnn.conv,
    backends.cudnn.rnn,
    backends.mkldnn.matmul,
    backends.mkldnn.conv,
    backends.mkldnn.rnn,
)
_ALWAYS_EXACT = (backends.mkldnn.conv, backends.mkldnn.rnn)


@contextmanager
def float32_products(exactness: str) -> Iterator[None]:
    """Inside the block float32 matrices are multiplied, and convolved, as exactly as is asked for.

    Torch has two sets of switches for this, an older and a newer one, and refuses to read the older where the newer
    says something that it cannot express. Both are set here, so that inside the block either may be read, and all
    are put back, whichever the user had set.

    Args:
        exactness: "highest": as float32 is, everywhere. "high" or "medium": torch may use TF32 for products and
            convolutions on a GPU, and TF32 or bfloat16 for products, not convolutions, on a CPU that has it.
    """
    older = _readable(torch.get_float32_matmul_precision), _readable(lambda: backends.cudnn.allow_tf32)
    newer = [place.fp32_precision for place in _PLACES]
    _set_older(exactness, exactness != "highest")
    try:
        for place in _PLACES if exactness == "highest" else _ALWAYS_EXACT:
            place.fp32_precision = "ieee"
        yield
    finally:
        _set_older(*older)
        for place, before in zip(_PLACES, newer, strict=True):
            place.fp32_precision = "none"
            if place.fp32_precision != before:  # it had been set itself, and not what stands above it
                place.fp32_precision = before


def _set_older(matmul: str | None, convolutions: bool | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of torch advise to set the newer names, which is done as well
        if matmul is not None:
            torch.set_float32_matmul_precision(matmul)
        if convolutions is not None:
            backends.cudnn.allow_tf32 = convolutions


def _readable(read: Callable[[], Value]) -> Value | None:
    """Return a setting, or None where torch refuses to say: it was set by newer names that the older cannot express."""
    try:
        return read()
    except RuntimeError:
        return None
