"""Lessons 10 and 11 on the papers' own data sets, which are downloaded when a run asks for them.

The preset ``gpu`` is the papers': 256 x 256 pictures, their batch sizes and epochs. ``cpu`` and ``smoke`` take smaller
pictures, fewer of them and fewer epochs, by the same code; the U-Net then has as many levels fewer as the size has
halvings fewer.
Departures, declared: pictures are read at 286 x 286 in one step (the paper enlarges them from 256 x 256), and
photographs that are not square are cropped in the middle first. The jitter of CycleGAN is that of its authors' code.

Source: Isola et al. 2017, section 6.2; Zhu et al. 2017, sections 4 and 7.1 and, for the identity loss, 5.2.
"""

from __future__ import annotations

from typing import Any

from course_lib import data
from course_lib.data.containers import PairedSet, UnpairedSet
from course_lib.data.jitter import Jittered
from course_lib.errors import DataError
from course_lib.presets import choose
from course_lib.runs.base import Run, RunSizes
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig


def side() -> int:
    """Return the side of the pictures that the networks see, for the preset in force."""
    return choose(smoke=32, cpu=64, gpu=256)


def training_pictures(name: str, *, jitter: bool = True) -> Any:
    """Return the training split of a downloaded set at the size of the preset.

    Args:
        name: one of ``data.downloadable()``.
        jitter: hold the pictures larger by 286 / 256 and crop them at random.

    Raises:
        DataError: if the set cannot be downloaded, does not fit into memory or is of another kind.
    """
    size = side()
    limit = choose(smoke=8, cpu=400, gpu=None)
    pictures = data.download(name, "train", size=size * 286 // 256 if jitter else size, limit=limit)
    if not isinstance(pictures, PairedSet | UnpairedSet):
        raise DataError(f"{name!r} has one side only: choose a set of pairs or of two sides.")
    return Jittered(pictures, size) if jitter else pictures


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
        flip=jitter,  # the appendix names jitter and mirroring together, or neither
        download=True,
    )


def _unpaired(name: str, about: str, config: CycleGANConfig | None = None) -> Run:
    return Run(
        f"lesson_11/{name}",
        about,
        lambda: CycleGAN(config),
        lambda: training_pictures(name),
        RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=200, batch_size=1),
        inference=("netG", "netF"),
        download=True,
    )


FEW = RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=200, batch_size=1)
MANY = RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=15, batch_size=4)

RUNS = (
    _paired("facades", "Label maps to photographs of building fronts, as in the paper.", FEW),
    _paired("maps", "Aerial photographs to street maps, as in the paper.", FEW),
    # At 256 pixels its 49,825 pairs take 20 GB of memory.
    _paired("edges2shoes", "Edges to photographs of shoes, as in the paper.", MANY, jitter=False),
    _unpaired("horse2zebra", "Horses and zebras, as in the paper."),
    _unpaired("monet2photo", "Monet and photographs, with the identity loss.", CycleGANConfig(identity=0.5)),
    _unpaired("apple2orange", "Apples and oranges, as in the paper."),
    _unpaired("summer2winter_yosemite", "Yosemite in summer and in winter, as in the paper."),
)
