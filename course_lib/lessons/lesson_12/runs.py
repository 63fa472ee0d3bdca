"""Lesson 12: four paintings by a network each and by one for all; enlarging and outlines by a perceptual loss."""

from __future__ import annotations

from dataclasses import replace

from course_lib.data.crops import photo_crops
from course_lib.lessons.lesson_12.held_out import style_figures
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.enlarging import ENLARGING, enlarged_patches, enlarging, enlarging_figures
from course_lib.runs.settings import ABLATION, HALF, OUTLINE, PLAIN, constant_average, outline_pairs
from course_lib.runs.translation import figures_on, pictures_on
from course_lib.systems.pix2pix import generator
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig

SIDE = 128
CROPS = 1600
STYLES = {
    "cafe": "Café Terrace at Night",
    "church": "The Church at Auvers",
    "road": "The Painter on the Road to Tarascon",
    "wave": "The Great Wave off Kanagawa",
}
"""The paintings by their short names: three by van Gogh and one by Hokusai."""

# Half the paper's rate: with 1e-3, and more so with 3e-3, bright plain places turn into blank patches and stay so.
SINGLE = StyleTransferConfig(half_judge=True, tv_weight=3.0, lr=5e-4)
ONE_STYLE = RunSizes(smoke_epochs=1, cpu_epochs=2, gpu_epochs=100, batch_size=4)
FOUR_STYLES = RunSizes(smoke_epochs=1, cpu_epochs=3, gpu_epochs=200, batch_size=4)


def crops():
    """Return random crops of the training photographs, 128 x 128; four at a step make 400 steps an epoch."""
    return photo_crops("train", SIDE, CROPS)


def style_config(paintings: tuple[str, ...]) -> StyleTransferConfig:
    """Return the settings of a network for one or more of the paintings."""
    return replace(SINGLE, paintings=paintings)


def _painter(name: str, about: str, paintings: tuple[str, ...], sizes: RunSizes) -> Run:
    return Run(
        f"lesson_12/{name}",
        about,
        lambda: StyleTransfer(style_config(paintings)),
        crops,
        sizes,
        settings=constant_average(0.99, precision=HALF),
        measure=style_figures,
    )


def perceptual_outlines() -> Regression:
    """Return the generator of lesson 10's ablation on outlines, with the content loss instead of L1 and adversary."""
    return Regression(
        RegressionConfig(loss="perceptual", x_channels=OUTLINE.x_channels, lr=OUTLINE.lr, half_judge=True),
        netG=generator(OUTLINE),
    )


LIMITS = "They know four paintings and four dozen photographs, or emoji."
"""What the networks of this lesson must not be used for; the model card says it."""

RUNS = (
    *(
        _painter(name, f"Photographs in the manner of {title}: fast style transfer.", (title,), ONE_STYLE)
        for name, title in STYLES.items()
    ),
    _painter(
        "four",
        "Photographs in the manner of four paintings, by one network: conditional instance normalisation.",
        tuple(STYLES.values()),
        FOUR_STYLES,
    ),
    Run(
        "lesson_12/enlarge_perceptual",
        "Photographs enlarged by 4 by the content loss of VGG-16 at relu2_2.",
        lambda: enlarging("perceptual", half_judge=True),
        enlarged_patches,
        ENLARGING,
        measure=enlarging_figures,
    ),
    Run(
        "lesson_12/outline_perceptual",
        "Outline to 3D emoji by the content loss of VGG-16 at relu2_2.",
        perceptual_outlines,
        outline_pairs,
        ABLATION,
        settings=PLAIN,
        measure=figures_on(outline_pairs),
        pictures=pictures_on(lambda: outline_pairs("test")),
        bundled=0,
    ),
)
