"""How far outputs are from a known set of right answers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import distance_to_interval, mae_minimisers, mse_minimiser
from course_lib.metrics.appearance import sharpness
from course_lib.metrics.vgg_distance import PooledVGG, unbiased_mmd


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

    Raises:
        ShapeError: if the answers have another shape.
    """
    if answers.dim() != 5:
        raise ShapeError(
            f"Answers have the shape (G, K, C, H, W), not {tuple(answers.shape)}: stack the K of each input."
        )
    by_answer = answers.transpose(0, 1)
    return mse_minimiser(by_answer), *mae_minimisers(by_answer)


class AnswerJudge:
    """Figures of any number of outputs against one set of known answers, whose own part is computed once.

    Args:
        answers: ``(G, K, 3, H, W)`` in [-1, 1], K right answers to each of G inputs.
        kid: whether ``figures`` gives the VGG-KID too, which takes most of the time.

    Raises:
        ShapeError: if the answers have another shape.
    """

    def __init__(self, answers: Tensor, kid: bool = True) -> None:
        self.answers = answers
        self.mean, self.low, self.high = exact_minimisers(answers)
        self.vgg = PooledVGG() if kid else None
        self.real = self.vgg(answers.flatten(0, 1)) if self.vgg else torch.empty(0)

    def figures(self, outputs: Tensor) -> dict[str, float]:
        """Return how outputs relate to the answers; RMS and L1 are on the scale [-1, 1].

        Args:
            outputs: ``(G, R, 3, H, W)`` in [-1, 1], R draws for each of the G inputs.

        Returns:
            ``to the mean`` and ``to the nearest answer`` (mean RMS), ``to the medians`` (mean gap to the interval of
            medians), ``L1`` (mean absolute difference to all answers), ``sharpness`` (relative to the answers),
            ``answers found`` (how many different answers are the nearest one among the R draws for an input, mean),
            ``VGG-KID`` (the first draws against all answers: several draws for one input are no independent pictures).

        Raises:
            ShapeError: if the shapes do not fit.
        """
        if outputs.dim() != 5 or outputs.shape[0] != len(self.answers) or outputs.shape[2:] != self.answers.shape[2:]:
            raise ShapeError(
                f"Outputs {tuple(outputs.shape)} do not fit answers {tuple(self.answers.shape)}: "
                "give (G, R, 3, H, W), with outputs[:, None] for one draw an input."
            )
        draws = outputs.unbind(dim=1)
        nearest = [nearest_answer(draw, self.answers) for draw in draws]
        chosen = torch.stack([which for _, which in nearest], dim=1)
        found = {
            "to the mean": _mean(rms(draw - self.mean) for draw in draws),
            "to the medians": _mean(distance_to_interval(draw, self.low, self.high) for draw in draws),
            "to the nearest answer": _mean(distance for distance, _ in nearest),
            "L1": _mean((draw[:, None] - self.answers).abs() for draw in draws),
            "sharpness": sharpness(outputs.flatten(0, 1), self.answers.flatten(0, 1)),
            "answers found": sum(len(set(row)) for row in chosen.tolist()) / len(chosen),
        }
        if self.vgg is not None:
            found["VGG-KID"] = float(unbiased_mmd(self.vgg(draws[0]), self.real)[0])
        return found


def answer_figures(outputs: Tensor, answers: Tensor) -> dict[str, float]:
    """Return ``AnswerJudge(answers).figures(outputs)``, for a single set of outputs."""
    return AnswerJudge(answers).figures(outputs)


def _mean(parts: Iterable[Tensor]) -> float:
    means = [part.mean().item() for part in parts]
    return sum(means) / len(means)
