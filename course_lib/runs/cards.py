"""Model cards: one README for each lesson's checkpoints, written from the files themselves and measured anew.

python -m course_lib.runs.cards            write them
python -m course_lib.runs.cards lesson_10  write those of some lessons
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib import discovery
from course_lib.errors import DataError
from course_lib.half import IN_FULL
from course_lib.listing import checkpoint_name, record_name
from course_lib.paths import data_dir, manifest
from course_lib.runs.base import Run
from course_lib.runs.records import IN_8_BITS, records_of
from course_lib.runs.registry import names, run, seeds
from course_lib.runs.trained import figures, load

OTHERWISE = "weights not rounded, noise on where there is some"
"""How the figures of seeds were measured whose entries do not say it."""

INTRODUCTION = """\
# Checkpoints of {lesson}

What this lesson's long runs left: the weights that inference needs, in 8 bits with one scale an output channel.
`course_lib.runs.load(name, seed)` gives each, ready to use. Figures below were measured from these files on held-out
data by `course evaluate NAME --seed S`; with several seeds they are mean ± standard deviation. A figure that begins
with `training` is of pictures that the network trained on.
This card is written by `python -m course_lib.runs.cards`.

- Licence: MIT, as the course's code. The pictures that the networks learned from have their own licences, on the cards
  of their folders.
