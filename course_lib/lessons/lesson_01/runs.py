"""Lesson 01: outlines and displaced pictures by MSE, MAE and an adversary, and photographs enlarged by regression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course_lib import data
from course_lib.lessons.lesson_01.displaced import Displaced
from course_lib.lessons.lesson_01.held_out import displaced_figures, outline_figures_all, outline_figures_twice
from course_lib.models.patchgan import PATCH_LAYERS
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.enlarging import ENLARGING, enlarged_patches, enlarging, enlarging_figures
from course_lib.runs.settings import HALF, constant_average
from course_lib.systems.base import System
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import Settings


def toned_pairs() -> data.PairedSet:
    """Return the training pairs whose outline has six equally likely answers."""
    return data.emoji_pairs("train", x="outline", y="3d", subset="factorial")


def all_pairs() -> data.PairedSet:
    """Return all training pairs of outline and 3D emoji."""
    return data.emoji_pairs("train", x="outline", y="3d")


REGRESSION = RunSizes(smoke_epochs=1, cpu_epochs=100, gpu_epochs=400, batch_size=8)
ADVERSARIAL = RunSizes(smoke_epochs=1, cpu_epochs=60, gpu_epochs=200, batch_size=8)

# A patch is as large as the picture (70 of 64 pixels), but those of the 6 x 6 in the corners see about half. Spectral
# normalisation and an averaged generator are departures from pix2pix that keep a run of minutes stable.
ADVERSARY = Pix2PixConfig(
    x_channels=1,
    base_channels=32,
    max_channels=96,
    levels=5,
    dropout=0.1,
    dropout_blocks=1,
    patch_layers=3,
    d_channels=32,
    d_norm="spectral",
    lambda_l1=200.0,
    lr=1e-3,
    d_lr=2e-4,
)


def _from_mae(name: str, about: str, config: Pix2PixConfig) -> Run:
    """Return a run that goes on from the MAE network of the six tones; the config alone may differ."""
    return Run(
        f"lesson_01/{name}",
        about,
        lambda: Pix2Pix(config),
        toned_pairs,
        ADVERSARIAL,
        start="lesson_01/mae",
        settings=constant_average(0.995),
        measure=outline_figures_twice,
        bundled=1,
    )


# Displaced pictures. The network keeps the full size, for a displacement is a matter of single pixels; sixteen channels
# and two residual blocks see 27 pixels, the displacement is 3 at most. Batch norm, so that the minimiser, one fixed
# picture a place, can be met: instance norm would make it depend on the rest of the picture.
MOVED = RunSizes(smoke_epochs=1, cpu_epochs=24, gpu_epochs=200, batch_size=16)
MOVED_GAME = RunSizes(smoke_epochs=1, cpu_epochs=12, gpu_epochs=100, batch_size=16)

# D does not see x here. G has no noise, so that it always answers with the same displacement; a D that sees x can find
# that out, and drive G from one displacement to the next (`moved_pair`). Chosen on the validation split.
MOVED_ADVERSARY = Pix2PixConfig(
    base_channels=16,
    levels=6,
    patch_layers=PATCH_LAYERS[34],
    d_channels=32,
    d_norm="spectral",
    d_sees_x=False,
    lambda_l1=5.0,
    lr=5e-4,
    d_lr=5e-4,
)


def displaced_pictures() -> Displaced:
    """Return the training emoji, displaced anew in each epoch."""
    return Displaced(data.emoji("train"))


def displacer() -> ResNetGenerator:
    """Return the network of the displaced case, untrained."""
    return ResNetGenerator(3, 3, base_channels=16, blocks=2, downs=0, norm="batch")


def _moved(name: str, about: str, system: Callable[[], System], **settings: Any) -> Run:
    return Run(
        f"lesson_01/moved_{name}",
        f"Pictures displaced sideways by up to 3 pixels, nobody knows how far: {about}.",
        system,
        displaced_pictures,
        MOVED,
        settings=Settings(precision=HALF, **settings),
        measure=displaced_figures,
        bundled=1,
    )


GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "more": ("the control, L1 alone from the MAE network on, as long as the adversary", {"gan_weight": 0.0}),
    "gan": ("L1 and an adversary that sees the picture alone, from the MAE network on", {}),
    "pair": ("L1 and an adversary that sees input and picture, from the MAE network on", {"d_sees_x": True}),
}
"""What goes on from the MAE network, and in which setting it differs from ``MOVED_ADVERSARY``."""


def _game(name: str, about: str, changes: dict[str, Any]) -> Run:
    one = _moved(name, about, lambda: Pix2Pix(replace(MOVED_ADVERSARY, **changes), netG=displacer()), ema_decay=0.998)
    return replace(one, sizes=MOVED_GAME, start="lesson_01/moved_mae")


def _regression(loss: str) -> Regression:
    return Regression(RegressionConfig(loss=loss, x_channels=3, lr=2e-3), netG=displacer())


LIMITS = (
    "The networks saw a few hundred drawings or four dozen photographs, and the skin\n"
    "  tones and genders that they draw follow the flaws of those pictures (`data/emoji/README.md`)."
)
"""What the networks of this lesson must not be used for; the model card says it."""

RUNS = (
    Run(
        "lesson_01/mse",
        "Outline to 3D emoji by least squares; the minimiser is the mean of the six tones.",
        lambda: Regression(RegressionConfig(loss="mse")),
        toned_pairs,
        REGRESSION,
        measure=outline_figures_twice,
        bundled=1,
    ),
    Run(
        "lesson_01/mae",
        "Outline to 3D emoji by least absolute error; the minimisers are the medians of the six tones.",
        lambda: Regression(RegressionConfig(loss="mae")),
        toned_pairs,
        REGRESSION,
        measure=outline_figures_twice,
        bundled=1,
    ),
    _from_mae(
        "gan",
        "Outline to 3D emoji by L1 and an adversary that sees the outline, started from the MAE network.",
        ADVERSARY,
    ),
    _from_mae(
        "gan_whole",
        "The same, but D sees twice as far (142 pixels), so that each of its judgements takes in the whole picture.",
        replace(ADVERSARY, patch_layers=PATCH_LAYERS[142]),
    ),
    _from_mae(
        "mae_more",
        "The control: the MAE network goes on for as long as with the adversary, noise and average included, by L1.",
        replace(ADVERSARY, gan_weight=0.0),
    ),
    _moved("mse", "by least squares", lambda: _regression("mse")),
    _moved("mae", "by least absolute error", lambda: _regression("mae")),
    *(_game(name, about, changes) for name, (about, changes) in GAMES.items()),
    Run(
        "lesson_01/mae_all",
        "Outline to 3D emoji by least absolute error on all training emoji, persons or not.",
        lambda: Regression(RegressionConfig(loss="mae")),
        all_pairs,
        RunSizes(smoke_epochs=1, cpu_epochs=60, gpu_epochs=400, batch_size=8),
        measure=outline_figures_all,
        bundled=0,
    ),
    Run(
        "lesson_01/enlarge_mse",
        "Photographs enlarged by 4 by least squares.",
        lambda: enlarging("mse"),
        enlarged_patches,
        ENLARGING,
        measure=enlarging_figures,
    ),
    Run(
        "lesson_01/enlarge_mae",
        "Photographs enlarged by 4 by least absolute error.",
        lambda: enlarging("mae"),
        enlarged_patches,
        ENLARGING,
        measure=enlarging_figures,
    ),
)
