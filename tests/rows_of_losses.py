"""A right call of each loss that takes tensors; see ``test_arguments.py``."""

from __future__ import annotations

from functools import cache

import torch
from spoilt import ANY_SHAPE, Row, rand
from spoilt import pictures as P
from torch import Tensor

from course_lib.losses import adversarial, elbo, features, game, penalties, perceptual, reconstruction
from course_lib.models import vgg

LOGITS = {"*": ANY_SHAPE}  # losses of logits take any shape


def adversarial_rows() -> dict[str, Row]:
    rows = {}
    for name, loss in (
        ("Saturating", adversarial.Saturating()),
        ("NonSaturating", adversarial.NonSaturating()),
        ("LeastSquares", adversarial.LeastSquares()),
        ("Hinge", adversarial.Hinge()),
        ("Wasserstein", adversarial.Wasserstein()),
        ("Relativistic", adversarial.Relativistic()),
    ):
        both = {"real_logits": rand(4, 2), "fake_logits": rand(4, 2, seed=1)}
        pairs = name == "Relativistic"
        if name != "NonSaturating":
            rows[f"losses.adversarial.{name}.d_loss"] = Row(loss.d_loss, both, fine={} if pairs else LOGITS)
        own = both if pairs else {"fake_logits": both["fake_logits"]}
        rows[f"losses.adversarial.{name}.g_loss"] = Row(loss.g_loss, own, fine={} if pairs else LOGITS)
    return rows


def density(seed: int) -> Tensor:
    return rand(3, 5, seed=seed).double() + 1


@cache
def perceptual_loss() -> perceptual.PerceptualLoss:
    return perceptual.PerceptualLoss("relu1_1", ("relu1_1",), style=rand(3, 12, 12), tv_weight=1.0)


@cache
def feature_loss() -> features.FeatureLoss:
    return features.FeatureLoss("relu1_1")


@cache
def first_layer() -> vgg.VGG16Features:
    return vgg.VGG16Features(("relu1_1",))


def vgg_state() -> dict[str, Tensor]:
    return {"conv1_1.weight": rand(64, 3, 3, 3), "conv1_1.bias": rand(64)}


def losses() -> dict[str, Row]:
    codes = {"mu": rand(4, 3), "logvar": rand(4, 3, seed=1)}
    pair = {"p": density(0), "q": density(1)}
    two = {"output": rand(4, 3, 5, 5), "target": rand(4, 3, 5, 5, seed=1)}
    answers = {"answers": rand(3, 4, 4), "weights": rand(3, seed=1) + 1}
    maps = {"features": rand(2, 4, 5, 5)}
    image = rand(2, 3, 12, 12)
    terms = {"output": image, "content": rand(2, 3, 12, 12, seed=1)}
    compared = {"output": image, "target": terms["content"]}
    kept = {"output": image, "content_features": rand(2, 64, 12, 12, seed=1)}
    dx = {"dx": 0.1}
    return adversarial_rows() | {
        "losses.elbo.reparameterise": Row(elbo.reparameterise, codes),
        "losses.elbo.kl_each_latent": Row(elbo.kl_each_latent, codes),
        "losses.elbo.kl_diagonal_gaussian": Row(elbo.kl_diagonal_gaussian, codes),
        "losses.elbo.free_bits": Row(elbo.free_bits, {"kl": rand(4, 3).abs()}),
        "losses.elbo.bernoulli_nll": Row(elbo.bernoulli_nll, {"logits": rand(4, 6), "target": rand(4, 6).abs()}),
        "losses.elbo.gaussian_nll": Row(
            elbo.gaussian_nll,
            {"mean": rand(4, 6), "target": rand(4, 6), "std": torch.tensor([0.5])},
            fine={"std": ANY_SHAPE | {"whole", "mask"}},
        ),
        "losses.game.best_discriminator": Row(game.best_discriminator, pair),
        "losses.game.integrand": Row(game.integrand, {"d": density(2) / 2, **pair}),
        "losses.game.game_value": Row(game.game_value, {"d": density(2) / 2, **pair}, dx),
        "losses.game.kl_divergence": Row(game.kl_divergence, pair, dx),
        "losses.game.jensen_shannon": Row(game.jensen_shannon, pair, dx),
        "losses.game.maximise_on_grid": Row(game.maximise_on_grid, pair, {"candidates": 5}),
        "losses.penalties.gradient_penalty": Row(
            penalties.gradient_penalty, {"gradient": rand(4, 6)}, fine={"*": {"more axes"}}
        ),
        "losses.penalties.r1_penalty": Row(penalties.r1_penalty, {"gradient": rand(4, 6)}, fine={"*": {"more axes"}}),
        "losses.penalties.between": Row(penalties.between, {"real": rand(4, 6), "fake": rand(4, 6, seed=1)}),
        "losses.features.FeatureLoss.each": Row(lambda **given: feature_loss().each(**given), compared),
        "losses.features.FeatureLoss.forward": Row(lambda **given: feature_loss()(**given), compared),
        "losses.perceptual.gram_matrix": Row(perceptual.gram_matrix, maps),
        "losses.perceptual.content_loss": Row(
            perceptual.content_loss, {"features": two["output"], "target": two["target"]}
        ),
        "losses.perceptual.style_loss": Row(
            perceptual.style_loss, {"gram": rand(2, 4, 4), "target_gram": rand(2, 4, 4, seed=1)}
        ),
        "losses.perceptual.total_variation": Row(perceptual.total_variation, P("images")),
        "losses.perceptual.style_grams": Row(
            lambda style_images: perceptual.style_grams(first_layer(), style_images),
            P("style_images", count=2),
            fine={"*": {"fewer axes"}},
        ),
        "losses.perceptual.to_unit_range": Row(
            perceptual.to_unit_range, P("images"), fine={"*": ANY_SHAPE | {"empty", "elsewhere"}}
        ),
        "losses.perceptual.PerceptualLoss": Row(
            lambda style: perceptual.PerceptualLoss("relu1_1", ("relu1_1",), style=style).grams,
            {"style": rand(1, 3, 8, 8)},
            fine={"*": {"fewer axes"}},
        ),
        "losses.perceptual.PerceptualLoss.content_features": Row(
            lambda images: perceptual_loss().content_features(images), P("images"), fine={"*": {"empty"}}
        ),
        "losses.perceptual.PerceptualLoss.terms": Row(lambda **given: perceptual_loss().terms(**given), terms),
        "losses.perceptual.PerceptualLoss.forward": Row(lambda **given: perceptual_loss()(**given), kept),
        "losses.reconstruction.mean_squared_error": Row(reconstruction.mean_squared_error, two),
        "losses.reconstruction.mean_absolute_error": Row(reconstruction.mean_absolute_error, two),
        "losses.reconstruction.mse_minimiser": Row(
            reconstruction.mse_minimiser, answers, fine={"weights": {"whole", "mask"}}
        ),
        "losses.reconstruction.mae_minimisers": Row(
            reconstruction.mae_minimisers, answers, fine={"weights": {"whole", "mask"}}
        ),
        "losses.reconstruction.distance_to_interval": Row(
            reconstruction.distance_to_interval,
            {"output": two["output"], "low": rand(3, 5, 5) - 1, "high": rand(3, 5, 5) + 1},
            fine={"output": ANY_SHAPE},
        ),
    }
