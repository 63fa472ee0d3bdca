"""How far outputs are from a known set of right answers."""

from __future__ import annotations

from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import distance_to_interval, mae_minimisers, mse_minimiser
from course_lib.metrics.appearance import sharpness
from course_lib.metrics.vgg_distance import vgg_kid


def nearest_answer(outputs: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance from each output to the nearest of its right answers, and which one that is.

    The distance is the root of the mean squared difference over channels and pixels, so that its unit is that of a
    pixel and pictures of any size can be compared.

    Args:
        outputs: ``(N, C, H, W)`` in [-1, 1].
        answers: ``(N, K, C, H, W)`` in [-1, 1], the K right answers of each row.

    Returns:
        ``(N,)`` distances, and ``(N,)`` int64 positions in 0 ... K - 1.

    Raises:
        ShapeError: if the shapes do not fit.
    """
    if answers.dim() != 5 or outputs.shape != (answers.shape[0], *answers.shape[2:]):
        raise ShapeError(
            f"Outputs (N, C, H, W) need answers (N, K, C, H, W), not {tuple(outputs.shape)} and {tuple(answers.shape)}."
        )
    distance = (answers - outputs[:, None]).square().mean(dim=(2, 3, 4)).sqrt()
    nearest = distance.min(dim=1)
    return nearest.values, nearest.indices


def rms(difference: Tensor) -> Tensor:
    """Return the root mean square of each row: ``(N, ...)`` to ``(N,)``."""
    return difference.square().flatten(1).mean(dim=1).sqrt()


def exact_minimisers(answers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean and the lowest and highest median of equally likely answers.

    Args:
        answers: ``(G, K, C, H, W)``, K answers to each of G inputs.

    Returns:
        Three tensors of shape ``(G, C, H, W)``.
    """
    by_answer = answers.transpose(0, 1)
    return mse_minimiser(by_answer), *mae_minimisers(by_answer)


def answer_figures(outputs: Tensor, answers: Tensor) -> dict[str, float]:
    """Return how outputs relate to known answers; RMS and L1 are on the scale [-1, 1].

    Args:
        outputs: ``(G, R, 3, H, W)`` in [-1, 1], R draws for each of G inputs.
        answers: ``(G, K, 3, H, W)`` in [-1, 1], the K right answers of each.

    Returns:
        ``to the mean`` and ``to the nearest answer`` (mean RMS), ``to the medians`` (mean gap to the interval of
        medians), ``L1`` (mean absolute difference to all answers), ``sharpness`` (relative to the answers),
        ``VGG-KID`` (outputs against all answers), ``answers found`` (how many different answers are the nearest one
        among the R draws for an input, mean).
    """
    repeats = outputs.shape[1]
    flat, wide = outputs.flatten(0, 1), answers.repeat_interleave(repeats, 0)
    mean, low, high = (picture.repeat_interleave(repeats, 0) for picture in exact_minimisers(answers))
    distance, which = nearest_answer(flat, wide)
    return {
        "to the mean": rms(flat - mean).mean().item(),
        "to the medians": distance_to_interval(flat, low, high).mean().item(),
        "to the nearest answer": distance.mean().item(),
        "L1": (flat[:, None] - wide).abs().mean().item(),
        "sharpness": float(sharpness(flat, answers.flatten(0, 1))),
        "VGG-KID": float(vgg_kid(flat, answers.flatten(0, 1))[0]),
        "answers found": sum(len(set(row)) for row in which.view(-1, repeats).tolist()) / len(answers),
    }
