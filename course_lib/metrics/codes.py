"""How codes of a latent grid are used, and how many bits a picture costs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_count, check_tensor, check_values
from course_lib.errors import ShapeError
from course_lib.models.quantizer import perplexity


def use_of_codes(codes: Tensor, count: int) -> dict[str, float]:
    """Return how a codebook is used.

    Args:
        codes: (N, H, W) int64, 0 to ``count`` - 1, of many pictures.
        count: K, how many codes there are.

    Returns:
        "used": codes that occur at all; "dead": those that do not; "perplexity": how many codes that were used alike
        would have the same entropy; "entropy": that entropy in bits a code, at most log2 K.

    Raises:
        ShapeError: if the codes have another shape, type or range.
    """
    check_count(count, "count")
    check_tensor(codes, "codes", "(N, H, W)")
    check_values(codes, "codes")
    if codes.dtype != torch.int64 or not 0 <= int(codes.min()) <= int(codes.max()) < count:
        raise ShapeError(f"codes must be int64, from 0 to {count - 1}.")
    chosen = torch.bincount(codes.flatten(), minlength=count).double()
    alike, used = float(perplexity(chosen)), int((chosen > 0).sum())
    return {"used": used, "dead": count - used, "perplexity": alike, "entropy": math.log2(alike)}
