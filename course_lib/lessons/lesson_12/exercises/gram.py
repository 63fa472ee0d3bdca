"""Exercise 12.1: the Gram matrix of a feature map.

Source: Johnson, Alahi and Fei-Fei, Perceptual Losses for Real-Time Style Transfer and Super-Resolution (2016),
equation 3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import result_and_gradients


def gram(features: torch.Tensor) -> torch.Tensor:
    """Return the Gram matrix of each feature map of a batch.

    Args:
        features: float32, shape (N, C, H, W); any real numbers.

    Returns:
        Shape (N, C, C): for each picture and each two channels the sum over all positions of their product,
        divided by C H W.
    """
    n, c, h, w = features.shape
    rows = features.reshape(n, c, h * w)  # one row a channel, one column a position
    return rows @ rows.transpose(1, 2) / (c * h * w)


def _cases() -> list[Case]:
    return [
        Case("two feature maps", torch.randn(2, 3, 4, 5)),
        Case("one map of a single position", torch.tensor([1.0, -2.0, 0.5, 3.0]).view(1, 4, 1, 1)),
        Case("three maps with more channels than positions", torch.rand(3, 5, 2, 2)),
        Case("one wide map after ReLU", torch.randn(1, 2, 3, 7).relu()),
    ]


def _observe(answer: Callable[[Tensor], object], features: Tensor) -> object:
    """Return what an answer gives for features that have a gradient, as those of an output do."""
    features = features.clone().requires_grad_()
    shape = torch.Size((len(features), features.shape[1], features.shape[1]))
    return result_and_gradients(answer(features), {"the features": features}, shape, "the features")


Answer = Callable[[Tensor], Tensor]


def _over(divisor: Callable[[int, int, int, int], float]) -> Answer:
    """Return the variant with another divisor, a function of N, C, H and W."""
    return lambda features: gram(features) * features[0].numel() / divisor(*features.shape)


def _of(rows: Callable[[Tensor], Tensor]) -> Answer:
    """Return the variant with other rows, (N, C, positions)."""
    return lambda features: rows(features) @ rows(features).transpose(1, 2) / features[0].numel()


def _spatial(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows.transpose(1, 2) @ rows


def _centred(features: Tensor) -> Tensor:
    return features.flatten(2) - features.mean(dim=(2, 3)).unsqueeze(2)


def _unit(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows / rows.norm(dim=2, keepdim=True)


def _summed_over_batch(features: Tensor) -> Tensor:
    return torch.einsum("nchw,ndhw->cd", features, features)


def _all_rows(features: Tensor) -> Tensor:
    rows = features.reshape(features.shape[0] * features.shape[1], -1)
    return rows @ rows.T


def _mixed_rows(features: Tensor) -> Tensor:
    rows = features.reshape(features.shape[1], -1)  # pieces of several pictures and channels in one row
    return rows @ rows.T


def _per_position(features: Tensor) -> int:
    return features.shape[2] * features.shape[3]


def _shuffled(features: Tensor) -> Tensor:
    n, c, h, w = features.shape
    rows = features.reshape(n, h * w, c)  # the memory in its order, cut at the wrong places
    return rows.transpose(1, 2) @ rows / (c * h * w)


def _permuted(features: Tensor) -> Tensor:
    rows = features.permute(0, 2, 3, 1).reshape(*features.shape[:2], -1)  # cut anew after the axes have moved
    return rows @ rows.transpose(1, 2) / features[0].numel()


def _unflattened(features: Tensor) -> Tensor:
    return features @ features.transpose(2, 3)


def _covariance(features: Tensor) -> Tensor:
    return _of(_centred)(features) * features[0].numel() / (_per_position(features) - 1)


def _pooled(features: Tensor) -> Tensor:
    means = features.mean(dim=(2, 3))
    return means.unsqueeze(2) * means.unsqueeze(1)


GRAM = Exercise(
    id="12.1",
    title="What occurs together",
    kind="derivation to code",
    trains="Gram matrices",
    minutes=10,
    level=1,
    task="""
        Write `gram(features)`. The entry of two channels is the sum over all positions of the product of the two,
        divided by C H W, as in Johnson's equation 3; so the layout is dropped and what occurs together stays. Each
        picture of the batch has a matrix of its own. Before you run the check, work out a map of a single position with
        the values (1, -2, 0.5, 3) by hand.
    """,
    reference=gram,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "You divide by H W alone: that makes it a mean over positions, but the formula has one more factor, "
            "which depends on the layer.",
            _over(lambda n, c, h, w: h * w),
        ),
        Mistake(
            "You divide by the square of the size: that factor belongs to a squared difference of two such matrices, "
            "as Gatys writes it, and the matrix itself is divided once.",
            _over(lambda n, c, h, w: (c * h * w) ** 2),
            _over(lambda n, c, h, w: c * (h * w) ** 2),
            _over(lambda n, c, h, w: c**2 * h * w),
            _over(lambda n, c, h, w: 4 * (c * h * w) ** 2),
        ),
        Mistake(
            "Your sum over positions is not divided at all, so that it grows with the picture: look at the divisor.",
            _over(lambda n, c, h, w: 1),
        ),
        Mistake(
            "You divide by the size of the whole batch, so that a picture's matrix depends on how many others there "
            "are: leave N out.",
            _over(lambda n, c, h, w: n * c * h * w),
            _over(lambda n, c, h, w: n),
        ),
        Mistake(
            "Your divisor does not hold the number of positions: count over what you have summed, "
            "and compare with C H W.",
            _over(lambda n, c, h, w: c),
            _over(lambda n, c, h, w: c**2),
            _over(lambda n, c, h, w: c * w),
            _over(lambda n, c, h, w: c * h),
        ),
        Mistake(
            "The pictures of the batch are mixed: one matrix holds products of several pictures, "
            "and each picture should have one of its own.",
            lambda features: _summed_over_batch(features) / features.numel(),
            lambda features: _summed_over_batch(features) / features[0].numel(),
            lambda features: (_summed_over_batch(features) / features.numel()).unsqueeze(0),
            lambda features: (_summed_over_batch(features) / features.numel()).expand(len(features), -1, -1),
            lambda features: (_summed_over_batch(features) / features[0].numel()).expand(len(features), -1, -1),
            lambda features: _all_rows(features) / features[0].numel(),
            lambda features: _all_rows(features) / features.numel(),
            lambda features: _mixed_rows(features) / features.numel(),
            lambda features: _mixed_rows(features) / features[0].numel(),
        ),
        Mistake(
            "This is the matrix of positions, (N, H W, H W): it says which places are alike and keeps the layout; "
            "sum over the positions, and keep the channels.",
            lambda features: _spatial(features) / features[0].numel(),
            lambda features: _spatial(features) / _per_position(features),
            lambda features: _spatial(features),
            lambda features: _spatial(features) / features.shape[1],
        ),
        Mistake(
            "You subtract the mean of each channel: that is a covariance, in which a channel that is bright everywhere "
            "counts nothing, and the Gram matrix is not centred.",
            _of(_centred),
            lambda features: _of(_centred)(features) * features.shape[1],
            lambda features: _of(_centred)(features) * features[0].numel() / max(_per_position(features) - 1, 1),
            _covariance,
            lambda features: _covariance(features) / features.shape[1],
        ),
        Mistake(
            "Your rows are not channels: `reshape` cuts the memory as it lies and moves no axis, "
            "so ask which axes lie last in (N, C, H, W) and keep their order.",
            _shuffled,
            lambda features: _shuffled(features) * features.shape[1],
            _permuted,
            lambda features: _permuted(features) * features.shape[1],
            lambda features: _permuted(features) * features[0].numel(),
        ),
        Mistake(
            "H and W are still two axes, so that each channel meets itself alone, row of pixels by row of pixels: "
            "flatten them into one axis of positions first.",
            lambda features: _unflattened(features) / features[0].numel(),
            lambda features: _unflattened(features) / _per_position(features),
            _unflattened,
            lambda features: _unflattened(features.transpose(2, 3)) / features[0].numel(),
        ),
        Mistake(
            "You turn the entries into probabilities, by softmax or by their sum: the entries of a Gram matrix are "
            "none, for they can be negative and sum to anything, so leave them as they are.",
            lambda features: gram(features).softmax(dim=-1),
            lambda features: (gram(features) * features[0].numel()).softmax(dim=-1),
            lambda features: (gram(features) * features.shape[1]).softmax(dim=-1),
            lambda features: gram(features).flatten(1).softmax(dim=1).view_as(gram(features)),
            lambda features: gram(features) / gram(features).sum(dim=(1, 2), keepdim=True),
            lambda features: gram(features) / gram(features).sum(dim=-1, keepdim=True),
            lambda features: gram(features) / gram(features).sum(),
        ),
        Mistake(
            "You change the features, or the products, before you sum: no sign is lost in a Gram matrix, "
            "and no softmax or ReLU is in it.",
            lambda features: gram(features.abs()),
            lambda features: gram(features).abs(),
            lambda features: gram(features.relu()),
            lambda features: gram(features).relu(),
            lambda features: gram(features.flatten(2).softmax(dim=2).view_as(features)),
        ),
        Mistake(
            "Your divisor is not C H W itself, but its root or a multiple of it.",
            _over(lambda n, c, h, w: (c * h * w) ** 0.5),
            _over(lambda n, c, h, w: 2 * c * h * w),
        ),
        Mistake(
            "Only the first picture of the batch has a matrix: the result is (N, C, C).",
            lambda features: gram(features)[0],
        ),
        Mistake(
            "You made the channels length 1 first: that gives cosines, which forget how strong a channel is.",
            lambda features: _unit(features) @ _unit(features).transpose(1, 2),
            _of(_unit),
        ),
        Mistake(
            "You average over the positions before you multiply: what occurs at the same place is lost then, "
            "so multiply first and sum after.",
            _pooled,
            lambda features: _pooled(features) / features.shape[1],
            lambda features: _pooled(features) * _per_position(features) / features.shape[1],
        ),
        Mistake(
            "Each channel is multiplied with itself alone: those are the entries of the diagonal, "
            "and what two channels share is missing.",
            lambda features: features.square().sum(dim=(2, 3)) / features[0].numel(),
            lambda features: features.square().mean(dim=(2, 3)),
            lambda features: torch.diag_embed(features.square().sum(dim=(2, 3)) / features[0].numel()),
        ),
        Mistake(
            "One of the two factors is cut off by a `detach`: the values are right, "
            "and half of the gradient is missing.",
            lambda features: gram(features).detach() / 2 + gram(features) / 2,
            lambda features: features.flatten(2) @ features.flatten(2).detach().mT / features[0].numel(),
            lambda features: features.flatten(2).detach() @ features.flatten(2).mT / features[0].numel(),
            whole=True,
        ),
        Mistake(
            "The axis of the pictures is gone where there is only one: do not squeeze it, for (1, C, C) is wanted.",
            lambda features: gram(features).squeeze(0),
            lambda features: gram(features).squeeze(),
        ),
        Mistake(
            "You divide by H H or by W W: a picture need not be square, so divide by C H W.",
            _over(lambda n, c, h, w: c * h * h),
            _over(lambda n, c, h, w: c * w * w),
        ),
        Mistake(
            "Half of each matrix is 0: both triangles hold the same numbers, and both are asked for.",
            lambda features: gram(features).triu(),
            lambda features: gram(features).tril(),
        ),
    ),
    hints=(
        "Flatten H and W into one axis of positions: each channel is then a row of H W numbers, and an entry of the "
        "matrix is the inner product of two rows.",
        "All inner products at once are a matrix times its own transpose. `@` treats the first axis as a batch; which "
        "two axes must change places?",
        "With rows of shape (N, C, H W), `rows @ rows.transpose(1, 2)` has the shape (N, C, C). What is left is the "
        "divisor.",
    ),
    why="each picture keeps a C x C matrix of second moments, which shuffling its positions does not change; "
    "the entries are no probabilities: in the map of one position one is 2.25 and another -1.5.",
)
