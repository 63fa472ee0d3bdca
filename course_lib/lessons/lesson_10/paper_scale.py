"""Lesson 10 on the paper's own data sets; the U-Net has as many levels fewer as the size has halvings fewer.

Source: Isola et al. 2017, section 6.2.
"""

from __future__ import annotations

from course_lib.runs.base import Run, RunSizes
from course_lib.runs.paper_scale import side, training_pictures
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import Settings


def pix2pix() -> Pix2Pix:
    """Return the paper's pix2pix; its U-Net halves the picture down to a single position."""
    return Pix2Pix(Pix2PixConfig(levels=side().bit_length() - 1))


def _paired(name: str, about: str, sizes: RunSizes, *, jitter: bool = True) -> Run:
    return Run(
        f"lesson_10/{name}",
        about,
        pix2pix,
        lambda: training_pictures(name, jitter=jitter),
        sizes,
        inference=("netG", "netD"),
        settings=Settings(
            flip=None if jitter else False
        ),  # the appendix names jitter and mirroring together, or neither
        download=True,
    )


FEW = RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=200, batch_size=1)
MANY = RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=15, batch_size=4)

RUNS = (
    _paired("facades", "Label maps to photographs of building fronts, as in the paper.", FEW),
    _paired("maps", "Aerial photographs to street maps, as in the paper.", FEW),
    # At 256 pixels its 49,825 pairs take 20 GB of memory.
    _paired("edges2shoes", "Edges to photographs of shoes, as in the paper.", MANY, jitter=False),
)
