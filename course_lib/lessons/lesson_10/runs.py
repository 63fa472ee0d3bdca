"""Lesson 10: pix2pix from flat and outlined to 3D emoji and from grey to colour, and the ablations of the paper."""

from __future__ import annotations

from dataclasses import replace

from course_lib import data
from course_lib.data.unpaired import grey_pairs
from course_lib.lessons.lesson_10 import paper_scale
from course_lib.lessons.lesson_10.colour_channels import KeepsLuma
from course_lib.lessons.lesson_10.hints import CHANNELS, Hinted, hinted_pairs
from course_lib.models.patchgan import PATCH_LAYERS
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.settings import ABLATION, HALF, OUTLINE, PLAIN, SMALL, constant_average, outline_pairs
from course_lib.runs.translation import figures_on, pictures_on
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig, generator


def flat_pairs(split: str = "train") -> data.PairedSet:
    """Return flat emoji (x, the paper's label map) and 3D emoji (y)."""
    return data.emoji_pairs(split, x="flat", y="3d")


def dotted_pairs(split: str = "test") -> data.PairedSet:
    """Return held-out outlines with eight dots of the answer's colours (x), always the same, and 3D emoji (y)."""
    return hinted_pairs(outline_pairs(split))


def with_new_dots() -> Hinted:
    """Return the training outlines with dots of the answer's colours (x), others in each epoch, and 3D emoji (y)."""
    return Hinted(outline_pairs())


def colour_patches(split: str = "train") -> data.PairedSet:
    """Return patches of photographs in grey (x) and in colour (y); those of training overlap by half."""
    return grey_pairs(split, size=64, shrunk=2, stride=32 if split == "train" else None)


# The bundled models also take remedies that the paper had not: spectral normalisation in D (which then may see the
# whole picture), resized convolutions against the checkerboard, less dropout, a faster G, and, in fit, an average of
# G's weights.
REMEDIES = replace(
    SMALL,
    base_channels=48,
    max_channels=144,
    upsample="resize",
    dropout=0.2,
    dropout_blocks=2,
    patch_layers=PATCH_LAYERS[70],
    d_norm="spectral",
    lr=1e-3,
    d_lr=2e-4,
)

GREY = replace(REMEDIES, x_channels=1, base_channels=32, max_channels=96)


def recolouring() -> Pix2Pix:
    """Return the system from grey to colour: its G finds the two channels of colour, and keeps the luma that it got."""
    return Pix2Pix(GREY, netG=KeepsLuma(generator(replace(GREY, y_channels=2))))


FEATURES = 10.0
"""The weight of the distance by features of VGG-16: of 0, 3 and 10 the best on the validation split."""


def by_features(config: Pix2PixConfig) -> Pix2PixConfig:
    """Return the settings with the distance by features as a third term of G's loss."""
    return replace(config, lambda_features=FEATURES, half_judge=True)


AVERAGED = constant_average(0.998, precision=HALF)
LONG = RunSizes(smoke_epochs=1, cpu_epochs=40, gpu_epochs=400, batch_size=8)
JUDGED = RunSizes(smoke_epochs=1, cpu_epochs=24, gpu_epochs=400, batch_size=8)  # a step with VGG-16 costs three

GAME = {
    "l1": ("L1 alone", replace(OUTLINE, gan_weight=0.0)),
    "cgan": ("the conditional adversary alone", replace(OUTLINE, lambda_l1=0.0)),
    "both": ("L1 and the conditional adversary", OUTLINE),
    "uncond": ("L1 and an adversary that does not see x", replace(OUTLINE, d_sees_x=False)),
}
"""The rows of the paper's table 1: what each is, and its settings."""

PATCHES = {pixels: replace(OUTLINE, patch_layers=PATCH_LAYERS[pixels]) for pixels in (1, 70, 142)}
"""The other patch sizes of its table 3. 142 pixels see the whole picture from each of 2 x 2 places."""

