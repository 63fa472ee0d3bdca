"""Lesson 12: four paintings by a network each and by one for all; enlarging and outlines by a perceptual loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from course_lib.data.containers import ImageSet
from course_lib.data.crops import photo_crops
from course_lib.lessons.lesson_12.held_out import style_figures
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.enlarging import ENLARGING, enlarged_patches, enlarging, enlarging_figures
from course_lib.runs.settings import ABLATION, HALF, OUTLINE, PLAIN, constant_average, outline_pairs
from course_lib.runs.translation import figures_on, pictures_on
from course_lib.systems.pix2pix import generator
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig

SIDE = 192
CROPS = 1800
STYLES = {
    "cafe": "Café Terrace at Night",
    "church": "The Church at Auvers",
    "road": "The Painter on the Road to Tarascon",
    "wave": "The Great Wave off Kanagawa",
}
"""The paintings by their short names: three by van Gogh and one by Hokusai."""
REPEATED = "wave"
"""The painting that is learned from several seeds; of all but the first the figures alone are kept."""

# Half the paper's rate: with 1e-3, and more so with 3e-3, bright plain places turn into blank patches and stay so.
SINGLE = StyleTransferConfig(half_judge=True, tv_weight=3.0, lr=5e-4)
# Strokes and no weave, to the eye: larger crops of a larger painting, doubling by mixing, and grain in what is plain.
PAINTER = replace(SINGLE, style_side=384, upsample="bilinear", grain=0.15)
ONE_STYLE = RunSizes(smoke_epochs=1, cpu_epochs=1, gpu_epochs=80, batch_size=2)
FOUR_STYLES = RunSizes(smoke_epochs=1, cpu_epochs=3, gpu_epochs=200, batch_size=4)


def small_crops() -> ImageSet:
    """Return random crops of the training photographs, 128 x 128; four at a step make 400 steps an epoch."""
    return photo_crops("train", 128, 1600)


def crops() -> ImageSet:
    """Return random crops of the training photographs, 192 x 192; two at a step make 900 steps an epoch."""
    return photo_crops("train", SIDE, CROPS)


def _painter(
    name: str,
    about: str,
    config: StyleTransferConfig,
    photographs: Callable[[], ImageSet],
    sizes: RunSizes,
    bundled: int | None = None,
) -> Run:
    return Run(
        f"lesson_12/{name}",
        about,
        lambda: StyleTransfer(config),
        photographs,
        sizes,
        settings=constant_average(0.99, precision=HALF),
        measure=style_figures,
        bundled=bundled,
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
        _painter(
            name,
            f"Photographs in the manner of {title}: fast style transfer.",
            replace(PAINTER, paintings=(title,)),
            crops,
            ONE_STYLE,
            bundled=1 if name == REPEATED else None,
        )
        for name, title in STYLES.items()
    ),
    _painter(
        "four",
        "Photographs in the manner of four paintings, by one network: conditional instance normalisation.",
        replace(SINGLE, paintings=tuple(STYLES.values())),
        small_crops,
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
        "lesson_12/enlarge_features",
        "Photographs enlarged by 4 by the features of VGG-16 at relu2_2 and relu3_3, with an L1 term.",
        lambda: enlarging("features", half_judge=True, feature_layers=("relu2_2", "relu3_3"), lambda_l1=1.0),
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
