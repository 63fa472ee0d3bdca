"""Pictures that were made by optimising their pixels, which takes minutes each: bundled for lesson 12.

python -m course_lib.lessons.lesson_12.optimised_pictures [KIND ...]      makes them anew

Kinds: ``features``, a photograph from each layer of VGG-16; ``style``, textures from more and more layers; ``gatys``, a
photograph in the manner of a painting, by two optimisers and from two starts; ``sweep``, the same for several weights;
``painted``, a larger one with so much style that it is a painting.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.data.crops import shorter_side_to
from course_lib.data.pixels import normalise, to_bytes
from course_lib.errors import DataError
from course_lib.lessons.lesson_12.runs import SINGLE
from course_lib.losses.perceptual import STYLE_LAYERS, PerceptualLoss
from course_lib.models.vgg import LAYERS
from course_lib.paths import bundled_file, data_dir
from course_lib.systems.gatys import OptimisedPicture, paint, reconstruct_features, reconstruct_style
from course_lib.systems.style_transfer import StyleTransfer

PHOTO = "Amphitheatre, Arles"
"""The photograph that lesson 12 paints again and again; held-out."""

PAINTING = "Café Terrace at Night"
RATIOS = (0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Style weights of the sweep, in units where features that are all 0 cost 1 by either term."""

PAINTS = 30.0
"""The style weight, in the same units, of the picture that is a painting."""

FOLDER = "checkpoints/lesson_12/optimised"
QUALITY = 92


@dataclass(frozen=True, eq=False)
class Record:
    """One bundled picture and how it came about.

    Args:
        picture: (3, H, W) in [-1, 1].
        loss: at each function evaluation.
        seconds: that had passed at each function evaluation.
        settings: photograph, painting, side, steps, and the last weighted terms by name.
    """

    picture: Tensor
    loss: list[float]
    seconds: list[float]
    settings: dict[str, Any]


def bundled(kind: str) -> dict[str, Record]:
    """Return the bundled pictures of one kind by their names, in the order in which they are shown.

    Args:
        kind: ``"features"``, ``"style"``, ``"gatys"``, ``"sweep"`` or ``"painted"``.

    Raises:
        DataError: if there is no such kind, or a file is missing or corrupt.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise DataError(f"No pictures of kind {kind!r} are bundled: choose one of {', '.join(KINDS)}.")
    entries = json.loads(bundled_file(f"{FOLDER}/{kind}.json").read_text(encoding="utf-8"))
    return {
        key: Record(_picture(f"{FOLDER}/{entry['file']}"), entry["loss"], entry["seconds"], entry["settings"])
        for key, entry in entries.items()
    }


def picture_of(collection: Any, title: str, side: int) -> Tensor:
    """Return a picture by its title, its shorter side ``side`` pixels long: (1, 3, H, W) in [-1, 1].

    Args:
        collection: what ``data.photos`` or ``data.paintings`` returned.
        title: one of its names.
        side: in pixels.

    Raises:
        DataError: if there is no such picture.
    """
    if title not in collection.names:
        raise DataError(f"There is no {title!r} here: choose one of {'; '.join(collection.names)}.")
    return normalise(shorter_side_to(collection.images[collection.names.index(title)], side))[None]


def _features(steps: int = 300) -> Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]:
    x = picture_of(data.photos("test"), PHOTO, 96)[..., :128]
    for layer in LAYERS:
        done = reconstruct_features(x, layer, steps, tv_weight=0.05)
        yield layer, done, {"photo": PHOTO, "side": 96, "steps": steps, "tv weight": 0.05}


def _style(steps: int = 200) -> Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]:
    painting = picture_of(data.paintings(), PAINTING, 160)
    for count in range(1, len(STYLE_LAYERS) + 1):
        done = reconstruct_style(painting, STYLE_LAYERS[:count], steps, size=(160, 160))
        yield STYLE_LAYERS[count - 1], done, {"painting": PAINTING, "side": 160, "steps": steps}


def _loss(style_weight: float, side: int) -> PerceptualLoss:
    config = replace(SINGLE, paintings=(PAINTING,), style_side=side, style_weight=style_weight)
    return StyleTransfer(config).judge


def loss_of_gatys() -> PerceptualLoss:
    """Return the loss that the pictures of the kind ``gatys`` were made by: the painting is seen at 256 pixels."""
    return _loss(SINGLE.style_weight, SINGLE.style_side)


def _gatys(steps: int = 250, side: int = 256) -> Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]:
    x = picture_of(data.photos("test"), PHOTO, side)
    loss = loss_of_gatys()
    ways = {"L-BFGS": ("lbfgs", "content"), "Adam": ("adam", "content"), "L-BFGS from noise": ("lbfgs", "noise")}
    for key, (optimiser, start) in ways.items():
        done = paint(x, loss, steps, optimiser, start)
        yield key, done, {"photo": PHOTO, "painting": PAINTING, "side": side, "steps": steps}


def _sweep(steps: int = 120, side: int = 224) -> Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]:
    x = picture_of(data.photos("test"), PHOTO, side)
    for ratio in RATIOS:
        done = paint(x, _loss(ratio, side), steps)
        settings = {"photo": PHOTO, "painting": PAINTING, "side": side, "steps": steps}
        yield f"{ratio:g}", done, settings | {"style weight": ratio}


def _painted(steps: int = 400, side: int = 320) -> Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]:
    done = paint(picture_of(data.photos("test"), PHOTO, side), _loss(PAINTS, side), steps)
    settings = {"photo": PHOTO, "painting": PAINTING, "side": side, "steps": steps, "style weight": PAINTS}
    yield f"{PAINTS:g}", done, settings


KINDS: dict[str, Callable[[], Iterator[tuple[str, OptimisedPicture, dict[str, Any]]]]] = {
    "features": _features,
    "style": _style,
    "gatys": _gatys,
    "sweep": _sweep,
    "painted": _painted,
}


def publish(kind: str, **changes: int) -> Path:
    """Make the pictures of one kind and write them, with their losses, into ``data/``.

    Rerun ``data/build/manifest.py`` afterwards.

    Args:
        kind: see ``bundled``.
        **changes: of the number of steps or the side, for a trial.

    Returns:
        The file with the losses.
    """
    from PIL import Image

    folder = data_dir() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for number, (key, done, settings) in enumerate(KINDS[kind](**changes)):
        pixels = to_bytes(done.picture[0]).permute(1, 2, 0)
        file = f"{kind}_{number}.webp"
        Image.fromarray(pixels.numpy()).save(folder / file, quality=QUALITY, method=6)
        best = min(range(len(done.history)), key=done.history["loss"].__getitem__)
        terms = {name: float(f"{done.history[name][best]:.4g}") for name in done.history.values if name != "loss"}
        entries[key] = {
            "file": file,
            "settings": settings | terms | {"date": time.strftime("%Y-%m-%d"), "threads": torch.get_num_threads()},
            "loss": [float(f"{value:.5g}") for value in done.history["loss"]],
            "seconds": [round(value, 2) for value in done.history.seconds],
        }
        print(f"{kind} {key}: loss {done.history['loss'][0]:.3g} to {min(done.history['loss']):.3g}", flush=True)
    path = folder / f"{kind}.json"
    path.write_text(json.dumps(entries) + "\n", encoding="utf-8")
    return path


def _picture(path: str) -> Tensor:
    from PIL import Image

    with Image.open(bundled_file(path)) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB")))
    return normalise(pixels.permute(2, 0, 1))


if __name__ == "__main__":
    for one in sys.argv[1:] or list(KINDS):
        publish(one)
