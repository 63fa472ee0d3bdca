"""A right call of each metric that takes tensors; see ``test_arguments.py``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from spoilt import ANY_SHAPE, Corner, Row, rand
from spoilt import pictures as P
from torch import Tensor

from course_lib import metrics
from course_lib.metrics import answers as judged
from course_lib.metrics import appearance, bounds, checks, errors, mmd, spectrum
from course_lib.systems.vae import VAE


@cache
def small_vae() -> VAE:
    torch.manual_seed(0)
    return VAE()


def measured() -> dict[str, Row]:
    pair, sets = P("outputs", "targets"), P("fake", "real")
    judge_of = judged.AnswerJudge(rand(4, 2, 3, 12, 12), kid=False)
    answers = {"outputs": rand(4, 3, 12, 12), "answers": rand(4, 2, 3, 12, 12)}
    grey = {"images": rand(4, 1, 28, 28)}
    codes = {"z": rand(5, 3), "mu": rand(4, 3), "logvar": rand(4, 3, seed=1)}
    points = {"samples": rand(6, 2), "centres": rand(3, 2, seed=1)}
    mask = {"mask": torch.ones(4, 1, 12, 12, dtype=torch.bool)}
    groups = torch.tensor([0, 0, 1, 2])
    bytes_too = {"*": {"bytes"}}
    own = {"features": Corner()}

    def of_vae(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda images, **others: function(small_vae(), images, **others)

    def updated(kind: type) -> Callable[..., Any]:
        def call(imgs: Tensor) -> Any:
            metric = kind(features=Corner())
            metric.update(imgs, real=True)
            metric.update(rand(6, 3, 12, 12, seed=1), real=False)
            return metric.compute()

        return call

    return {
        "metrics.answers.nearest_answer": Row(metrics.nearest_answer, answers),
        "metrics.codes.use_of_codes": Row(
            lambda codes: metrics.use_of_codes(codes, 4), {"codes": torch.randint(4, (2, 3, 3))}
        ),
        "metrics.neighbours.nearest_rows": Row(
            metrics.nearest_rows, {"queries": rand(3, 6), "among": rand(5, 6)}, fine={"*": {"more axes"}}
        ),
        "metrics.neighbours.memorisation": Row(
            metrics.memorisation, {"samples": rand(3, 6), "training": rand(5, 6), "held_out": rand(4, 6)}
        ),
        "metrics.neighbours.rank_of_truth": Row(
            metrics.rank_of_truth,
            {"guesses": rand(3, 6), "candidates": rand(5, 6), "truth": torch.tensor([0, 4, 2])},
        ),
        "metrics.answers.rms": Row(judged.rms, {"difference": rand(4, 3, 5)}, fine={"*": ANY_SHAPE}),
        "metrics.answers.exact_minimisers": Row(judged.exact_minimisers, {"answers": rand(4, 2, 3, 5, 5)}),
        "metrics.answers.AnswerJudge": Row(
            lambda answers: judged.AnswerJudge(answers, kid=False).mean, {"answers": rand(4, 2, 3, 5, 5)}
        ),
        "metrics.answers.AnswerJudge.figures": Row(
            judge_of.figures, {"outputs": rand(4, 3, 12, 12), "draws": rand(4, 5, 3, 12, 12)}
        ),
        "metrics.appearance.high_frequency_share": Row(metrics.high_frequency_share, P("images")),
        "metrics.appearance.sharpness": Row(metrics.sharpness, P("images", "reference")),
        "metrics.appearance.colourfulness": Row(metrics.colourfulness, P("images")),
        "metrics.appearance.diversity": Row(metrics.diversity, {"samples": rand(2, 3, 3, 12, 12)}),
        "metrics.appearance.mean_pairwise_l1": Row(
            appearance.mean_pairwise_l1, {"draws": rand(4, 3, 5)}, fine={"*": {"fewer axes"}}
        ),
        "metrics.bounds.elbo_figures": Row(of_vae(metrics.elbo_figures), grey, fine=bytes_too),
        "metrics.bounds.importance_bound": Row(of_vae(metrics.importance_bound), grey, {"samples": 2}, fine=bytes_too),
        "metrics.bounds.kl_of_latents": Row(of_vae(metrics.kl_of_latents), grey, fine=bytes_too),
        "metrics.bounds.active_units": Row(of_vae(metrics.active_units), grey, fine=bytes_too),
        "metrics.bounds.aggregate_figures": Row(of_vae(metrics.aggregate_figures), grey, {"draws": 3}, fine=bytes_too),
        "metrics.bounds.aggregate_draws": Row(of_vae(metrics.aggregate_draws), grey, {"count": 3}, fine=bytes_too),
        "metrics.bounds.log_mixture": Row(bounds.log_mixture, codes),
        "metrics.checks.check_images": Row(checks.check_images, P("images")),
        "metrics.checks.check_pair": Row(checks.check_pair, pair),
        "metrics.collapse.distinct_outputs": Row(metrics.distinct_outputs, P("outputs")),
        "metrics.collapse.input_dependence": Row(metrics.input_dependence, P("inputs", "outputs")),
        "metrics.colour.srgb_to_lab": Row(metrics.srgb_to_lab, P("images")),
        "metrics.colour.not_white": Row(metrics.not_white, P("images")),
        "metrics.colour.colour_histograms": Row(metrics.colour_histograms, P("images") | mask, fine={"mask": {"mask"}}),
        "metrics.colour.histogram_intersection": Row(
            metrics.histogram_intersection, P("made", "real") | mask, fine={"mask": {"mask"}}
        ),
        "metrics.errors.standard_error": Row(
            errors.standard_error, {"values": rand(4), "groups": groups}, fine={"groups": {"bytes", "whole"}}
        ),
        "metrics.evaluate.evaluate_images": Row(
            metrics.evaluate_images,
            pair | {"real": rand(5, 3, 12, 12, seed=2)},
            {"names": ("l1", "ssim", "vgg_kid"), **own},
        ),
        "metrics.mmd.unbiased_mmd": Row(
            mmd.unbiased_mmd,
            {"fake": rand(4, 3), "real": rand(5, 3, seed=1), "fake_groups": groups, "real_groups": torch.arange(5)},
            fine={"fake_groups": {"whole"}, "real_groups": {"whole"}},
        ),
        "metrics.modes.mode_figures": Row(metrics.mode_figures, points, {"std": 0.5}),
        "metrics.modes.reverse_kl_of_modes": Row(metrics.reverse_kl_of_modes, points, {"std": 0.5}),
        "metrics.pixel.l1": Row(metrics.l1, pair),
        "metrics.pixel.mse": Row(metrics.mse, pair),
        "metrics.pixel.psnr": Row(metrics.psnr, pair),
        "metrics.pixel.ssim": Row(metrics.ssim, pair),
        "metrics.spectrum.radial_spectrum": Row(metrics.radial_spectrum, P("images")),
        "metrics.spectrum.spectrum_ratio": Row(metrics.spectrum_ratio, P("made", "real")),
        "metrics.spectrum.cosine_energy": Row(spectrum.cosine_energy, P("images")),
        "metrics.vgg_distance.PooledVGG.forward": Row(lambda images: metrics.PooledVGG()(images), P("images", count=1)),
        "metrics.vgg_distance.VGGKID.update": Row(updated(metrics.VGGKID), P("imgs", count=6)),
        "metrics.vgg_distance.VGGFID.update": Row(updated(metrics.VGGFID), P("imgs", count=6)),
        "metrics.vgg_distance.vgg_kid": Row(metrics.vgg_kid, sets, own),
        "metrics.vgg_distance.vgg_fid": Row(metrics.vgg_fid, sets, own),
    }
