"""Which devices gain by computing in 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

IN_HALF = "bf16-mixed"
"""The precision that a run asks for where it is fast; on a device without bfloat16 it is trained in ``IN_FULL``."""

IN_FULL = "32-true"


def computes_in_bfloat16(device: torch.device | str = "cpu") -> bool:
    """Return whether a device has bfloat16 in its circuits, and so gains by it.

    A processor without it (AVX2 alone, as in many laptops) takes ten to thirty times as long for a convolution in
    bfloat16 as for one in float32.

    Args:
        device: "auto" (what ``fit`` would choose), "cpu", "cuda", "cuda:1", "mps", or a torch device.
    """
    import torch

    kind = str(device).partition(":")[0]
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # no public name tells it on every processor
    return True
