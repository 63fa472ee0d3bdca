"""``course translate`` and ``course sample``: pictures of one's own through a trained system, and new ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from course_lib.commands.names import require_run
from course_lib.commands.train import DEVICE, SEEDS, require_device
from course_lib.errors import DataError
from course_lib.listing import require_seed


@dataclass(frozen=True)
class Translate:
    """Translate pictures of your own, of any size, by a trained system; they are written as PNG files."""

    weights: Annotated[str, tyro.conf.Positional]
    """A bundled run such as lesson_12/cafe, the folder of your own training's checkpoints, or latest_net_G.pth."""
    source: Annotated[Path, tyro.conf.Positional]
    """A folder of pictures, or one picture."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder to write to; what was made before is kept, so that the same command goes on where it stopped."""
    seed: int = 0
    """Which bundled seed."""
    back: bool = False
    """Go the other way, from y to x (CycleGAN)."""
    style: str | None = None
    """Of a network with several paintings: a number from 0, or a part of a title, such as wave."""
    size: int | None = None
    """Make pictures smaller first: pixels of the longer side, at most."""
    tile: int | None = None
    """Pixels of the side of what goes through the network at once; by default as much as 2 GB of memory take."""
    noise: bool = False
    """Draw noise, where the system has some (pix2pix)."""
    noise_seed: int = 0
    """Seed of the noise."""
    overwrite: bool = False
    """Replace files that are in the way."""
    device: str = "auto"
    """auto, cpu, cuda (or cuda:1, ...) or mps."""


@dataclass(frozen=True)
class Sample:
    """Draw new pictures by a trained system that makes them of latents; they are written as PNG files."""

    weights: Annotated[str, tyro.conf.Positional]
    """A bundled run such as lesson_03/garments, or the folder of your own training's checkpoints."""
    count: Annotated[int, tyro.conf.Positional]
    """How many."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder to write to."""
    seed: int = 0
    """Which bundled seed."""
    noise_seed: int = 0
    """Seed of the latents: another one draws other pictures."""
    sheet: bool = False
    """Write one picture of all of them too, sheet.png."""
    overwrite: bool = False
    """Replace files that are in the way."""


def translate(command: Translate) -> int:
    """Translate the pictures and say what became of them; return 1 if one was left out.

    Raises:
        CourseError: if an argument cannot be, before a picture is read.
    """
    _require_weights(command.weights, command.seed)
    if not DEVICE.fullmatch(command.device):
        raise DataError(f"There is no device {command.device!r}: give --device auto, cpu, cuda, cuda:1 or mps.")
    _require_noise(command.noise_seed)
    if not command.source.expanduser().exists():
        raise DataError(f"There is no folder or picture called {command.source}: check the path.")
    from course_lib import runs
    from course_lib.runs.own_weights import label_of

    require_device(command.device)
    system = runs.system_of(command.weights, command.seed)
    report = runs.translate_folder(
        system.to(_device(command.device)),
        command.source,
        command.out,
        label=label_of(command.weights, system, command.seed),
        back=command.back,
        style=command.style,
        noise=command.noise,
        noise_seed=command.noise_seed,
        size=command.size,
        tile=command.tile,
        overwrite=command.overwrite,
    )
    print(report.summary(command.out))
    return 1 if report.left_out else 0


def sample(command: Sample) -> int:
    """Draw the pictures and say what became of them; return 1 if one was not written.

    Raises:
        CourseError: if an argument cannot be.
    """
    _require_weights(command.weights, command.seed)
    _require_noise(command.noise_seed)
    from course_lib import runs
    from course_lib.runs.own_weights import label_of

    system = runs.system_of(command.weights, command.seed)
    report = runs.sample_folder(
        system,
        command.count,
        command.out,
        label=label_of(command.weights, system, command.seed),
        noise_seed=command.noise_seed,
        sheet=command.sheet,
        overwrite=command.overwrite,
    )
    print(report.summary(command.out))
    return 1 if report.left_out else 0


def _require_weights(weights: str, seed: int) -> None:
    """Raise a DataError at once if there is neither a bundled run nor a file or folder of that name."""
    if not Path(weights).exists():
        require_run(weights)
        require_seed(weights, seed)


def _require_noise(seed: int) -> None:
    if not 0 <= seed < SEEDS:
        raise DataError(f"--noise-seed is {seed}: give a whole number from 0 to {SEEDS - 1}.")


def _device(device: str) -> str:
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
