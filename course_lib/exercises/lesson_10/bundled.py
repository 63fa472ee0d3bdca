"""What the predictions of lesson 10 are held against: the bundled players, and the figures of the ablation."""

from __future__ import annotations

import json

from course_lib.paths import bundled_file, manifest
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import load_weights, rng_untouched, weights_metadata

PLAYERS, RECORD = "checkpoints/lesson_10/flat_seed0.safetensors", "checkpoints/lesson_10/record.json"


def flat_players() -> Pix2Pix | None:
    """Return the bundled model from flat to 3D emoji with its D, in eval mode; None where it is not bundled.

    Raises:
        DataError: if the file is corrupt.
    """
    if PLAYERS not in manifest():
        return None
    path = bundled_file(PLAYERS)
    with rng_untouched():
        system = Pix2Pix(Pix2PixConfig(**weights_metadata(path)["config"]))
    system.load_state_dict(load_weights(path))
    return system.eval()


def recorded_figures(run: str) -> list[dict[str, float]]:
    """Return the held-out figures of an ablation, one dict a seed; an empty list where none are recorded.

    Args:
        run: ``"outline_l1"``, ``"outline_cgan"`` and so on.

    Raises:
        DataError: if the file is corrupt.
    """
    if RECORD not in manifest():
        return []
    found = json.loads(bundled_file(RECORD).read_text(encoding="utf-8"))
    return [entry["figures"] for entry in found.get(f"lesson_10/{run}", {}).values()]
