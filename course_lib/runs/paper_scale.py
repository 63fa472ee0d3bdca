"""The papers' own data sets, which are downloaded when a run asks for them, at the size of the preset.

The preset ``gpu`` is the papers': 256 x 256 pictures, their batch sizes and epochs. ``cpu`` and ``smoke`` take smaller
pictures, fewer of them and fewer epochs, by the same code.
Departures, declared: pictures are read at 286 x 286 in one step (the paper enlarges them from 256 x 256), and
photographs that are not square are cropped in the middle first. The jitter of CycleGAN is that of its authors' code.

Source: Isola et al. 2017, section 6.2; Zhu et al. 2017, sections 4 and 7.1.
"""

from __future__ import annotations

from typing import Any

from course_lib import data
from course_lib.data.containers import PairedSet, UnpairedSet
from course_lib.data.jitter import Jittered
from course_lib.errors import DataError
from course_lib.presets import choose


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
