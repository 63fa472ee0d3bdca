"""Adversarial losses, all from logits: D's output before the sigmoid, on any shape."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn.functional import softplus


class AdversarialLoss(Protocol):
    """What a pair of adversarial losses offers: one scalar for D, one for G."""

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return what the discriminator minimises."""
        ...

    def g_loss(self, fake_logits: Tensor) -> Tensor:
        """Return what the generator minimises."""
        ...


class Saturating:
    """The minimax game: G minimises exactly what D maximises.

    With l the logit and D = sigmoid(l), -log D = softplus(-l) and -log(1 - D) = softplus(l). Written so, no sigmoid is
    rounded to 0 or 1, and no logarithm meets a zero.

    Source: Goodfellow et al. 2014, equation 1.
    """

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``-E[log D(real)] - E[log(1 - D(fake))]``: log 4 when D cannot tell them apart."""
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def g_loss(self, fake_logits: Tensor) -> Tensor:
        """Return ``E[log(1 - D(fake))]``, whose gradient in the logit, -D, vanishes where D is sure of a fake."""
        return -softplus(fake_logits).mean()


class NonSaturating(Saturating):
    """The same loss for D, and for G the form whose gradient does not vanish: in the logit it is D - 1.

    Source: Goodfellow et al. 2014, the remark at the end of section 3.
    """

    def g_loss(self, fake_logits: Tensor) -> Tensor:
        """Return ``-E[log D(fake)]``."""
        return softplus(-fake_logits).mean()


class LeastSquares:
    """Distances of D's output from the marks 1 for real and 0 for fake; there is no sigmoid.

    The gradient in the logit grows with the distance from the mark, so that a fake that D is sure of is pulled hardest,
    and so is one that D takes for "more than real".

    Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", equation 9; in CycleGAN section 4.
    """

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E[(D(real) - 1)^2] + E[D(fake)^2]``: 1/2 when D cannot tell them apart and says 1/2."""
        return (real_logits - 1).square().mean() + fake_logits.square().mean()

    def g_loss(self, fake_logits: Tensor) -> Tensor:
        """Return ``E[(D(fake) - 1)^2]``."""
        return (fake_logits - 1).square().mean()


LOSSES: dict[str, AdversarialLoss] = {
    "saturating": Saturating(),
    "non-saturating": NonSaturating(),
    "least-squares": LeastSquares(),
}
"""The adversarial losses by name."""
