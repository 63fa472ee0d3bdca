"""How many modes of a mixture of Gaussians a generator has found, and how evenly it visits them.

A sample belongs to its nearest centre, by Euclidean distance. It is of high quality if that centre is at most 3 std
away. A mode is covered if at least one sample of high quality belongs to it. Real samples do not reach a share of 1:
3 std hold 99.7 % of a Gaussian on the line and ``1 - exp(-9 / 2)`` = 98.9 % of one in the plane.

Source: Srivastava et al., VEEGAN, 2017, section 5.1; Lin et al., PacGAN, 2018, section 4.1.
"""

from __future__ import annotations

import math
import numbers

import torch
from torch import Tensor

from course_lib.arguments import check_finite, check_floats, check_tensor, check_values
from course_lib.errors import ShapeError

RADIUS = 3.0  # of a mode, in its standard deviations


@torch.no_grad()
def _counts(samples: Tensor, centres: Tensor, std: float) -> Tensor:
    """Return how many samples of high quality belong to each centre, ``(K,)``."""
    check_tensor(samples, "samples")
    check_tensor(centres, "centres")
    if samples.dim() != 2 or centres.dim() != 2 or samples.shape[1] != centres.shape[1]:
        raise ShapeError(
            f"The samples {tuple(samples.shape)} do not fit the centres {tuple(centres.shape)}: give (N, d) and (K, d)."
        )
    if not len(samples) or not len(centres):
        raise ShapeError("There are no samples or no centres: give at least one of each.")
    check_floats(samples, "samples")
    check_floats(centres, "centres")
    check_values(samples, "samples")
    check_values(centres, "centres")
    if isinstance(std, bool) or not isinstance(std, numbers.Real):
        raise ShapeError(f"std is {std!r}: give one number, the standard deviation of every mode.")
    if not 0 < std < math.inf:
        raise ShapeError(f"The width of a mode is {std}: give its standard deviation, above 0.")
    if not bool(samples.isfinite().all()):
        raise ShapeError("A sample is NaN or infinite: look at the generator's losses before measuring it.")
    check_finite(centres, "centres")
    # float64: cdist squares the coordinates, and a narrow mode far from 0 needs the digits that float32 loses
    distance = torch.cdist(samples.double(), centres.to(samples.device).double())
    nearest = distance.min(dim=1)
    return torch.bincount(nearest.indices[nearest.values <= RADIUS * std], minlength=len(centres))


def mode_figures(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
    """Return how many modes are covered, and the share of the samples that are of high quality.

    Args:
        samples: ``(N, 2)``, or ``(N, d)``.
        centres: ``(K, 2)``, or ``(K, d)``, the means of the mixture.
        std: standard deviation of each Gaussian in each direction.

    Returns:
        ``modes``, a whole number from 0 to K, and ``high_quality``, from 0 to 1.

    Raises:
        ShapeError: if the shapes do not fit, there is nothing to count, or a sample or a centre is not finite.

    Source: Srivastava et al. 2017, section 5.1; Lin et al. 2018, section 4.1.
    """
    counts = _counts(samples, centres, std)
    return {"modes": int((counts > 0).sum()), "high_quality": int(counts.sum()) / len(samples)}


def reverse_kl_of_modes(samples: Tensor, centres: Tensor, std: float) -> float:
    """Return KL(generated || uniform) in nats, between shares of the modes: how unevenly the samples visit them.

    Generated is the share of each mode among the samples of high quality; uniform is the share of each mode in a
    mixture with equal weights. Reverse means that the generator's distribution is the first of the two. It is log K
    minus the entropy of the shares: 0 if all modes are visited alike, log(K / k) for k of K modes visited alike, log K
    for one. A lost mode makes it larger, and not infinite.

    Args:
        samples: ``(N, 2)``, or ``(N, d)``.
        centres: ``(K, 2)``, or ``(K, d)``, the means of the mixture.
        std: standard deviation of each Gaussian in each direction.

    Returns:
        A figure from 0 to log K; inf if no sample is of high quality, so that there are no shares.

    Raises:
        ShapeError: as for :func:`mode_figures`.

    Source: Lin et al. 2018, section 4.1; as in the authors' code strays count for no mode.
    """
    counts = _counts(samples, centres, std).double()
    if not counts.any():
        return math.inf
    shares = counts / counts.sum()
    return max(0.0, math.log(len(centres)) + float(torch.xlogy(shares, shares).sum()))
