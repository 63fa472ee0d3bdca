"""The terms of the evidence lower bound, in nats, each of them one number for each picture.

The bound of a picture is a *sum* over its pixels and over its latents. Only then is the mean over the batch taken:
a mean over pixels would change the weight of the two terms.

Source: Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equations 3 and 10, appendix B.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import relu

from course_lib.arguments import check_alike, check_floats, check_number, check_within, seen_range
from course_lib.errors import ShapeError


def reparameterise(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return one draw of ``N(mu, exp(logvar))`` as a differentiable function of both: ``mu + std * noise``.

    Args:
        mu: mean, any shape.
        logvar: log of the variance, the same shape.
        generator: of the noise; torch's own if not given.

    Raises:
        ShapeError: if the shapes or devices differ, or one of them is no tensor of floats.
    """
    _check_codes(mu, logvar)
    noise = torch.empty_like(mu).normal_(generator=generator)
    return mu + torch.exp(0.5 * logvar) * noise


def kl_each_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return ``KL(N(mu, exp(logvar)) || N(0, 1))`` of each latent of each picture, ``(N, d)``.

    It is ``(mu^2 + s^2 - 1 - log s^2) / 2``. The part in s is written as expm1(logvar) - logvar, which keeps all digits
    where q is close to the prior.

    Args:
        mu: ``(N, d)``.
        logvar: ``(N, d)``.

    Raises:
        ShapeError: if the shapes or devices differ, or one of them is no tensor of floats.
    """
    _check_codes(mu, logvar)
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar)


def kl_diagonal_gaussian(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return ``KL(N(mu, diag exp(logvar)) || N(0, I))`` of each picture, ``(N,)``: the sum over its latents.

    Args and Raises: as for :func:`kl_each_latent`, and both need the two axes.
    """
    check_floats(mu, "mu", "(N, d)")
    return kl_each_latent(mu, logvar).sum(dim=1)


def free_bits(kl: Tensor, free: float = 0.0) -> Tensor:
    """Return the KL term of a bound in which each latent has some nats for nothing: ``sum_j max(free, mean_n kl_nj)``.

    A latent below ``free`` gets no gradient from this term, so that nothing switches it off while the decoder has not
    yet learned to use it.

    Args:
        kl: ``(N, d)``, what :func:`kl_each_latent` returns.
        free: nats of each latent, at least 0; with 0 the term is the mean over the batch of the KL, as ever.

    Returns:
        A scalar.

    Raises:
        ShapeError: if ``kl`` is of another shape or type, or ``free`` negative or infinite.

    Source: Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow, 2016, equation 15, with one
        latent a group.
    """
    check_floats(kl, "kl", "(N, d)")
    check_number(free, "free", 0)
    return kl.mean(dim=0).clamp(min=free).sum()


class _CrossEntropy(torch.autograd.Function):
    """``softplus(l) - l x`` for logits l, whose derivative is ``sigmoid(l) - x``.

    softplus(l) is written as relu(l) - log(sigmoid(|l|)): the sigmoid is never below a half, so that no digit is lost.
    torch's own form takes log1p, which on a CPU is ten times slower than log and was a tenth of a training step.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(logits, target)
        return logits.abs().sigmoid_().log_().neg_().add_(relu(logits)).addcmul_(logits, target, value=-1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, target = ctx.saved_tensors
        return torch.sigmoid(logits).sub_(target).mul_(grads[0]), None


def bernoulli_nll(logits: Tensor, target: Tensor) -> Tensor:
    """Return ``-log p(x | z)`` of each picture, ``(N,)``, where each pixel is 1 with chance sigmoid(logit).

    For a target strictly between 0 and 1 it is a cross-entropy and no likelihood: p(x | z) would not integrate to 1
    over [0, 1] (Loaiza-Ganem & Cunningham, The continuous Bernoulli, 2019).

    Args:
        logits: ``(N, d, ...)``.
        target: the same shape, in [0, 1]; it gets no gradient.

    Raises:
        ShapeError: if the shapes or devices differ, one of them is no tensor of floats, or (seen on a CPU) the target
            leaves [0, 1].
    """
    _check_pair(logits, target, "logits")
    check_within(target, "target", 0, 1, "map pictures from [-1, 1] with (x + 1) / 2")
    return _CrossEntropy.apply(logits, target).flatten(1).sum(dim=1)


def gaussian_nll(mean: Tensor, target: Tensor, std: float | Tensor) -> Tensor:
    """Return ``-log p(x | z)`` of each picture, ``(N,)``, where each pixel is N(mean, std^2).

    Args:
        mean: ``(N, d, ...)``.
        target: the same shape.
        std: one number for all pixels, above 0; or a tensor of one.

    Raises:
        ShapeError: if the shapes or devices differ, one of them is no tensor of floats, or std is not above 0.
    """
    _check_pair(mean, target, "mean")
    if not isinstance(std, Tensor):
        check_number(std, "std", 0, above=True)
    elif std.device.type == "meta" != mean.device.type:
        raise ShapeError(f"std is on {std.device} and mean on {mean.device}: give a number.")
    elif std.numel() != 1:
        raise ShapeError(f"std has the shape {tuple(std.shape)}: give one number for all pixels.")
    elif (seen := seen_range(std)) is not None:
        check_number(seen[0], "std", 0, above=True)
    std = torch.as_tensor(std, dtype=mean.dtype, device=mean.device)
    each = 0.5 * ((target - mean) / std).square() + std.log() + 0.5 * math.log(2 * math.pi)
    return each.flatten(1).sum(dim=1)


def _check_codes(mu: Tensor, logvar: Tensor) -> None:
    check_floats(mu, "mu")
    check_floats(logvar, "logvar")
    check_alike(mu, logvar, ("mu", "logvar"))


def _check_pair(predicted: Tensor, target: Tensor, name: str) -> None:
    check_floats(predicted, name, "(N, d, ...)")
    check_floats(target, "target", "(N, d, ...)")
    check_alike(predicted, target, (name, "target"))
