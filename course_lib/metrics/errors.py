"""How sure a mean is, when not all of what it was taken over is independent."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_floats, check_tensor, check_values
from course_lib.errors import ShapeError


def standard_error(values: Tensor, groups: Tensor | None = None) -> float:
    """Return the standard error of the mean of some figures.

    Figures of one group (the patches of a photograph, a person in all tones) move together, so that what is counted
    is the groups: with the sum s of what each group's figures are above the mean, it is
    ``sqrt(G / (G - 1) * sum s^2) / N``. With a group for each figure that is the usual ``std / sqrt(N)``.

    Args:
        values: (N,) one figure for each picture, finite.
        groups: (N,) integers, equal for pictures that belong together; None: each picture stands for itself.

    Raises:
        ShapeError: if there are fewer than two figures or groups, they do not fit, or figures are no floats.

    Source:
        Liang and Zeger, Longitudinal data analysis using generalized linear models, 1986, equation 7 for a mean.
    """
    check_floats(values, "The figures")
    check_values(values, "The figures")
    if values.dim() != 1 or not bool(values.isfinite().all()):
        raise ShapeError(f"Figures are {tuple(values.shape)} and all finite: give (N,), one for each picture.")
    if groups is not None:
        check_tensor(groups, "groups")
        check_values(groups, "groups")
    if groups is not None and (
        groups.shape != values.shape or groups.is_floating_point() or groups.dtype == torch.bool
    ):
        raise ShapeError(
            f"The groups of {len(values)} figures are {tuple(groups.shape)} {groups.dtype}: give one integer for each."
        )
    above = values.double() - values.double().mean()
    if groups is not None:
        _, place = groups.to(values.device).unique(return_inverse=True)
        above = above.new_zeros(int(place.max()) + 1).index_add(0, place, above)
    if len(above) < 2:
        raise ShapeError("One picture, or one group of pictures, has no standard error: give two at least.")
    return float((len(above) / (len(above) - 1) * above.square().sum()).sqrt() / len(values))
