"""How far outputs are from a known set of right answers."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_floats, check_tensor
from course_lib.errors import ShapeError
from course_lib.losses.reconstruction import distance_to_interval, mae_minimisers, mse_minimiser
from course_lib.metrics.appearance import sharpness
from course_lib.metrics.checks import check_images
from course_lib.metrics.mmd import unbiased_mmd
from course_lib.metrics.vgg_distance import PooledVGG


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
        ShapeError: if the shapes do not fit, or the type or range is another.
    """
    check_tensor(outputs, "outputs")
    check_tensor(answers, "answers")
    if answers.dim() != 5 or outputs.shape != (answers.shape[0], *answers.shape[2:]):
        raise ShapeError(
            f"Outputs (N, C, H, W) need answers (N, K, C, H, W), not {tuple(outputs.shape)} and {tuple(answers.shape)}."
        )
    check_images(outputs, "outputs", channels=(1, 3))
    check_images(answers.flatten(0, 1), "answers", channels=(1, 3))
    check_alike(outputs, answers, ("outputs", "answers"), shapes=False)
    return _nearest(outputs, answers)


def _nearest(outputs: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    distance = (answers - outputs[:, None]).square().mean(dim=(2, 3, 4)).sqrt()
    nearest = distance.min(dim=1)
    return nearest.values, nearest.indices


def rms(difference: Tensor) -> Tensor:
    """Return the root mean square of each row: ``(N, d, ...)`` floats to ``(N,)``; else raises ShapeError."""
    check_floats(difference, "difference", "(N, d, ...)")
    return difference.square().flatten(1).mean(dim=1).sqrt()


def exact_minimisers(answers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean and the lowest and highest median of equally likely answers.

    Args:
        answers: ``(G, K, C, H, W)``, float and finite, K answers to each of G inputs.

    Returns:
        Three tensors of shape ``(G, C, H, W)``.

    Raises:
        ShapeError: if the answers have another shape or type.
    """
    check_tensor(answers, "answers")
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
        ShapeError: if the answers have another shape, type or range.
    """

    def __init__(self, answers: Tensor, kid: bool = True) -> None:
        check_tensor(answers, "answers", "(G, K, 3, H, W)")
        check_images(answers.flatten(0, 1), "answers")
        self.answers = answers
        self.mean, self.low, self.high = exact_minimisers(answers)
        self.vgg = PooledVGG() if kid else None
        self.real = self.vgg(answers.flatten(0, 1)) if self.vgg else torch.empty(0)

    def figures(self, outputs: Tensor, draws: Tensor | None = None) -> dict[str, float]:
        """Return how outputs relate to the answers; RMS and L1 are on the scale [-1, 1].

        Args:
            outputs: ``(G, 3, H, W)`` in [-1, 1], one output for each of the G inputs, without noise.
            draws: ``(G, R, 3, H, W)``, R draws for each input of a system that has noise; None: the outputs alone.

        Returns:
            Of the outputs ``to the mean`` and ``to the nearest answer`` (mean RMS), ``to the medians`` (mean gap to
            the interval of medians), ``L1`` (mean absolute difference to all answers), ``sharpness`` (relative to the
            answers) and ``VGG-KID`` (against all answers); of the draws ``answers found`` (how many different answers
            are the nearest one among the R draws for an input, mean).

        Raises:
            ShapeError: if the shapes do not fit, or the type, range or device is another.
        """
        check_tensor(outputs, "outputs")
        drawn = outputs[:, None] if draws is None else draws
        check_tensor(drawn, "draws")
        shape = self.answers.shape
        if outputs.dim() != 4 or outputs.shape[0] != shape[0] or outputs.shape[1:] != shape[2:]:
            raise ShapeError(
                f"Outputs {tuple(outputs.shape)} do not fit answers {tuple(shape)}: give (G, 3, H, W), one an input."
            )
        if drawn.dim() != 5 or drawn.shape[0] != shape[0] or drawn.shape[2:] != shape[2:]:
            raise ShapeError(f"Draws {tuple(drawn.shape)} do not fit answers {tuple(shape)}: give (G, R, 3, H, W).")
        for given, name in ((outputs, "outputs"), (drawn.flatten(0, 1), "draws")):
            check_images(given, name)
            check_alike(given, self.answers, (name, "the answers"), shapes=False)
        chosen = torch.stack([_nearest(draw, self.answers)[1] for draw in drawn.unbind(dim=1)], dim=1)
        found = {
            "to the mean": rms(outputs - self.mean).mean().item(),
            "to the medians": distance_to_interval(outputs, self.low, self.high).mean().item(),
            "to the nearest answer": nearest_answer(outputs, self.answers)[0].mean().item(),
            "L1": (outputs[:, None] - self.answers).abs().mean().item(),
            "sharpness": sharpness(outputs, self.answers.flatten(0, 1)),
            "answers found": sum(len(set(row)) for row in chosen.tolist()) / len(chosen),
        }
        if self.vgg is not None:
            found["VGG-KID"] = float(unbiased_mmd(self.vgg(outputs), self.real)[0])
        return found


def answer_figures(outputs: Tensor, answers: Tensor, draws: Tensor | None = None) -> dict[str, float]:
    """Return ``AnswerJudge(answers).figures(outputs, draws)``, for a single set of outputs."""
    return AnswerJudge(answers).figures(outputs, draws)
