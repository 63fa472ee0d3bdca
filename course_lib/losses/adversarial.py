"""Adversarial losses, all from logits: D's output before the sigmoid, on any shape.

Each raises a ShapeError if logits are no tensor of floats, are empty, or lie on two devices.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn.functional import relu, softplus

from course_lib.arguments import check_alike, check_floats
from course_lib.errors import ShapeError


class AdversarialLoss(Protocol):
    """What a pair of adversarial losses offers: one scalar for D, one for G; and whether G's asks for real logits."""

    needs_real: bool

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return what the discriminator minimises."""
        ...

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return what the generator minimises; few losses ask what D says of real samples."""
        ...


def _check_fake(fake_logits: Tensor) -> None:
    check_floats(fake_logits, "fake_logits")


def _check_both(real_logits: Tensor, fake_logits: Tensor) -> None:
    check_floats(real_logits, "real_logits")
    check_floats(fake_logits, "fake_logits")
    check_alike(real_logits, fake_logits, ("real_logits", "fake_logits"), shapes=False)


class Saturating:
    """The minimax game: G minimises exactly what D maximises.

    With l the logit and D = sigmoid(l), -log D = softplus(-l) and -log(1 - D) = softplus(l). Written so, no sigmoid is
    rounded to 0 or 1, and no logarithm meets a zero.

    Source: Goodfellow et al. 2014, equation 1.
    """

    needs_real = False

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``-E[log D(real)] - E[log(1 - D(fake))]``: log 4 when D cannot tell them apart."""
        _check_both(real_logits, fake_logits)
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``E[log(1 - D(fake))]``, whose gradient in the logit, -D, vanishes where D is sure of a fake."""
        _check_fake(fake_logits)
        return -softplus(fake_logits).mean()


class NonSaturating(Saturating):
    """The same loss for D, and for G the form whose gradient does not vanish: in the logit it is D - 1.

    Source: Goodfellow et al. 2014, the remark at the end of section 3.
    """

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``-E[log D(fake)]``."""
        _check_fake(fake_logits)
        return softplus(-fake_logits).mean()


class LeastSquares:
    """Distances of D's output from the marks 1 for real and 0 for fake; there is no sigmoid.

    The gradient in the logit grows with the distance from the mark, so that a fake that D is sure of is pulled hardest,
    and so is one that D takes for "more than real".

    Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", equation 9; in CycleGAN section 4.
    """

    needs_real = False

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E[(D(real) - 1)^2] + E[D(fake)^2]``: 1/2 when D cannot tell them apart and says 1/2."""
        _check_both(real_logits, fake_logits)
        return (real_logits - 1).square().mean() + fake_logits.square().mean()

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``E[(D(fake) - 1)^2]``."""
        _check_fake(fake_logits)
        return (fake_logits - 1).square().mean()


class Hinge:
    """D need not be surer than a margin of 1 on either side; G goes where D says more, without a bound.

    Source: Lim & Ye 2017, "Geometric GAN", equation 3; Miyato et al. 2018, equations 16 and 17.
    """

    needs_real = False

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))]``: 2 when D says 0 of all."""
        _check_both(real_logits, fake_logits)
        return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``-E[D(fake)]``."""
        _check_fake(fake_logits)
        return -fake_logits.mean()


class Wasserstein:
    """The difference of two means, which is a distance only where D is 1-Lipschitz: clip its weights, or penalise.

    Source: Arjovsky et al. 2017, equations 2 and 3; Gulrajani et al. 2017, equation 3 adds the penalty.
    """

    needs_real = False

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E[D(fake)] - E[D(real)]``; its negative estimates the distance."""
        _check_both(real_logits, fake_logits)
        return fake_logits.mean() - real_logits.mean()

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``-E[D(fake)]``."""
        _check_fake(fake_logits)
        return -fake_logits.mean()


class Relativistic:
    """D judges pairs: is the real sample more real than the fake one? So G, too, needs what D says of real samples.

    Source: Jolicoeur-Martineau 2019, "The relativistic discriminator", section 4.1, equations 5 and 6 with the logistic
    loss.
    """

    needs_real = True

    def d_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``-E[log sigmoid(D(real) - D(fake))]`` over pairs in the order of the batch.

        Raises:
            ShapeError: if there are not as many real as fake logits.
        """
        _check_both(real_logits, fake_logits)
        check_alike(real_logits, fake_logits, ("real_logits", "fake_logits"))
        return softplus(fake_logits - real_logits).mean()

    def g_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return ``-E[log sigmoid(D(fake) - D(real))]``.

        Raises:
            ShapeError: if the real logits are missing, or are not as many as the fake ones.
        """
        if real_logits is None:
            raise ShapeError("The relativistic loss of G compares with real samples: call g_loss(fake, real).")
        _check_both(real_logits, fake_logits)
        check_alike(real_logits, fake_logits, ("real_logits", "fake_logits"))
        return softplus(real_logits - fake_logits).mean()


LOSSES: dict[str, AdversarialLoss] = {
    "saturating": Saturating(),
    "non-saturating": NonSaturating(),
    "least-squares": LeastSquares(),
    "hinge": Hinge(),
    "wasserstein": Wasserstein(),
    "relativistic": Relativistic(),
}
"""The adversarial losses by name."""
