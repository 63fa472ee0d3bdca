"""Exercise 12.6: conditional instance normalisation, by which one network paints in several styles and between them.

Source: Dumoulin, Shlens and Kudlur, A Learned Representation for Artistic Style (2017), equation 5 and section 3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.exercises.gradients import result_and_gradients


def styled(features: torch.Tensor, scales: torch.Tensor, shifts: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return normalised features with the scale and the shift of a mix of styles.

    Args:
        features: float32, shape (N, C, H, W).
        scales: float32, shape (S, C), learned; one row for each of S styles.
        shifts: float32, shape (S, C), learned.
        weights: float32, shape (N, S): for each picture how much of each style; any numbers, also below 0 or with
            another sum than 1. One 1 and else 0 is a pure style.

    Returns:
        Shape (N, C, H, W): each channel of each picture with mean 0 and variance 1 (over H and W, with H W in
        the divisor, and 1e-5 added to the variance), times the mixed scale, plus the mixed shift.
    """
    mean = features.mean(dim=(2, 3), keepdim=True)
    variance = (features - mean).square().mean(dim=(2, 3), keepdim=True)
    normalised = (features - mean) / (variance + 1e-5).sqrt()
    scale, shift = weights @ scales, weights @ shifts  # (N, S) @ (S, C): one row for each picture
    return scale[:, :, None, None] * normalised + shift[:, :, None, None]


def _cases() -> list[Case]:
    def case(label: str, features: Tensor, weights: list[list[float]], sign: float = 1.0) -> Case:
        tables = (len(weights[0]), features.shape[1])
        scales = 0.5 + torch.rand(tables)
        scales[:, 1] *= sign
        return Case(label, features, scales, torch.randn(tables), torch.tensor(weights))

    # an offset that float32 holds exactly: else rounding, not the answer, decides what a flat channel becomes
    faint = torch.randn(1, 4, 3, 3) * torch.tensor([3e-3, 1e-2, 1.0, 0.0]).view(1, 4, 1, 1)
    faint[:, 3] = 0.5
    return [
        case("two pictures in pure styles", 1 + 2 * torch.randn(2, 3, 4, 5), [[0.0, 1.0], [1.0, 0.0]], sign=-1.0),
        case("three mixes of four styles", torch.randn(3, 2, 5, 6), torch.rand(3, 4).softmax(dim=1).tolist()),
        case("faint channels and one without contrast", faint, [[0.0, 1.0, 0.0]]),
        case("weights whose sum is not 1", torch.rand(2, 5, 2, 3), [[1.5, -0.25], [0.2, 0.3]]),
    ]


def _observe(
    answer: Callable[..., object], features: Tensor, scales: Tensor, shifts: Tensor, weights: Tensor
) -> object:
    """Return what an answer gives for tables that are trained, and what it sends back to them and to the features.

    Where a channel has no contrast, right forms differ in the rounding of the gradient, which is not looked at then.
    """
    inputs = (features, scales, shifts)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in zip(LEAVES, inputs, strict=True)}
    look = bool((inputs[0].std(dim=(2, 3)) > 0.05).all())
    found = answer(*leaves.values(), weights)
    told = result_and_gradients(found, leaves, inputs[0].shape, "the tables, which are what a style learns", look)
    if look and not any(told[f"its gradient in {name}"].any() for name in LEAVES[1:]):  # type: ignore[attr-defined]
        raise ExerciseError(
            "No gradient can flow back to the tables, which are what a style learns: "
            "compute with torch alone, without `detach`, `no_grad` or NumPy."
        )
    return told


LEAVES = ("features", "scales", "shifts")
Answer = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
EPS = 1e-5


def _normalised(features: Tensor, dims: tuple[int, ...] = (2, 3), correction: int = 0, eps: float = EPS) -> Tensor:
    variance, mean = torch.var_mean(features, dim=dims, correction=correction, keepdim=True)
    return (features - mean) / (variance + eps).sqrt()


def _variant(
    normal: Callable[[Tensor], Tensor] = _normalised,
    mixed: Callable[[Tensor], Tensor] = lambda weights: weights,
    apply: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda x, scale, shift: scale * x + shift,
) -> Answer:
    """Return a variant with another normalisation, another mix, or another use of scale and shift."""

    def answer(features: Tensor, scales: Tensor, shifts: Tensor, weights: Tensor) -> Tensor:
        scale, shift = (mixed(weights) @ table for table in (scales, shifts))
        return apply(normal(features), scale[:, :, None, None], shift[:, :, None, None])

    return answer


def _by_variance(features: Tensor) -> Tensor:
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return (features - mean) / (variance + EPS)


