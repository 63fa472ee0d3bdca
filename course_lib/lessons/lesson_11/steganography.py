"""Whether a way back reads a picture, or a code that is hidden in it: a little damage breaks the code alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_images
from course_lib.metrics.errors import standard_error
from course_lib.metrics.pixel import l1

Translation = Callable[[Tensor], Tensor]


def blurred(pictures: Tensor, size: int = 3) -> Tensor:
    """Return pictures in which each pixel is the mean of a square around it: a code in finer patterns is lost.

    Args:
        pictures: (N, C, H, W); pixels of the border are repeated outside.
        size: side of the square, an odd number.

    Raises:
        ShapeError: if the side is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise ShapeError(f"A square around a pixel has an odd side, not {size}: give 3 or 5, say.")
    return avg_pool2d(pad(pictures, (size // 2,) * 4, mode="replicate"), size, stride=1)


@torch.no_grad()
def noise_curve(
    forward: Translation,
    back: Translation,
    x: Tensor,
    sigmas: Sequence[float],
    generator: torch.Generator,
    truth: Tensor | None = None,
    batch_size: int = 64,
    groups: Tensor | None = None,
) -> list[dict[str, float]]:
    """Return how far x is missed on the way there and back, when noise is added to the picture between.

    With y = forward(x), it is the L1 between x and ``back(clamp(y + sigma * noise, -1, 1))``. A cycle can be closed by
    hiding x in y as a faint pattern: it then is missed by little without noise and by much with a little noise. A y
    that hides nothing shows what such noise costs anyhow: with ``truth``, the same is done with the true translation
    of each x. That curve starts higher, as a true y does not tell all of x, and stays flat for longer: compare the
    rise of the two. The same draws of noise serve for all sigmas and for both curves. Other ways to break a code fit
    into ``forward``: ``lambda x: blur(G(x))``, say.

    Args:
        forward: takes and returns pictures (N, C, H, W) in [-1, 1], in the mode in which it is to be measured.
        back: the same for the way back.
        x: (N, C, H, W) in [-1, 1], held out, C = 1 or 3; at least two.
        sigmas: standard deviations of the noise, 0 or more, in units of the range [-1, 1].
        generator: of the noise.
        truth: the true y of each x; None: no second curve.
        batch_size: pictures at once.
        groups: (N,) integers, equal for pictures that belong together; None: each picture stands for itself.

    Returns:
        For each sigma ``sigma``, ``l1`` and ``l1_error`` (its standard error over the groups), and with ``truth``
        ``truth_l1`` and ``truth_l1_error``.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or a sigma is negative.

    Source:
        Chu et al., CycleGAN, a master of steganography, 2017. The comparison with the true y is ours.
    """
    check_images(x, "x", channels=(1, 3))
    if len(x) < 2:
        raise ShapeError("One picture has no standard error: give two at least.")
    if not all(sigma >= 0 for sigma in sigmas):
        raise ShapeError(f"A sigma is a standard deviation, and one of {list(sigmas)} is not: give 0 or more.")
    x = x.detach().float()
    y = torch.cat([forward(part) for part in x.split(batch_size)])
    check_images(y, "forward(x)", channels=(1, 3))
    curves = {"l1": y}
    if truth is not None:
        check_images(truth, "truth", channels=(1, 3))
        if truth.shape != y.shape:
            raise ShapeError(
                f"The truth {tuple(truth.shape)} does not fit forward(x) {tuple(y.shape)}: give the true y of each x."
            )
        curves["truth_l1"] = truth.to(y)
    noise = torch.randn(y.shape, generator=generator, device=generator.device).to(y)
    rows = []
    for sigma in sigmas:
        row = {"sigma": float(sigma)}
        for name, clean in curves.items():
            noisy = (clean + sigma * noise).clamp(-1, 1)
            parts = zip(noisy.split(batch_size), x.split(batch_size), strict=True)
            missed = torch.cat([l1(back(part), target, "none") for part, target in parts]).double()
            row[name] = float(missed.mean())
            row[f"{name}_error"] = standard_error(missed, groups)
        rows.append(row)
    return rows
