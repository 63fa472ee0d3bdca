"""Whether a translation answers different inputs differently, or has collapsed to a few outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_number
from course_lib.errors import ShapeError
from course_lib.metrics.appearance import mean_pairwise_l1
from course_lib.metrics.checks import check_images

THRESHOLD = 0.05  # six of 255 grey levels, on average over a picture


@torch.no_grad()
def distinct_outputs(outputs: Tensor, threshold: float = THRESHOLD) -> int:
    """Return how many different outputs there are among those to different inputs.

    The outputs are taken in turn. One counts if its mean absolute difference to each that has counted before is above
    the threshold. So those that count are all further apart than the threshold, and each other output is near one of
    them. Inputs may have near twins themselves: count the truths, or the inputs, with the same threshold, and compare.
    Noise of standard deviation s sets two outputs apart by 1.1 s: keep the threshold above that.

    Args:
        outputs: (N, C, H, W) in [-1, 1], C = 1 or 3, one for each of N different inputs.
        threshold: mean absolute difference over channels and pixels, from 0 to 2, up to which two outputs are the same.

    Returns:
        A whole number from 1 (collapsed to one output) to N.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or the threshold is negative or not finite.
    """
    check_images(outputs, "outputs", channels=(1, 3))
    check_number(threshold, "threshold", 0)
    rows = outputs.detach().float().flatten(1)
    apart = torch.cdist(rows, rows, p=1) / rows.shape[1] > threshold
    counted: list[int] = []
    for index in range(len(rows)):
        if bool(apart[index, counted].all()):
            counted.append(index)
    return len(counted)


@torch.no_grad()
def input_dependence(inputs: Tensor, outputs: Tensor) -> float:
    """Return how different the outputs to two inputs are, as a share of how different the two inputs are.

    It is the mean absolute difference of all pairs of outputs, divided by that of all pairs of inputs. 0 means that
    every input gets the same output. It does not see whether an output fits its input: outputs in the wrong order have
    the same figure. Give the true outputs in place of the inputs where they are known; 1 is then as varied as the
    truth, whatever the contrast of the inputs.

    Args:
        inputs: (N, C, H, W) in [-1, 1], C = 1 or 3: the inputs, or the true outputs; at least two.
        outputs: (N, C, H, W) in [-1, 1], the answers to them.

    Returns:
        0 or more.

    Raises:
        ShapeError: if the pictures have another shape, type or range, their numbers differ, or all inputs are equal.
    """
    check_images(inputs, "inputs", channels=(1, 3))
    check_images(outputs, "outputs", channels=(1, 3))
    if len(inputs) != len(outputs) or len(inputs) < 2:
        raise ShapeError(
            f"There are {len(inputs)} inputs and {len(outputs)} outputs: give one output for each, and two at least."
        )
    check_alike(inputs, outputs, ("inputs", "outputs"), shapes=False)
    if bool((inputs == inputs[:1]).all()):
        raise ShapeError("The inputs are all equal, so that outputs have nothing to depend on: give different ones.")
    # In float64: rounding would leave a difference between equal outputs.
    inside, outside = (float(mean_pairwise_l1(pictures.detach().double())) for pictures in (outputs, inputs))
    return max(0.0, inside) / outside
