"""The two losses of pix2pix in parts, of which one can be exchanged: wrong answers to exercise 10.1 are made so."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

D_LOSS, D_GRADIENT = "d_loss", "the gradient of d_loss in D's weights"
G_LOSS, G_GRADIENT = "g_loss", "the gradient of g_loss in the output"

Net = torch.nn.Module
Of = Callable[[Net, Tensor, Tensor, Tensor], Tensor]
Answer = Callable[[Net, Tensor, Tensor, Tensor, float], dict[str, Tensor]]
Two = Callable[[Tensor, Tensor], Tensor]


# The parts of the reference, so that a variant computes no loss twice.
def right_d(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (F.softplus(-netD(x, y)).mean() + F.softplus(netD(x, fake.detach())).mean())


def right_g(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-netD(x, fake)).mean()


def right_l1(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return (y - fake).abs().mean()


def d_variant(loss: Of) -> Answer:
    """Put another loss of D in place of the right one."""

    def answer(netD: Net, x: Tensor, y: Tensor, fake: Tensor, lam: float) -> dict[str, Tensor]:
        g_loss = right_g(netD, x, y, fake) + lam * right_l1(netD, x, y, fake)
        return {D_LOSS: loss(netD, x, y, fake), G_LOSS: g_loss}

    return answer


def d_logits(loss: Two) -> Answer:
    """Put another loss of D, a function of its logits for real and for fake, in place of the right one."""
    return d_variant(lambda netD, x, y, fake: loss(netD(x, y), netD(x, fake)))


def weighed(gan: Tensor, distance: Tensor, lam: float) -> Tensor:
    return gan + lam * distance


def g_variant(adversarial: Of = right_g, l1: Of = right_l1, total: Callable[..., Tensor] = weighed) -> Answer:
    """Put another adversarial term, another L1 term or another sum of the two into G's loss."""

    def answer(netD: Net, x: Tensor, y: Tensor, fake: Tensor, lam: float) -> dict[str, Tensor]:
        loss = total(adversarial(netD, x, y, fake), l1(netD, x, y, fake), lam)
        return {D_LOSS: right_d(netD, x, y, fake), G_LOSS: loss}

    return answer


def g_logits(loss: Callable[[Tensor], Tensor]) -> Answer:
    return g_variant(lambda netD, x, y, fake: loss(netD(x, fake)))


def bce(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


SMALL = (0.0, 1e-8, 1e-6)


def log_of(logits: Tensor, small: float) -> Tensor:
    return -(logits.sigmoid() + small).log().mean()


def logarithms(small: float) -> tuple[Answer, Answer]:
    return (
        d_logits(lambda real, made: 0.5 * (log_of(real, small) + log_of(-made, small))),
        g_logits(lambda made: log_of(made, small)),
    )


def clamped(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy(logits.sigmoid(), torch.full_like(logits, label))


def seen(real: Of, fake: Of) -> Answer:
    """Let D's loss be right, of logits that are not."""

    def loss(netD: Net, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
        return 0.5 * (bce(real(netD, x, y, out), 1) + bce(fake(netD, x, y, out), 0))

    return d_variant(loss)


def true_pair(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return netD(x, y)


def made_pair(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return netD(x, fake)


def no_x(netD: Net, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    return netD(torch.zeros_like(x), fake)