SKIPS = {
    "unet_l1": ("U-Net, L1 alone", replace(SMALL, gan_weight=0.0)),
    "unet_both": ("U-Net, L1 and the conditional adversary", SMALL),
    "encdec_l1": ("encoder-decoder, L1 alone", replace(SMALL, gan_weight=0.0, skips=False)),
    "encdec_both": ("encoder-decoder, L1 and the conditional adversary", replace(SMALL, skips=False)),
}
"""The rows of its table 2."""


HINTS = {
    "dots": ("with dots of colour", replace(OUTLINE, x_channels=CHANNELS)),
    "dots_features": (
        "with dots of colour, and the distance by features",
        by_features(replace(OUTLINE, x_channels=CHANNELS)),
    ),
}
"""What is added to ``outline_both``: a further part of the condition, and then a further term of the loss."""


def _recorded(name: str, about: str, config: Pix2PixConfig, pairs, training=None) -> Run:
    return Run(
        f"lesson_10/{name}",
        about,
        lambda: Pix2Pix(config),
        training or pairs,
        ABLATION,
        settings=PLAIN,
        measure=figures_on(pairs),
        pictures=pictures_on(lambda: pairs("test")),
        bundled=0,
    )


LIMITS = (
    "They know emoji of one style, or four dozen photographs, and the skin tones and\n"
    "  genders that they draw follow the flaws of those pictures (`data/emoji/README.md`)."
)
"""What the networks of this lesson must not be used for; the model card says it."""

RUNS = (
    Run(
        "lesson_10/flat",
        "Flat to 3D emoji: pix2pix with the remedies of the lesson.",
        lambda: Pix2Pix(REMEDIES),
        flat_pairs,
        LONG,
        inference=("netG", "netD"),
        settings=AVERAGED,
        measure=figures_on(flat_pairs),
    ),
    Run(
        "lesson_10/outline",
        "Outline to 3D emoji: pix2pix with the remedies of the lesson.",
        lambda: Pix2Pix(replace(REMEDIES, x_channels=1)),
        outline_pairs,
        LONG,
        settings=AVERAGED,
        measure=figures_on(outline_pairs),
    ),
    Run(
        "lesson_10/hinted",
        "Outline and dots of colour to 3D emoji: pix2pix with the remedies of the lesson and the distance by features.",
        lambda: Pix2Pix(by_features(replace(REMEDIES, x_channels=CHANNELS))),
        with_new_dots,
        JUDGED,
        settings=AVERAGED,
        measure=figures_on(dotted_pairs),
    ),
    Run(
        "lesson_10/grey",
        "Patches of photographs from grey to colour: pix2pix with the remedies of the lesson, and the luma kept.",
        recolouring,
        colour_patches,
        LONG,
        settings=AVERAGED,
        measure=figures_on(colour_patches),
    ),
    *(
        _recorded(f"outline_{name}", f"Outline to 3D emoji by {about}.", config, outline_pairs)
        for name, (about, config) in GAME.items()
    ),
    *(
        _recorded(f"outline_patch{pixels}", f"Outline to 3D emoji, D sees {pixels} pixels.", config, outline_pairs)
        for pixels, config in PATCHES.items()
    ),
    _recorded(
        "outline_authors",
        "Outline to 3D emoji by L1 and the conditional adversary, G wired as in the authors' code.",
        replace(OUTLINE, wiring="authors"),
        outline_pairs,
    ),
    *(
        _recorded(
            f"outline_{name}",
            f"Outline to 3D emoji by L1 and the conditional adversary, {about}.",
            config,
            dotted_pairs,
            with_new_dots,
        )
        for name, (about, config) in HINTS.items()
    ),
    *(
        _recorded(f"flat_{name}", f"Flat to 3D emoji: {about}.", config, flat_pairs)
        for name, (about, config) in SKIPS.items()
    ),
    *paper_scale.RUNS,
)