- Not for: any use outside the lesson. {limits}
"""


def limits(lesson: str) -> str:
    """Return what the networks of a lesson must not be used for, as its ``runs.py`` says in ``LIMITS``."""
    return getattr(discovery.module_of(lesson, "runs"), "LIMITS", "")


def card(one: Run) -> str:
    """Return the section of one run, or nothing if none of its seeds is bundled."""
    bundled = seeds(one.name)
    if not bundled:
        return ""
    headers = [load(one.name, seed).card for seed in bundled]
    measured = {"held-out figure": [figures(one.name, seed) for seed in bundled]}
    further = _further_seeds(one)
    for entry in further.values():  # only what was measured at the same width of the weights goes into one mean
        alike = entry.get("weights") == IN_8_BITS
        column = "held-out figure" if alike else f"of seeds {list(further)}, {OTHERWISE}"
        measured.setdefault(column, []).append(entry["figures"])
    size = manifest()[checkpoint_name(one.name, bundled[0])]["bytes"] / 1e6
    minutes = ", ".join(f"{entry['minutes']:g}" for entry in [*headers, *further.values()])
    also = f", and seeds {bundled[1:]}" if len(bundled) > 1 else ""
    also += f"; of seeds {list(further)} the figures alone are kept, in `record.json`" if further else ""
    lines = [
        f"## {one.name}",
        "",
        one.about,
        "",
        f"- Command: `{headers[0]['command']}`{also}",
        f"- {headers[0]['epochs']} epochs, {headers[0]['steps']} steps of {headers[0]['batch_size']}; "
        f"minutes on one or two shared CPU cores: {minutes}; trained on {headers[0]['date']}; {size:.1f} MB a file",
        f"- Settings: {', '.join(f'{key} {value}' for key, value in headers[0]['config'].items())}",
    ]
    if one.settings.precision != IN_FULL:
        others = _otherwise_computed(one, dict(zip(bundled, headers, strict=True)) | further)
        lines.append(f"- Trained in mixed precision (`{one.settings.precision}`)" + (f"; {others}" if others else ""))
    if headers[0].get("start"):
        lines.append(f"- Started from the bundled weights of `{headers[0]['start']}` with the same seed")
    first, *other = measured
    lines += ["", f"| {' | '.join([first, 'value', *other])} |", f"| --- |{' ---: |' * len(measured)}"]
    for key in measured[first][0]:
        columns = [[one_seed[key] for one_seed in column if key in one_seed] for column in measured.values()]
        cells = [_written(values) if values else "" for values in columns]  # older entries may lack a newer metric
        lines.append(f"| {key} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _further_seeds(one: Run) -> dict[int, dict[str, Any]]:
    """Return what is recorded of the seeds of a run whose weights are not bundled."""
    lesson = one.name.split("/")[0]
    return records_of(lesson).get(one.name, {}) if record_name(lesson) in manifest() else {}


def record_card(lesson: str) -> str:
    """Return the section of the runs whose figures alone are kept, or nothing if there are none."""
    if record_name(lesson) not in manifest():
        return ""
    found = {name: entries for name, entries in records_of(lesson).items() if run(name).recorded}
    figures_shown = list(
        dict.fromkeys(key for by_seed in found.values() for one in by_seed.values() for key in one["figures"])
    )
    lines = [
        "## Runs whose figures alone are kept",
        "",
        "Their weights are not bundled. `course train NAME --seed S --publish` trains one and writes its figures, on",
        "held-out data, to `record.json`, and what it makes of some held-out inputs (seed 0) to `outputs/`.",
        "",
        f"| run | seeds | epochs | minutes | {' | '.join(figures_shown)} |",
        f"| --- | --- | ---: | ---: |{' ---: |' * len(figures_shown)}",
    ]
    for name in names():
        if name in found:
            entries = list(found[name].values())
            cells = [name.split("/")[1], ", ".join(map(str, found[name])), str(entries[0]["epochs"])]
            cells.append(f"{statistics.mean(entry['minutes'] for entry in entries):.0f}")
            for key in figures_shown:
                values = [entry["figures"][key] for entry in entries if key in entry["figures"]]
                cells.append(_written(values) if values else "")
            lines.append(f"| {' | '.join(cells)} |")
    for name, by_seed in found.items():
        if other := _otherwise_computed(run(name), by_seed):
            lines += [
                "",
                f"{name.split('/')[1]} is trained in mixed precision (`{run(name).settings.precision}`); {other}.",
            ]
    return "\n".join(lines) + "\n"


def _otherwise_computed(one: Run, entries: Mapping[int, dict[str, Any]]) -> str:
    """Return which seeds were trained in another precision than the run asks for, as their machine gained nothing."""
    others = {seed: entry.get("precision") or one.settings.precision for seed, entry in entries.items()}
    seeds_of: dict[str, list[str]] = {}
    for seed, precision in others.items():
        if precision != one.settings.precision:
            seeds_of.setdefault(precision, []).append(str(seed))
    return ", ".join(f"seeds {', '.join(which)} in `{precision}`" for precision, which in seeds_of.items())


def _written(values: list[float]) -> str:
    """Return mean and standard deviation over seeds, and in how many seeds the figure is infinite."""
    finite = [value for value in values if math.isfinite(value)]
    spread = f" ± {statistics.stdev(finite):.3f}" if len(finite) > 1 else ""
    text = f"{statistics.mean(finite):.3f}{spread}" if finite else "infinite"
    lost = len(values) - len(finite)
    return f"{text} (infinite in {lost} of {len(values)} seeds)" if finite and lost else text


def write(lessons: Sequence[str] = ()) -> list[Path]:
    """Write the card of every lesson that has checkpoints, or of those that are named; return their paths.

    Raises:
        DataError: if a lesson has no runs.
    """
    written = []
    known = list(dict.fromkeys(name.split("/")[0] for name in names()))
    for lesson in lessons:
        if lesson not in known:
            raise DataError(f"There are no runs of {lesson!r}: choose some of {', '.join(known)}.")
    for lesson in lessons or known:
        sections = [card(run(name)) for name in names() if name.startswith(f"{lesson}/")] + [record_card(lesson)]
        folder = data_dir() / "checkpoints" / lesson
        if folder.is_dir() and any(sections):
            path = folder / "README.md"
            head = INTRODUCTION.format(lesson=lesson.replace("_", " "), limits=limits(lesson))
            text = "\n".join([head, *filter(None, sections)])
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    for path in write(sys.argv[1:]):
        print(path.relative_to(data_dir()))
