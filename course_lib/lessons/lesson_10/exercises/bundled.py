"""What the prediction of exercise 10.5 is held against: the recorded figures of the ablation."""

from __future__ import annotations

import json

from course_lib.paths import bundled_file, manifest

RECORD = "checkpoints/lesson_10/record.json"


def recorded_figures(run: str) -> list[dict[str, float]]:
    """Return the held-out figures of an ablation, one dict a seed; an empty list where none are recorded.

    It reads the file that ``runs.records`` writes: exercises do not import runs.

    Args:
        run: ``"outline_l1"``, ``"outline_cgan"`` and so on.

    Raises:
        DataError: if the file is missing or corrupt.
    """
    if RECORD not in manifest():
        return []
    found = json.loads(bundled_file(RECORD).read_text(encoding="utf-8"))
    return [entry["figures"] for entry in found.get(f"lesson_10/{run}", {}).values()]
