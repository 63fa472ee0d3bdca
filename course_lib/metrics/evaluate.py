"""Several figures of merit at once, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from course_lib.errors import DataError, ShapeError
from course_lib.metrics.appearance import colourfulness, sharpness
from course_lib.metrics.checks import check_images, check_pair
from course_lib.metrics.pixel import l1, mse, psnr, ssim

if TYPE_CHECKING:
    from torch import nn

METRICS = ("l1", "mse", "psnr", "ssim", "sharpness", "colourfulness", "vgg_kid", "vgg_fid")
"""All names that ``evaluate_images`` knows."""

BEST = {"l1": "min", "mse": "min", "psnr": "max", "ssim": "max", "vgg_kid": "min", "vgg_fid": "min"}
"""Which end is better. Sharpness and colourfulness are best where the truth is: at 1, and at the truth's figure."""


def evaluate_images(
    outputs: Tensor,
    targets: Tensor,
    names: str | Sequence[str] = ("l1", "psnr", "ssim", "sharpness", "colourfulness", "vgg_kid"),
    real: Tensor | None = None,
    features: nn.Module | None = None,
    groups: Tensor | None = None,
) -> dict[str, float]:
    """Return the figures asked for, in the order asked for.

    Args:
        outputs: (N, 3, H, W) in [-1, 1].
        targets: the answers to the same inputs in the same order.
        names: any of ``METRICS``, or a single one. ``"vgg_kid"`` adds ``"vgg_kid_error"``, its standard error.
        real: (M, 3, H, W), the truth for VGG-KID, VGG-FID and sharpness where it is more than the targets (several
            right answers to an input, say); None: the targets.
        features: as for :func:`course_lib.metrics.vgg_kid`; give one PooledVGG to load the network once.
        groups: (N,) integers that say which pictures belong together, as patches of one photograph do; the standard
            error of VGG-KID then counts photographs. None: each picture stands for itself.

    Returns:
        ``{name: figure}``; each the mean over the pictures of the figure of each picture, except VGG-KID and VGG-FID,
        which compare the two sets, and sharpness, which is the ratio of two means.

    Raises:
        DataError: if a name is unknown.
        ShapeError: if the pictures have another shape, type or range, or groups are given together with ``real``.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise DataError(f"There is no metric {unknown[0]!r}: choose from {', '.join(METRICS)}.")
    check_pair(outputs, targets, channels=(3,))
    if groups is not None and real is not None:
        raise ShapeError("groups are those of outputs and targets, and real has others: call vgg_kid with both groups.")
    if real is None:
        real = targets
    else:
        check_images(real, "real")
    found: dict[str, float] = {}
    for name in names:
        if name in _PAIRED:
            found[name] = _PAIRED[name](outputs, targets)
        elif name == "sharpness":
            found[name] = sharpness(outputs, real)
        elif name == "colourfulness":
            found[name] = float(colourfulness(outputs))
        elif name == "vgg_kid":
            from course_lib.metrics.vgg_distance import vgg_kid

            found["vgg_kid"], found["vgg_kid_error"] = vgg_kid(
                outputs, real, features=features, fake_groups=groups, real_groups=groups
            )
        else:
            from course_lib.metrics.vgg_distance import vgg_fid

            found["vgg_fid"] = vgg_fid(outputs, real, features=features)
    return found


_PAIRED = {"l1": l1, "mse": mse, "psnr": psnr, "ssim": ssim}
