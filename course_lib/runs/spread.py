"""The figures of a run over its seeds: what stands as mean and standard deviation in the tables of the lessons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_lib.errors import DataError
from course_lib.listing import record_name
from course_lib.paths import manifest
from course_lib.runs.records import records_of
from course_lib.runs.registry import run, seeds
from course_lib.runs.trained import load


def by_seed(
    name: str,
    metrics: Sequence[str] | None = None,
    *,
    measure: Callable[[Any], Mapping[str, float]] | None = None,
    recorded_as: str = "{}",
) -> dict[str, list[float]]:
    """Return the held-out figures of a run, a list over its seeds for each metric.

    Args:
        name: of the run.
        metrics: which, by name and in this order; None: all that there are.
        measure: takes a trained system and returns its figures; called for each seed whose weights are bundled. Without
            it only the recorded seeds count.
        recorded_as: under which name a metric was recorded, where that is another: ``"place {}"`` for a metric ``L1``
            that is recorded as ``place L1``.

    Returns:
        ``{metric: values}``, seeds with bundled weights first. A metric that a seed was recorded without has one value
        fewer; one that no seed has is left out.

    Raises:
        DataError: if the run is unknown, or nothing of it is bundled.
    """
    lesson = run(name).name.split("/")[0]
    measured = seeds(name) if measure else []
    kept = records_of(lesson).get(name, {}) if record_name(lesson) in manifest() else {}
    entries = {seed: entry["figures"] for seed, entry in sorted(kept.items()) if seed not in measured}
    found = [dict(measure(load(name, seed))) for seed in measured] if measure else []
    if not (found or entries):
        raise DataError(f"There are no figures of {name!r}: train it with `course train {name} --publish`.")
    wanted = list(found[0]) if found and metrics is None else metrics
    if wanted is None:
        wanted = list(dict.fromkeys(metric for figures in entries.values() for metric in figures))
    found += [
        {metric: figures[key] for metric in wanted if (key := recorded_as.format(metric)) in figures}
        for figures in entries.values()
    ]
    values = {metric: [one[metric] for one in found if metric in one] for metric in wanted}
    return {metric: each for metric, each in values.items() if each}