def _eps_outside(features: Tensor) -> Tensor:
    std, mean = torch.std_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return (features - mean) / (std + EPS)


def _centred_by(features: Tensor, cut_mean: bool, cut_variance: bool) -> Tensor:
    """Normalise with a mean or a variance that no gradient passes through."""
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    mean, variance = mean.detach() if cut_mean else mean, variance.detach() if cut_variance else variance
    return (features - mean) / (variance + EPS).sqrt()


def _sample_std(features: Tensor) -> Tensor:
    std, mean = torch.std_mean(features, dim=(2, 3), correction=1, keepdim=True)
    return (features - mean) / (std + EPS)


def _one_hot(weights: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(weights.argmax(dim=1), weights.shape[1]).float()


def _styled_by(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return scale[:, :, None, None] * _normalised(features) + shift[:, :, None, None]


CONDITIONAL_NORM = Exercise(
    id="12.6",
    title="Between two painters",
    kind="open extension",
    trains="conditional normalisation",
    minutes=25,
    level=2,
    optional=True,
    task=r"""
        A network that paints in S styles shares all of its convolutions. A style is a row of scales and a row of shifts
        for each norm.

        Write `styled(features, scales, shifts, weights)`: normalise each channel of each picture by its own mean and
        variance, then scale and shift it by the rows of its style. Where `weights` names several styles, use the mix of
        their rows. The weights are used as they are.

        Two questions on paper. What is the diagonal of the Gram matrix behind this layer, in terms of scale and shift
        alone? And within one layer, is mixing the rows the same as mixing the outputs of the pure styles?
    """,
    reference=styled,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "The mean or the variance is taken over the batch too, as in batch norm: each picture may have another "
            "style here, so it is normalised by itself.",
            _variant(lambda features: _normalised(features, (0, 2, 3))),
            _variant(lambda features: _normalised(features, (0, 2, 3), correction=1)),
        ),
        Mistake(
            "The mean or the variance is taken over the channels too: that keeps how strong channels are beside each "
            "other, which a style should set.",
            _variant(lambda features: _normalised(features, (1, 2, 3))),
            _variant(lambda features: _normalised(features, (1,))),
        ),
        Mistake(
            "The variance has H W - 1 in its divisor: `var` and `std` correct for that unless they are told not to.",
            _variant(lambda features: _normalised(features, correction=1)),
        ),
        Mistake(
            "You divide by the variance: its root brings the contrast to 1.",
            _variant(_by_variance),
        ),
        Mistake(
            "1e-5 is missing, or it is not added to the variance but to its root or elsewhere: "
            "look at a faint channel and at one without contrast.",
            _variant(lambda features: _normalised(features, eps=0.0)),
            _variant(_eps_outside),
            _variant(lambda features: _normalised(features, eps=1e-8)),
            _variant(lambda features: _normalised(features, eps=1e-10)),
        ),
        Mistake(
            "Your standard deviation has H W - 1 in its divisor, and 1e-5 is added to it and not to the variance: "
            "take the variance with `correction=0`, add 1e-5, and take the root last.",
            _variant(_sample_std),
        ),
        Mistake(
            "A scale below 0 loses its sign: a style may turn a channel over, so use the scale as it is.",
            _variant(apply=lambda x, scale, shift: scale.abs() * x + shift),
            _variant(apply=lambda x, scale, shift: scale.relu() * x + shift),
            lambda features, scales, shifts, weights: styled(features, scales.abs(), shifts, weights),
        ),
        Mistake(
            "The mean is not subtracted: the brightness of the photograph is left in every channel.",
            _variant(
                lambda features: features / (features.var(dim=(2, 3), correction=0, keepdim=True) + EPS).sqrt(),
            ),
        ),
        Mistake(
            "The features are not normalised: what the photograph was like before decides then, "
            "and not the style alone.",
            _variant(lambda features: features),
            _variant(lambda features: features - features.mean(dim=(2, 3), keepdim=True)),
        ),
        Mistake(
            "You scale and shift before you normalise: the norm takes both away again, but for the sign of the scale.",
            lambda features, scales, shifts, weights: _normalised(
                (weights @ scales)[:, :, None, None] * features + (weights @ shifts)[:, :, None, None]
            ),
        ),
        Mistake(
            "Scales and shifts have changed places.",
            _variant(apply=lambda x, scale, shift: shift * x + scale),
        ),
        Mistake(
            "The shift is applied before the scale, so that it is scaled as well: scale first.",
            _variant(apply=lambda x, scale, shift: scale * (x + shift)),
        ),
        Mistake(
            "The shift is missing or has the wrong sign: a style sets the mean of a channel as well as its contrast.",
            _variant(apply=lambda x, scale, shift: scale * x),
            _variant(apply=lambda x, scale, shift: scale * x - shift),
        ),
        Mistake(
            "The features are multiplied by 1 + scale: here the scale is the whole factor.",
            _variant(apply=lambda x, scale, shift: (1 + scale) * x + shift),
        ),
        Mistake(
            "The features are cut off, or their mean or variance is: the convolutions below a norm learn through it, "
            "so leave out `detach`, `no_grad` and `.data`.",
            lambda features, *tables: styled(features.detach(), *tables),
            _variant(lambda features: _centred_by(features, cut_mean=True, cut_variance=False)),
            _variant(lambda features: _centred_by(features, cut_mean=False, cut_variance=True)),
            _variant(lambda features: _centred_by(features, cut_mean=True, cut_variance=True)),
            whole=True,
        ),
        Mistake(
            "One of the tables is cut off by a `detach`: both are what a style learns.",
            lambda features, scales, shifts, weights: styled(features, scales.detach(), shifts, weights),
            lambda features, scales, shifts, weights: styled(features, scales, shifts.detach(), weights),
            whole=True,
        ),
        Mistake(
            "Only the scales are mixed: mix the rows of shifts by the same weights.",
            lambda features, scales, shifts, weights: _styled_by(
                features, weights @ scales, shifts.mean(0).expand_as(weights @ shifts)
            ),
            lambda features, scales, shifts, weights: _styled_by(
                features, weights @ scales, _one_hot(weights) @ shifts
            ),
            lambda features, scales, shifts, weights: _styled_by(
                features, weights @ scales, shifts.sum(0).expand_as(weights @ shifts)
            ),
        ),
        Mistake(
            "You took the mean over the styles: each row counts by its weight, and the weighted rows are added.",
            _variant(mixed=lambda weights: weights / weights.shape[1]),
        ),
        Mistake(
            "The weights are squared, or scaled to length 1: use them as they are.",
            _variant(mixed=lambda weights: weights.square()),
            _variant(mixed=lambda weights: weights / weights.norm(dim=1, keepdim=True)),
        ),
        Mistake(
            "Each picture gets the style with the largest weight alone: mix the rows.",
            _variant(mixed=_one_hot),
        ),
        Mistake(
            "The weights are made to sum to 1, or are cut to [0, 1]: use them as they are, "
            "so that one can also go beyond a style.",
            _variant(mixed=lambda weights: weights / weights.sum(dim=1, keepdim=True)),
            _variant(mixed=lambda weights: weights.softmax(dim=1)),
            _variant(mixed=lambda weights: weights.clamp(0, 1)),
            _variant(mixed=lambda weights: weights.clamp(min=0)),
        ),
        Mistake(
            "All pictures of the batch get the style of the first one, or the mean of all: "
            "each row of `weights` belongs to one picture.",
            _variant(mixed=lambda weights: weights[:1].expand_as(weights)),
            _variant(mixed=lambda weights: weights.mean(dim=0, keepdim=True).expand_as(weights)),
        ),
        Mistake(
            "Another number than 1e-5 is added to the variance.",
            _variant(lambda features: _normalised(features, eps=1e-3)),
            _variant(lambda features: _normalised(features, eps=1e-4)),
            _variant(lambda features: _normalised(features, eps=1e-6)),
        ),
        Mistake(
            "You made the weights positive, or brought their sum to 1: take them as they are.",
            lambda features, scales, shifts, weights: styled(features, scales, shifts, weights.abs()),
            lambda features, scales, shifts, weights: styled(
                features, scales, shifts, weights.abs() / weights.abs().sum(dim=1, keepdim=True)
            ),
        ),
    ),
    hints=(
        "Two parts that do not meet until the end: features with mean 0 and variance 1, and for each picture one scale "
        "and one shift a channel, which come from the tables alone.",
        "Mean and variance run over the axes 2 and 3 with `keepdim=True`, the variance with `correction=0`. "
        "A mix of rows is a matrix product: (N, S) times (S, C).",
        "`weights @ scales` has the shape (N, C), and `[:, :, None, None]` makes it fit (N, C, H, W). Divide by "
        "`(variance + 1e-5).sqrt()` before you multiply by it.",
    ),
    why="within a layer mixed rows are mixed outputs, and only the ReLU and the layers behind it make the way from one "
    "painter to another curved; the diagonal of C times the Gram matrix is scale^2 + shift^2, whatever the photograph.",
)
