"""Lesson 01: outline to 3D emoji by MSE, by MAE and by L1 + adversary, and enlarging photographs by regression."""

from __future__ import annotations

from course_lib import data
from course_lib.lessons.lesson_01.held_out import outline_figures_all, outline_figures_twice
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.enlarging import ENLARGING, enlarged_patches, enlarging, enlarging_figures
from course_lib.runs.settings import constant_average
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig


def toned_pairs() -> data.PairedSet:
    """Return the training pairs whose outline has six equally likely answers."""
    return data.emoji_pairs("train", x="outline", y="3d", subset="factorial")


def all_pairs() -> data.PairedSet:
    """Return all training pairs of outline and 3D emoji."""
    return data.emoji_pairs("train", x="outline", y="3d")


REGRESSION = RunSizes(smoke_epochs=1, cpu_epochs=100, gpu_epochs=400, batch_size=8)
ADVERSARIAL = RunSizes(smoke_epochs=1, cpu_epochs=60, gpu_epochs=200, batch_size=8)

# The whole 64 x 64 picture is one patch, so that D also sees whether the tone is the same everywhere. Spectral
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
    Run(
        "lesson_01/gan",
        "Outline to 3D emoji by L1 and an adversary that sees the outline, started from the MAE network.",
        lambda: Pix2Pix(ADVERSARY),
        toned_pairs,
        ADVERSARIAL,
        start="lesson_01/mae",
        settings=constant_average(0.995),
        measure=outline_figures_twice,
        bundled=1,
    ),
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
