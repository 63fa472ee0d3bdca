"""Settings that the runs of several lessons share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from course_lib import data
from course_lib.half import IN_HALF
from course_lib.models.patchgan import PATCH_LAYERS
from course_lib.runs.base import RunSizes
from course_lib.systems.pix2pix import Pix2PixConfig
from course_lib.training import Settings

HALF = IN_HALF  # 1.5 times as fast on a CPU that computes in bfloat16; on another `train` takes float32 instead

PLAIN = Settings(precision=HALF)
"""Of a recorded run: nothing but what makes it shorter."""

# Departures from the paper, declared: 64 x 64 pictures instead of 256 x 256, so six levels instead of eight, and a
# patch of 16 pixels, which is the share of the picture that 70 pixels are of 256; half of the paper's width, and no
# more than 128 channels; batches of 8 instead of 1 to 10, and so a rate of 4e-4 instead of 2e-4.
SMALL = Pix2PixConfig(
    base_channels=32, max_channels=128, levels=6, patch_layers=PATCH_LAYERS[16], d_channels=32, lr=4e-4, d_lr=4e-4
)
OUTLINE = replace(SMALL, x_channels=1)

ABLATION = RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=200, batch_size=8)


def constant_average(decay: float, **others: Any) -> Settings:
    """Return the settings of a bundled run with averaged weights; the decay is the same from the first step on.

    Averages have had a ramp since, which short runs need; a repetition of these must do without.
    """
    return Settings(ema_decay=decay, ema_ramp=0.0, **others)


def outline_pairs(split: str = "train") -> data.PairedSet:
    """Return outlines (x, the paper's edges) and 3D emoji (y)."""
    return data.emoji_pairs(split, x="outline", y="3d")
