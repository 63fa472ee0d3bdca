"""Exercise 10.1: the two losses of pix2pix.

Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2017), equations 1 to 4 and
section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import describe
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake
from course_lib.lessons.lesson_10.exercises.pix2pix_parts import (
    D_GRADIENT,
    D_LOSS,
    G_GRADIENT,
    G_LOSS,
    SMALL,
    Net,
    bce,
    clamped,
    d_logits,
    g_logits,
    g_variant,
    logarithms,
    made_pair,
    no_x,
    right_g,
    right_l1,
    seen,
    true_pair,
)
from course_lib.lessons.lesson_10.exercises.toys import ToyD


def pix2pix_losses(
    netD: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, fake: torch.Tensor, lambda_l1: float
) -> dict[str, torch.Tensor]:
    """Return what D minimises and what G minimises, for one batch.

    Args:
        netD: D. netD(x, y) judges pairs and returns logits, float32, shape (N, 1, h, w): one for each patch.
        x: float32, shape (N, C_x, H, W), from -1 to 1, the conditions.
        y: float32, shape (N, C_y, H, W), from -1 to 1, the targets.
        fake: float32, the shape of y, the outputs G(x, z); gradients flow back from it to G.
        lambda_l1: the weight of the L1 term, 0 or more.

    Returns:
        A dict of two scalar tensors: "d_loss" is half of -E[log D(x, y)] - E[log(1 - D(x, G(x, z)))], "g_loss" is
        -E[log D(x, G(x, z))] + lambda_l1 * E|y - G(x, z)|. Each E is a mean: over all logits, or over all pixels and
        channels.
    """
    real_logits = netD(x, y)
    fake_logits = netD(x, fake.detach())  # D's loss need not reach G
    d_loss = 0.5 * (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean())
    g_loss = F.softplus(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()
    return {"d_loss": d_loss, "g_loss": g_loss}


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def case(label: str, n: int, x_channels: int, size: tuple[int, int], lambda_l1: float, scale: float = 1) -> Case:
        x = torch.rand((n, x_channels, *size), generator=draw) * 2 - 1
        y = torch.rand((n, 3, *size), generator=draw) * 2 - 1
        fake = 0.6 * y + 0.3 * x + 0.1 * torch.rand(y.shape, generator=draw)
        return Case(label, ToyD(scale), x, y, fake, lambda_l1)

    return [
        case("two outlines", 2, 1, (6, 8), 100.0),
        case("three flat pictures, and no L1 term", 3, 3, (8, 4), 0.0),
        case("a D that is utterly sure", 2, 1, (4, 4), 10.0, scale=1e4),
    ]


def _observe(
    answer: Callable[..., object], netD: torch.nn.Module, x: Tensor, y: Tensor, fake: Tensor, lambda_l1: float
) -> object:
    """Look at both losses, at D's gradient from its own, and at what reaches the output from G's."""
    fake = fake.clone().requires_grad_()
    losses = answer(netD, x, y, fake, lambda_l1)
    if losses is None:
        raise ExerciseError(NOTHING)
    if not isinstance(losses, dict) or not {D_LOSS, G_LOSS} <= set(losses):
        raise ExerciseError(f'Return a dict with the keys "d_loss" and "g_loss"; yours is {describe(losses)}.')
    for key, where in ((D_LOSS, "D's weights"), (G_LOSS, "the output, so that G cannot learn")):
        loss = losses[key]
        if not isinstance(loss, Tensor) or loss.ndim:
            raise ExerciseError(f"{key} should be a tensor without dimensions, a mean; yours is {describe(loss)}.")
        if not loss.requires_grad:
            raise ExerciseError(
                f"No gradient can flow back from {key} to {where}. "
                "Compute with torch alone, without `.item()` or `no_grad`."
            )
    weights = list(netD.parameters())
    of_d = torch.autograd.grad(losses[D_LOSS], weights, retain_graph=True, allow_unused=True)
    of_g = torch.autograd.grad(losses[G_LOSS], fake, allow_unused=True)[0]
    filled = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, of_d, strict=True)]
    return {
        D_LOSS: losses[D_LOSS],
        D_GRADIENT: torch.cat([g.flatten() for g in filled]),
        G_LOSS: losses[G_LOSS],
        G_GRADIENT: torch.zeros_like(fake) if of_g is None else of_g,
    }


def _exchanged(netD: Net, x: Tensor, y: Tensor, fake: Tensor, lam: float) -> dict[str, Tensor]:
    right = pix2pix_losses(netD, x, y, fake, lam)
    return {D_LOSS: right[G_LOSS], G_LOSS: right[D_LOSS]}


def _exchanged_from_output(netD: Net, x: Tensor, y: Tensor, fake: Tensor, lam: float) -> dict[str, Tensor]:
    right = d_logits(lambda real, made: 0.5 * (bce(real, 1) + bce(made, 0)))(netD, x, y, fake, lam)
    return {D_LOSS: right[G_LOSS], G_LOSS: right[D_LOSS]}


def _with_l1_in_d(netD: Net, x: Tensor, y: Tensor, fake: Tensor, lam: float) -> dict[str, Tensor]:
    right = pix2pix_losses(netD, x, y, fake, lam)
    return right | {D_LOSS: right[D_LOSS] + lam * (y - fake).abs().mean()}


PIX2PIX_LOSSES = Exercise(
    id="10.1",
    title="The two losses of pix2pix",
    kind="derivation to code",
    trains="the losses of both players",
    minutes=15,
    level=1,
    task=r"""
        G translates x, D judges pairs, and each has its loss:
        $\mathcal{L}_D = \frac12 \left( -\mathbb{E}[\log D(x, y)] - \mathbb{E}[\log(1 - D(x, G(x, z)))] \right)$ and
        $\mathcal{L}_G = -\mathbb{E}[\log D(x, G(x, z))] + \lambda\, \mathbb{E}\, |y - G(x, z)|$. D sees the condition
        in both terms, and G is compared with y in the L1 term only. Write
        `pix2pix_losses(netD, x, y, fake, lambda_l1)`, where `fake` is G(x, z) as the caller has it, and return both in
        a dict. `netD` returns logits, one for each patch; $D$ in the formulas is their sigmoid. The check looks at both
        values, at the gradient of D's loss in D's weights and at that of G's loss in the output, also for a D whose
        logits are in the thousands. (Whether D's loss could also reach G is the subject of the next exercise.)
    """,
    reference=pix2pix_losses,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "D's loss is not halved. The paper divides it by 2.",
            d_logits(lambda real, made: bce(real, 1) + bce(made, 0)),
        ),
        Mistake(
            "Only one of the two terms of D's loss is halved: put both in brackets, and 0.5 before them.",
            d_logits(lambda real, made: bce(real, 1) + 0.5 * bce(made, 0)),
            d_logits(lambda real, made: 0.5 * bce(real, 1) + bce(made, 0)),
        ),
        Mistake(
            "A sigmoid too many: the logits pass through it twice. "
            "`binary_cross_entropy_with_logits`, `softplus` and `logsigmoid` take logits as they are.",
            d_logits(lambda real, made: 0.5 * (bce(real.sigmoid(), 1) + bce(made.sigmoid(), 0))),
            d_logits(lambda real, made: bce(real.sigmoid(), 1) + bce(made.sigmoid(), 0)),
            g_logits(lambda made: bce(made.sigmoid(), 1)),
        ),
        Mistake(
            "In the thousands your logarithm is infinite or loses its gradient: a sigmoid is rounded to 0 or 1 there, "
            "and an exponential is infinite. Use a function that takes the logits.",
            *(variant for small in SMALL for variant in logarithms(small)),
            d_logits(lambda real, made: 0.5 * (clamped(real, 1) + clamped(made, 0))),
            g_logits(lambda made: clamped(made, 1)),
        ),
        Mistake(
            "The labels in D's loss are swapped: D would learn to accept outputs and to reject targets.",
            d_logits(lambda real, made: 0.5 * (bce(real, 0) + bce(made, 1))),
            d_logits(lambda real, made: bce(real, 0) + bce(made, 1)),
        ),
        Mistake(
            "D's loss has the same label for both kinds of pairs. True pairs should score 1 and outputs 0.",
            d_logits(lambda real, made: 0.5 * (bce(real, 1) + bce(made, 1))),
            d_logits(lambda real, made: 0.5 * (bce(real, 0) + bce(made, 0))),
        ),
        Mistake(
            "G's loss has D's label for outputs. G wants D to take its output for real: the label is 1.",
            g_logits(lambda made: bce(made, 0)),
        ),
        Mistake(
            "You used the saturating form, log(1 - D), for G: it has no gradient where D is sure of an output. "
            "Asked for is -log D.",
            g_logits(lambda made: -bce(made, 0)),
        ),
        Mistake(
            "The sign of an adversarial term is wrong: an optimiser minimises, "
            "and the logarithms of the paper's equation 1 are maximised.",
            d_logits(lambda real, made: -0.5 * (bce(real, 1) + bce(made, 0))),
            d_logits(lambda real, made: -(bce(real, 1) + bce(made, 0))),
            g_logits(lambda made: -bce(made, 1)),
        ),
        Mistake(
            "D's loss lacks one of its two terms. D learns from the true pair and from the output.",
            d_logits(lambda real, made: 0.5 * bce(real, 1)),
            d_logits(lambda real, made: 0.5 * bce(made, 0)),
            d_logits(lambda real, made: bce(real, 1)),
            d_logits(lambda real, made: bce(made, 0)),
        ),
        Mistake(
            "In D's loss, D judges the picture without its own x. D sees the condition in both terms: "
            "`netD(x, y)` and `netD(x, fake)`.",
            seen(lambda netD, x, y, fake: netD(torch.zeros_like(x), y), no_x),
            seen(true_pair, no_x),
            seen(lambda netD, x, y, fake: netD(torch.zeros_like(x), y), made_pair),
            seen(lambda netD, x, y, fake: netD(y, y), lambda netD, x, y, fake: netD(fake, fake)),
            seen(true_pair, lambda netD, x, y, fake: netD(y, fake)),
            seen(true_pair, lambda netD, x, y, fake: netD(fake, fake)),
        ),
        Mistake(
            "In G's loss, D judges the output without its x. The condition comes first, also here: `netD(x, fake)`.",
            g_variant(lambda netD, x, y, fake: F.softplus(-no_x(netD, x, y, fake)).mean()),
            g_variant(lambda netD, x, y, fake: F.softplus(-netD(y, fake)).mean()),
        ),
        Mistake(
            "The pair is the wrong way round: D takes the condition first and the picture to be judged second.",
            seen(lambda netD, x, y, fake: netD(y, x), lambda netD, x, y, fake: netD(fake, x)),
            seen(true_pair, lambda netD, x, y, fake: netD(fake, x)),
            g_variant(lambda netD, x, y, fake: F.softplus(-netD(fake, x)).mean()),
        ),
        Mistake(
            "In G's loss D judges the target, on which G has no influence. It should judge the output.",
            g_variant(lambda netD, x, y, fake: F.softplus(-netD(x, y)).mean()),
        ),
        Mistake(
            "D's loss holds the same pair twice: true pairs in one term, outputs in the other.",
            seen(true_pair, true_pair),
            seen(made_pair, made_pair),
        ),
        Mistake(
            "You compare the output with x. The L1 term asks for the target: it is the mean of |y - G(x, z)|.",
            g_variant(l1=lambda netD, x, y, fake: (x - fake).abs().mean()),
        ),
        Mistake(
            "You compare x with y, and the output is in neither: this term has no gradient for G. "
            "The L1 term compares the output with y.",
            g_variant(l1=lambda netD, x, y, fake: (x - y).abs().mean()),
        ),
        Mistake(
            "The L1 term is a sum. With a mean over pixels, channels and pictures, lambda does not depend on their "
            "number.",
            g_variant(l1=lambda netD, x, y, fake: (y - fake).abs().sum()),
            g_variant(l1=lambda netD, x, y, fake: (y - fake).abs().sum() / len(y)),
            g_variant(l1=lambda netD, x, y, fake: (y - fake).abs().mean(dim=0).sum()),
            g_variant(l1=lambda netD, x, y, fake: (y - fake).abs().sum(dim=1).mean()),
        ),
        Mistake(
            "An adversarial term is a sum over the logits. Take the mean, or D's size decides how much it counts.",
            d_logits(lambda real, made: 0.5 * (F.softplus(-real).sum() + F.softplus(made).sum())),
            d_logits(lambda real, made: F.softplus(-real).sum() + F.softplus(made).sum()),
            g_logits(lambda made: F.softplus(-made).sum()),
            d_logits(lambda real, made: 0.5 * (F.softplus(-real).sum() + F.softplus(made).sum()) / len(real)),
            g_logits(lambda made: F.softplus(-made).sum() / len(made)),
        ),
        Mistake(
            "The third term is a squared error. pix2pix takes L1, whose minimiser is a median and blurs less.",
            g_variant(l1=lambda netD, x, y, fake: (y - fake).square().mean()),
        ),
        Mistake(
            "lambda is on the wrong term: it weighs the L1 term, and the adversarial term has weight 1.",
            g_variant(total=lambda gan, distance, lam: lam * gan + distance),
            g_variant(total=lambda gan, distance, lam: lam * (gan + distance)),
        ),
        Mistake(
            "The sign of the L1 term is wrong: G would be paid for being far from the target.",
            g_variant(total=lambda gan, distance, lam: gan - lam * distance),
        ),
        Mistake(
            "The absolute value comes after the mean, where errors above and below 0 have cancelled. "
            "It is |y - G(x, z)| at each pixel first.",
            g_variant(l1=lambda netD, x, y, fake: (y - fake).mean().abs()),
            g_variant(l1=lambda netD, x, y, fake: (y - fake).mean()),
        ),
        Mistake(
            "lambda is missing: with weight 1 the L1 term hardly counts beside the adversarial one.",
            g_variant(total=lambda gan, distance, lam: gan + distance),
        ),
        Mistake(
            "The L1 term is missing from G's loss.",
            g_variant(total=lambda gan, distance, lam: gan),
        ),
        Mistake(
            "The adversarial term is missing from G's loss.",
            g_variant(total=lambda gan, distance, lam: lam * distance),
            g_variant(total=lambda gan, distance, lam: lam * distance + 0 * gan),
        ),
        Mistake(
            "You halved G's adversarial term. Only D's loss is halved.",
            g_variant(total=lambda gan, distance, lam: 0.5 * gan + lam * distance),
            g_variant(total=lambda gan, distance, lam: 0.5 * (gan + lam * distance)),
        ),
        Mistake(
            "The L1 term is in D's loss. D has no influence on it: it belongs to G alone.",
            _with_l1_in_d,
        ),
        Mistake(
            "In G's loss the output is detached, and what D says of it cannot reach G. Detach it in D's loss alone.",
            g_variant(lambda netD, x, y, fake: F.softplus(-netD(x, fake.detach())).mean()),
        ),
        Mistake(
            "The L1 term is cut off from G by a `detach`: its value is right, and it teaches nothing.",
            g_variant(l1=lambda netD, x, y, fake: (y - fake.detach()).abs().mean()),
        ),
        Mistake(
            "You detached D's logits of the outputs. D then learns from true pairs alone: detach the output instead, "
            "before D sees it.",
            seen(true_pair, lambda netD, x, y, fake: netD(x, fake).detach()),
        ),
        Mistake(
            "You detached D's logits of the true pairs. D then learns from outputs alone: nothing is to be cut there.",
            seen(lambda netD, x, y, fake: netD(x, y).detach(), made_pair),
        ),
        Mistake(
            "The output is detached in both losses, and G learns nothing at all. Detach it where D's loss is computed, "
            "and hand G's loss the output with its past.",
            g_variant(
                lambda netD, x, y, fake: right_g(netD, x, y, fake.detach()),
                lambda netD, x, y, fake: right_l1(netD, x, y, fake.detach()) + 0 * fake.sum(),
            ),
        ),
        Mistake(
            "You took the mean of the logits before the loss. The loss of each patch comes first, and then their mean: "
            "D is asked about every patch.",
            d_logits(lambda real, made: 0.5 * (F.softplus(-real.mean()) + F.softplus(made.mean()))),
            g_logits(lambda made: F.softplus(-made.mean())),
            d_logits(
                lambda real, made: (
                    0.5 * (F.softplus(-real.mean((1, 2, 3))).mean() + F.softplus(made.mean((1, 2, 3))).mean())
                )
            ),
            g_logits(lambda made: F.softplus(-made.mean((1, 2, 3))).mean()),
        ),
        Mistake(
            "You used the least-squares loss, without any logarithm. That is CycleGAN's, in the next lesson.",
            d_logits(lambda real, made: 0.5 * ((real - 1).square().mean() + made.square().mean())),
            d_logits(lambda real, made: (real - 1).square().mean() + made.square().mean()),
            g_logits(lambda made: (made - 1).square().mean()),
        ),
        Mistake(
            "The two losses are exchanged in the dict.",
            _exchanged,
            _exchanged_from_output,
        ),
    ),
    hints=(
        "D is called three times: on the true pair, on the output for D's loss, and on the output for G's loss. "
        "Which label does each of the three want, and from which is the output detached?",
        "With the logit l, D = sigmoid(l), -log D is `F.softplus(-l)` and -log(1 - D) is `F.softplus(l)`. "
        "`F.binary_cross_entropy_with_logits` with labels of ones or zeros gives the same.",
        "D: half of `F.softplus(-netD(x, y)).mean()` plus `F.softplus(netD(x, fake.detach())).mean()`.",
        "G: `F.softplus(-netD(x, fake)).mean() + lambda_l1 * (y - fake).abs().mean()`.",
    ),
    why="both terms of D's loss are about pairs and the loss is their mean, while G hears from D whether its "
    "output looks right for this x, and from L1 where it is wrong.",
)
